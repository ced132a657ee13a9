"""A video file opened safely: what may be opened at all, measured against the limits before FFmpeg makes room for it; its packets and its frames.

The ground under `table`, which lists a file's frames, and `video`, which reads them. No pixels here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av._core
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from actrec.clips import boxes
from actrec.core import files, settings
from actrec.core.errors import ClipError
from actrec.core.settings import Limits

FORMATS = (
    "3gp,aac,amr,apng,asf,avi,dirac,dv,flac,flv,gif,h263,h264,hevc,ivf,m4v,matroska,mjpeg,mov,mp3,mp4,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,"
    "rm,swf,vc1,vvc,wav,webm,webp_anim,wtv,yuv4mpegpipe"
)
"""Containers of moving pictures (or of sound, to say so). Play lists are left out because they name other files, still pictures and text because
FFmpeg would gladly play them."""

PAINTED = ("gif", "apng", "webp_anim")
"""Formats where a frame paints over the one before, whatever the packets' flags say: decoding begins at the first frame only."""

CHECKED = 400_000_000
"""Pixels decoded at most to check the stamps of a long video: about a second's work. A shorter one is decoded whole."""

PER_BYTE = 10_000
"""Pixels that a byte may hold: sixteen times what a film of a still scene needs. What a file holds beyond that counts against `max_work`."""

TS_DISCONT = 0x0200
"""AVFMT_TS_DISCONT: FFmpeg's word for a format whose clock may jump."""

SEEK_TO_PTS = 0x4000000
"""AVFMT_SEEK_TO_PTS: a seek in such a format is told when a frame shows, in the others when it is decoded."""

OPENING = 10.0
"""Seconds that opening a file, or finding its next packet, may take."""

ALLOCATION = 2**28
"""Bytes that FFmpeg may ask for at once, whatever a file claims; a frame of the largest size needs less."""

FRAMES_AT_ONCE = 300_000_000
"""Bytes of the frames that a decoder may work on at the same time."""


class Decoder:
    """Frames of a stream in output order, going on behind damage. errors: packets refused so far."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.container, self.stream, self.errors = container, stream, 0

    def __iter__(self) -> Iterator[VideoFrame]:
        for packet in packets(self.container, self.stream):
            try:
                yield from packet.decode()
            except FFmpegError:
                self.errors += 1

    def since(self, keys: NDArray[np.int64], row: int) -> Iterator[VideoFrame]:
        """Frames from that key (of the rows pts, dts) on, or from one before it; none where the seek leads to anything else."""
        try:
            self.container.seek(int(keys[row, 0 if self.container.format.flags & SEEK_TO_PTS else 1]), stream=self.stream)
        except FFmpegError:
            return
        for count, frame in enumerate(self):
            if not count and not (frame.key_frame and frame.pts in keys[: row + 1, 0].tolist()):
                return
            yield frame


def packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet]:
    """All packets, an empty one last (it drains the decoder). Goes on behind a place that cannot be read, but not for ever."""
    for _ in range(20):
        try:
            yield from container.demux(stream)
            return
        except (FFmpegError, IndexError):  # PyAV 18.1 raises the latter where a damaged file seems to open another stream
            continue


@contextmanager
def opened(path: Path, allowed: Limits | None = None) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its picture stream, ready to decode in several threads.

    Raises:
        ClipError: no video, or one whose header already shows it to be over the limits.
    """
    with contextlib.suppress(AttributeError, OSError):  # Windows finds no function of a library through another
        ctypes.CDLL(av._core.__file__).av_max_alloc(ctypes.c_size_t(max(ALLOCATION, 32 * (allowed or settings.limits()).max_pixels)))
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        container = av.open(str(path.resolve()), options=options, metadata_errors="replace", timeout=OPENING)
    except (FFmpegError, ValueError):
        raise _unreadable(path) from None
    with container:
        found = pictures(container)
        if not found:
            what = "only a cover picture" if container.streams.video else "only sound" if container.streams.audio else "nothing to show"
            raise bad(path, f"has no video in it, {what}", "choose another file")
        stream = found[0]
        if stream.codec_context is None:
            raise bad(path, "uses a codec that this FFmpeg does not know", "convert it to H.264 (mp4)")
        if allowed is not None:
            _within(path, allowed, container, stream)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = _threads(stream)
        yield container, stream


