"""A run goes on from its last.pt, or says in one line why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from actrec.core.errors import ActrecError
from actrec.lab.train.folder import Folder

SETTINGS = {"rate": 0.1}


def saved(folder: Path) -> bytes:
    Folder(folder).save({"recipe": SETTINGS, "model": {"weight": torch.zeros(1000)}}, {"epoch": 1.0, "loss": 2.0, "lr": 0.1})
    return (folder / "last.pt").read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_state_that_was_cut_short_is_named_with_the_way_out(tmp_path: Path, share: float) -> None:
    whole = saved(tmp_path)
    (tmp_path / "last.pt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ActrecError, match=r"last\.pt is damaged.*delete it"):
        Folder(tmp_path).read(SETTINGS, torch.device("cpu"))


def test_another_programs_file_is_no_state(tmp_path: Path) -> None:
    for other in ({"state_dict": {}}, [1], {"recipe": 3}):
        torch.save(other, tmp_path / "last.pt")
        with pytest.raises(ActrecError, match="damaged"):
            Folder(tmp_path).read(SETTINGS, torch.device("cpu"))


def test_a_whole_state_is_read(tmp_path: Path) -> None:
    saved(tmp_path)
    state = Folder(tmp_path).read(SETTINGS, torch.device("cpu"))
    assert state is not None
    assert state["recipe"] == SETTINGS
