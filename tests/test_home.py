"""Home on a clip of the reader's own, and with a model that knows nothing: what must be said first stands first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from app_made import visit
from streamlit.testing.v1 import AppTest

from actrec import catalogue
from actrec.clips import library
from actrec.models import weights

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.usefixtures("hostile_home")


@pytest.fixture(scope="module")
def hostile_home(home: Path) -> Path:
    """The same with an untrained model (fresh), a link to nothing, a pipe and a file that is none."""
    header = weights.read(home / "checkpoints" / "tiny.safetensors")[1]
    torch.manual_seed(0)
    fresh = catalogue.build(catalogue.card("tiny"))
    weights.save(home / "checkpoints" / "fresh.safetensors", fresh, {**header, "title": "Fresh"})
    (home / "checkpoints" / "gone.safetensors").symlink_to(home / "pruned")
    os.mkfifo(home / "checkpoints" / "pipe.safetensors")
    os.mkfifo(home / "clips" / "pipe.mp4")
    (home / "clips" / "gone.mp4").symlink_to(home / "pruned")
    return home


def captions(test: AppTest) -> str:
    return "\n".join(e.value.replace("\\", "") for e in test.caption)


def test_a_model_that_knows_nothing_is_told_so_on_home_and_on_explore() -> None:
    for page in ("", "pages/1_Explore.py"):
        test = visit(page, clip="short", model="fresh")
        assert len(test.warning) == 1
        assert test.warning[0].value.startswith("This model looks untrained")
        assert not visit(page, clip="short", model="tiny").warning
    assert len(visit("pages/2_Compare.py", clip="short", **{"1.model": "fresh", "2.model": "tiny"}).warning) == 1


def test_on_a_clip_of_ones_own_home_proposes_models_for_filmed_actions_and_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "fetch", lambda found, progress=None: found.file or pytest.fail("fetched unasked"))
    test = visit(clip="short", model="tiny")
    assert "For a filmed clip" in "\n".join(e.value for e in test.markdown)
    assert "is the closest of the 6 actions that this model knows" in captions(test)
    assert "of the picture, cut from its middle" in captions(test)


def test_on_a_sample_it_proposes_nothing() -> None:
    test = visit(clip="sit_down", model="tiny")
    assert "For a filmed clip" not in "\n".join(e.value for e in test.markdown)
    assert "closest of" not in captions(test)


def test_what_is_left_out_of_the_checkpoints_folder_is_said() -> None:
    said = captions(visit(clip="short", model="tiny"))
    assert "gone.safetensors: left out" in said
    assert "pipe.safetensors: left out" in said


def test_clips_that_are_pipes_or_links_to_nothing_are_not_offered(hostile_home: Path) -> None:
    assert {"short", "long"} <= library.samples().keys()
    assert not {"pipe", "gone"} & library.samples().keys()
    assert library.ships("sit_down")
    assert not library.ships("short")
    assert not library.ships("an upload")


def test_a_clip_of_ones_own_is_asked_of_a_filmed_model_that_is_here(hostile_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actrec.ui import models

    base = catalogue.card("mc3_18")
    assert models.default_model(own_clip=True) == models.default_model(own_clip=False)
    monkeypatch.setattr(catalogue, "ready", lambda card: "" if card.id == base.id or card.weights.file else "to fetch")
    monkeypatch.setattr(models, "session_models", list)
    assert models.default_model(own_clip=True) == base.id
    assert models.default_model(own_clip=False) != base.id
