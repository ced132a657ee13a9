"""What looks untrained, and what does not decide: every network as it is built is found, no trained one is, however it is disturbed."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import demo_made
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as some
from tiny_models import card_of, clip_of
from torch import nn

from actrec import catalogue, study
from actrec.catalogue.learnt import NORMS, untrained
from actrec.core import settings as ours
from actrec.core.answer import Predictions
from actrec.core.clip import Geometry
from actrec.core.question import Question
from actrec.models import weights
from actrec.study import claim

SMALL = {"dam": {"width": 0.25}, "deform": {"width": 0.25}}
LARGE = ("swin3d_s", "swin3d_b", "swin3d_b_22k", "mvit_v1_b", "r2plus1d_18", "r3d_18")
"""Built in seconds, of the same parts as others that are not."""


def built(name: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    card = catalogue.card(name)
    return catalogue.build(card, 10, **SMALL.get(card.family, {}))


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LARGE)) for n in catalogue.architectures()])
def test_every_architecture_as_it_is_built_looks_untrained(name: str, one_seed: None) -> None:
    assert "looks untrained" in untrained(built(name, 0))


SHIPPED = sorted(file.stem for file in (ours.assets() / "checkpoints").glob("*.safetensors"))


@functools.cache
def trained(name: str) -> nn.Module:
    card = catalogue.card(name)
    assert card.weights is not None
    assert card.weights.file is not None
    model = catalogue.build(card)
    weights.load(model, weights.read(card.weights.file)[0])
    return model


@pytest.mark.parametrize("name", SHIPPED)
def test_no_model_that_ships_looks_untrained(name: str) -> None:
    assert untrained(trained(name)) == ""


@settings(max_examples=12)
@given(
    name=some.sampled_from(SHIPPED[:2] + SHIPPED[-5:]),
    seed=some.integers(0, 2**31),
    share=some.floats(0, 0.5),
    scale=some.sampled_from([0.01, 1.0, 30.0]),
)
def test_a_trained_model_that_is_disturbed_does_not_look_untrained(name: str, seed: int, share: float, scale: float) -> None:
    """With noise on every number of up to half their spread, and smaller or larger altogether but for its normalisations."""
    model, dice = copy.deepcopy(trained(name)), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(scale if p.ndim > 1 else 1).add_(torch.randn(p.shape, generator=dice) * (share * p.std() if p.numel() > 1 else 0))
    assert untrained(model) == ""


def _half(model: nn.Module) -> None:
    model.half().float()


def _warm(model: nn.Module) -> None:
    """Its normalisations have met data, and nothing was learnt."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.num_batches_tracked.fill_(5000)


def _redrawn(draw: Callable[[torch.Tensor], object]) -> Callable[[nn.Module], None]:
    def redraw(model: nn.Module) -> None:
        for p in model.parameters():
            if p.ndim > 1:
                draw(p)

    return redraw


def _old_torch(model: nn.Module) -> None:
    """Before 1.2 scales were drawn from 0 to 1."""
    for module in model.modules():
        if isinstance(module, NORMS):
            nn.init.uniform_(module.weight)


def _one_step(model: nn.Module) -> None:
    for p in model.parameters():
        p.add_(torch.randn_like(p).sign(), alpha=0.001)


WAYS = {
    "in half precision": _half,
    "after it met data": _warm,
    "xavier": _redrawn(nn.init.xavier_uniform_),
    "a normal": _redrawn(lambda p: nn.init.normal_(p, 0, 0.02)),
    "old torch": _old_torch,
    "one step": _one_step,
    "all zero": _redrawn(nn.init.zeros_),
    "ten times larger": _redrawn(lambda p: p.mul_(10)),
}


@pytest.mark.parametrize("name", ["c2d-r50", "deform-mc3"])
@pytest.mark.parametrize("way", WAYS)
def test_whichever_way_its_numbers_were_drawn_an_untrained_model_looks_untrained(name: str, way: str, one_seed: None) -> None:
    model = built(name, 1)
    with torch.no_grad():
        WAYS[way](model)
    assert untrained(model)


@pytest.mark.parametrize("seed", range(5))
def test_a_network_too_small_to_tell_is_not_called_untrained(seed: int) -> None:
    assert untrained(nn.Sequential(nn.Conv3d(3, 6, 3), nn.Linear(6, 5))) == ""


