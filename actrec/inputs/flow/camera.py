"""How the camera moved between two frames: a homography, found from points that could be followed and of which most agree on one.

Corners (Shi and Tomasi, 1994) are followed by pyramidal Lucas–Kanade, there and back; RANSAC finds the homography. It holds for a camera that turns
or zooms, and for one that travels past a flat scene; what is near moves otherwise than what is far, and no homography knows that.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.inputs.flow.backend import Frames

SIDE = 480
"""Pixels of the longer side that points are followed on; larger frames are shrunk for it."""

CORNERS, QUALITY, APART = 400, 0.002, 8
"""The most corners, how weak one may be beside the strongest, and pixels between two. Tried on the mannequins: with stronger and denser ones many
lie on the figure, and the homography becomes the figure's."""

BACK, NEAR = 0.5, 1.0
"""Pixels by which a point may miss its corner when it is followed back, and by which it may miss a homography that it agrees with."""

LEAST, MOST_OF, SPREAD = 16, 0.5, 0.35
"""Too little to believe in (our choice): fewer points that agree, less than this share of those followed, or all of them within less than this
share of the picture: then they may lie on one thing that moves."""


def homography(first: Frames, second: Frames) -> NDArray[np.float64] | None:
    """The map (3, 3) of places (x, y, 1) in the first frame (H, W, 3) to the second, in its pixels; pixel i covers [i, i + 1).

    None where it cannot be found: too few points, or points that do not agree.
    """
    scale = min(SIDE / max(first.shape[:2]), 1.0)
    a, b = (_grey(frame, scale) for frame in (first, second))
    corners = cv2.goodFeaturesToTrack(a, CORNERS, QUALITY, APART)
    if corners is None or len(corners) < LEAST:
        return None
    follow: Any = cv2.calcOpticalFlowPyrLK  # its stub does without the None that it needs
    there, found, _ = follow(a, b, corners, None)
    back, returned, _ = follow(b, a, there, None)
    kept = (found & returned).astype(bool)[:, 0] & (np.linalg.norm(back - corners, axis=-1)[:, 0] < BACK)
    if kept.sum() < LEAST:
        return None
    one, other = corners[kept, 0], there[kept, 0]
    matrix, agree = cv2.findHomography(one, other, cv2.RANSAC, NEAR)
    if matrix is None or not _believed(one, agree[:, 0].astype(bool), a.shape[0] * a.shape[1]):
        return None
    size = np.array([[a.shape[1] / first.shape[1], 0, -0.5], [0, a.shape[0] / first.shape[0], -0.5], [0, 0, 1]])  # OpenCV's pixel i is centred on i
    return np.asarray(np.linalg.inv(size) @ matrix @ size)


def moved(matrix: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far places (…, 2: x, y) go by a homography: (…, 2)."""
    x, y, w = np.moveaxis(np.concatenate([places, np.ones((*places.shape[:-1], 1))], -1) @ matrix.T, -1, 0)
    return np.stack([x / w, y / w], -1) - places


def _grey(frame: Frames, scale: float) -> Frames:
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _believed(places: NDArray[np.float32], agree: NDArray[np.bool_], area: int) -> bool:
    if agree.sum() < max(LEAST, MOST_OF * len(places)):
        return False
    return cv2.contourArea(cv2.convexHull(places[agree])) >= SPREAD * area
