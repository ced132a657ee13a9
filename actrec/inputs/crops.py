"""Crops of a clip's frames, and the same crops of what is marked on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CORNER = (1.0, 0.875, 0.75, 0.66)
"""Scale jitter of the temporal-segment networks' recipe, which DAM §4.2 names: the crop's side as a share of the short side."""
NEAR = (1.0, 0.94, 0.875)
"""Our milder jitter for pictures whose actor is small and near the middle: corner crops would cut the action off."""

CROPS_OF_ALL = ("corner", "near")
"""Crops that are a share of the picture, whatever its size; the others are in the model's own scale."""


@dataclass(frozen=True)
class Cut:
    """A part of a picture: `height` × `width` pixels from (top, left), mirrored or not, then brought to the size `to` (height, width)."""

    top: int
    left: int
    height: int
    width: int
    flip: bool = False
    to: tuple[int, int] | None = None

    def pixels(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of frames (T, H, W, 3)."""
        frames = frames[:, self.top : self.top + self.height, self.left : self.left + self.width]
        if self.flip:
            frames = frames[:, :, ::-1]
        if self.to is None:
            return frames
        shrinks = min(self.height / self.to[0], self.width / self.to[1]) > 1.5  # frames not shrunk before would alias
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.stack([cv2.resize(np.ascontiguousarray(f), self.to[::-1], interpolation=how) for f in frames])

    def flow(self, fields: NDArray[np.float32]) -> NDArray[np.float32]:
        """The part of fields (T, H, W, 2) of displacements x and y in pixels, in pixels of the part."""
        fields = fields[:, self.top : self.top + self.height, self.left : self.left + self.width]
        if self.flip:
            fields = fields[:, :, ::-1] * np.array([-1, 1], np.float32)
        if self.to is None:
            return np.ascontiguousarray(fields)
        scale = np.array([self.to[1] / self.width, self.to[0] / self.height], np.float32)
        how = cv2.INTER_AREA if scale.max() < 1 else cv2.INTER_LINEAR
        return np.stack([cv2.resize(np.ascontiguousarray(f), self.to[::-1], interpolation=how) * scale for f in fields])

    def joints(self, values: NDArray[np.float32], mirrored: Sequence[int]) -> NDArray[np.float32]:
        """Joints (people, T, R, 3) of the frames as joints (T, people · R, 3) of the part, x and y in its pixels; some may lie outside it.

        mirrored: every joint's other side. In a mirrored picture a left hand is a right hand.
        """
        x, y, score = (values[..., i] for i in range(3))
        x, y = x - self.left, y - self.top
        if self.flip:
            x, y, score = (self.width - x)[..., mirrored], y[..., mirrored], score[..., mirrored]
        if self.to is not None:
            x, y = x * (self.to[1] / self.width), y * (self.to[0] / self.height)
        cut = np.stack([x, y, score], -1).astype(np.float32).transpose(1, 0, 2, 3)
        return np.ascontiguousarray(cut.reshape(len(cut), -1, 3))


def fixed(size: tuple[int, int], crop: tuple[int, int], count: int) -> list[Cut]:
    """The centre crop of pictures of that size (height, width); or three squares of the short side, at both ends and the middle of the long one."""
    height, width = size
    if count == 1:
        return [Cut(round((height - crop[0]) / 2), round((width - crop[1]) / 2), *crop)]
    short = min(height, width)
    return [Cut((height - short) * step // 2, (width - short) * step // 2, short, short) for step in range(3)]


def drawn(size: tuple[int, int], crop: tuple[int, int], crops: str, flip: bool, draw: np.random.Generator) -> Cut:
    """A training crop of pictures of that size (height, width), brought to the size `crop`; how, as `Windows` says."""
    height, width = size
    short = min(height, width)
    if crops in CROPS_OF_ALL:
        h, w = (round(short * draw.choice(CORNER if crops == "corner" else NEAR)) for _ in range(2))
    else:
        h, w = min(crop[0], height), min(crop[1], width)
    top, left = (height - h) // 2, (width - w) // 2
    if crops == "corner":
        places = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w), (top, left)]
        top, left = places[int(draw.integers(5))]
    elif crops == "near":
        top, left = (height - short) // 2 + int(draw.integers(short - h + 1)), (width - short) // 2 + int(draw.integers(short - w + 1))
    elif crops == "random":
        top, left = int(draw.integers(height - h + 1)), int(draw.integers(width - w + 1))
    return Cut(top, left, h, w, bool(flip and draw.random() < 0.5), crop)
