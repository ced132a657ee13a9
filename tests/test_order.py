"""Does the order of the frames matter: a model whose score is known for every order of them, and the verdict's words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import card_of, noise, traced
from torch import Tensor, nn

from actrec.core.errors import Progress, no_progress
from actrec.core.trace import Trace
from actrec.inputs.streams.rgb import Frames
from actrec.study.asking import Target
from actrec.study.checks import order
from actrec.study.checks.order import SHUFFLES, TimeOrder

GREYS = st.lists(st.floats(-1, 1), min_size=1, max_size=8)


class Late(nn.Module):
    """Logits: the frames' mean grey levels weighted by their number, their sum, and nothing."""

    def forward(self, x: Tensor) -> Tensor:
        grey = x.mean((1, 3, 4))
        late = (grey * torch.arange(grey.shape[1])).sum(1)
        return torch.stack([late, grey.sum(1), torch.zeros_like(late)], 1)


def filmed(greys: list[float]) -> Tensor:
    return torch.tensor(greys, dtype=torch.float32).view(1, 1, -1, 1, 1).expand(1, 3, -1, 2, 2)


def seen(greys: list[float]) -> Trace:
    return traced(Late(), filmed(greys))


def of_trace(trace: Trace, label: int, versus: int | None = None, progress: Progress = no_progress) -> TimeOrder:
    return order.of_trace(trace, [Frames(card_of().preprocess)], Target(("late", "sum", "none"), label, versus), progress)


def test_the_scores_are_those_of_the_clip_turned_round_and_of_its_fixed_shuffles() -> None:
    greys = [0.0, 1.0, 3.0, 2.0]
    found = of_trace(seen(greys), 0)
    shuffled = []
    for seed in range(SHUFFLES):
        places = torch.randperm(4, generator=torch.Generator().manual_seed(seed)).tolist()
        shuffled.append(sum(k * greys[i] for k, i in enumerate(places)))
    assert (found.label, found.names) == ("late", ("as it is", "reversed", "shuffled"))
    assert found.logits == pytest.approx((13, 5, np.mean(shuffled)))

    def p(late: float) -> float:
        return float(np.exp(late) / (np.exp(late) + np.exp(6) + 1))

    assert found.probabilities == pytest.approx((p(13), p(5), np.mean([p(v) for v in shuffled])), abs=1e-6)
    assert (found.lowest_shuffle, found.highest_shuffle) == pytest.approx((p(min(shuffled)), p(max(shuffled))), abs=1e-6)


def test_of_two_classes_the_difference_of_the_logits_is_told_and_the_probability_of_the_first() -> None:
    greys = [0.0, 1.0, 3.0, 2.0]
    found = of_trace(seen(greys), 0, versus=1)
    assert found.logits[:2] == pytest.approx((13 - 6, 5 - 6))
    assert found.probabilities == of_trace(seen(greys), 0).probabilities


@given(GREYS)
def test_turned_round_twice_a_clip_is_itself(greys: list[float]) -> None:
    there, back = of_trace(seen(greys), 0), of_trace(seen(greys[::-1]), 0)
    assert there.logits[:2] == pytest.approx(back.logits[1::-1], abs=1e-5)
    assert there.probabilities[:2] == pytest.approx(back.probabilities[1::-1], abs=1e-6)
    assert there.lowest_shuffle - 1e-6 <= there.probabilities[2] <= there.highest_shuffle + 1e-6


@given(GREYS)
def test_a_score_that_knows_no_order_is_the_same_in_every_order(greys: list[float]) -> None:
    found = of_trace(seen(greys), 1)
    assert found.logits == pytest.approx([sum(greys)] * 3, abs=1e-5)
    assert "does not matter" in found.verdict


def test_the_clip_is_left_as_it_was_and_progress_rises() -> None:
    told: list[float] = []
    passed = traced(Late(), noise())
    before = passed.inputs["rgb"].clone()
    of_trace(passed, 0, progress=lambda share, text: told.append(share))
    assert torch.equal(passed.inputs["rgb"], before)
    assert told == [number / (2 + SHUFFLES) for number in range(2 + SHUFFLES)]


@pytest.mark.parametrize(
    ("logits", "probabilities", "words"),
    [
        ((2, 1, 1.5), (0.9, 0.5, 0.7), "The order of the frames matters here: “lift” goes from 0.90 to 0.50 reversed and 0.70 shuffled."),
        ((2, 2, 1), (0.9, 0.9, 0.8), "The order of the frames matters here: “lift” goes from 0.90 to 0.90 reversed and 0.80 shuffled."),
        ((2, 1, 2), (0.9, 0.88, 0.9), "The order of the frames hardly matters here: “lift” goes from 0.90 to 0.88 reversed and 0.90 shuffled."),
        (
            (2, 2.0005, 1.9995),
            (0.9, 0.1, 0.1),
            "The order of the frames does not matter to this model here: reversed or shuffled, the score is the same.",
        ),
    ],
)
def test_the_verdict_is_about_the_larger_change_and_follows_the_score_before_the_probability(
    logits: tuple[float, float, float], probabilities: tuple[float, float, float], words: str
) -> None:
    assert TimeOrder("lift", ("as it is", "reversed", "shuffled"), logits, probabilities, 0, 1).verdict == words
