"""Flow as colours and as arrows: numbers in, pixels and places out.

The rules, the same in the player, the saved video and the figures:

* The hue is the direction, by the colour wheel of Baker et al. (A Database and Evaluation Methodology for Optical Flow, 2011): red to the right,
  yellow down, light blue to the left, violet up. Its 55 hues are spread to `DIRECTIONS`, 256 of them.
* How much of the frame a colour covers goes with the length, as for any map (`overlay`): nothing where nothing moves, and `threshold` is a share of
  the top, which is the length at the wheel's rim. So the wheel fades towards its middle.
* Arrows stand on a grid in source pixels, `ACROSS` of them along the longer side of what the model saw. Each begins at its place and is longer than
  the flow there by one factor for all: the top is nearly as long as two places are apart. What would be shorter than a fifth of that way is not
  drawn: it would be a dot.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import NOTHING, Box, Flow, Heat, on_source
from actrec.core.look import Look
from actrec.draw import overlay

HUES = (("red", 15), ("yellow", 6), ("green", 4), ("cyan", 11), ("blue", 13), ("magenta", 6))
"""Where each colour begins, and how many hues it takes to come to the next; the last comes back to the first."""

ACROSS, ROOM, LEAST = 14, 0.9, 0.2
"""Arrows along the longer side; as shares of the way between two of them: how long the top is drawn, and from what length on an arrow is."""

_COLOURS = {"red": (1, 0, 0), "yellow": (1, 1, 0), "green": (0, 1, 0), "cyan": (0, 1, 1), "blue": (0, 0, 1), "magenta": (1, 0, 1)}


def _directions() -> NDArray[np.uint8]:
    edges = np.cumsum([0, *(hues for _, hues in HUES)])
    ends = np.array([_COLOURS[name] for name, _ in (*HUES, HUES[0])], np.float64)
    at = np.arange(256) / 256 * edges[-1]
    return np.rint(255 * np.stack([np.interp(at, edges, ends[:, c]) for c in range(3)], 1)).astype(np.uint8)


DIRECTIONS: NDArray[np.uint8] = _directions()
"""Colours of directions, uint8 RGB (256, 3): entry i for i/256 of a whole turn from the right, downwards first."""


def direction(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.int64]:
    """The entry of `DIRECTIONS` for displacements, x to the right and y down."""
    turn = np.arctan2(np.asarray(y, np.float64), np.asarray(x, np.float64)) / (2 * np.pi)
    return np.floor(256 * np.nan_to_num(turn) + 0.5).astype(np.int64) % 256


def component(flow: Flow, axis: int) -> Heat:
    """One axis of a flow as a map, 0: to the right, 1: down."""
    return replace(flow.lengths, values=flow.moved[..., axis], signed=True)


def layer(flow: Flow, step: int | None, source: tuple[int, int], size: tuple[int, int], look: Look) -> overlay.Layer:
    """As `overlay.layer`, coloured by direction."""
    heat = flow.lengths
    if step is None or overlay.top_of(look, heat, step) < NOTHING:
        return overlay.layer(heat, step, source, size, look)
    x, y = (on_source(component(flow, axis), step, *size, source=source) for axis in (0, 1))
    share = overlay.strength(np.hypot(x, y), overlay.top_of(look, heat, step), False, look.threshold)
    return overlay.paint(share, False, look, overlay.outside(heat.seen, source, size), DIRECTIONS[direction(x, y)])


def disc(side: int, look: Look, backdrop: int, ground: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The colour wheel, uint8 RGB (side, side, 3), as the colours look over a grey backdrop; ground: around it."""
    at = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(at, at)
    length = np.hypot(x, y)
    colours = overlay.paint(overlay.strength(np.minimum(length, 1), 1.0, False, look.threshold), False, look, None, DIRECTIONS[direction(x, y)])
    within = np.clip((1 - length) * side / 2 + 0.5, 0, 1)[..., None]  # a smooth rim
    return np.rint(within * colours.over(np.full((side, side, 3), backdrop, np.uint8)) + (1 - within) * np.array(ground)).astype(np.uint8)


def grid(seen: Box) -> tuple[NDArray[np.float64], float]:
    """Where arrows stand in a rectangle of source pixels, (n, 2), row by row, and how far apart."""
    x0, y0, x1, y1 = seen
    apart = max(x1 - x0, y1 - y0) / ACROSS
    places = [low + (high - low - apart * (count - 1)) / 2 + apart * np.arange(count) for low, high, count in _counts(seen, apart)]
    return np.stack(np.meshgrid(*places), -1).reshape(-1, 2), apart


def _counts(seen: Box, apart: float) -> list[tuple[float, float, int]]:
    return [(seen[axis], seen[axis + 2], max(int((seen[axis + 2] - seen[axis]) / apart + 1e-9), 1)) for axis in (0, 1)]


def factor(flow: Flow, top: float) -> float:
    """How many times as long as the flow its arrows are drawn; 0 where the top is none."""
    return ROOM * grid(flow.lengths.seen)[1] / top if top >= NOTHING else 0.0


def arrows(flow: Flow, step: int, look: Look) -> NDArray[np.float64]:
    """The arrows of a step, (n, 2, 2): from and to, x and y in source pixels. None for what is not known or below the threshold."""
    places, apart = grid(flow.lengths.seen)
    top = overlay.top_of(look, flow.lengths, step)
    moved = np.stack([_at(component(flow, axis), step, places) for axis in (0, 1)], -1)
    length = np.hypot(*moved.T)
    long = factor(flow, top) * length
    drawn = (long >= LEAST * apart) & (length >= look.threshold * top)
    return np.stack([places, places + factor(flow, top) * moved], 1)[drawn]


def _at(heat: Heat, step: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map's values (n) at places in source pixels, NaN in cells that have none: the cell that each lies in."""
    x0, y0, x1, y1 = heat.box
    high, wide = heat.values.shape[1:]
    column = np.clip(((places[:, 0] - x0) / (x1 - x0) * wide).astype(int), 0, wide - 1)
    row = np.clip(((places[:, 1] - y0) / (y1 - y0) * high).astype(int), 0, high - 1)
    return heat.values[step, row, column].astype(np.float64)
