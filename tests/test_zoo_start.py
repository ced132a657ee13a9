"""Training of the shift module's family starts from a network of pictures: torchvision's, as the paper's does, or a published checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import zoo_made
from torch import nn

from actrec import catalogue
from actrec.core.errors import WeightsError
from actrec.lab.train import start
from actrec.models import shift, weights

CARDS = ["tsm-vlad-r50", "tsm-r50", "tsm-r101", "tsn-r50", "tsm-difference-r50:difference", "tsm-difference-vlad-r50:difference"]


def small(name: str, classes: int = 4) -> nn.Module:
    return catalogue.build(catalogue.card(name), classes, width=0.125)


def ours(name: str) -> str:
    return name.replace(".conv1.net.", ".conv1.")


@pytest.mark.parametrize("program", ["torchvision", "mit", "mmaction"])
@pytest.mark.parametrize("name", CARDS)
def test_every_network_starts_from_one_without_a_shift(tmp_path: Path, program: str, name: str) -> None:
    listed = zoo_made.rows(program, 101 if name == "tsm-r101" else 50, 9, width=0.125)
    file, model = zoo_made.save(tmp_path / "pictures.pth", program, listed), small(name)
    began = start.begin(model, catalogue.card(name), file)
    own = model.state_dict()
    given = {row.ours: number for number, row in enumerate(listed)}
    assert set(began.taken) == {key for key in own if not key.startswith(("fc.", "pool."))}
    assert all(bool((own[key] == given[ours(key)]).all()) for key in began.taken)
    assert set(began.new) == own.keys() - set(began.taken)


@pytest.mark.parametrize("name", CARDS)
def test_every_network_starts_from_one_with_its_shift(tmp_path: Path, name: str) -> None:
    if name == "tsn-r50":
        pytest.skip("it has no shift")
    listed = zoo_made.rows("mit", 101 if name == "tsm-r101" else 50, 9, every=2 if name == "tsm-r101" else 1, width=0.125)
    file, model = zoo_made.save(tmp_path / "shifted.pth", "mit", listed), small(name)
    began = start.begin(model, catalogue.card(name), file)
    given = {row.ours: number for number, row in enumerate(listed)}
    assert set(began.taken) == {key for key in model.state_dict() if not key.startswith(("fc.", "pool."))}
    assert all(bool((model.state_dict()[key] == given[key]).all()) for key in began.taken)


def test_differences_start_with_the_mean_of_the_three_colours() -> None:
    torch.manual_seed(0)
    pictures, model = small("tsn-r50"), small("tsm-difference-r50:difference")
    given = shift.inflate(model, pictures.state_dict())
    assert given["conv1.weight"].shape == (8, 15, 7, 7)
    assert torch.equal(given["conv1.weight"], pictures.state_dict()["conv1.weight"].mean(1, keepdim=True).expand(-1, 15, -1, -1))
    assert torch.equal(start.fitting(model, pictures.state_dict())["conv1.weight"], given["conv1.weight"])
    assert "fc.weight" in given, "the classes are as many"
    assert "fc.weight" not in shift.inflate(small("tsm-r50", 5), pictures.state_dict())


def test_without_a_shift_the_network_is_torchvisions_on_each_frame(tmp_path: Path) -> None:
    from torchvision.models import resnet50

    torch.manual_seed(0)
    theirs = resnet50(weights=None, num_classes=7).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet50.pth")
    model, _ = catalogue.filled(catalogue.card(f"tsn-r50@{tmp_path / 'resnet50.pth'}"), tmp_path / "resnet50.pth")
    clip = torch.rand(1, 3, 2, 64, 64)
    with torch.no_grad():
        assert torch.allclose(model.eval()(clip)[0], theirs(clip[0].transpose(0, 1)).mean(0), atol=1e-5)


def test_a_network_of_another_depth_or_width_is_refused(tmp_path: Path) -> None:
    for depth, width in ((101, 0.125), (50, 0.25)):
        file = zoo_made.save(tmp_path / "other.pth", "torchvision", zoo_made.rows("torchvision", depth, 9, width=width))
        with pytest.raises(WeightsError, match=r"^these weights do not fit this ResNet: .* in all\); use one of its depth and width$"):
            start.begin(small("tsm-r101" if depth == 50 else "tsm-r50"), catalogue.card("tsm-r50"), file)
    assert weights.recognise(weights.read(file)[0]) is None
