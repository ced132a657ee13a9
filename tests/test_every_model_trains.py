"""Every model there is trains an epoch; each of ours, and the smallest of torchvision's, by every recipe there is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from runs_made import card as tiny
from runs_made import make_set

from actrec import catalogue, data, train
from actrec.recipes import RECIPES
from actrec.types import Card, Sampling

MODELS = [card for card in catalogue.architectures().values() if card.inputs == ("rgb",)]
LARGE = [card.id for card in MODELS if card.family == "torchvision_video" and card.id != "mc3_18"]


def recipes(model: str) -> list[str]:
    """The large ones write gigabytes a run, and an optimiser knows nothing of its model: they take the recipes in turn."""
    return [list(RECIPES)[LARGE.index(model) % len(RECIPES)]] if model in LARGE else list(RECIPES)


def small(model: str) -> Card:
    """Four frames of 32 pixels; two families take no smaller picture than their own."""
    if model.startswith("mvit"):
        return catalogue.card(model)
    if model == "s3d":
        return replace(catalogue.card(model), sampling=Sampling("dense", 16, 16))
    return tiny(model)


@pytest.mark.slow
@pytest.mark.parametrize("model", [card.id for card in MODELS])
def test_every_model_trains_an_epoch(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    clips = data.read_index(make_set(tmp_path / "set", ("train", "train", "test")))
    arguments = {"width": 0.125} if catalogue.card(model).family == "dam" else {}
    for name in recipes(model):
        recipe = replace(RECIPES[name], epochs=1, batch=2, warmup=0, precision="fp32", lr=0.01)
        run = train.Run(small(model), clips, recipe, tmp_path / name, arguments)
        before = {key: value.clone() for key, value in run.model.named_parameters()}
        run.fit()
        moved = [key for key, value in run.model.named_parameters() if not torch.equal(value, before[key])]
        assert len(moved) > len(before) / 3, f"{name} moved {len(moved)} of {len(before)} parameters"
        assert all(torch.isfinite(value).all() for value in run.model.state_dict().values())
        shutil.rmtree(tmp_path / name)
