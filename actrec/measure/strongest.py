"""Where and when a map is strongest, in numbers and in words.

One claim speaks of one moment: the step with the largest share of the evidence. Place and value are those of the strongest cell *in that step*, and
the clip opens there (`amid`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.core.clip import Clip
from actrec.core.evidence import NOTHING, Heat
from actrec.core.words import number, percent, short_unit


@dataclass(frozen=True)
class Peak:
    """A cell: its step, row and column, its value, and its middle in source pixels."""

    step: int
    row: int
    column: int
    value: float
    x: float
    y: float


def sign(heat: Heat) -> int:
    """1 where a map has evidence for something that can be drawn, −1 where it has none of it and speaks against."""
    known = heat.values[np.isfinite(heat.values)]
    return -1 if known.size and float(known.max()) < NOTHING and known.min() < 0 else 1


def shares(heat: Heat) -> NDArray[np.float64]:
    """The share of the evidence in every step (K): of the positive values, or of the negative ones where `sign` is −1; 0 where there is nothing."""
    values = np.maximum(np.nan_to_num(heat.values * sign(heat), nan=0.0, posinf=0.0, neginf=0.0), 0).sum((1, 2), dtype=np.float64)
    return np.asarray(values / (values.sum() or 1))


def spread(heat: Heat) -> NDArray[np.float64]:
    """What an even spread over all cells that have a value would give every step: (K)."""
    known = np.isfinite(heat.values).sum((1, 2))
    return np.asarray(known / max(int(known.sum()), 1))


def step(heat: Heat) -> int:
    """The step with the largest share, the first of equals."""
    return int(shares(heat).argmax())


def peak(heat: Heat, at: int | None = None, towards: int = 1) -> Peak:
    """The cell with the largest value (towards −1: the smallest) of one step, or of all."""
    values = heat.values if at is None else heat.values[at : at + 1]
    known = np.where(np.isfinite(values), values * towards, -np.inf)
    k, r, c = (int(i) for i in np.unravel_index(int(known.argmax()), known.shape))
    x0, y0, x1, y1 = heat.box
    height, width = heat.values.shape[1:]
    x, y = x0 + (c + 0.5) * (x1 - x0) / width, y0 + (r + 0.5) * (y1 - y0) / height
    return Peak(k if at is None else at, r, c, float(values[k, r, c]), x, y)


def amid(heat: Heat) -> int:
    """A source frame in the middle of the step with the most evidence: where to open the clip."""
    first, last = (int(edge) for edge in heat.bands[step(heat)])
    return max(first, (first + last - 1) // 2)


def moment(heat: Heat, step: int, clip: Clip) -> str:
    """When a step is drawn: "between 0.32 and 0.60 s", the first and the last of its frames."""
    first, last = (int(edge) for edge in heat.bands[step])
    seconds = clip.video.seconds
    if first >= min(last, clip.video.frames):  # all its frames were sampled before, and belong to an earlier step
        return f"in a step that only repeats the frame at {seconds[min(first, clip.video.frames) - 1]:.2f} s"
    begin, until = seconds[first], seconds[min(last, clip.video.frames) - 1]
    return f"between {begin:.2f} and {until:.2f} s" if until > begin else f"at {begin:.2f} s"


def read(heat: Heat, step: int, clip: Clip) -> str:
    """What a step's features have read: " and has read the frames from 0.00 to 0.92 s"; "" where that is not known."""
    if heat.fields is None:
        return ""
    first, last = heat.fields[step]
    return f" and has read the frames from {clip.video.seconds[first]:.2f} to {clip.video.seconds[last - 1]:.2f} s"


def side(x: float, y: float, heat: Heat) -> str:
    """Where a place lies in what the model saw, by thirds: "on the left, at the top"."""
    x0, y0, x1, y1 = heat.seen
    across = ("on the left", "in the middle", "on the right")[min(max(int(3 * (x - x0) / (x1 - x0)), 0), 2)]
    down = ("at the top", "half-way up", "at the bottom")[min(max(int(3 * (y - y0) / (y1 - y0)), 0), 2)]
    return f"{across}, {down}" if (across, down) != ("in the middle", "half-way up") else "in the middle of the picture"


def place(heat: Heat, found: Peak, clip: Clip) -> str:
    """When and where a cell stands."""
    return f"{moment(heat, found.step, clip)}, {side(found.x, found.y, heat)}"


def told(heat: Heat, clip: Clip, even: Sequence[float] | NDArray[np.float64] | None = None) -> str:
    """Where and when the evidence is strongest, as the end of a sentence.

    even: what an even spread would give every step; None where all cells count alike.
    """
    top = step(heat)
    cell = peak(heat, top, sign(heat))
    if heat.timeless:
        return f"{side(cell.x, cell.y, heat)}; {heat.timeless}, so it says nothing about when."
    expected = percent(float((spread(heat) if even is None else even)[top]), 0)
    share = f"has {percent(float(shares(heat)[top]), 0)} of it (an even spread would give {expected})"
    return f"{place(heat, cell, clip)}: the step drawn there {share}{read(heat, top, clip)}."


def nothing(heat: Heat, what: str) -> str:
    """That a map shows none of something, "" if it shows some."""
    if not len(heat.told):
        return f"This map shows no {what}: it has no values."
    if heat.empty:
        return f"This map shows no {what}: its largest magnitude is {heat.peak:.1e} {heat.unit}, which is drawn as nothing."
    return ""


def attention(heat: Heat, clip: Clip, who: str, even: Sequence[float] | NDArray[np.float64] | None = None) -> str:
    """Where and when attention falls, which knows no class; who: what pays it, with its verb ("block 2 attends most")."""
    return nothing(heat, "attention") or f"{who[0].upper()}{who[1:]} {told(heat, clip, even)}"


def relation(heat: Heat, clip: Clip, who: str) -> str:
    """What a place agrees with most and what it opposes most, by signed values; who: the place."""
    if none := nothing(heat, "relation"):
        return none
    most, least, unit = peak(heat), peak(heat, towards=-1), short_unit(heat)

    def at(found: Peak) -> str:
        return f"{number(found.value)} {place(heat, found, clip)}"

    if most.value - least.value <= 1e-3 * heat.peak:
        return f"{who}: all values are about {number(most.value)} ({unit}); no place stands out."
    if least.value >= 0:
        return f"{who} opposes nothing here: no value is negative. It agrees most ({unit}) at {at(most)}, and least at {at(least)}."
    if most.value <= 0:
        return f"{who} agrees with nothing here: no value is positive. It opposes most ({unit}) at {at(least)}, and least at {at(most)}."
    return f"{who}: strongest agreement ({unit}) {at(most)}; strongest opposition {at(least)}."
