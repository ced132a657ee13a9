"""Optical flow between frames."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def between(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Displacements x and y in pixels, float32 (T − 1, H, W, 2), of frames uint8 (T, H, W, 3): what is at p in a frame is at p + flow[p] in the next."""
    grey = [cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in frames]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.stack([dis.calc(one, two, None) for one, two in zip(grey[:-1], grey[1:], strict=True)]).astype(np.float32)
