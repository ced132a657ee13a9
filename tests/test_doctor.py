"""A checkpoint without a word about itself: which architecture it is for, and what its shapes say of the network's arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actrec import catalogue
from actrec.catalogue import doctor
from actrec.core.errors import WeightsError
from actrec.core.labels import LabelsError
from actrec.models import dam, weights


@given(st.floats(0.05, 2.0))
@settings(max_examples=5)
def test_a_width_is_found_from_the_shapes_of_any_network_of_that_width(width: float) -> None:
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in dam.build(width=width, classes=3).state_dict().items()}
        found = dam.implied({"depth": 50}, shapes)
        again = dam.build(**found, classes=3).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in again.items()} == shapes


def test_a_narrow_dam_without_a_header_is_found_and_what_no_shape_tells_is_said(tmp_path: Path) -> None:
    base = catalogue.card("dam-12")
    torch.manual_seed(0)
    model = catalogue.build(base, 4, width=0.125)
    file = tmp_path / "mine.pth"
    torch.save({"state_dict": {f"model._orig_mod.{n}": t for n, t in model.state_dict().items()} | {"criterion.weight": torch.ones(4)}}, file)
    best = doctor.examine(file)[0]
    assert best.architecture == "dam-12"
    assert best.report.complete
    card = catalogue.with_weights(base, file)
    assert card.arguments == {"dam": 12, "width": 0.125}
    assert card.note.startswith("The shapes of the file’s tensors say width = 0.125. Picture size, frames and strides are those of DAM")
    assert weights.load(catalogue.build(card), weights.read(file)[0]).complete


def test_a_width_that_no_network_has_leaves_the_card_as_it_is() -> None:
    assert dam.implied({"dam": 1}, {"res1.0.conv2.weight": (64,), "res4.0.conv2.weight": (8,)}) == {"dam": 1}
    assert dam.implied({}, {"res1.0.conv2.weight": (0, 0)}) == {}
    assert dam.implied({}, {}) == {}


def test_another_programs_checkpoint_is_named_with_what_is_missing(tmp_path: Path) -> None:
    torch.save({"state_dict": {"backbone.slow_path.conv1.x": torch.ones(2), "backbone.fast_path.conv1.x": torch.ones(2)}}, tmp_path / "sf.pth")
    with pytest.raises(
        WeightsError, match=r"^sf\.pth fits no architecture here: it is of SlowFast \(MMAction2\), and actrec has no network with two"
    ):
        doctor.examine(tmp_path / "sf.pth")
    torch.save({"x" * 900: torch.ones(2)}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=r"^odd\.pth fits no architecture here: its tensors are called x{120}; "):
        doctor.examine(tmp_path / "odd.pth")


def test_names_of_classes_beside_a_checkpoint_are_checked_against_its_head(tmp_path: Path) -> None:
    base, file = catalogue.card("c2d-r50"), tmp_path / "net.pth"
    names = ["walk", "run", "jump"]
    state = catalogue.build(base, 3, width=0.125).state_dict()
    torch.save({"state_dict": state, "class_to_idx": {name: names.index(name) for name in sorted(names)}}, file)
    assert catalogue.with_weights(base, file).labels == tuple(names)
    file.with_suffix(".json").write_text('{"run": 1, "walk": 2, "sit": 0}')
    assert catalogue.with_weights(base, file).labels == ("sit", "run", "walk")
    file.with_suffix(".json").write_text('["sit", "run"]')
    card = catalogue.with_weights(base, file)
    assert card.labels == ("class 0", "class 1", "class 2")
    assert card.note.startswith("net.json names 2 classes and this model has 3: its classes are numbered instead.")
    file.with_suffix(".json").write_text('["sit", "run", "ru')
    with pytest.raises(LabelsError, match=r"^net\.json: "):
        catalogue.with_weights(base, file)
    assert doctor.examine(file)[0].report.complete, "which architecture it is for does not depend on names"
