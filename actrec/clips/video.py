"""Video files: exact frames by number, each with its true second; H.264 out.

A frame's number is its place in presentation order, as `table` lists it. `read` seeks only to frames where decoding can begin and knows every
frame by its time stamp, never by counting at a nominal rate; where a file's stamps cannot be trusted it counts from the first frame on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from actrec.clips import colours, demux, listing, table
from actrec.core import files, settings
from actrec.core.clip import Video
from actrec.core.errors import Progress, no_progress
from actrec.core.settings import Limits

KEY_EVERY = 15
"""Frames between two keys of a file made for seeking: the browser decodes at most this many to show one."""

_Picture = VideoFrame | NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Proxy:
    """A browser copy of a whole video: its frame i is source frame i, at a constant rate, every frame quick to seek.

    motion float64 (N): mean absolute grey difference to the frame before, 0 … 1, measured small; 0 for the first.
    held: source frames that would not decode this time; the frame before stands in for them.
    """

    path: Path
    width: int
    height: int
    fps: float
    frames: int
    motion: NDArray[np.float64]
    held: tuple[int, ...] = ()


def probe(path: Path, limits: Limits | None = None, progress: Progress = no_progress) -> Video:
    """The frame table of a video file. progress is called only for files whose frames have to be listed one by one.

    Raises:
        ClipError: whatever keeps the file from being used; `limits` (by default `settings.limits()`) are checked before anything is decoded.
    """
    path, allowed = Path(path), limits or settings.limits()
    sha256 = demux.digest(path, allowed)
    listed = listing.listed(path, allowed)
    found = table.checked(path, listed, allowed, progress)
    first = found.first
    rotation = round(first.rotation / 90) * 90 % 360
    width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
    return Video(path, sha256, found.seconds, width, height, rotation, listed.codec, found.lost, found.pts, found.keys, found.notes)


def read(video: Video, index: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
    """Frames by number, upright: uint8 (T, H, W, 3) RGB. Any order; numbers may repeat.

    Raises:
        ClipError: a frame that does not decode: damage that `probe` did not come across, or a file changed since.
    """
    wanted = np.asarray(index, np.int64).reshape(-1)
    out = np.empty((len(wanted), video.height, video.width, 3), np.uint8)
    for number, frame in stream(video, wanted):
        for place in np.flatnonzero(wanted == number):
            out[place] = frame
    return out


def stream(video: Video, index: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(number, frame (H, W, 3) RGB) of every wanted frame once, in order of number: for work that must not hold them all.

    Raises:
        ClipError: as `read`.
    """
    numbers = np.unique(np.asarray(index, np.int64))
    if len(numbers) and not 0 <= numbers[0] <= numbers[-1] < video.frames:
        raise ValueError(f"frames {numbers[0]} … {numbers[-1]} were asked for, and the video has frames 0 … {video.frames - 1}")
    for run in _runs(video, numbers):
        left = run
        for key in dict.fromkeys((_key_before(video, run[0]), None)):  # from the start of the file if the seek leads astray
            for number, frame in _pick(video, left, key):
                yield number, _upright(frame, video)
                left = left[1:]
            if not left:
                break
        if left:
            where = f"frame {left[0]} (second {video.seconds[left[0]]:.2f}) does not decode"
            raise demux.bad(video.path, f"is damaged or was changed: {where}", "open it again, or look at another part of it")


def write(path: Path, frames: Iterable[NDArray[np.uint8]], fps: float, *, crf: int = 18, exact_seek: bool = False) -> None:
    """Write frames (H, W, 3) RGB as H.264 in MP4 at a constant rate; odd sizes grow by one pixel that repeats the edge.

    exact_seek: no reordered frames and a key every 15, for browsers. The file appears when all is written, and only then.
    """
    with _output(Path(path), _rate(fps), crf, exact_seek) as put:
        for frame in frames:
            height, width = frame.shape[:2]
            put(np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))


def proxy(video: Video, path: Path, *, height: int = 360, progress: Progress = no_progress) -> Proxy:
    """Copy a whole video for the browser in one pass, at most `height` pixels high and four times as wide, and measure its motion on the way.

    Raises:
        Cancelled: from `progress`; nothing is left of the unfinished copy.
    """
    scale = min(1.0, height / video.height, 4 * height / video.width)
    size = (max(2, round(video.width * scale / 2) * 2), max(2, round(video.height * scale / 2) * 2))
    rate = _rate((video.frames - 1) / video.seconds[-1] if video.frames > 1 else video.fps)
    picture: _Picture = np.zeros((size[1], size[0], 3), np.uint8)
    motion, held, before = np.zeros(video.frames), [], None
    with _output(Path(path), rate, 23, True) as put:
        for number, frame in _every(video):
            if frame is None:
                held.append(number)
            else:
                picture = _shrunk(frame, video, size)
                small = picture if isinstance(picture, VideoFrame) else _of(picture)
                grey = small.reformat(width=96, height=96, format="gray").to_ndarray().astype(np.float32)
                motion[number] = 0.0 if before is None else float(np.abs(grey - before).mean()) / 255
                before = grey
            put(picture)
            if number % KEY_EVERY == 0:
                progress(number / video.frames, f"preparing the player: frame {number} of {video.frames}")
    return Proxy(Path(path), *size, float(rate), video.frames, motion, tuple(held))