def test_a_few_steps_that_learn_something_are_seen_where_there_are_no_normalisations(one_seed: None) -> None:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    assert untrained(model)
    inputs, classes = torch.randn(256, 64) * torch.linspace(0, 3, 64), torch.randint(0, 10, (256,))
    steps = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(200):
        steps.zero_grad()
        nn.functional.cross_entropy(model(inputs), classes).backward()
        steps.step()
    assert untrained(model) == ""


# ------------------------------------------------------------------------------------------------------------ undecided


def predictions(logits: list[float]) -> Predictions:
    values = torch.tensor(logits)
    return Predictions(tuple(f"class {i}" for i in range(len(logits))), values.numpy(), values.softmax(0).numpy())


@settings(max_examples=60)
@given(count=some.integers(2, 500), spread=some.floats(0, 8), seed=some.integers(0, 2**31))
def test_undecided_is_said_where_no_class_stands_out_and_nowhere_else(count: int, spread: float, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, spread, count)
    found = predictions(logits.tolist())
    name, first = found.top(1)[0]
    said = claim.undecided(found)
    if first < 1.2 / count:
        assert f"“{name}” comes first" in said
        assert f"its {count} actions" in said
    if first > 0.9:
        assert said == ""
    assume(said)
    assert first < 0.75


def test_a_first_class_of_0_4_per_cent_of_400_is_chance_and_of_60_per_cent_of_two_nearly() -> None:
    logits = np.zeros(400)
    logits[7] = np.log(1.6)
    assert "“class 7” comes first with 0.4 %; guessing gives 0.25 %" in claim.undecided(predictions(logits.tolist()))
    assert claim.undecided(predictions([0.4, 0.0]))
    assert claim.undecided(predictions([2.0, 0.0])) == ""
    assert claim.undecided(predictions([0.0])) == ""


# ------------------------------------------------------------------------------------------- what is said before an answer


def test_how_much_of_the_picture_is_seen_is_said_where_more_than_a_third_is_not() -> None:
    wide = Geometry((720, 1280), (256, 455), (224, 224), (16, 116))
    assert claim.cut(wide).startswith("The model sees only 43 % of the picture, cut from its middle")
    assert claim.cut(Geometry((256, 256), (256, 256), (224, 224), (16, 16))) == ""
    assert claim.cut(Geometry((64, 64), (64, 64), (96, 96), (-16, -16))) == ""
    assert claim.cut(clip_of()[1]) == ""


def test_a_model_that_nobody_trained_is_told_so_before_anything_else(home: Path, one_seed: None) -> None:
    base = catalogue.card("c2d-r50")
    fresh = replace(base, arguments={"width": 0.125}, preprocess=replace(base.preprocess, resize=36, crop=(32, 32)))
    about = {"architecture": "c2d-r50", "arguments": dict(fresh.arguments), "labels": list(demo_made.LABELS), "trained_on": "nothing"}
    about |= {"sampling": vars(replace(base.sampling, frames=8, span=16)), "preprocess": vars(fresh.preprocess)}
    weights.save(home / "checkpoints" / "fresh.safetensors", catalogue.build(fresh, 6), about)
    found = study.answer(Question("short", "fresh", "cam"))
    assert found.doubts[0].startswith("This model looks untrained")
    assert "does not decide" in found.doubts[1]
    assert found.cautions[:2] == found.doubts
    assert found.told.startswith(found.doubts[0])
    assert study.answer(Question("short", "tiny", "cam")).doubts == ()


def test_the_gravest_doubt_comes_first() -> None:
    card = replace(card_of(), assumed="Names are assumed.", results={"accuracy": 0.2, "confusion": [[1, 0], [4, 0]]})
    found = claim.doubts(card, predictions([0.0, 0.0]), "It looks untrained.")
    wanted = ("It looks untrained.", "This model has not learnt", "This model does not decide", "Names are assumed.")
    assert len(found) == 4
    assert all(line.startswith(beginning) for line, beginning in zip(found, wanted, strict=True))
    assert claim.doubts(card_of(), predictions([5.0, 0.0]), "") == ()
