"""Evidence drawn onto frames: numbers in, pixels out (numpy and OpenCV only).

The rules, the same in the player, the saved video and the figures:

* Zero is transparent. With s = |value| / top, clipped to [0, 1], the colour covers the frame by `opacity · s · (2 − s)`.
* `top` is the magnitude at the end of the colour bar: the largest of the frame, of the clip, or of several heats together. A top below
  `evidence.NOTHING` draws nothing: rounding noise is never stretched to full colour.
* An unsigned map starts at zero and has no negative side. A signed map runs from −top to +top over a diverging palette.
* `threshold` is a share of `top`; evidence weaker than that is left out.
* Where the model never looked the frame is dimmed. Where a method says nothing (NaN inside the crop) the frame stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.core.answer import Explanation
from actrec.core.evidence import NOTHING, Box, Heat, on_source
from actrec.core.look import Look
from actrec.core.words import number, short_unit

DIM = 0.4
"""What is left of the brightness where the model did not look, within its window: beside its crop, and on frames between its steps."""

UNWATCHED = 0.7
"""What is left of it on frames outside the model's window, which only the player shows: the reader must still find their way there."""


def _opencv(code: int, first: int = 0) -> NDArray[np.uint8]:
    """OpenCV's table from entry `first` on, stretched to 256 RGB rows."""
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8).reshape(1, 256), code)[0, first:, ::-1]
    return _through(*table)


def _through(*points: tuple[int, int, int] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """256 RGB rows running straight through evenly spaced colours."""
    stops = np.asarray(points, np.float64)
    at = np.linspace(0, len(stops) - 1, 256)
    table = np.stack([np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)], 1)
    return np.rint(table).astype(np.uint8)


# The dark foot of a palette is left out: blended onto a frame it would look like shadow. Lightness rises all along in the first three,
# so they read the same under every kind of colour blindness and in grey print; turbo tells more steps apart but does not have that property.
PALETTES: dict[str, NDArray[np.uint8]] = {
    "inferno": _opencv(cv2.COLORMAP_INFERNO, 60),
    "viridis": _opencv(cv2.COLORMAP_VIRIDIS),
    "cividis": _opencv(cv2.COLORMAP_CIVIDIS),
    "turbo": _opencv(cv2.COLORMAP_TURBO, 20),
}
"""Palettes for unsigned evidence, uint8 RGB (256, 3), from zero to top. The first is the default."""

DIVERGING: dict[str, NDArray[np.uint8]] = {
    "blue-red": _through((8, 48, 160), (58, 130, 240), (246, 246, 246), (244, 100, 60), (165, 10, 28)),
    "purple-green": _through((92, 20, 130), (165, 96, 205), (246, 246, 246), (92, 178, 84), (8, 90, 40)),
}
"""Palettes for signed evidence, uint8 RGB (256, 3), from −top to +top; zero is the (transparent) light middle. The first is the default."""


def table(look: Look, signed: bool) -> NDArray[np.uint8]:
    """The look's palette, uint8 RGB (256, 3)."""
    return DIVERGING[look.diverging] if signed else PALETTES[look.palette]


def top_of(look: Look, heat: Heat, step: int | None = None) -> float:
    """The number at the end of the colour bar for a step of a map."""
    if look.scale == "shared" and look.top is not None:
        return look.top
    return largest(heat, step if look.scale == "frame" else None)


def largest(heat: Heat, step: int | None = None) -> float:
    """The largest value that can be drawn, of one step or of all: the largest magnitude if signed, else the largest positive value."""
    values = heat.values if step is None else heat.values[step]
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0
    return float(np.abs(finite).max()) if heat.signed else max(float(finite.max()), 0.0)


def shared(heats: Iterable[Heat], look: Look | None = None) -> Look:
    """The look with one top for all these maps: equal values get equal colours."""
    return replace(look or Look(), scale="shared", top=max((largest(heat) for heat in heats), default=0.0))


def settled(look: Look, heat: Heat, others: Iterable[Heat]) -> Look:
    """The look for a map that is drawn beside others: a shared scale ends at the largest value of all maps of its unit."""
    if look.scale != "shared" or look.top is not None:
        return look
    return shared([heat, *(other for other in others if other.unit == heat.unit)], look)


def shown(explanation: Explanation, look: Look) -> list[tuple[Heat, Look]]:
    """The maps to be shown at once, each with how: as in the player, a shared scale is one for all maps of a unit."""
    return [(heat, settled(look, heat, explanation.heats)) for heat in explanation.shown]


def strength(values: NDArray[np.floating], top: float, signed: bool, threshold: float = 0.0) -> NDArray[np.float32]:
    """Values as shares of the top: float32 in [0, 1], or [−1, 1] if signed; 0 where not finite or below the threshold, or if the top is none."""
    if not top >= NOTHING:
        return np.zeros(values.shape, np.float32)
    share = np.clip(np.where(np.isfinite(values), values, 0.0) / top, -1.0 if signed else 0.0, 1.0).astype(np.float32)
    return np.where(np.abs(share) >= threshold, share, np.float32(0))


