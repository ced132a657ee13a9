"""How far does the model look in time? What each step of its last features depends on, frame by frame, by gradient, beside what its build allows.

For a step t of the features f and a frame s of the network's input x (the effective receptive field of luo2016erf; the quantity is our choice):

    q_t = Σ f_t²  (over channels and places)        share(t, s) = Σ |∂q_t / ∂x_s| / Σ_s′ Σ |∂q_t / ∂x_s′|

Each row sums to 1. It is of this clip and first order: how a step answers to small changes of a frame, and not how much it would change if the frame
were another. Which frames can reach a step at all follows from the build (`core/reach.py`); elsewhere the gradient is exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec.core import trace as traces
from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.evidence import Matrix
from actrec.core.question import Question
from actrec.core.reach import Reads, field
from actrec.core.trace import Tap
from actrec.core.words import percent
from actrec.inputs import streams
from actrec.study import asking
from actrec.study.checks import Check

MOST = 0.9
"""The share of the gradient whose frames are counted."""


@dataclass(frozen=True, eq=False)
class Reach:
    """What the steps of a layer depend on. shares float64 (steps, frames): rows sum to 1, or are NaN for a step without a gradient.

    allowed bool (steps, frames): by the network's build.  apart int64 (steps, frames): how many frames a frame lies beside those that the step stands
    for.  seconds (frames): of the frames given.
    """

    layer: str
    shares: NDArray[np.float64]
    allowed: Reads
    apart: NDArray[np.int64]
    seconds: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """The steps that have a gradient: bool (steps)."""
        return np.asarray(np.isfinite(self.shares).all(1))

    @property
    def within(self) -> NDArray[np.float64]:
        """On average over the steps that have a gradient, its share on the frames that lie at most 0, 1, 2 … beside; empty if no step has one."""
        if not self.known.any():
            return np.zeros(0)
        rows, apart = self.shares[self.known], self.apart[self.known]
        return np.array([(rows * (apart <= far)).sum(1).mean() for far in range(int(apart.max()) + 1)])

    @property
    def far(self) -> int | None:
        """The fewest frames on either side within which `MOST` of the gradient lies; None if no step has one."""
        return next((far for far, share in enumerate(self.within) if share >= MOST - 1e-9), None)

    @property
    def verdict(self) -> str:
        """What the build allows, and what the gradient is on."""
        steps, frames = self.shares.shape
        least, most = int(self.allowed.sum(1).min()), int(self.allowed.sum(1).max())
        number = f"{least}" if least == most else f"between {least} and {most}"
        number = f"all {frames} frames" if least == frames else f"{number} of the {frames} frames"
        built = f"By the network’s build, {number} can reach a step of {self.layer}"
        if self.far is None:
            return f"{built}. How far it looks on this clip is not known: no step has a finite gradient other than 0."
        missing = "" if self.known.all() else f" ({steps - int(self.known.sum())} of the {steps} steps have no gradient and are left out)"
        own = "its own frames" if int((self.apart == 0).sum(1).max()) > 1 else "its own frame"
        beside = f"within {self.far} frame{'s' if self.far > 1 else ''} on either side of {own}" if self.far else f"on {own} alone"
        share = f"a step has {percent(float(self.within[0]))} of its gradient on {own}"
        return f"{built}. On this clip, on average{missing}, {share}, and at least {percent(MOST, 0)} of it {beside}."

    def matrices(self) -> tuple[Matrix, Matrix]:
        """What was measured, and what the build allows: (steps, frames) both."""
        steps, frames = self.shares.shape
        columns = tuple(f"{second:.2f} s" for second in self.seconds)
        rows = columns if steps == frames else tuple(f"step {step + 1}" for step in range(steps))
        about = "Each row is a step of the last features, and its values sum to 1."
        measured = Matrix("Measured by gradient", "share of the gradient", self.shares.astype(np.float32), rows, columns, line=about)
        built = "1 where a frame can reach a step through the network’s layers, whatever its weights; 0 where it cannot."
        return measured, Matrix("Allowed by the build", "can be reached", self.allowed.astype(np.float32), rows, columns, line=built)

    def to_json(self) -> dict[str, Any]:
        shares = [[float(share) if math.isfinite(share) else None for share in row] for row in self.shares]
        told = {"layer": self.layer, "seconds": self.seconds.tolist(), "shares": shares, "allowed": self.allowed.tolist()}
        return told | {"within": self.within.tolist(), "far": self.far, "verdict": self.verdict}


def reach(question: Question, progress: Progress = no_progress) -> Reach:
    """Measure how far the question's model looks in time: a pass forwards, and one back for every step.

    Raises:
        QuestionError: a model that does not read one stream of frames, or without steps.  ActrecError: as `study.answer`.
    """
    asked = asking.asked(question, progress)
    known = traces.taps(asked.loaded.model)
    if reason := lacks(asked.card, known, asked.clip):
        raise QuestionError(reason)
    layer, frames = _last(known, len(asked.clip.index)), len(asked.clip.index)
    name = _moving(asked.card, frames)
    given = asked.inputs[name]
    assert given is not None  # a stream of frames always has something
    x = given.detach().clone().requires_grad_()
    with asked.turn():
        seen = replace(asked, inputs={**asked.inputs, name: x}).run((layer,), grad=True).seen[layer]
        shares = measured(seen.grid()[0], x, progress)
    tap = known[layer]
    assert tap.past is not None  # or `lacks` had said so
    beside = apart(len(shares), frames, tap.stride[0], tap.first[0])
    return Reach(layer, shares, field(tap.past, frames), beside, asked.clip.seconds)


def measured(features: Tensor, x: Tensor, progress: Progress = no_progress) -> NDArray[np.float64]:
    """The share of every frame of x (1, C, T, H, W) in the gradient of each step's squared length, features (c, steps, h, w): (steps, T), NaN for a
    step without one.
    """
    rows = []
    for step in range(features.shape[1]):
        progress(step / features.shape[1], "going back from each step")
        (gradient,) = torch.autograd.grad(features[:, step].float().square().sum(), x, retain_graph=True)
        rows.append(gradient[0].double().abs().sum((0, 2, 3)).cpu().numpy())
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.stack(rows) / np.stack(rows).sum(1, keepdims=True)
    return np.where(np.isfinite(shares).all(1, keepdims=True), shares, np.nan)


def apart(steps: int, frames: int, stride: float, first: float) -> NDArray[np.int64]:
    """How many frames every frame lies beside those that a step stands for, half a stride on either side of its centre: int64 (steps, frames)."""
    centres = first + stride * np.arange(steps)
    beside = np.abs(np.arange(frames) - centres[:, None]) - (stride - 1) / 2
    return np.ceil(np.maximum(beside, 0)).astype(np.int64)


def _last(taps: Mapping[str, Tap], frames: int) -> str:
    """The deepest features with more than one step for so many frames; "" if there are none, or nobody has told."""
    known = {name: field(tap.past, frames) for name, tap in taps.items() if tap.kind == "features" and tap.past is not None}
    return next((name for name, rows in reversed(known.items()) if len(rows) > 1), "")


def _moving(card: Card, frames: int) -> str:
    """The stream of a card that has an input for each frame, "" if there is none or another moving one beside it."""
    blanks = streams.blanks(card, 1, frames, card.preprocess.crop, "meta")
    moving = {name: blank.shape[2] for name, blank in blanks.items() if blank is not None and blank.ndim == 5}
    return next(iter(moving)) if list(moving.values()) == [frames] else ""


def lacks(card: Card, taps: Mapping[str, Tap], clip: Clip | None = None) -> str:
    """Why it cannot be measured how far a model looks."""
    frames = card.sampling.frames if clip is None else len(clip.index)
    if card.readouts:
        return f"each stream of {card.title} looks by itself; choose {' or '.join(f'{card.id}:{name}' for name in card.readouts)}"
    if not _moving(card, frames):
        return f"{card.title} does not have exactly one input with a step for each frame, to which one could go back"
    return "" if _last(taps, frames) else f"{card.title} has no features with several steps of which it is known what they have read"


CHECK = Check(
    "reach",
    "How far does the model look in time?",
    "What share of the gradient of each step of the last features is on which frame, beside the frames that can reach it at all.",
    "Go back from each step of the last features",
    lacks,
    reach,
    passes=9,
    unasked=True,
)
