"""How far two maps of one clip agree, in numbers and as a map of the difference.

Two models crop, resize and sample differently, so both maps go back to the source first: to one grid of cells over the frame, and to source frames.
Only what both looked at counts — cells inside both crops, frames in bands of both — and every source frame weighs the same, however coarse a map's
time steps are. The five numbers are invariant to a positive factor on either map, because logits of two models have no common unit.

A number that cannot be had (an empty map, no common frame, a map without any contrast) is NaN, with the reason beside it; it is never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.core.answer import Explanation
from actrec.core.errors import QuestionError
from actrec.core.evidence import NOTHING, Box, Heat, on_source
from actrec.core.words import short_unit

CELLS = 96
"""Cells of the common grid along the frame's longer side."""

TOP = 0.2
"""The share of cells that counts as the top."""

FLAT = 1e-5
"""A spread below this share of the peak is interpolation's rounding, not contrast."""

STEADY = 1e-3
"""Evidence per source frame that varies by less than this share of its peak does not change with time: the correlation of two such courses, or of
two steps, which is always −1 or 1, would say nothing."""

TITLES = {
    "pearson": "correlation",
    "spearman": "rank correlation",
    "time": "correlation over time",
    "iou": "overlap of the top 20 %",
    "moved": "evidence elsewhere",
}
"""The numbers in reading order, by field name."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Agreement:
    """What two maps have in common. Every number may be NaN; `reasons` then says why, by field name.

    pearson, spearman: correlation of the values over all common cells and frames, −1 … 1.
    time: Pearson correlation of the positive evidence per source frame, −1 … 1.
    iou: intersection over union of the two sets of strongest cells (the top 20 % of cells, as far as they are positive), 0 … 1.
    moved: the share of the positive evidence that lies elsewhere: half the mean |a⁺/mean a⁺ − b⁺/mean b⁺|, 0 … 1.
    difference: a⁺/mean a⁺ − b⁺/mean b⁺ as a signed heat; `moved` is half its mean magnitude. None where `moved` is NaN.
    """

    pearson: float
    spearman: float
    time: float
    iou: float
    moved: float
    reasons: Mapping[str, str]
    difference: Heat | None

    @property
    def numbers(self) -> dict[str, float]:
        """The five numbers by field name, in reading order."""
        return {name: getattr(self, name) for name in TITLES}

    def to_json(self) -> dict[str, object]:
        """The numbers for a JSON file, null where there is none, and the reasons."""
        return {name: None if np.isnan(value) else value for name, value in self.numbers.items()} | {"reasons": dict(self.reasons)}

    def __str__(self) -> str:
        if len(self.reasons) == len(TITLES) and len(set(self.reasons.values())) == 1:
            return f"no agreement can be given: {next(iter(self.reasons.values()))}"
        words = [f"{TITLES[name]} {value:.2f}" for name, value in self.numbers.items() if not np.isnan(value)]
        return ", ".join(words + [f"no {TITLES[name]}: {reason}" for name, reason in self.reasons.items()])


def to_json(agreements: Mapping[tuple[int, int], Agreement]) -> list[dict[str, object]]:
    """Agreements by the numbers of the two answers, from 0 on, as a list for a JSON file."""
    return [{"first": i, "second": j, **found.to_json()} for (i, j), found in agreements.items()]


def compare(a: Explanation, b: Explanation) -> Agreement:
    """The agreement of the first maps of two explanations of one clip.

    Raises:
        QuestionError: two different clips.
    """
    if a.clip.video.sha256 != b.clip.video.sha256:
        raise QuestionError(f"{a.clip.video.path.name} and {b.clip.video.path.name} are different clips; compare two answers about one clip")
    return between(a.heat, b.heat, (a.clip.video.height, a.clip.video.width))


def between(a: Heat, b: Heat, source: tuple[int, int]) -> Agreement:
    """The agreement of two maps of one clip whose frames are `source` (height, width) pixels."""
    try:
        common = _common(a, b, source)
    except _Unknown as reason:
        return Agreement(np.nan, np.nan, np.nan, np.nan, np.nan, dict.fromkeys(TITLES, str(reason)), None)
    x, y, weight = common.flat()
    found, reasons = {}, {}
    measures = {
        "pearson": lambda: _correlation(x, y, weight),
        "spearman": lambda: _correlation(_ranks(x, weight), _ranks(y, weight), weight),
        "time": lambda: _correlation(*common.mass(), common.frames, STEADY, "has the same positive evidence at all times"),
        "iou": lambda: _overlap(x, y, weight),
        "moved": lambda: float(np.average(np.abs(_share(x, weight, "first") - _share(y, weight, "second")), weights=weight)) / 2,
    }
    for name, measure in measures.items():
        try:
            found[name] = measure()
        except _Unknown as reason:
            found[name], reasons[name] = np.nan, str(reason)
    return Agreement(**found, reasons=reasons, difference=None if np.isnan(found["moved"]) else common.difference(a, b))


class _Unknown(Exception):
    """A number that cannot be had; the message says why."""


@dataclass(frozen=True, eq=False)
class _Common:
    """Two maps on one grid: a, b float64 (K, rows, columns), NaN where either says nothing; frames (K): source frames per step."""

    a: Floats
    b: Floats
    frames: Floats
    bands: NDArray[np.int64]
    box: Box

    def flat(self) -> tuple[Floats, Floats, Floats]:
        """Values of a, values of b and weights of all common cells."""
        known = np.isfinite(self.a)
        return self.a[known], self.b[known], np.broadcast_to(self.frames[:, None, None], known.shape)[known]

    def mass(self) -> tuple[Floats, Floats]:
        """Positive evidence of a and of b per step."""
        cells = np.maximum(np.isfinite(self.a).sum((1, 2)), 1)
        a, b = (np.nansum(np.maximum(v, 0), (1, 2)) / cells for v in (self.a, self.b))
        return a, b

    def difference(self, a: Heat, b: Heat) -> Heat:
        x, y, weight = self.flat()
        values = np.full(self.a.shape, np.nan, np.float32)
        values[np.isfinite(self.a)] = _share(x, weight, "first") - _share(y, weight, "second")
        return Heat(f"{a.title} − {b.title}", values, "times the mean (each map by its own)", self.box, self.box, self.bands, signed=True)


def _common(a: Heat, b: Heat, source: tuple[int, int]) -> _Common:
    """Both maps where both models looked."""
    for heat, which in ((a, "first"), (b, "second")):
        if heat.empty:
            raise _Unknown(f"the {which} map is empty (largest magnitude {heat.peak:.2g} {short_unit(heat)})")
    steps, bands = _steps(a, b)
    rows, columns = (max(round(CELLS * side / max(source)), 1) for side in source)
    maps = []
    for heat, own in ((a, steps[:, 0]), (b, steps[:, 1])):
        placed = {int(step): on_source(heat, int(step), rows, columns, source) for step in np.unique(own)}
        maps.append(np.stack([placed[int(step)] for step in own]).astype(np.float64))
    known = np.isfinite(maps[0]) & np.isfinite(maps[1])
    if not known.any():
        raise _Unknown("the two models looked at no common part of the frame")
    r, c = np.flatnonzero(known.any((0, 2))), np.flatnonzero(known.any((0, 1)))
    cut = np.s_[:, r[0] : r[-1] + 1, c[0] : c[-1] + 1]
    high, wide = source[0] / rows, source[1] / columns
    box = (c[0] * wide, r[0] * high, (c[-1] + 1) * wide, (r[-1] + 1) * high)
    x, y = (np.where(known, values, np.nan)[cut] for values in maps)
    return _Common(x, y, (bands[:, 1] - bands[:, 0]).astype(np.float64), bands, box)


def _steps(a: Heat, b: Heat) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Runs of source frames during which neither map changes: steps of a and b (K, 2), and the source frames they stand for (K, 2)."""
    end = int(max(a.bands.max(initial=0), b.bands.max(initial=0)))
    pair = np.stack([a.steps_of(end), b.steps_of(end)], 1)
    both = np.asarray((pair >= 0).all(1))
    if not both.any():
        raise _Unknown("the two models looked at no common frame")
    new = np.concatenate([[True], (np.diff(pair, axis=0) != 0).any(1)])
    first = np.flatnonzero(new)
    last = np.append(first[1:], end)
    keep = both[first]
    return pair[first[keep]], np.stack([first[keep], last[keep]], 1)


