"""Does the order of the frames matter to the model on this clip? The score as it is, reversed and shuffled."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from actrec.core import devices
from actrec.core import trace as traces
from actrec.core.errors import Progress, no_progress
from actrec.core.question import Question
from actrec.core.trace import Trace
from actrec.inputs import pose
from actrec.study import answering, loading

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


def of_trace(trace: Trace, label: int, versus: int | None = None, progress: Progress = no_progress, name: str = "") -> TimeOrder:
    """Rerun the model on the reversed and on shuffled input frames (T axis of the input); joints stay with their frames."""
    frames = trace.inputs.shape[2]
    orders = [torch.arange(frames), torch.arange(frames).flip(0)]
    orders += [torch.randperm(frames, generator=torch.Generator().manual_seed(seed)) for seed in range(SHUFFLES)]
    logits, probabilities = [], []
    for number, order in enumerate(orders):
        progress(number / len(orders), "reordering the frames")
        row = (trace.logits if number == 0 else _reordered(trace, order.to(trace.inputs.device)))[0].detach().float()
        logits.append(float(row[label] - (row[versus] if versus is not None else 0)))
        probabilities.append(float(row.softmax(0)[label]))
    mean = (sum(logits[2:]) / SHUFFLES, sum(probabilities[2:]) / SHUFFLES)
    return TimeOrder(
        name,
        ("as it is", "reversed", "shuffled"),
        (logits[0], logits[1], mean[0]),
        (probabilities[0], probabilities[1], mean[1]),
        min(probabilities[2:]),
        max(probabilities[2:]),
    )


def _reordered(trace: Trace, order: Tensor) -> Tensor:
    return trace.rerun((trace.inputs[:, :, order], *(beside[:, order] for beside in trace.more)))


def time_order(question: Question, progress: Progress = no_progress) -> TimeOrder:
    """Does this model use time's order on this clip? The explained class's score as the clip is, reversed, and shuffled."""
    film, loaded = loading.open_clip(question.clip), loading.load(question.model, progress)
    given = pose.given(question.joints, film, loaded.card, question.hide)
    clip, geometry, inputs = loading.window(loaded, film, question.start, given.joints)
    with devices.turn(loaded.device):
        seen = traces.run(loaded.model, inputs, clip, geometry)
        label, versus = answering.classes(question, answering.predictions_of(loaded.card, seen.logits))
        return of_trace(seen, label, versus, progress, loaded.card.labels[label])
