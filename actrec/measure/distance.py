"""How far attention reaches: the mean distance from a place to what it attends to, in space and in time, against an even spread.

Theory (dosovitskiy2020image, §4.5, in space): Σ_j a_j d_j with the weights a_j of a row and the distance d_j from the place to j. How large that can
be at all depends on where the place lies, so the same mean with equal weights stands beside it. A row with negative numbers is no spread: it has no
mean distance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import Finding
from actrec.core.words import number

Numbers = NDArray[np.float64]

NAMES = ("distance in space", "distance in time")
UNITS = ("source pixels", "s")
OWN = ("in its own spot", "at its own moment")


def reached(
    row: NDArray[np.float32], centres: tuple[Numbers, Numbers, Numbers], place: tuple[float, float, float]
) -> tuple[tuple[float, float], ...]:
    """Of a row of weights: its mean distance from the place and that of an even spread, in source pixels and then in seconds.

    row (K, h, w): 0 or more, NaN where the place cannot look.  centres: seconds (K), y (h) and x (w) of the cells.  place: seconds, y, x.

    NaN where a row has no weights.

    Raises:
        ValueError: a negative weight.
    """
    weights, known = np.nan_to_num(row.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0), np.isfinite(row)
    if (weights < 0).any():
        raise ValueError("a row with negative weights has no mean distance")
    seconds, y, x = (np.abs(axis - here) for axis, here in zip(centres, place, strict=True))
    space = np.broadcast_to(np.hypot(y[:, None], x), row.shape)
    time = np.broadcast_to(seconds[:, None, None], row.shape)
    total = weights.sum()
    if not total > 0:
        return ((math.nan, math.nan),) * 2
    pairs = ((float((weights * way).sum() / total), float(way[known].mean())) for way in (space, time))
    return tuple((even if math.isclose(mean, even, rel_tol=1e-6) else mean, even) for mean, even in pairs)  # float32 weights tell no more digits


def findings(row: NDArray[np.float32], centres: tuple[Numbers, Numbers, Numbers], place: tuple[float, float, float]) -> tuple[Finding, ...]:
    """The same in words, see `reached`."""
    found = reached(row, centres, place)
    return tuple(Finding(name, mean, _said(i, mean, even)) for i, (name, (mean, even)) in enumerate(zip(NAMES, found, strict=True)))


def _said(which: int, mean: float, even: float) -> str:
    name, unit = NAMES[which], UNITS[which]
    if math.isnan(mean):
        return f"This row has no weights, so its mean {name} is not known."
    if even == 0:
        return f"All that this place can attend to lies {OWN[which]}, so there is no {name} to measure."
    shown, usual = number(mean), number(even)
    how = "as far as" if shown == usual else "nearer than" if mean < even else "farther than"
    return f"Mean {name} from this place to what it attends to: {shown} {unit}; an even spread would give {usual} {unit}, so it looks {how} that."
