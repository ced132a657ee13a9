"""Which frames a model looks at, how they become its input, and the exact way back.

Forward: `sample` picks source frames, `load` decodes them, `to_input` resizes, crops and normalises — number for number what torchvision's
`VideoClassification` preset does. Back: `heat` lays a feature grid over the source frame and over source time; `on_source` reads it at any size.

Conventions (see `types`): pixel i covers [i, i + 1). A cell of a tap is centred on input pixel *index* `first + k · stride`, that is at
`first + k · stride + ½`, and is one stride wide.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from actrec import video as videos
from actrec.core.clip import Clip, Geometry, Preprocess, Sampling, Video
from actrec.core.evidence import Heat

EARLY = 6e-4
"""Seconds a frame may be late and still count as on screen: containers round time stamps (Matroska to 1 ms, so by up to half of one)."""

Triple = tuple[float, float, float]


def sample(video: Video, sampling: Sampling, start: float = 0.0) -> tuple[NDArray[np.int64], str]:
    """Source frame numbers (T), not decreasing, and how a short video was padded ("" if it was not).

    start: seconds where a dense window begins; moved forward in the video as little as makes the window fit, where it can. The other kinds
    look at the whole video and take no notice of it.
    """
    if sampling.kind == "uniform":
        index = np.floor(np.linspace(0, video.frames - 1, sampling.frames) + 0.5).astype(np.int64)
        return index, _repeats(video, sampling)
    if sampling.kind == "segments":
        index = ((2 * np.arange(sampling.frames) + 1) * video.frames // (2 * sampling.frames)).astype(np.int64)
        return index, _repeats(video, sampling)
    return _at_rate(video, sampling.frames, sampling.rate, start) if sampling.rate else _consecutive(video, sampling, start)


def span(video: Video, sampling: Sampling) -> int:
    """How many source frames a model's window reaches over; all of the video's where it is no window."""
    if sampling.kind != "dense":
        return video.frames
    return round((sampling.frames - 1) / sampling.rate / video.step) + 1 if sampling.rate else sampling.span or sampling.frames


def on_screen(video: Video, seconds: NDArray[np.float64] | float) -> NDArray[np.int64]:
    """Number of the frame that is on screen at each time; before the first frame it is the first."""
    return np.maximum(np.searchsorted(video.seconds, np.asarray(seconds, float) + EARLY, side="right") - 1, 0)


def load(video: Video, sampling: Sampling, start: float = 0.0) -> Clip:
    """The frames a model looks at, decoded.

    Raises:
        ClipError: the file has changed since it was probed, or is damaged there.
    """
    index, padding = sample(video, sampling, start)
    return Clip(video, videos.read(video, index), index, video.seconds[index], padding)


def geometry(video: Video, preprocess: Preprocess) -> Geometry:
    """Where resize and centre crop put a frame of this video, rounded as torchvision rounds.

    A crop larger than the resized frame gives a negative offset: the frame sits inside black borders.
    """
    height, width = video.height, video.width
    if isinstance(preprocess.resize, int):
        short, long = min(height, width), max(height, width)
        size = (preprocess.resize, int(preprocess.resize * long / short))
        resized = size if height < width else (size[1], size[0])
    else:
        resized = preprocess.resize
    offset = (_margin(resized[0], preprocess.crop[0]), _margin(resized[1], preprocess.crop[1]))
    return Geometry((height, width), resized, preprocess.crop, offset)


def to_input(frames: NDArray[np.uint8], preprocess: Preprocess, geometry: Geometry) -> Tensor:
    """Model input (1, 3, T, H, W) float32 of frames (T, h, w, 3): resized, cropped, scaled to [0, 1], normalised."""
    top, left = geometry.offset
    height, width = geometry.crop
    mean, std = (torch.tensor(v).view(1, 3, 1, 1, 1) for v in (preprocess.mean, preprocess.std))
    image = torch.from_numpy(shrink(frames, preprocess, geometry)).permute(3, 0, 1, 2)[None].float()
    image = image[..., max(top, 0) : top + height, max(left, 0) : left + width]
    if image.shape[3:] != (height, width):
        right, below = width - image.shape[4] - max(-left, 0), height - image.shape[3] - max(-top, 0)
        image = F.pad(image, (max(-left, 0), right, max(-top, 0), below))
    return image.div_(255).sub_(mean).div_(std).contiguous()


def shrink(frames: NDArray[np.uint8], preprocess: Preprocess, geometry: Geometry) -> NDArray[np.uint8]:
    """Frames (T, h, w, 3) at the geometry's resized size: bilinear, rounded to whole grey levels.

    One frame at a time, so that a long clip of large frames needs no large float copy.
    """
    if frames.shape[1:] != (*geometry.source, 3):
        raise ValueError(f"frames of shape {frames.shape} do not fit a geometry for {geometry.source}: need (T, height, width, 3)")
    if geometry.source == geometry.resized:
        return frames
    out = np.empty((len(frames), *geometry.resized, 3), np.uint8)
    for t, frame in enumerate(frames):
        pixels = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float()
        image = F.interpolate(pixels, size=geometry.resized, mode="bilinear", align_corners=False, antialias=preprocess.antialias)[0]
        out[t] = image.round_().clamp_(0, 255).permute(1, 2, 0).numpy()
    return out


def heat(
    title: str,
    values: NDArray[np.float32],
    *,
    stride: Triple,
    first: Triple,
    clip: Clip,
    geometry: Geometry,
    unit: str,
    signed: bool = False,
) -> Heat:
    """Evidence on a tap's grid (K, h, w), laid over the source: which pixels the grid covers, which source frames each step stands for.

    stride, first: the tap's (t, y, x), see `trace.Tap`.
    """
    values = np.asarray(values, np.float32)
    _, height, width = values.shape
    left, top = first[2] + 0.5 - stride[2] / 2, first[1] + 0.5 - stride[1] / 2
    box = (*geometry.to_source(left, top), *geometry.to_source(left + width * stride[2], top + height * stride[1]))
    x0, y0, x1, y1 = geometry.box
    seen = (max(x0, 0.0), max(y0, 0.0), min(x1, float(geometry.source[1])), min(y1, float(geometry.source[0])))
    return Heat(title, values, unit, box, seen, bands(clip, len(values), stride[0], first[0]), signed)


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


def nearest_cell(place: NDArray[np.int64] | float, stride: float, first: float, cells: int) -> NDArray[np.int64]:
    """Along one axis, the cell whose centre is nearest to an input frame or pixel *index*; ties go to the later cell."""
    return np.clip(np.floor((np.asarray(place, float) - first) / stride + 0.5).astype(np.int64), 0, cells - 1)


def cell_of(place: tuple[int, float, float], stride: Triple, first: Triple, grid: tuple[int, int, int]) -> tuple[int, int, int]:
    """The cell (t, y, x) of a (t, h, w) grid nearest to an input place (input frame, x, y); x and y in input pixels, pixel i covers [i, i + 1)."""
    frame, x, y = place
    t, r, c = (nearest_cell(v, stride[a], first[a], grid[a]) for a, v in enumerate((frame, y - 0.5, x - 0.5)))
    return int(t), int(r), int(c)


def place_of(clip: Clip, geometry: Geometry, seconds: float, x: float, y: float) -> tuple[int, float, float]:
    """Input place (input frame, x, y) of a source place: the sampled frame that stands for that second, kept inside the crop."""
    frame = int(on_screen(clip.video, seconds))
    i = max(int(np.searchsorted(clip.index, frame, side="right")) - 1, 0)
    i = int(np.searchsorted(clip.index, clip.index[i], side="left"))
    u, v = geometry.to_input(x, y)
    height, width = geometry.crop
    return i, float(np.clip(u, 0, np.nextafter(width, 0))), float(np.clip(v, 0, np.nextafter(height, 0)))


def on_source(heat: Heat, step: int, height: int, width: int, source: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """One step of a heat over the full source frame, drawn at any size: float32 (height, width), NaN outside `seen`.

    source: the frame's own (height, width) where the drawing has another size. Bilinear between cell centres, clamped behind the outermost
    centres. A pixel whose own cell is NaN is NaN; elsewhere NaN cells do not weigh in.
    """
    rows, cols = source or (height, width)
    y, x = (np.arange(height) + 0.5) * rows / height, (np.arange(width) + 0.5) * cols / width
    x0, y0, x1, y1 = heat.box
    cells = heat.values[step].astype(np.float64)
    r, c = (y - y0) / (y1 - y0) * cells.shape[0] - 0.5, (x - x0) / (x1 - x0) * cells.shape[1] - 0.5
    down, across = _weights(r, cells.shape[0]), _weights(c, cells.shape[1])
    known = np.isfinite(cells)
    out = down @ np.where(known, cells, 0.0) @ across.T
    if not known.all():
        own = known[np.ix_(_nearest(r, cells.shape[0]), _nearest(c, cells.shape[1]))]
        out = np.where(own, out / np.where(own, down @ known @ across.T, 1.0), np.nan)
    left, top, right, bottom = heat.seen
    inside = ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))
    return np.where(inside, out, np.nan).astype(np.float32)


def _weights(place: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Linear interpolation as a matrix (places, cells); places in units of cells, 0 at the first centre."""
    place = np.clip(place, 0, cells - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(cells)), 0)


