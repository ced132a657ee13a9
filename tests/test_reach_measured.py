"""How far a model looks in time, by gradient: exactly nothing outside of what the build allows, and a sentence that is true of any numbers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streams_made
import torch
import tsm_made
from app_made import EXPLORE, visit
from claims_made import as_percent
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from actrec import catalogue, cli
from actrec.core import trace
from actrec.core.errors import Cancelled, QuestionError
from actrec.core.question import Question
from actrec.core.reach import field
from actrec.study import checks
from actrec.study.checks import reach
from actrec.study.checks.reach import Reach
from actrec.ui.frame import plain


@pytest.fixture(scope="module", autouse=True)
def shifting(home: Path) -> Path:
    """Networks that shift: both ways, the past alone, nothing; and a model of two streams."""
    folder = home / "checkpoints"
    tsm_made.checkpoint(folder, "tsm")
    tsm_made.checkpoint(folder, "past", before=0.25, behind=0.0)
    tsm_made.checkpoint(folder, "alone", before=0.0, behind=0.0)
    streams_made.both(folder, "two")
    return home


# --- what is measured --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{"every": 2}, {"every": 4, "before": 0.25, "behind": 0.0}, {"before": 0.0, "behind": 0.0, "clusters": 3}])
def test_outside_of_what_the_build_allows_the_gradient_is_exactly_nothing(arguments: dict[str, float]) -> None:
    model = tsm_made.network(**arguments).requires_grad_(False)
    x = torch.randn(1, 3, 24, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with trace.record(model, ["layer4.tap"], grad=True) as seen:
        model(x)
    shares = reach.measured(seen["layer4.tap"].grid()[0], x)
    tap = trace.taps(model)["layer4.tap"]
    assert tap.past is not None
    allowed = field(tap.past, 24)
    assert (~allowed).sum() > 1
    assert not shares[~allowed].any()
    np.testing.assert_allclose(shares.sum(1), 1)
    assert all(parameter.grad is None for parameter in model.parameters())


class Weighted(nn.Module):
    """Steps that are known sums of frames."""

    def __init__(self, mix: Tensor) -> None:
        super().__init__()
        self.mix = mix

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("st,bcthw->bcshw", self.mix, x)


@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(-2, 2)))
def test_of_sums_of_frames_the_shares_are_their_weights_magnitudes(mix: np.ndarray) -> None:
    x = torch.ones(1, 2, mix.shape[1], 2, 2, dtype=torch.float64, requires_grad=True)
    told: list[float] = []
    found = reach.measured(Weighted(torch.from_numpy(mix))(x)[0], x, lambda share, text: told.append(share))
    for row, weights in zip(found, mix, strict=True):
        if abs(weights.sum()) > 1e-6:
            np.testing.assert_allclose(row, np.abs(weights) / np.abs(weights).sum(), atol=1e-6)
        elif weights.sum() == 0:
            assert np.isnan(row).all(), "a step of length 0 has no gradient"
    assert told == [step / len(mix) for step in range(len(mix))]


def test_it_can_be_stopped_between_steps() -> None:
    x = torch.ones(1, 1, 4, 1, 1, requires_grad=True)

    def stop(share: float, text: str) -> None:
        if share:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        reach.measured(Weighted(torch.eye(4))(x)[0], x, stop)


@pytest.mark.parametrize(("stride", "first"), [(1, 0.0), (2, 0.0), (2, 0.5), (8, 0.0), (4, 1.5)])
def test_frames_are_counted_from_the_edge_of_what_a_step_stands_for(stride: int, first: float) -> None:
    found = reach.apart(3, 24, stride, first)
    for step, row in enumerate(found):
        centre = first + step * stride
        own = [frame for frame in range(24) if abs(frame - centre) <= (stride - 1) / 2]
        for frame, far in enumerate(row):
            assert far == min(abs(frame - other) for other in own)


# --- what is said of it ------------------------------------------------------------------------------------------------------------------------

BUILT = r"(?:all (\d+) frames|(\d+) of the (\d+) frames|between (\d+) and (\d+) of the (\d+) frames)"
MISSING = r"(?: \((\d+) of the (\d+) steps have no gradient and are left out\))?"
SAID = re.compile(
    rf"By the network’s build, {BUILT} can reach a step of a\.tap\. (?:On this clip, on average{MISSING}, a step has (< 0\.1|\d+\.\d) % of its "
    r"gradient on its own (frames?), and at least 90 % of it (?:within (\d+) frames? on either side of its own frames?|on its own frames? alone)\."
    r"|How far it looks on this clip is not known: no step has a finite gradient other than 0\.)"
)


@st.composite
def reaches(draw: st.DrawFn) -> Reach:
    """Any shares, of one step and several, one frame and several, with steps that have none, or none at all."""
    steps, frames = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    raw = draw(arrays(np.float64, (steps, frames), elements=st.floats(0, 1) | st.just(0.0)))
    kind = draw(st.sampled_from(["any", "any", "own", "none", "some"]))
    stride = draw(st.integers(1, 4))
    beside = reach.apart(steps, frames, stride, draw(st.sampled_from([0.0, (stride - 1) / 2])))
    raw = raw * (beside == 0) if kind == "own" else raw * 0 if kind == "none" else raw
    if kind == "some":
        raw[draw(st.integers(0, steps - 1))] = 0
    with np.errstate(invalid="ignore"):
        shares = raw / raw.sum(1, keepdims=True)
    allowed = draw(arrays(np.bool_, (steps, frames))) | (raw > 0)
    return Reach("a.tap", np.where(raw.sum(1, keepdims=True) > 0, shares, np.nan), allowed, beside, np.arange(frames) / 25)


@given(reaches())
def test_the_sentence_is_true_of_any_numbers(found: Reach) -> None:
    said = SAID.fullmatch(found.verdict)
    assert said is not None, found.verdict
    every, exactly, of, least, most, among, missing, steps, own, plural, far = said.groups()
    counts, frames = found.allowed.sum(1), found.shares.shape[1]
    assert {int(n) for n in (every, of, among) if n} == {frames}
    if every:
        assert (counts == frames).all()
    elif exactly:
        assert (counts == int(exactly)).all()
    else:
        assert (counts.min(), counts.max()) == (int(least), int(most))
        assert counts.min() < counts.max()
    known = [row for row in found.shares if not np.isnan(row).any()]
    if not known:
        assert own is None
        assert found.far is None
        return
    assert missing == (None if len(known) == len(found.shares) else str(len(found.shares) - len(known)))
    assert steps in (None, str(len(found.shares)))
    means = []
    for radius in range(int(found.apart.max()) + 1):
        within = [
            sum(share for share, far_off in zip(row, apart, strict=True) if far_off <= radius)
            for row, apart in zip(found.shares, found.apart, strict=True)
            if not np.isnan(row).any()
        ]
        means.append(sum(within) / len(within))
    assert as_percent(own, means[0], 1)
    radius = int(far or 0)
    assert means[radius] >= 0.9 - 1e-6
    assert radius == 0 or means[radius - 1] < 0.9
    assert (plural == "frames") == ((found.apart == 0).sum(1).max() > 1)


@given(reaches())
def test_what_is_saved_is_json_and_its_matrices_are_its_numbers(found: Reach) -> None:
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (told["verdict"], told["far"], told["layer"]) == (found.verdict, found.far, "a.tap")
    np.testing.assert_array_equal(np.array(told["shares"], float), found.shares)
    np.testing.assert_array_equal(told["allowed"], found.allowed)
    measured, built = found.matrices()
    np.testing.assert_allclose(measured.values, found.shares, rtol=1e-6, atol=1e-30)
    np.testing.assert_array_equal(built.values == 1, found.allowed)
    assert measured.columns == built.columns == tuple(f"{second:.2f} s" for second in found.seconds)


# --- asked of models ---------------------------------------------------------------------------------------------------------------------------


def test_a_network_is_measured_in_its_own_frames() -> None:
    both, past, alone = (reach.reach(Question("short", name, "")) for name in ("tsm", "past", "alone"))
    for found in (both, past, alone):
        assert found.layer == "layer4.tap"
        assert found.shares.shape == (8, 8)
        assert found.known.all()
        assert not found.shares[~found.allowed].any()
    assert both.allowed.all()
    assert both.shares[2, 3] > 0 < both.shares[3, 2]
    assert (past.allowed == np.tri(8, dtype=bool)).all()
    np.testing.assert_array_equal(alone.shares, np.eye(8))
    built, gradient = alone.verdict.split(". ")
    assert built == "By the network’s build, 1 of the 8 frames can reach a step of layer4.tap"
    assert gradient.endswith("a step has 100.0 % of its gradient on its own frame, and at least 90 % of it on its own frame alone.")


def test_the_network_is_left_as_it_was() -> None:
    from actrec import study

    model = study.load("tsm").model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    reach.reach(Question("short", "tsm", ""))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.parameters())


def test_a_model_whose_last_features_have_one_step_is_asked_at_the_last_that_have_more() -> None:
    found = reach.reach(Question("short", "tiny", ""))
    assert found.layer == "res1.tap"
    assert found.shares.shape == (2, 8)
    assert found.matrices()[0].rows == ("step 1", "step 2")
    assert not found.shares[~found.allowed].any()


def lacking() -> Iterator[tuple[str, str]]:
    yield "two", "each stream of .* looks by itself; choose two:rgb or two:flow"
    yield "two:flow", "does not have exactly one input with a step for each frame"


@pytest.mark.parametrize(("model", "reason"), lacking())
def test_what_it_does_not_fit_is_told(model: str, reason: str) -> None:
    with pytest.raises(QuestionError, match=reason):
        reach.reach(Question("short", model, ""))


def test_without_steps_or_without_a_known_build_it_does_not_fit() -> None:
    card = catalogue.card("tiny")
    taps = catalogue.taps(card)
    assert not reach.lacks(card, taps)
    still = replace(card, sampling=replace(card.sampling, frames=1))
    assert "no features with several steps" in reach.lacks(still, taps)
    assert "no features with several steps" in reach.lacks(card, {})


def test_the_page_and_the_command_line_tell_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "short", "--model", "past", "--check", "reach", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["checks"]["reach"]
    assert math.isclose(sum(told["shares"][3]), 1)
    page = visit(EXPLORE, clip="short", model="past", method="cam")
    assert checks.every()["reach"].title in [heading.value for heading in page.header]
    texts = [str(text.value) for text in page.markdown]
    assert plain(told["verdict"]) in texts
    assert {"**Measured by gradient**", "**Allowed by the build**"} <= set(texts)