def cover(share: NDArray[np.floating], opacity: float) -> NDArray[np.float32]:
    """How much of the frame a strength covers: 0 at zero, `opacity` at ±1, steeper for weak evidence so that it can be seen."""
    s = np.abs(share)
    return np.asarray(opacity * s * (2 - s), np.float32)


@dataclass(frozen=True, eq=False)
class Layer:
    """Evidence ready to lie over frames of one size: pixel = frame · keep + ink. keep float32 (H, W, 1), ink float32 (H, W, 3)."""

    keep: NDArray[np.float32]
    ink: NDArray[np.float32]

    def over(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame with the layer over it; unchanged to the bit where the evidence is 0 and the model looked."""
        return np.rint(frame * self.keep + self.ink).astype(np.uint8)


def paint(
    share: NDArray[np.float32], signed: bool, look: Look, unseen: NDArray[np.bool_] | None = None, colours: NDArray[np.uint8] | None = None
) -> Layer:
    """Strengths (H, W) as a layer; dimmed where `unseen` says so. colours (H, W, 3): other ones than the look's palette gives them."""
    if colours is None:
        colours = table(look, signed)[np.rint((share + 1) * 127.5 if signed else share * 255).astype(np.uint8)]
    covered = cover(share, look.opacity)[..., None]
    keep = 1 - covered
    return Layer(keep if unseen is None else np.where(unseen[..., None], np.float32(DIM), keep), covered * colours)


def outside(seen: Box, source: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """True (height, width) for the pixels of a frame shown at `size` whose centre the model did not see; `seen` and `source` in source pixels."""
    y = ((np.arange(size[0]) + 0.5) * source[0] / size[0])[:, None]
    x = ((np.arange(size[1]) + 0.5) * source[1] / size[1])[None]
    return ~((seen[0] <= x) & (x < seen[2]) & (seen[1] <= y) & (y < seen[3]))


def layer(heat: Heat, step: int | None, source: tuple[int, int], size: tuple[int, int], look: Look | None = None) -> Layer:
    """One step of a heat for frames shown at `size`; step None: the model did not look at this frame. source, size: height, width."""
    look = look or Look()
    nothing = np.zeros(size, np.float32)
    if step is None:
        return paint(nothing, heat.signed, look, np.ones(size, np.bool_))
    unseen, top = outside(heat.seen, source, size), top_of(look, heat, step)
    if top < NOTHING:
        return paint(nothing, heat.signed, look, unseen)
    return paint(strength(on_source(heat, step, *size, source=source), top, heat.signed, look.threshold), heat.signed, look, unseen)


def draw(frame: NDArray[np.uint8], heat: Heat, step: int | None, source: tuple[int, int], look: Look | None = None) -> NDArray[np.uint8]:
    """The frame uint8 (H, W, 3) with one step of evidence over it.

    frame: the full source frame at any size.  source: its height and width in source pixels.  step None: the model did not look here.
    """
    return layer(heat, step, source, (frame.shape[0], frame.shape[1]), look).over(frame)


def bar(signed: bool, look: Look, backdrop: int = 128) -> NDArray[np.uint8]:
    """The colour bar, uint8 RGB (256, 3) from the low end to the top, as the colours look over a grey backdrop: it fades out at zero."""
    share = np.linspace(-1 if signed else 0, 1, 256, dtype=np.float32)
    share = np.where(np.abs(share) >= look.threshold, share, np.float32(0))[None]
    return paint(share, signed, look).over(np.full((1, 256, 3), backdrop, np.uint8))[0]


def ticks(top: float, signed: bool, beyond: bool = False) -> list[tuple[float, str]]:
    """The colour bar's numbers: place along the bar, 0 … 1, and text. beyond: there are stronger values than the top, and its number says so."""
    if top < NOTHING:
        return []
    low, high = ("≤ ", "≥ ") if beyond else ("", "")
    if signed:
        return [(0.0, low + number(-top)), (0.5, "0"), (1.0, high + number(top))]
    return [(0.0, "0"), (0.5, number(top / 2)), (1.0, high + number(top))]


def caption(heat: Heat) -> str:
    """What a reader must know about this map before reading anything into it; "" if nothing."""
    if not np.isfinite(heat.values).any():
        return "no evidence (the method gives no value here)"
    if heat.empty:
        return f"no evidence (largest magnitude {heat.peak:.2g} {short_unit(heat)})"
    if not heat.signed and largest(heat) < NOTHING:
        return f"no positive evidence (lowest value {number(float(np.nanmin(heat.values)))} {short_unit(heat)})"
    return f"{heat.timeless}, so it does not say when" if heat.timeless else ""
