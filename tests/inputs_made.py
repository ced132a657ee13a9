"""Videos without a file, clips of black frames, and crops of every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from actrec.core.clip import Clip, Geometry, Preprocess, Sampling, Video
from actrec.inputs import pixels

DENSE = Sampling("dense", 32, span=64)
SAMPLERS = [
    DENSE,
    Sampling("dense", 8),
    Sampling("dense", 16, rate=15),
    Sampling("uniform", 8),
    Sampling("segments", 3),
    Sampling("dense", 5, span=13),
]
quick = settings(max_examples=80, deadline=None)


def table(seconds: np.ndarray | int, height: int = 240, width: int = 320) -> Video:
    """A video without a file: `seconds` are its times, or a number of frames at 25 per second."""
    times = np.arange(seconds) / 25 if isinstance(seconds, int) else np.asarray(seconds, float)
    return Video(Path("made.mp4"), "0" * 64, times, width, height, 0, "none")


sizes = st.integers(24, 200)


@st.composite
def geometries(draw) -> Geometry:
    resize = draw(st.integers(16, 120) | st.tuples(st.integers(16, 120), st.integers(16, 120)))
    crop = (draw(st.integers(8, 120)), draw(st.integers(8, 120)))
    return pixels.geometry(table(5, draw(sizes), draw(sizes)), Preprocess(resize, crop))


def looked_at(frames: int, index: list[int] | np.ndarray) -> Clip:
    """A clip of these frames of such a video; a number past its end is its last frame, held."""
    source = table(frames)
    index = np.asarray(index, np.int64)
    return Clip(source, np.zeros((len(index), 1, 1, 3), np.uint8), index, source.seconds[np.minimum(index, frames - 1)])