def _runs(video: Video, numbers: NDArray[np.int64]) -> list[list[int]]:
    """The wanted frames, split where seeking may save work: where a key lies between two that are not neighbours."""
    if not len(numbers):
        return []
    keys = np.array([_key_before(video, n) or 0 for n in numbers])
    cuts = np.flatnonzero((np.diff(keys) != 0) & (np.diff(numbers) > 1)) + 1
    return [run.tolist() for run in np.split(numbers, cuts)]


def _key_before(video: Video, number: int) -> int | None:
    """Row of `video.keys` to begin at for a frame; None: begin at the start of the file."""
    row = int(np.searchsorted(video.keys[:, 0], video.pts[number], side="right")) - 1 if len(video.keys) else 0
    return row if row > 0 else None


def _pick(video: Video, numbers: list[int], key: int | None) -> Iterator[tuple[int, VideoFrame]]:
    """The wanted frames in order, decoded from a key (or the start of the file) on; ends early where one does not come."""
    waiting = iter(numbers)
    target = next(waiting)
    with demux.opened(video.path) as (container, stream):
        decoder = demux.Decoder(container, stream)
        for count, frame in enumerate(decoder if key is None else decoder.since(video.keys, key)):
            number = _number(video, frame, count)
            if number == target:
                yield number, frame
                target = next(waiting, -1)
            elif number > target:
                return
            if target < 0:
                return


def _number(video: Video, frame: VideoFrame, count: int) -> int:
    """A frame's number by its stamp, −1 if the table has it not; by counting where stamps are not trusted."""
    if not len(video.pts):
        return count
    if frame.pts is None:
        return -1
    place = int(np.searchsorted(video.pts, frame.pts))
    return place if place < video.frames and video.pts[place] == frame.pts else -1


def _every(video: Video) -> Iterator[tuple[int, VideoFrame | None]]:
    """Every frame of the table in order; None for one that does not come."""
    due = 0
    with demux.opened(video.path) as (container, stream):
        for count, frame in enumerate(demux.Decoder(container, stream)):
            number = _number(video, frame, count)
            if due <= number < video.frames:
                yield from ((n, None) for n in range(due, number))
                yield number, frame
                due = number + 1
    yield from ((n, None) for n in range(due, video.frames))


def _upright(frame: VideoFrame, video: Video) -> NDArray[np.uint8]:
    """RGB pixels as they are to be seen, always of the video's size."""
    width, height = (video.height, video.width) if video.rotation % 180 else (video.width, video.height)
    return np.rot90(colours.rgb(frame, width, height), video.rotation // 90)


def _shrunk(frame: VideoFrame, video: Video, size: tuple[int, int]) -> _Picture:
    """The frame upright at (width, height)."""
    if not video.rotation and frame.color_trc not in colours.HDR and not colours.has_alpha(frame):
        colours.plain(frame)
        return frame.reformat(*size, format="yuv420p", dst_color_range=ColorRange.MPEG)
    width, height = size[::-1] if video.rotation % 180 else size
    return np.rot90(colours.rgb(frame, width, height), video.rotation // 90)


def _of(pixels: NDArray[np.uint8]) -> VideoFrame:
    return VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")


def _coloured(pixels: NDArray[np.uint8]) -> VideoFrame:
    """RGB as yuv420p after BT.709."""
    frame = _of(pixels).reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    frame.colorspace, frame.color_primaries, frame.color_trc = Colorspace.ITU709, ColorPrimaries.BT709, ColorTrc.BT709
    return frame


def _rate(fps: float) -> Fraction:
    """Frames per second as a fraction that MP4 keeps exactly."""
    return max(Fraction(fps).limit_denominator(1001), Fraction(1, 1001))


@contextmanager
def _output(path: Path, rate: Fraction, crf: int, exact_seek: bool) -> Iterator[Callable[[_Picture], None]]:
    """A function that takes pictures of one even size into an MP4. Written beside its place and moved there when it is whole."""
    seekable = {"preset": "veryfast", "bf": "0", "g": str(KEY_EVERY)} if exact_seek else {}
    count = 0
    with files.whole(path) as part, av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), **seekable})
        coder = stream.codec_context
        coder.pix_fmt, coder.time_base, coder.color_range = "yuv420p", 1 / rate, ColorRange.MPEG

        def put(picture: _Picture) -> None:
            nonlocal count
            frame = picture if isinstance(picture, VideoFrame) else _coloured(picture)
            if not count:
                coder.width, coder.height = frame.width, frame.height
                # Said in the file, so that no player has to guess. Where the source says nothing, `read` takes BT.601.
                coder.colorspace = Colorspace.ITU601 if frame.colorspace == 2 else frame.colorspace
                coder.color_primaries, coder.color_trc = frame.color_primaries, frame.color_trc
            frame.pts, frame.time_base = count, 1 / rate
            count += 1
            container.mux(stream.encode(frame))

        yield put
        if not count:
            raise ValueError(f"no frames to write to {path}")
        container.mux(stream.encode())
