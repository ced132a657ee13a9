"""What the ways of explaining share: the score asked about, the layers that hold features, the settings, raw numbers made into a Heat or a Track."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat, Track
from actrec.core.words import apart, fixed, percent
from actrec.explain import Ask, Knob
from actrec.inputs import cells

if TYPE_CHECKING:
    from torch import Tensor

    from actrec.core.trace import Tap, Trace

_SIGN_LINE = "positive keeps what speaks for the class; signed also shows what speaks against it"
POSITIVE_FIRST = Knob("sign", "Sign", ("positive", "signed"), _SIGN_LINE)
SIGNED_FIRST = Knob("sign", "Sign", ("signed", "positive"), _SIGN_LINE)


def setting(ask: Ask, knob: Knob) -> str:
    """The value chosen for a knob, its first choice if none was.

    Raises:
        QuestionError: a value that the knob does not have.
    """
    value = ask.knobs.get(knob.name, knob.choices[0])
    if value not in knob.choices:
        raise QuestionError(f"{knob.name}={value!r} is not a setting of this method; choose {' or '.join(knob.choices)}")
    return value


def score(trace: Trace, ask: Ask) -> Tensor:
    """The number explained: the class's logit, or its lead over the class `versus`. A scalar, with its graph."""
    logits = trace.logits[0]
    return logits[ask.label] if ask.versus is None else logits[ask.label] - logits[ask.versus]


def rerun(logits: Tensor, changed: Tensor, ask: Ask, how: str) -> tuple[float, str]:
    """How the class's probability moves from logits (1, classes) to those of a changed network, and the sentence for it, with its logit or its lead.

    how: the beginning of the sentence, what was changed.  NaN and "" where either gives no finite number.
    """
    (share, score), (other, left) = (_standing(row[0].detach().float(), ask) for row in (logits, changed))
    if not all(map(math.isfinite, (share, score, other, left))):
        return math.nan, ""
    what = "logit" if ask.versus is None else "lead in logits over the other class"
    told = f"the model gives this class {percent(other)} instead of {percent(share)}, {apart(other, share)}"
    return other - share, f"{how}, {told}; its {what} is {fixed(left)} instead of {fixed(score)}."


def _standing(row: Tensor, ask: Ask) -> tuple[float, float]:
    """The class's probability, and its logit or its lead over the other class."""
    return float(row.softmax(0)[ask.label]), float(row[ask.label] - (row[ask.versus] if ask.versus is not None else 0))


def feature_layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """Names of the taps that hold features, deepest first.

    A network that answers from a class token reads nothing else of its last features: their gradient is exactly zero in every cell. There the last
    layer goes to the end of the list, so that it is not the default.
    """
    names = [name for name, tap in taps.items() if tap.kind == "features"]
    if not names:
        return f"{card.title} has no layer whose features can be read"
    names.reverse()
    if card.readout is None and taps[names[0]].axes == "b (1 t h w) c":
        names = [*names[1:], names[0]]
    return tuple(names)


def heat(trace: Trace, layer: str, title: str, values: Tensor, unit: str, *, signed: bool) -> Heat:
    """A Heat of values (T, h, w) on the grid of the features under a tap; not signed means: the positive part."""
    tap = trace.seen[layer].tap
    values = values.detach().float()
    numbers = (values if signed else values.clamp(min=0)).cpu().numpy()
    return cells.heat(
        title, numbers, stride=tap.stride, first=tap.first, past=tap.past, clip=trace.clip, geometry=trace.geometry, unit=unit, signed=signed
    )


def track(heat: Heat, clip: Clip, title: str, unit: str, values: NDArray[np.float64], group: str = "") -> Track:
    """A value of each of a map's steps, on every source frame that the step is drawn on."""
    steps = heat.steps_of(clip.video.frames)
    frames = np.flatnonzero(steps >= 0)
    return Track(title, unit, clip.video.seconds[frames], frames, values[steps[frames]], group)
