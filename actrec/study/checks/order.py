"""Does the order of the frames matter to the model on this clip? The score as it is, reversed and shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.errors import Progress, no_progress
from actrec.core.question import Question
from actrec.core.trace import Inputs, Tap, Trace
from actrec.inputs.streams import Stream
from actrec.study import asking
from actrec.study.asking import Target
from actrec.study.checks import Check

SHUFFLES = 4
"""How many fixed shuffles are averaged; their seeds are 0, 1, 2, …"""


@dataclass(frozen=True)
class TimeOrder:
    """A class's logit (or logit difference) and probability for the clip as it is, reversed in time, and shuffled (mean of SHUFFLES)."""

    label: str
    names: tuple[str, ...]
    logits: tuple[float, ...]
    probabilities: tuple[float, ...]
    lowest_shuffle: float
    highest_shuffle: float

    @property
    def verdict(self) -> str:
        """One sentence on whether the order of the frames matters to this model on this clip."""
        forward, reverse, shuffled = self.logits
        change = max(abs(forward - reverse), abs(forward - shuffled))
        if change < 1e-3:
            return "The order of the frames does not matter to this model here: reversed or shuffled, the score is the same."
        p, q, s = self.probabilities
        small = max(abs(p - q), abs(p - s)) < 0.05
        start = "The order of the frames hardly matters here" if small else "The order of the frames matters here"
        return f"{start}: “{self.label}” goes from {p:.2f} to {q:.2f} reversed and {s:.2f} shuffled."

    def to_json(self) -> dict[str, Any]:
        order = {name: {"logit": z, "probability": p} for name, z, p in zip(self.names, self.logits, self.probabilities, strict=True)}
        return {"label": self.label, "order": order, "verdict": self.verdict}


def time_order(question: Question, progress: Progress = no_progress) -> TimeOrder:
    """Does this model use time's order on this clip? The explained class's score as the clip is, reversed, and shuffled."""
    asked = asking.asked(question, progress)
    with asked.turn():
        seen = asked.run()
        return of_trace(seen, asked.streams, asked.target(seen.logits), progress)


def of_trace(trace: Trace, streams: Sequence[Stream], target: Target, progress: Progress = no_progress) -> TimeOrder:
    """Rerun the model on the reversed and on shuffled frames; what the other streams have goes with its frame."""
    orders = [torch.arange(trace.frames), torch.arange(trace.frames).flip(0)]
    orders += [torch.randperm(trace.frames, generator=torch.Generator().manual_seed(seed)) for seed in range(SHUFFLES)]
    logits, probabilities = [], []
    for number, order in enumerate(orders):
        progress(number / len(orders), "reordering the frames")
        part = partial(_part, progress, number / len(orders), 1 / len(orders))
        probability, logit = target.score(trace.logits if number == 0 else trace.rerun(reordered(trace, streams, order, part)))
        logits.append(logit)
        probabilities.append(probability)
    mean = (sum(logits[2:]) / SHUFFLES, sum(probabilities[2:]) / SHUFFLES)
    return TimeOrder(
        target.name,
        ("as it is", "reversed", "shuffled"),
        (logits[0], logits[1], mean[0]),
        (probabilities[0], probabilities[1], mean[1]),
        min(probabilities[2:]),
        max(probabilities[2:]),
    )


def _part(progress: Progress, start: float, share: float, fraction: float, text: str) -> None:
    progress(start + share * fraction, text)


def reordered(trace: Trace, streams: Sequence[Stream], order: Tensor, progress: Progress = no_progress) -> Inputs:
    """All inputs for frames that have changed places."""
    there = {stream.name: (stream, tensor) for stream in streams if (tensor := trace.inputs[stream.name]) is not None}
    return {name: stream.reordered(tensor, order.to(tensor.device), trace.clip, trace.geometry, progress) for name, (stream, tensor) in there.items()}


def lacks(card: Card, taps: Mapping[str, Tap], clip: Clip | None = None) -> str:
    """Every model reads frames, and frames can change places."""
    return ""


CHECK = Check(
    "order",
    "Does the order of the frames matter?",
    "The class's score for the frames as they are, reversed, and shuffled.",
    "Reverse and shuffle the frames (5 more runs)",
    lacks,
    time_order,
    passes=2 + SHUFFLES,
    unasked=True,
)