def _nearest(place: NDArray[np.float64], cells: int) -> NDArray[np.int64]:
    return np.clip(np.floor(place + 0.5).astype(np.int64), 0, cells - 1)


def _margin(size: int, crop: int) -> int:
    """torchvision's centre crop: round half to even; a smaller frame is padded, the odd pixel behind it."""
    return round((size - crop) / 2) if size >= crop else -((crop - size) // 2)


def _consecutive(video: Video, sampling: Sampling, start: float) -> tuple[NDArray[np.int64], str]:
    span = sampling.span or sampling.frames
    begin = int(np.clip(on_screen(video, start), 0, max(video.frames - span, 0)))
    index = begin + np.arange(sampling.frames, dtype=np.int64) * span // sampling.frames
    held = span - video.frames
    padding = "" if held <= 0 else f"the clip has {_count(video.frames)}, the model reads {span}: the last frame is held {_times(held)}"
    return np.minimum(index, video.frames - 1), padding


def _at_rate(video: Video, frames: int, rate: float, start: float) -> tuple[NDArray[np.int64], str]:
    offsets = np.arange(frames) / rate
    begin = min(max(start, 0.0), max(float(video.seconds[-1]) - offsets[-1], 0.0))
    held = int((offsets >= video.duration - EARLY).sum())
    padding = f"the clip is {video.duration:.2f} s long, the model reads {frames / rate:.2f} s: the last frame is held {_times(held)}" if held else ""
    return on_screen(video, begin + offsets), padding


def _repeats(video: Video, sampling: Sampling) -> str:
    short = sampling.frames - video.frames
    return "" if short <= 0 else f"the clip has {_count(video.frames)}, the model reads {sampling.frames}: frames are shown more than once"


def _count(frames: int) -> str:
    return f"{frames} frame{'s' * (frames != 1)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
