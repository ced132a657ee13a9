"""Which frames a model looks at, and how a clip that is too short is filled up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actrec.clips import video as videos
from actrec.core.clip import Clip, Sampling, Video
from actrec.core.errors import ClipError

EARLY = 6e-4
"""Seconds a frame may be late and still count as on screen: containers round time stamps (Matroska to 1 ms, so by up to half of one)."""

WINDOWS = 40
"""Windows at most with which a long video is gone through."""

HELD = 800_000_000
"""Bytes of the frames that are held at once: 32 of 3840×2160."""


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


def slid(clip: Clip) -> NDArray[np.float64]:
    """Seconds at which a dense window begins, slid along its video by half its length, or by more so that `WINDOWS` of them do."""
    length = float(clip.seconds[-1] - clip.seconds[0])
    room = max(clip.video.duration - length - clip.video.step, 0.0)
    count = min(int(np.ceil(room / max(length / 2, clip.video.step))) + 1, WINDOWS)
    return np.linspace(0, room, count)


def on_screen(video: Video, seconds: NDArray[np.float64] | float) -> NDArray[np.int64]:
    """Number of the frame that is on screen at each time; before the first frame it is the first."""
    return np.maximum(np.searchsorted(video.seconds, np.asarray(seconds, float) + EARLY, side="right") - 1, 0)


def load(video: Video, sampling: Sampling, start: float = 0.0) -> Clip:
    """The frames a model looks at, decoded.

    Raises:
        ClipError: the file has changed since it was probed, or is damaged there; frames so large that they would fill the memory.
    """
    index, padding = sample(video, sampling, start)
    if len(index) * video.height * video.width * 3 > HELD:
        many = f"frames of {video.width}×{video.height}, too large to hold the {len(index)} that this model reads"
        raise ClipError(f"{video.path.name} has {many}; scale it down")
    return Clip(video, videos.read(video, index), index, video.seconds[index], padding)


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