def pictures(container: InputContainer) -> list[VideoStream]:
    """The streams with moving pictures, the one first that FFmpeg takes: the file's default, else the largest."""
    best = container.streams.best("video")
    found = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return sorted(found, key=lambda stream: stream is not best)


def digest(path: Path, allowed: Limits) -> str:
    """sha256 of the file; its size, and what it claims to hold, are checked first.

    Raises:
        ClipError: not there, empty, too large, not allowed to be read; a still picture; a claim that nobody could keep.
    """
    try:
        if not path.is_file():
            raise bad(path, "is a folder" if path.is_dir() else "is not there", "give the path of a video file")
        size = path.stat().st_size
        if not size:
            raise bad(path, "is empty (0 bytes)", "copy or export it again")
        if size > allowed.max_mb * 1e6:
            raise bad(path, f"has {size / 1e6:.1f} MB, more than the {allowed.max_mb:g} MB allowed", "cut it, compress it, or raise ACTREC_MAX_MB")
        told = boxes.claims(path)
        if told.excess:
            raise bad(path, f"{told.excess} in {size} bytes, more than can be listed", "it is damaged or no honest film: copy or export it again")
        if told.still:
            raise still(path)
        return files.digest(path)
    except OSError as error:
        raise bad(path, f"cannot be read ({error.strerror})", "check its name and permissions") from None


def still(path: Path) -> ClipError:
    """The sentence about a photo."""
    return bad(path, "is not a video but a still picture", "give a video file")


def few_enough(path: Path, frames: int, allowed: Limits) -> None:
    """Refuse more frames than are allowed."""
    if frames > allowed.max_frames:
        raise bad(path, f"has more frames than the {allowed.max_frames} allowed", "cut it, or raise ACTREC_MAX_FRAMES")


def short_enough(path: Path, seconds: float, allowed: Limits) -> None:
    """Refuse a longer film than is allowed."""
    if seconds > allowed.max_seconds:
        raise bad(path, f"lasts {seconds:.1f} s, longer than the {allowed.max_seconds:g} s allowed", "cut it, or raise ACTREC_MAX_SECONDS")


def little_enough(path: Path, pixels: float, allowed: Limits) -> None:
    """Refuse more pixels, all frames together, than are allowed for a file of this size."""
    size = path.stat().st_size
    most = allowed.max_work + PER_BYTE * size
    if pixels > most:
        much = f"holds {pixels / 1e9:.3g} thousand million pixels in all its frames, more than the {most / 1e9:.3g} allowed"
        raise bad(path, f"{much} for a file of {size / 1e6:.3g} MB", "scale it down, cut it, or raise ACTREC_MAX_WORK")


def jumps(container: InputContainer) -> bool:
    """Whether the clock of such files may jump: where recordings were joined, and where it runs over."""
    return bool(container.format.flags & TS_DISCONT)


def _within(path: Path, allowed: Limits, container: InputContainer, stream: VideoStream) -> None:
    """Refuse what the header already shows to be too much; tell the decoder to refuse what it does not show."""
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > allowed.max_pixels:
        size = f"has frames of {width}×{height} = {width * height} pixels, more than the {allowed.max_pixels} allowed"
        raise bad(path, size, "scale it down, or raise ACTREC_MAX_PIXELS")
    stream.codec_context.options = {"max_pixels": str(2 * allowed.max_pixels)}  # twice: decoders count whole blocks
    if not jumps(container):
        lengths = (container.duration / av.time_base if container.duration else 0.0, float((stream.duration or 0) * (stream.time_base or 0)))
        short_enough(path, max(lengths), allowed)


def _threads(stream: VideoStream) -> int:
    """Threads to decode in, each of which holds frames: 0, as many as FFmpeg likes, but for frames so large that they would fill the memory."""
    most = FRAMES_AT_ONCE // max(4 * stream.codec_context.width * stream.codec_context.height, 1)
    return 0 if most > 16 else max(1, min(os.cpu_count() or 1, most))


def _unreadable(path: Path) -> ClipError:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return bad(path, "breaks off before its index, or the index is damaged", "it was not copied or recorded to the end: copy or export it again")
    return bad(path, "is not a video that can be read", "use mp4, mkv, webm, mov, avi or gif, and check that the file is whole")


def bad(path: Path, reason: str, way_out: str) -> ClipError:
    """The one sentence about a file that cannot be used."""
    return ClipError(f"{path.name} {reason}; {way_out}")
