"""Where and when a map is strongest, in numbers and in words."""

from __future__ import annotations

import numpy as np

from actrec.core.clip import Clip
from actrec.core.evidence import Heat
from actrec.core.words import percent


def attention(heat: Heat, clip: Clip, who: str) -> str:
    """Where and when attention falls that knows no class; who: what pays it, with its verb ("block 2 attends most")."""
    if heat.empty:
        return f"This map shows no attention: its largest value is {heat.peak:.1e}, which is drawn as nothing."
    share, begin, until, even = strongest_step(heat, clip)
    moment = f"{begin:.2f}–{until:.2f} s" if until > begin else f"{begin:.2f} s"
    when = f"{moment} gets the largest share of all moments, {percent(share, 0)} (an even spread would give {percent(even, 0)})"
    return f"{who[0].upper()}{who[1:]} at {strongest(heat, clip)}; {when}."


def strongest(heat: Heat, clip: Clip) -> str:
    """When and where the largest value stands: "1.20 s, in the middle, at the top"."""
    seconds, x, y = peak_place(heat, clip)
    return f"{seconds:.2f} s, {side(x, y, heat)}"


def strongest_step(heat: Heat, clip: Clip) -> tuple[float, float, float, float]:
    """The step with the most evidence: its share, its first and last second, and what an even spread would give it."""
    mass = heat.mass
    first, last = heat.bands[int(mass.argmax())]
    begin = clip.video.seconds[min(int(first), clip.video.frames - 1)]  # a step over held frames begins where the video ends
    until = clip.video.seconds[min(int(last), clip.video.frames) - 1]
    return float(mass.max() / mass.sum()), float(begin), float(until), 1 / len(mass)


def amid(heat: Heat) -> int:
    """A source frame in the middle of the step with the most evidence: where to open the clip."""
    first, last = (int(edge) for edge in heat.bands[int(heat.mass.argmax())])
    return max(first, (first + last - 1) // 2)


def peak_place(heat: Heat, clip: Clip) -> tuple[float, float, float]:
    """Seconds, x, y (source pixels) of the largest value's cell: the middle of its band and of its share of the box."""
    k, r, c = np.unravel_index(int(np.nanargmax(heat.values)), heat.values.shape)
    x0, y0, x1, y1 = heat.box
    height, width = heat.values.shape[1:]
    first, last = heat.bands[k]
    frame = min(int(first + last - 1) // 2, clip.video.frames - 1)
    return float(clip.video.seconds[frame]), x0 + (c + 0.5) * (x1 - x0) / width, y0 + (r + 0.5) * (y1 - y0) / height


def side(x: float, y: float, heat: Heat) -> str:
    x0, y0, x1, y1 = heat.seen
    across = ("on the left", "in the middle", "on the right")[min(max(int(3 * (x - x0) / (x1 - x0)), 0), 2)]
    down = ("at the top", "half-way up", "at the bottom")[min(max(int(3 * (y - y0) / (y1 - y0)), 0), 2)]
    return f"{across}, {down}" if (across, down) != ("in the middle", "half-way up") else "in the middle of the picture"
