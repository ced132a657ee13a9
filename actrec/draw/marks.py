"""Points, skeletons and flow drawn on frames: numbers in, pixels out (numpy only).

The rules, the same in the player, the saved video and the figures:

* A token lies on the source frames whose step it is read from, as strongly as it is read there: trilinear sampling reads two frames at most.
* A dot's area goes with its score, and so does its colour, from nothing to the largest score of all; `Look.threshold` is a share of that.
* An arrow comes from where the token would be had the network not moved it; both lie on the frame that the token is read from.
* Bones have the colour of their limb. A joint without a score is hollow; one that its own file trusts less than `UNSURE` is faint, and so is all
  of a skeleton on a frame between those that it is known on.
* An arrow of flow goes from a place towards where what is there goes until the model's next frame (see `draw.flow`).
* Sizes go with the picture's smaller side. A frame that no step stands for stays as it is, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from actrec.core.answer import Explanation
from actrec.core.evidence import NOTHING, Flow, Points, Skeleton, step_at
from actrec.core.look import Look
from actrec.core.words import number
from actrec.draw import flow, overlay
from actrec.inputs.pose.body import COLOURS, limb

MOST = 64
"""How many tokens are drawn if nothing else is said, the strongest."""

UNSURE, FAINT, BETWEEN, BONE = 0.3, 0.35, 0.45, 0.85
"""A joint's own confidence below which it is drawn at FAINT; the strength of a skeleton between the frames it is known on; a bone's strength."""

DARK, LIGHT, GREY = (0, 0, 0), (255, 255, 255), (184, 184, 184)

Place = tuple[float, float]
Layers = Sequence[tuple[NDArray[np.float32], tuple[int, ...]]]
"""Coverages of one patch of pixels, 0 … 1, each with its colour, the lowest first."""


def draw(
    picture: NDArray[np.uint8],
    of: Explanation | tuple[Points | None, Skeleton | None],
    frame: int,
    source: tuple[int, int],
    look: Look | None = None,
    most: int = MOST,
) -> NDArray[np.uint8]:
    """The picture uint8 (H, W, 3) of a source frame, at any size, with the tokens, joints and arrows of flow of that frame.

    frame: its source number.  source: height and width in source pixels.  most: only the so many strongest tokens of the clip.
    """
    look, out = look or Look(), np.array(picture)
    points, skeleton = (of.points, of.skeleton) if isinstance(of, Explanation) else of
    if isinstance(of, Explanation) and of.flow is not None:
        _flow(out, of.flow, frame, source, look)
    if skeleton is not None:
        given = of.clip.index if isinstance(of, Explanation) else skeleton.bands[:, 0]
        _joints(out, skeleton, frame, given, source, look)
    if points is not None:
        _tokens(out, points, frame, source, look, most)
    return out


def chosen(points: Points, most: int = MOST, threshold: float = 0.0) -> NDArray[np.int64]:
    """Numbers of the tokens that are drawn, the strongest first: none without a score, none below the threshold (a share of the largest)."""
    top = largest(points.scores)
    order = np.argsort(-np.nan_to_num(points.scores), kind="stable")[: max(most, 0)]
    return order[(points.scores[order] > 0) & (points.scores[order] >= threshold * top)] if top >= NOTHING else order[:0]


def largest(scores: NDArray[np.floating]) -> float:
    """The largest score, 0 if there is none."""
    finite = scores[np.isfinite(scores)]
    return max(float(finite.max()), 0.0) if finite.size else 0.0


def seconds_at(points: Points, steps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Seconds of steps, fractions between two; before the first and after the last by the mean pace, since places may lie outside the clip."""
    last = len(points.seconds) - 1
    pace = (points.seconds[-1] - points.seconds[0]) / max(last, 1)
    steps = np.asarray(steps, np.float64)
    return np.interp(steps, np.arange(last + 1), points.seconds) + pace * (np.minimum(steps, 0) + np.maximum(steps - last, 0))


def colour_of(group: str) -> str:
    """The colour of a limb, "left arm" or one person's, "2: left arm": "#rrggbb"."""
    return COLOURS.get(limb(group, group), COLOURS["other"])


