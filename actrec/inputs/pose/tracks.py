"""From people found frame by frame to one row for each person.

Files that name their people (a track id, Kinect's body) are taken at their word. Elsewhere a person is followed from frame to frame by the mean
distance of the joints, measured in the person's own size: the nearest pairs first, none farther than `FAR`, over at most `GAP` frames of absence.
This is a simple tracker: people who cross may change places, and the overlay shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.core import settings
from actrec.inputs.pose.joints import Joints, JointsError, Values
from actrec.inputs.pose.layouts import Layout

FAR = 0.5
"""Mean distance of the joints, in diagonals of the person's box, beyond which it is somebody else."""

GAP = 15
"""Frames a person may be out of sight and still be the same."""

MOST = 50
"""People kept in a clip: those seen longest and surest."""


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
    people = [one for one in found if np.isfinite(one.joints).any()]
    last = max((one.frame for one in people), default=-1)
    allowed = settings.limits().max_frames
    if (last + 1 if frames is None else len(frames)) > allowed:
        raise JointsError(f"{source or 'the file'} has frame number {last}, but a clip may have {allowed} frames; cut it, or raise ACTREC_MAX_FRAMES")
    numbers = np.arange(last + 1) if frames is None else np.unique(np.asarray(frames, np.int64))
    step = {int(number): t for t, number in enumerate(numbers)}
    names = [one.who for one in people] if all(one.who is not None for one in people) else follow(people)
    weight: dict[str | None, float] = {}
    for name, one in zip(names, people, strict=True):
        weight[name] = weight.get(name, 0.0) + float(np.nansum(one.joints[:, 2])) + 1e-3
    kept = {name: p for p, name in enumerate(sorted(weight, key=lambda name: -weight[name])[:MOST])}
    values = np.full((len(kept), len(numbers), len(layout), 3), np.nan, np.float32)
    for name, one in zip(names, people, strict=True):
        if name in kept and one.frame in step:
            values[kept[name], step[one.frame]] = one.joints
    left_out = f"{len(weight) - MOST} more people left out" if len(weight) > MOST else ""
    return Joints(values, layout, numbers, source, size=size, note="; ".join(filter(None, (note, left_out))))


def follow(found: Sequence[Found]) -> list[str]:
    """A name for the person of every find, in the order given."""
    names = [""] * len(found)
    by_frame: dict[int, list[int]] = {}
    for i, one in enumerate(found):
        by_frame.setdefault(one.frame, []).append(i)
    last: dict[str, int] = {}  # name: the find it was last seen in
    for frame in sorted(by_frame):
        here = by_frame[frame]
        alive = {name: i for name, i in last.items() if frame - found[i].frame <= GAP}
        pairs = sorted((apart(found[i].joints, found[j].joints), name, j) for name, i in alive.items() for j in here)
        taken: set[str] = set()
        for distance, name, j in pairs:
            if distance <= FAR and name not in taken and not names[j]:
                names[j], last[name] = name, j
                taken.add(name)
        for j in here:
            if not names[j]:
                names[j] = str(len(last))
                last[names[j]] = j
    return names


def apart(a: Values, b: Values) -> float:
    """Mean distance of the joints known in both (R, 3), in diagonals of the larger box around either; infinite if they share none."""
    both = np.isfinite(a[:, 0]) & np.isfinite(b[:, 0])
    if not both.any():
        return float("inf")
    size = max(float(np.linalg.norm(np.nanmax(one[:, :2], 0) - np.nanmin(one[:, :2], 0))) for one in (a, b))
    return float(np.linalg.norm(a[both, :2] - b[both, :2], axis=-1).mean()) / max(size, 1e-6)
