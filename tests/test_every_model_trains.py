"""Every model there is trains an epoch by every recipe there is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from runs_made import card as tiny
from runs_made import make_set
from torch import nn
from torchvision.models.video import mvit

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.clip import Sampling
from actrec.lab import sets, train
from actrec.lab.recipes import RECIPES

FRAMES, SIDE = 4, 32
MODELS = list(catalogue.architectures())
NARROW = {"dam": {"width": 0.125}, "deform": {"width": 0.125, "frames": 4, "size": 32, "heads": 2, "blocks": 1}}
NARROW |= {"rescnn": {"width": 0.125}, "twostream": {name: {"units": [1, 1, 1, 1], "width": 0.125} for name in ("rgb", "flow")}}
NARROW |= {"shift": {"width": 0.125}, "shiftdifference": {name: {"width": 0.125, "clusters": 4} for name in ("rgb", "difference")}}


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two families are built for pictures of 224 pixels alone, and nine tenths of a step in them is arithmetic: here they are built for small ones.

    MViT is told its size where it is built, which changes its tables of positions and no layer; S3D pools over the one cell that its last stage has.
    """
    built, pool = mvit._mvit, nn.AvgPool3d
    monkeypatch.setattr(mvit, "_mvit", lambda **how: built(**how | {"spatial_size": (SIDE, SIDE), "temporal_size": FRAMES}))
    monkeypatch.setattr(nn, "AvgPool3d", lambda kernel_size, stride: pool((kernel_size[0], 1, 1), stride))


def small(model: str) -> Card:
    """Four frames of 32 pixels; S3D halves time three times."""
    return replace(tiny(model), sampling=Sampling("dense", 16, 16)) if model == "s3d" else tiny(model)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains_an_epoch_by_every_recipe(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    clips = sets.read_index(make_set(tmp_path / "set", ("train", "train", "test")))
    for name in RECIPES:
        recipe = replace(RECIPES[name], epochs=1, batch=2, warmup=0, precision="fp32", lr=0.01)
        run = train.Run(small(model), clips, recipe, tmp_path / name, NARROW.get(catalogue.card(model).family, {}))
        before = {key: value.clone() for key, value in run.model.named_parameters()}
        run.fit()
        moved = [key for key, value in run.model.named_parameters() if not torch.equal(value, before[key])]
        assert len(moved) > len(before) / 3, f"{name} moved {len(moved)} of {len(before)} parameters"
        assert all(torch.isfinite(value).all() for value in run.model.state_dict().values())
        shutil.rmtree(tmp_path / name)  # the large ones write a gigabyte