def _correlation(x: Floats, y: Floats, weight: Floats, flat: float = FLAT, what: str = "is the same everywhere") -> float:
    """Weighted Pearson correlation; exactly 1 of anything with itself."""
    spreads = []
    for values, which in ((x, "first"), (y, "second")):
        if np.ptp(values) <= flat * np.abs(values).max():
            raise _Unknown(f"the {which} map {what}")
        # Scaled, so that the product of two variances neither overflows nor vanishes; then sqrt(v · v) is v to the bit.
        values = values / np.abs(values).max()
        spreads.append(values - np.average(values, weights=weight))
    dx, dy = spreads
    product = float((weight * dx * dx).sum()) * float((weight * dy * dy).sum())
    return float(np.clip((weight * dx * dy).sum() / np.sqrt(product), -1.0, 1.0))


def rank_correlation(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Spearman's rank correlation of two equally long rows of numbers; pairs with a NaN are left out, NaN where nothing varies."""
    known = np.isfinite(x) & np.isfinite(y)
    a, b = np.asarray(x, np.float64)[known], np.asarray(y, np.float64)[known]
    weight = np.ones(len(a))
    try:
        return _correlation(_ranks(a, weight), _ranks(b, weight), weight) if len(a) > 2 else float("nan")
    except _Unknown:
        return float("nan")


def _ranks(values: Floats, weight: Floats) -> Floats:
    """Weighted mid-ranks: values that are equal but for rounding share the middle of their places."""
    peak = float(np.abs(values).max())
    _, group = np.unique(np.round(values / peak / FLAT) if peak else values, return_inverse=True)
    size = np.bincount(group, weights=weight)
    return np.asarray((np.cumsum(size) - size / 2)[group])


def _overlap(x: Floats, y: Floats, weight: Floats) -> float:
    first, second = _strongest(x, weight, "first"), _strongest(y, weight, "second")
    return float(weight[first & second].sum() / weight[first | second].sum())


def _strongest(values: Floats, weight: Floats, which: str) -> NDArray[np.bool_]:
    """The strongest cells: together TOP of the weight (more where values tie), and only those with positive evidence."""
    if values.max() < NOTHING:
        raise _Unknown(f"the {which} map has no positive evidence where both models looked")
    order = np.argsort(-values, kind="stable")
    cut = int(np.searchsorted(np.cumsum(weight[order]), TOP * weight.sum()))
    return np.asarray(values >= max(values[order[min(cut, len(order) - 1)]], NOTHING))


def _share(values: Floats, weight: Floats, which: str) -> Floats:
    """Positive values as multiples of their own mean."""
    if values.max() < NOTHING:
        raise _Unknown(f"the {which} map has no positive evidence where both models looked")
    positive = np.maximum(values, 0)
    return np.asarray(positive / np.average(positive, weights=weight))