def say(points: Points, drawn: int) -> str:
    """What dots and arrows are, and how many of how many, for a caption."""
    largest_said = f"{number(largest(points.scores))} {points.unit.split(' (')[0]}"
    return (
        f"Dots: {drawn} of {len(points.scores)} sampled tokens at p + Δp, area and colour by score (largest {largest_said}), "
        "fainter where less of a token is read from the frame; arrows: from its place p on the regular grid."
    )


def unit_of(size: tuple[int, int]) -> float:
    """The length in pixels that widths and radii are counted in, for a picture of this height and width."""
    return max(min(size) / 340, 0.5)


# ---------------------------------------------------------------------------------------------------------- tokens


def _tokens(out: NDArray[np.uint8], points: Points, frame: int, source: tuple[int, int], look: Look, most: int) -> None:
    step = step_at(points.bands, frame)
    if step is None:
        return
    scale, unit = _scale(out, source), unit_of(out.shape[:2])
    weights, top, table = points.weights(step), largest(points.scores), overlay.table(look, signed=False)
    here = [i for i in chosen(points, most, look.threshold)[::-1] if weights[i] > 0 and np.isfinite(points.places[i]).all()]  # strongest on top
    radius = {i: radius_of(points.scores[i] / top, unit) for i in here}
    for i in here:
        a, b = (tuple(float(v) for v in place[i, 1:] * scale) for place in (points.reference, points.places))
        if np.isfinite(a).all():
            _arrow(out, a, b, radius[i] + 1.3 * unit, unit, look.opacity * float(weights[i]))  # type: ignore[arg-type]
    for i in here:
        colour = tuple(int(v) for v in table[round(255 * float(points.scores[i] / top))])
        at = tuple(float(v) for v in points.places[i, 1:] * scale)
        _dot(out, at, radius[i], colour, unit, look.opacity * float(weights[i]))  # type: ignore[arg-type]


def radius_of(share: float, unit: float) -> float:
    """A dot's radius in pixels: its area goes with its share of the largest score."""
    return 12 * unit * float(np.sqrt(share))


def _arrow(out: NDArray[np.uint8], a: Place, b: Place, short: float, unit: float, strength: float) -> None:
    """A light line in a dark casing from a to within `short` of b, with a head if there is room for one."""
    along = np.subtract(b, a)
    long = float(np.hypot(*along)) - short
    if long <= 1.5 * unit:
        return
    along = along / np.hypot(*along)
    tip, across = np.add(a, along * long), np.array([-along[1], along[0]])
    head = min(7 * unit, long / 2)
    ends = [(np.array(a), tip), *((tip - head * (along + side * across), tip) for side in (-0.5, 0.5))]
    _stroke(out, ends, (1.3 * unit, LIGHT), unit, strength)


def _dot(out: NDArray[np.uint8], at: Place, radius: float, colour: tuple[int, ...], unit: float, strength: float) -> None:
    """A dot with a light edge and a dark one around it, to be seen on any ground."""
    patch = _patch(out, [at], radius + 2 * unit)
    if patch is not None:
        away = _away(out, patch, at)
        _lay(out, patch, [(_inside(away, radius + r * unit), ink) for r, ink in ((1.6, DARK), (0.8, LIGHT), (0, colour))], strength)


def _flow(out: NDArray[np.uint8], field: Flow, frame: int, source: tuple[int, int], look: Look) -> None:
    step = step_at(field.lengths.bands, frame)
    unit, scale = unit_of(out.shape[:2]), _scale(out, source)
    for a, b in flow.arrows(field, step, look) * scale if step is not None else ():
        _arrow(out, (a[0], a[1]), (b[0], b[1]), 0, unit, look.opacity)


# ---------------------------------------------------------------------------------------------------------- joints


