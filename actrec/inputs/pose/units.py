"""What the numbers of a file of joints are measured in: pixels of the clip or of a copy of another size, or fractions of the picture.

Detectors that give fractions (MediaPipe, OpenPose with --keypoint_scale) and clips that were made smaller before the joints were estimated put joints
into a corner of the picture, where a model takes them for another action.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from actrec.core.clip import Video
from actrec.inputs.pose.joints import Joints, JointsError, Values

UNITS: Mapping[str, str] = {
    "pixels": "pixels of the clip",
    "fractions": "fractions of the picture, from 0 to 1",
    "centred": "fractions of the picture, from −1 to 1 with 0 in its middle",
}
"""What can be said of a file besides WIDTHxHEIGHT: pixels of a picture of that size."""

MOST = 0.98
"""Share of the joints from which on all are said to be so: estimators lose single joints far away."""


def unit(text: str) -> str:
    """A unit as it is written.

    Raises:
        JointsError: there is none such.
    """
    found = re.fullmatch(r"0*([1-9]\d{0,5})\s*[x×]\s*0*([1-9]\d{0,5})", text, re.IGNORECASE | re.ASCII)
    if found is None and text not in UNITS:
        raise JointsError(f"units={text} is not a unit of joints; write {', '.join(UNITS)}, or the size of the picture as in 640x480")
    return f"{found[1]}x{found[2]}" if found else text


def told(text: str) -> str:
    """A unit in words."""
    return UNITS.get(text) or f"pixels of a picture of {text.replace('x', '×')}"


def taken(joints: Joints, text: str, video: Video) -> Joints:
    """The joints as measured in a unit, whatever their file says; as the file says where it is empty."""
    if not text:
        return joints
    if text == "centred":
        return replace(joints, size=(2, 2), centred=True)
    width, height = (video.width, video.height) if text == "pixels" else (1, 1) if text == "fractions" else map(int, text.split("x"))
    return replace(joints, size=(width, height), centred=False)


def fractions(values: Values) -> str:
    """The unit of UNITS that places (…, 3) are measured in if they are fractions, else "": nobody is a pixel and a half tall."""
    xy = values[np.isfinite(values).all(-1)][:, :2]
    if not len(xy) or ((xy > -1.1) & (xy < 1.5)).all(1).mean() < MOST:
        return ""
    return "centred" if (xy < 0).any(1).mean() > 0.2 and (np.abs(xy) < 1.1).all(1).mean() >= MOST else "fractions"


def pixels_from(first: float, values: Values) -> Values:
    """Places (…, 3) of pixels that are counted from `first`, as ours: the middle of the first pixel is ½. Fractions stay what they are."""
    return values if fractions(values) else values + np.array([0.5 - first, 0.5 - first, 0], values.dtype)
