"""NTU RGB+D's skeletons, as Kinect v2 saw them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actrec.core import settings
from actrec.core.outside import Budget, content
from actrec.inputs.pose.joints import HIDDEN, Joints, JointsError
from actrec.inputs.pose.layouts import LAYOUTS
from actrec.inputs.pose.tracks import Found, gather

COLOUR_SIZE = (1920, 1080)
"""The colour picture of Kinect v2 in which NTU's skeletons are measured."""

TRACKED = {2: 1.0, 1: HIDDEN}
"""Kinect's tracking states as scores; 0, not tracked, is no joint."""


def read_ntu(path: Path, spend: Budget) -> Joints:
    """NTU RGB+D's skeletons: each body's joints in the colour picture of 1920 × 1080; those Kinect inferred have the score `HIDDEN`.

    Bodies come in the order in which they are seen longest and surest; some are no people: Kinect takes chairs for them too.

    Raises:
        JointsError: it ends too early, or is something else.  TooMuch.
    """
    try:
        text = content(path, spend)
        spend.items(sum(text.count(space) for space in b" \n\r\t\v\f"))
        frames, found = _bodies(str(text, "ascii").split())
    except (IndexError, ValueError, OverflowError, OSError) as error:
        why = "it ends too early" if isinstance(error, IndexError) else str(error)
        raise JointsError(f"{path.name} cannot be read as an NTU skeleton file ({why}); unpack the skeletons again") from None
    looked = np.arange(max(0, min(frames, settings.limits().max_frames + 1)))
    return gather(found, LAYOUTS["ntu25"], frames=looked, source=path.name, size=COLOUR_SIZE)


def _bodies(words: list[str]) -> tuple[int, list[Found]]:
    """How many frames there are, and the bodies in them."""
    place, frames, found = 1, int(words[0]), list[Found]()
    for frame in range(frames):
        bodies = int(words[place])
        place += 1
        for _ in range(bodies):
            who, count = words[place], int(words[place + 10])  # body, six flags, lean x and y, its state; then its joints
            if count != 25:
                raise ValueError(f"a body of {count} joints")
            rows = np.array(words[place + 11 : place + 11 + 12 * count], np.float64).reshape(count, 12)
            place += 11 + 12 * count
            state = np.array([TRACKED.get(int(one), np.nan) for one in rows[:, 11]])
            joints = np.column_stack([rows[:, 5:7], state]).astype(np.float32)  # after x, y, z and the depth picture's x, y
            joints[~np.isfinite(joints).all(1)] = np.nan
            found.append(Found(frame, joints, who))
    return frames, found
