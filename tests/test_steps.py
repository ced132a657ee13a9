"""What moves the weights: centred gradients, schedules, precision, and recipes that cannot be followed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from runs_made import log, run
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from actrec.lab.recipes import RECIPES, Recipe, RecipeError, recipe
from actrec.lab.train import steps


def test_centralised_gradients_have_no_mean_and_vectors_keep_theirs() -> None:
    layer = nn.Conv3d(3, 5, 2)
    layer(torch.randn(2, 3, 4, 4, 4)).square().sum().backward()
    assert layer.weight.grad is not None
    assert layer.bias is not None
    assert layer.bias.grad is not None
    bias, before = layer.bias.grad.clone(), layer.weight.grad.clone()
    steps.centralise(layer.parameters())
    assert layer.weight.grad.mean((1, 2, 3, 4)).abs().max() < 1e-5
    torch.testing.assert_close(before - layer.weight.grad, before.mean((1, 2, 3, 4), keepdim=True).expand_as(before))
    assert torch.equal(layer.bias.grad, bias)


def test_the_plateau_falls_when_torchs_does() -> None:
    figures = [1.0, 0.8, 0.8, 0.79999, 0.7, 0.71, 0.72, 0.73, 0.74, 0.9, 0.6, 0.61, 0.62, 0.63]
    weight = torch.nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([weight], 1.0)
    theirs, ours = ReduceLROnPlateau(sgd, factor=0.5, patience=2), steps.Plateau(0.5, 2)
    for figure in figures:
        theirs.step(figure)
        ours.note(figure)
        assert ours.scale == sgd.param_groups[0]["lr"]
    assert ours.scale == 0.25


def test_the_cosine_falls_as_torchs_does() -> None:
    chosen = Recipe(epochs=10, lr=0.3, lr_end=0.1, schedule="cosine")
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.3)
    theirs = CosineAnnealingLR(sgd, 10, eta_min=0.03)
    for epoch in range(10):
        assert chosen.rate(epoch) == pytest.approx(theirs.get_last_lr()[0])
        sgd.step()
        theirs.step()
    warm = replace(chosen, warmup=2)
    assert warm.rate(0) < 0.01 < warm.rate(1) < warm.rate(2) == 0.3


def test_steps_fall_at_their_epochs() -> None:
    assert [RECIPES["pyramid"].rate(epoch) for epoch in (0, 39.9, 40, 80)] == pytest.approx([0.01, 0.01, 0.001, 0.0001])


@pytest.mark.parametrize(
    ("change", "words"),
    [({"optimizer": "adam"}, "no optimizer 'adam'; use sgd"), ({"epochs": 0}, "epochs is 0"), ({"lr": 0.0}, "lr is 0"), ({"lr_end": 0.0}, "lr_end")],
)
def test_a_recipe_that_cannot_be_followed_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        replace(RECIPES["dam"], **change)


def test_a_recipe_that_does_not_exist_is_named() -> None:
    with pytest.raises(RecipeError, match="no recipe 'damn'; there are dam, deform"):
        recipe("damn")


def test_sixteen_bits_with_a_scale_need_a_gpu(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_DEVICE", "cpu")
    with pytest.raises(RecipeError, match="fp16 needs a CUDA GPU"):
        run(clips, tmp_path / "run", Recipe(precision="fp16"))
    done = run(clips, tmp_path / "bf16", Recipe(epochs=1, batch=4, precision="bf16"))
    done.fit()
    assert np.isfinite(float(log(tmp_path / "bf16")[0]["loss"]))
