"""The exact way back: which source pixels a cell of a tap's grid covers, which source frames a step stands for, and which it has read.

A cell of a tap is centred on input pixel *index* `first + k · stride`, that is at `first + k · stride + ½` in the convention of `core.clip`, and is
one stride wide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from actrec.core.clip import Clip, Geometry
from actrec.core.evidence import Heat
from actrec.core.reach import Behind, Hop, field
from actrec.inputs.sampling import on_screen

Triple = tuple[float, float, float]
Numbers = NDArray[np.float64]


def heat(
    title: str,
    values: NDArray[np.float32],
    *,
    stride: Triple,
    first: Triple,
    past: Sequence[Hop] | None = None,
    clip: Clip,
    geometry: Geometry,
    unit: str,
    signed: bool = False,
) -> Heat:
    """Evidence on a tap's grid (K, h, w), laid over the source: which pixels the grid covers, which source frames each step stands for and has read.

    stride, first (t, y, x), past: the tap's, see `trace.Tap`.
    """
    values = np.asarray(values, np.float32)
    _, height, width = values.shape
    left, top = first[2] + 0.5 - stride[2] / 2, first[1] + 0.5 - stride[1] / 2
    box = (*geometry.to_source(left, top), *geometry.to_source(left + width * stride[2], top + height * stride[1]))
    x0, y0, x1, y1 = geometry.box
    seen = (max(x0, 0.0), max(y0, 0.0), min(x1, float(geometry.source[1])), min(y1, float(geometry.source[0])))
    return Heat(title, values, unit, box, seen, bands(clip, len(values), stride[0], first[0]), signed, fields(clip, len(values), past))


def bands(clip: Clip, steps: int, stride: float, first: float) -> NDArray[np.int64]:
    """Source frames first … last − 1 that each feature step stands for: int64 (steps, 2), without gaps or overlap.

    A step owns the input frames nearest to its centre (ties go to the later step), an input frame the source frames up to the next one sampled.
    A frame that was sampled more than once belongs to the first step that looked at it. The last band ends one sampling step behind the last
    sampled frame, or with the video. Steps that own no frame of their own get an empty band.
    """
    index = clip.index
    jumps = np.diff(index)
    gap = int(np.median(jumps[jumps > 0])) if (jumps > 0).any() else 1
    end = max(min(int(index[-1]) + gap, clip.video.frames), int(index[-1]) + 1)
    new = np.concatenate([[True], jumps > 0])
    following = np.append(index[1:], end)  # where the next sampled frame begins
    for i in range(len(index) - 2, -1, -1):
        if following[i] == index[i]:
            following[i] = following[i + 1]
    begin = np.append(np.where(new, index, following), end)
    owner = nearest_cell(np.arange(len(index)), stride, first, steps)
    edges = np.searchsorted(owner, np.arange(steps + 1), side="left")
    return np.stack([begin[edges[:-1]], begin[edges[1:]]], 1).astype(np.int64)


def fields(clip: Clip, steps: int, past: Sequence[Hop] | None) -> NDArray[np.int64] | None:
    """From the first to behind the last source frame that can reach each step: int64 (steps, 2); None where that is not known.

    Of the frames between, only those that were sampled can, and not even all of these where a stride passes over some; and those right behind a
    sampled one, where the network is given these too.
    """
    reads = None if past is None else field(past, len(clip.index))
    if past is None or reads is None or len(reads) != steps or not reads.any(1).all():
        return None
    last = reads.shape[1] - 1 - reads[:, ::-1].argmax(1)
    behind = sum(hop.frames for hop in past if isinstance(hop, Behind))
    return np.stack([clip.index[reads.argmax(1)], np.minimum(clip.index[last] + behind, clip.video.frames - 1) + 1], 1).astype(np.int64)


def nearest_cell(place: NDArray[np.int64] | float, stride: float, first: float, cells: int) -> NDArray[np.int64]:
    """Along one axis, the cell whose centre is nearest to an input frame or pixel *index*; ties go to the later cell."""
    return np.clip(np.floor((np.asarray(place, float) - first) / stride + 0.5).astype(np.int64), 0, cells - 1)


def cell_of(place: tuple[int, float, float], stride: Triple, first: Triple, grid: tuple[int, int, int]) -> tuple[int, int, int]:
    """The cell (t, y, x) of a (t, h, w) grid nearest to an input place (input frame, x, y); x and y in input pixels, pixel i covers [i, i + 1)."""
    frame, x, y = place
    t, r, c = (nearest_cell(v, stride[a], first[a], grid[a]) for a, v in enumerate((frame, y - 0.5, x - 0.5)))
    return int(t), int(r), int(c)


def centres(clip: Clip, geometry: Geometry, stride: Triple, first: Triple, grid: tuple[int, int, int]) -> tuple[Numbers, Numbers, Numbers]:
    """Where the cells of a (t, h, w) grid are centred in the source: seconds (t), y (h) and x (w) in pixels. A time between two frames is its own."""
    t, r, c = (np.asarray(first[axis] + np.arange(grid[axis]) * stride[axis], np.float64) for axis in range(3))
    x, y = geometry.to_source(c + 0.5, r + 0.5)
    return np.asarray(np.interp(t, np.arange(len(clip.index)), clip.seconds)), y, x


def place_of(clip: Clip, geometry: Geometry, seconds: float, x: float, y: float) -> tuple[int, float, float]:
    """Input place (input frame, x, y) of a source place: the sampled frame that stands for that second, kept inside the crop."""
    frame = int(on_screen(clip.video, seconds))
    i = max(int(np.searchsorted(clip.index, frame, side="right")) - 1, 0)
    i = int(np.searchsorted(clip.index, clip.index[i], side="left"))
    u, v = geometry.to_input(x, y)
    height, width = geometry.crop
    return i, float(np.clip(u, 0, np.nextafter(width, 0))), float(np.clip(v, 0, np.nextafter(height, 0)))
