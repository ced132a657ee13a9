"""Whether joints can be those of a clip: numbers cannot prove it, but a wrong unit, size or file can often be seen from them."""

from __future__ import annotations

import numpy as np

from actrec.core.clip import Video
from actrec.inputs.pose import units
from actrec.inputs.pose.joints import Joints

OUTSIDE = 0.3
"""Share of joints outside the picture from which on it is another clip's file, or measured in a larger picture."""

TINY = 0.02
"""Diagonal of the box around a person, in the picture's shorter sides, below which nothing can be seen that they do."""


def doubts(joints: Joints, video: Video, steps: int, size: tuple[int, int] | None) -> list[str]:
    """Reasons to doubt that these are the joints of this clip, with what would mend it.

    joints: in the video's pixels.  steps: frames of the clip that the file says something of.  size: as the file said it.
    """
    found = []
    if steps < 0.5 * video.frames:
        found.append(
            f"fewer than half of the frames have joints in the file ({steps} of {video.frames}): check the offset, and that it belongs to this clip"
        )
    if not joints.known.any():
        return [*found, "no joint has a place on the clip's frames: choose another file"]
    return [*found, *_outside(joints, video), *(_small(joints, video) or _corner(joints, video, size))]


def _outside(joints: Joints, video: Video) -> list[str]:
    x, y = joints.xy[joints.known].T
    out = 100 * float(((x < 0) | (x >= video.width) | (y < 0) | (y >= video.height)).mean())
    way = "is this another clip's file, or were they measured in a larger picture (#units=WIDTHxHEIGHT)?"
    return [f"{out:.0f} % of the joints lie outside the picture of {video.width}×{video.height}: {way}"] if out > 100 * OUTSIDE else []


def _small(joints: Joints, video: Video) -> list[str]:
    """People so small that their joints lie at one place: fractions taken for pixels, or a broken file."""
    several = joints.known.sum(2) >= 3
    if not several.any():
        return []
    xy = joints.xy[several]
    box = np.nanmax(xy, 1) - np.nanmin(xy, 1)
    long = float(np.median(np.hypot(box[:, 0], box[:, 1])))
    if long >= TINY * min(video.width, video.height):
        return []
    way = f"if they are {units.UNITS['fractions']}, add #units=fractions; else choose another file"
    where = f"people are {long:.1f} pixels from end to end" if long >= 0.1 else "all joints of a person lie at one place"
    return [f"{where} in a picture of {video.width}×{video.height}: {way}"]


def _corner(joints: Joints, video: Video, size: tuple[int, int] | None) -> list[str]:
    """Everybody in the top left quarter of the picture all the time, as joints are that were measured in a smaller copy."""
    x, y = joints.xy[joints.known].T
    if ((x < video.width / 2) & (y < video.height / 2)).mean() < units.MOST:
        return []
    times = min(video.width / max(float(np.quantile(x, units.MOST)), 1.0), video.height / max(float(np.quantile(y, units.MOST)), 1.0))
    width, height = (max(1, round(side / 2 ** int(np.log2(times)))) for side in size or (video.width, video.height))
    way = f"if they were measured in a smaller copy, such as {width}×{height}, add #units={width}x{height}" if width > 2 else "look at the picture"
    return [f"all joints lie in the top left quarter of the picture of {video.width}×{video.height}: {way}"]