def _joints(out: NDArray[np.uint8], skeleton: Skeleton, frame: int, given: NDArray[np.int64], source: tuple[int, int], look: Look) -> None:
    step = step_at(skeleton.bands, frame)
    if step is None:
        return
    unit, table, top = unit_of(out.shape[:2]), overlay.table(look, signed=False), largest(skeleton.scores)
    joints, scores = skeleton.joints[step], skeleton.scores[step]
    places, there = joints[:, :2] * _scale(out, source), np.isfinite(joints[:, :2]).all(1)
    first, last = skeleton.bands[step]
    known = given[(given >= first) & (given < last)]
    strength = 1.0 if frame == (known[0] if len(known) else first) else BETWEEN
    trust = np.where(joints[:, 2] < UNSURE, FAINT, 1.0) * strength
    for a, b in skeleton.bones:
        if there[a] and there[b]:
            colour = _rgb(colour_of(limb(skeleton.groups[a], skeleton.groups[b])))
            _stroke(out, [(places[a], places[b])], (3 * unit, colour), unit, BONE * min(trust[a], trust[b]))
    radius = 4.2 * unit
    for i in np.flatnonzero(there):
        if np.isfinite(scores[i]) and top >= NOTHING:
            colour = tuple(int(v) for v in table[round(255 * float(np.clip(scores[i] / top, 0, 1)))])
            _dot(out, tuple(places[i]), radius, colour, unit, float(trust[i]))
        else:
            _ring(out, tuple(places[i]), radius, unit, float(trust[i]))


def _ring(out: NDArray[np.uint8], at: Place, radius: float, unit: float, strength: float) -> None:
    """A hollow grey dot."""
    patch = _patch(out, [at], radius + 3 * unit)
    if patch is not None:
        away = np.abs(_away(out, patch, at) - radius)
        _lay(out, patch, [(_inside(away, 1.7 * unit), DARK), (_inside(away, 0.9 * unit), GREY)], strength)


# ---------------------------------------------------------------------------------------------------------- pixels


def _scale(out: NDArray[np.uint8], source: tuple[int, int]) -> NDArray[np.float64]:
    """Pixels of the picture for a source pixel, (x, y)."""
    return np.array([out.shape[1] / source[1], out.shape[0] / source[0]])


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _stroke(out: NDArray[np.uint8], lines: Sequence[tuple[Place, Place]], pen: tuple[float, tuple[int, ...]], unit: float, strength: float) -> None:
    """Straight lines with round ends, each (from, to), in a dark casing. pen: width in pixels, and colour."""
    wide, colour = pen
    patch = _patch(out, [end for line in lines for end in line], wide / 2 + 2 * unit)
    if patch is None:
        return
    away = np.minimum.reduce([_away(out, patch, *line) for line in lines])
    _lay(out, patch, [(_inside(away, wide / 2 + 0.8 * unit), DARK), (_inside(away, wide / 2), colour)], strength)


def _patch(out: NDArray[np.uint8], places: Sequence[Place], room: float) -> tuple[slice, slice] | None:
    """The rows and columns within `room` pixels of the box around some places; None if they are all outside of the picture."""
    low, high = np.floor(np.min(places, 0) - room - 1), np.ceil(np.max(places, 0) + room + 1)
    x0, y0 = (int(max(v, 0)) for v in low)
    x1, y1 = (int(min(v, side)) for v, side in zip(high, (out.shape[1], out.shape[0]), strict=True))
    return (slice(y0, y1), slice(x0, x1)) if x1 > x0 and y1 > y0 else None


def _away(out: NDArray[np.uint8], patch: tuple[slice, slice], a: Place, b: Place | None = None) -> NDArray[np.float32]:
    """How far a patch's pixels lie from a place, or from a straight line between two. Drawn by distance, not by OpenCV, whose small circles are
    polygons on whole pixels."""
    y, x = (np.arange(s.start, s.stop, dtype=np.float32) + 0.5 for s in patch)
    dx, dy = x[None] - a[0], y[:, None] - a[1]
    if b is not None:
        ux, uy = b[0] - a[0], b[1] - a[1]
        along = np.clip((dx * ux + dy * uy) / max(ux * ux + uy * uy, 1e-9), 0, 1)
        dx, dy = dx - along * ux, dy - along * uy
    return np.hypot(dx, dy).astype(np.float32)


def _inside(away: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """How much of each pixel a shape covers whose edge is `radius` away: smooth over one pixel."""
    return np.clip(radius + 0.5 - away, 0, 1)


def _lay(out: NDArray[np.uint8], patch: tuple[slice, slice], layers: Layers, strength: float) -> None:
    """Paint the layers over each other, and then all of them onto the picture at a strength 0 … 1."""
    before = out[patch].astype(np.float32)
    painted = before
    for covered, colour in layers:
        painted = painted + covered[..., None] * (np.array(colour, np.float32) - painted)
    out[patch] = np.rint(before + strength * (painted - before)).astype(np.uint8)
