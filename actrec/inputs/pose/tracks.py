"""From people found frame by frame to one row for each person.

Files that name their people (a track id, Kinect's body) are taken at their word. Elsewhere a person is followed from frame to frame by the mean
distance of the joints, measured in the person's own size: as many as can be are followed over the shortest way together, none farther than `FAR`,
over at most `GAP` frames of absence.
This is a simple tracker: people who cross may change places, and the overlay shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from actrec.core import settings
from actrec.inputs.pose.joints import MOST_PLACES, Joints, JointsError, Values
from actrec.inputs.pose.layouts import Layout

FAR = 0.5
"""Mean distance of the joints, in diagonals of the person's box, beyond which it is somebody else."""

GAP = 15
"""Frames a person may be out of sight and still be the same."""

MOST = 50
"""People kept in a clip: those seen longest and surest."""

MOST_AT_ONCE = 100
"""People of one frame who are followed: the surest. They are looked for among twice as many who were seen last."""


@dataclass(frozen=True, eq=False)
class Found:
    """A person in a frame: joints (R, 3), NaN where missing; who, if the file says."""

    frame: int
    joints: Values
    who: str | None = None


def gather(
    found: Iterable[Found],
    layout: Layout,
    *,
    frames: NDArray[np.int64] | None = None,
    source: str = "",
    size: tuple[int, int] | None = None,
    note: str = "",
) -> Joints:
    """Joints of everybody, those seen longest and surest first.

    frames: the frame numbers that were looked at, with people or without; by default all from 0 to the last that has somebody.

    Raises:
        JointsError: more frames than a clip may have.
    """
    people = list(found)
    marks = np.stack([one.joints for one in people]) if people else np.zeros((0, len(layout), 3), np.float32)
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(marks).all(2))
    there = np.flatnonzero(whole.any(1))
    sure = (np.where(whole, marks[..., 2], 0).sum(1)[there] + 1e-3).tolist()
    people = [people[i] for i in there]
    last = max((one.frame for one in people), default=-1)
    allowed = settings.limits().max_frames
    if (last + 1 if frames is None else len(frames)) > allowed:
        raise JointsError(f"{source or 'the file'} has frame number {last}, but a clip may have {allowed} frames; cut it, or raise ACTREC_MAX_FRAMES")
    numbers = np.arange(last + 1) if frames is None else np.unique(np.asarray(frames, np.int64))
    step = {int(number): t for t, number in enumerate(numbers)}
    names = [one.who for one in people] if all(one.who is not None for one in people) else follow(people)
    weight: dict[str | None, float] = {}
    for name, weighs in zip(names, sure, strict=True):
        weight[name] = weight.get(name, 0.0) + weighs
    lost = weight.pop(None, 0.0)
    most = min(MOST, max(1, MOST_PLACES // (max(len(numbers), 1) * len(layout))))
    kept = {name: p for p, name in enumerate(sorted(weight, key=lambda name: -weight[name])[:most])}
    values = np.full((len(kept), len(numbers), len(layout), 3), np.nan, np.float32)
    for name, one in zip(names, people, strict=True):
        if name in kept and one.frame in step:
            values[kept[name], step[one.frame]] = one.joints
    notes = [note, f"{len(weight) - most} more people left out" if len(weight) > most else ""]
    notes.append(f"of frames with more than {MOST_AT_ONCE} people only the surest {MOST_AT_ONCE} were followed" if lost else "")
    return Joints(values, layout, numbers, source, size=size, note="; ".join(filter(None, notes)))


def follow(found: Sequence[Found]) -> list[str | None]:
    """A name for the person of every find, in the order given; None for those who are too many (see `MOST_AT_ONCE`)."""
    names: list[str | None] = [None] * len(found)
    by_frame: dict[int, list[int]] = {}
    for i, one in enumerate(found):
        by_frame.setdefault(one.frame, []).append(i)
    last: dict[str, int] = {}  # name: the find they were last seen in, the latest at the end
    new = count()
    for frame in sorted(by_frame):
        here = by_frame[frame]
        here = here if len(here) <= MOST_AT_ONCE else sorted(here, key=lambda i: -np.nansum(found[i].joints[:, 2]))[:MOST_AT_ONCE]
        last = dict([(name, i) for name, i in last.items() if frame - found[i].frame <= GAP][-2 * MOST_AT_ONCE :])
        alive = list(last)
        if alive:
            way = apart(np.stack([found[last[name]].joints for name in alive]), np.stack([found[i].joints for i in here]))
            for a, b in _pairs(way):
                names[here[b]] = alive[a]
        for i in here:
            name = names[i] = names[i] or str(next(new))
            last.pop(name, None)
            last[name] = i
    return names


def _pairs(way: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Who is whom: as many pairs as can be, none farther apart than `FAR`, over the shortest way together."""
    from scipy.optimize import linear_sum_assignment  # takes a third of a second, and most files name their people or have one

    allowed = way <= FAR
    a, b = linear_sum_assignment(np.where(allowed, way, 2 * FAR * max(len(way), 1)))
    return [(int(i), int(j)) for i, j in zip(a, b, strict=True) if allowed[i, j]]


def apart(a: Values, b: Values) -> NDArray[np.float32]:
    """Mean distances (A, B) of the joints known in both of two people, in diagonals of the larger box around either; infinite if they share none.

    a: (A, R, 3).  b: (B, R, 3).
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # who shares no joint, or is farther than can be counted, is not near
        (here, known, size), (there, also_known, other_size) = _placed(a), _placed(b)
        shared = known @ also_known.T
        mean = np.nansum(np.abs(here[:, None] - there), -1) / shared / np.maximum(np.maximum(size[:, None], other_size), 1e-6)
    return np.where(shared > 0, mean, np.inf).astype(np.float32)


def _placed(people: Values) -> tuple[NDArray[np.complex64], NDArray[np.float32], NDArray[np.float32]]:
    """x + iy of people's joints (P, R, 3), NaN where missing; 1 where they are known, else 0; and the diagonals (P) of the boxes around them."""
    known: NDArray[np.bool_] = np.asarray(np.isfinite(people).all(-1))
    xy = np.where(known[..., None], people[..., :2], np.float32(np.nan))
    long: NDArray[np.float32] = np.linalg.norm(np.nanmax(xy, 1) - np.nanmin(xy, 1), axis=-1)
    return xy[..., 0] + np.complex64(1j) * xy[..., 1], known.astype(np.float32), long
