"""What is looked at: a video's frame table, decoded frames, and how they become a model's input.

Two coordinate systems appear everywhere and never mix silently:

* *source* pixels: x to the right, y down, in the upright decoded frame; pixel i covers [i, i + 1), so its centre is i + 0.5;
* *input* pixels: the same convention inside the model's crop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import Box

Place = TypeVar("Place", float, NDArray[np.float64])
"""One number, or many."""


@dataclass(frozen=True, eq=False)
class Video:
    """A video file's frame table: what is in it and when, without the pixels.

    seconds (N): presentation time of every decodable frame, increasing, the first at 0.
    width, height: upright, after the rotation (degrees anticlockwise) in the file's metadata.  lost: packets that would not decode.
    pts (N) int64, keys (K, 2) int64: the decoder's way back to a frame, in the stream's own ticks: every frame's time stamp, and (pts, dts) of the
    frames where decoding can begin. Without pts, where stamps cannot be trusted, frames are counted from the first one on; without keys, where what
    comes after a seek cannot be, they are decoded from there.
    notes: what the reader must know of the file and how it is shown, in sentences.
    """

    path: Path
    sha256: str
    seconds: NDArray[np.float64]
    width: int
    height: int
    rotation: int
    codec: str
    lost: int = 0
    pts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64), repr=False)
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        return len(self.seconds)

    @property
    def duration(self) -> float:
        """Seconds until the last frame leaves the screen (its own length taken as the median step)."""
        return float(self.seconds[-1]) + self.step

    @property
    def step(self) -> float:
        """Median seconds between frames (1/25 for a single frame)."""
        return float(np.median(np.diff(self.seconds))) if self.frames > 1 else 0.04

    @property
    def fps(self) -> float:
        return 1.0 / self.step


@dataclass(frozen=True, eq=False)
class Clip:
    """Decoded frames and where they came from.

    frames uint8 (T, H, W, 3) RGB.  index (T): source frame numbers, not decreasing, repeated where the clip was padded.
    seconds (T): their true presentation times.  padding: how a short video was filled up, "" if it was not.
    beside: what else a model is given, by the stream's name, where it can be drawn: one entry for each frame (joints: (T, R, 3), x and y in source
    pixels and a score).
    """

    video: Video
    frames: NDArray[np.uint8]
    index: NDArray[np.int64]
    seconds: NDArray[np.float64]
    padding: str = ""
    beside: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.frames.shape))
        return f"Clip({self.video.path.name}, {shape}, {self.seconds[0]:.3f}–{self.seconds[-1]:.3f} s)"


@dataclass(frozen=True)
class Sampling:
    """Which frames a model looks at.

    kind "dense": `span` consecutive source frames, `frames` of them evenly (DAM §4.2: 64 → 32); with `rate`, frames at that many per second instead.
    kind "uniform": `frames` evenly over the whole video, first and last included.  kind "segments": the middle frame of each of `frames` equal parts.
    """

    kind: Literal["dense", "uniform", "segments"]
    frames: int
    span: int | None = None
    rate: float | None = None

    def __str__(self) -> str:
        if self.kind != "dense":
            return f"{self.frames} frames over the whole video ({self.kind})"
        return f"{self.frames} frames at {self.rate:g} per second" if self.rate else f"{self.span} consecutive frames, {self.frames} of them evenly"


@dataclass(frozen=True)
class Preprocess:
    """Pixels to model input: resize (one number: the short side; two: height, width), centre crop, scale to [0, 1], normalise.

    antialias: weigh all source pixels when shrinking. torchvision's video presets do not.
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int]
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    antialias: bool = True


@dataclass(frozen=True)
class Geometry:
    """The exact way between source pixels and input pixels: `input = source · scale − offset`, per axis, pixel edges on integers."""

    source: tuple[int, int]  # height, width
    resized: tuple[int, int]
    crop: tuple[int, int]
    offset: tuple[int, int]  # top, left of the crop in the resized frame

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per source pixel, (y, x)."""
        return self.resized[0] / self.source[0], self.resized[1] / self.source[1]

    def to_source(self, x: Place, y: Place) -> tuple[Place, Place]:
        sy, sx = self.scale
        return (x + self.offset[1]) / sx, (y + self.offset[0]) / sy

    def to_input(self, x: Place, y: Place) -> tuple[Place, Place]:
        sy, sx = self.scale
        return x * sx - self.offset[1], y * sy - self.offset[0]

    @property
    def filled(self) -> tuple[slice, slice]:
        """The rows and columns of the crop that the frame fills; beyond them it is black."""
        rows, columns = (slice(max(-o, 0), min(size - o, crop)) for o, size, crop in zip(self.offset, self.resized, self.crop, strict=True))
        return rows, columns

    @property
    def box(self) -> Box:
        """The crop in source pixels: outside it the model saw nothing."""
        return (*self.to_source(0, 0), *self.to_source(self.crop[1], self.crop[0]))
