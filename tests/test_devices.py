"""Where the work runs: the device that is asked for, or a clear word; and whole float32 on a GPU."""

from __future__ import annotations

import pytest
import torch

from actrec.core import devices
from actrec.core.errors import ActrecError


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:99"])
def test_a_device_that_is_not_here_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_DEVICE", name)
    with pytest.raises(ActrecError, match=f"ACTREC_DEVICE='{name}'.*use cpu"):
        devices.best()


def test_a_device_can_be_asked_for_and_nothing_asked_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_DEVICE", " cpu ")
    assert devices.best() == torch.device("cpu")
    monkeypatch.setenv("ACTREC_DEVICE", "")
    assert (devices.best().type == "cuda") == torch.cuda.is_available()


def test_a_turn_on_a_gpu_is_in_whole_float32_and_leaves_the_setting_as_it_was() -> None:
    convolutions, before = torch.backends.cudnn.conv, torch.backends.cudnn.conv.fp32_precision

    def fails() -> None:
        with devices.turn(torch.device("cuda")):
            assert convolutions.fp32_precision == torch.backends.cuda.matmul.fp32_precision == "ieee"
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert convolutions.fp32_precision == before
    with devices.turn(torch.device("cuda")), devices.turn(torch.device("cuda")):  # who has it may take it again
        assert convolutions.fp32_precision == "ieee"
    with devices.turn(torch.device("cuda")), devices.turn(torch.device("cpu")):  # the lock was given back; a processor does not wait for it
        pass
