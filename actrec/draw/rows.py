"""Grouped curves as the rows of a map over time, for the page and for print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import Track
from actrec.inputs.pose.body import GROUPS


@dataclass(frozen=True, eq=False)
class Rows:
    """names, groups (n): the curves, group by group.  edges (T + 1): seconds where one column ends and the next begins.  values (n, T)."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    edges: NDArray[np.float64]
    values: NDArray[np.float64]
    unit: str


def rows_of(tracks: Sequence[Track]) -> Rows | None:
    """The curves that have a group, in the unit of the first of them; None if there are none.

    A column reaches half way to its neighbours. A second that a curve has more than once, as where a short clip's last frame is held, counts as
    their mean.
    """
    grouped = [track for track in tracks if track.group and len(track.seconds)]
    grouped = [track for track in grouped if track.unit == grouped[0].unit]
    if not grouped:
        return None
    grouped.sort(key=lambda track: _order(track.group))
    seconds = np.unique(np.concatenate([track.seconds for track in grouped]))
    values = np.stack([_at(track, seconds) for track in grouped])
    middles = (seconds[1:] + seconds[:-1]) / 2
    half = 0.02  # for a single second
    first, last = (middles[0] - seconds[0], seconds[-1] - middles[-1]) if len(middles) else (half, half)
    edges = np.concatenate([[seconds[0] - first], middles, [seconds[-1] + last]])
    return Rows(tuple(t.title for t in grouped), tuple(t.group for t in grouped), edges, values, grouped[0].unit)


def _order(group: str) -> tuple[int, int, str]:
    """Person after person ("2: left arm"), each from head to foot, then what is no limb."""
    person, _, limb = group.rpartition(": ")
    return int(person) if person.isdecimal() else 0, GROUPS.index(limb) if limb in GROUPS else len(GROUPS), limb


def _at(track: Track, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve's values at some seconds, NaN where it has none."""
    known = np.isfinite(track.values)
    at = np.searchsorted(seconds, track.seconds[known])
    total, times = np.bincount(at, track.values[known], len(seconds)), np.bincount(at, minlength=len(seconds))
    return total / np.where(times > 0, times, np.nan)
