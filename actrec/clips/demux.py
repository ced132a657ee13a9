"""What is in a video file and when: opened safely, measured against the limits, its frames listed. The ground under `video`; no pixels here.

The packets' time stamps are listed without decoding, which is quick, and then held against what a decoder makes of them: all of a short clip, a
spread of places of a long one. Where the two disagree (damage, AVI with reordered frames, packets without a picture, raw streams) every frame is
decoded once and the table lists what came out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from actrec.core import files
from actrec.core.errors import ClipError, Progress, no_progress
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

PLACES = 8
"""How many places of a long video are decoded to check its stamps."""


@dataclass
class Table:
    """Frames in presentation order: pts and keys as in `clip.Video`, seconds from 0 on.

    packets: how many carried a picture.  lost: how many are missing or were refused.
    """

    seconds: NDArray[np.float64]
    pts: NDArray[np.int64]
    keys: NDArray[np.int64]
    packets: int
    lost: int = 0


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
    try:
        container = av.open(str(path.resolve()), options={"format_whitelist": FORMATS, "protocol_whitelist": "file"}, metadata_errors="replace")
    except (FFmpegError, ValueError):
        raise _unreadable(path) from None
    with container:
        pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not pictures:
            what = "only a cover picture" if container.streams.video else "only sound" if container.streams.audio else "nothing to show"
            raise bad(path, f"has no video in it, {what}", "choose another file")
        stream = pictures[0]
        if stream.codec_context is None:
            raise bad(path, "uses a codec that this FFmpeg does not know", "convert it to H.264 (mp4)")
        if allowed is not None:
            _within(path, allowed, container, stream)
        stream.thread_type = "AUTO"
        yield container, stream


def digest(path: Path, allowed: Limits) -> str:
    """sha256 of the file; its size is checked first.

    Raises:
        ClipError: not there, empty, too large, not allowed to be read.
    """
    try:
        if not path.is_file():
            raise bad(path, "is a folder" if path.is_dir() else "is not there", "give the path of a video file")
        size = path.stat().st_size
        if not size:
            raise bad(path, "is empty (0 bytes)", "copy or export it again")
        if size > allowed.max_mb * 1e6:
            raise bad(path, f"has {size / 1e6:.1f} MB, more than the {allowed.max_mb:g} MB allowed", "cut it, compress it, or raise ACTREC_MAX_MB")
        return files.digest(path)
    except OSError as error:
        raise bad(path, f"cannot be read ({error.strerror})", "check its name and permissions") from None


def checked(path: Path, listed: Table, pixels: int, allowed: Limits, progress: Progress = no_progress) -> Table:
    """The table, held against what a decoder makes of the file; its frames have this many pixels each.

    Raises:
        ClipError: too many frames, too long, or not one that decodes.
    """
    if len(listed.pts) * pixels > CHECKED and _agrees(path, listed, allowed, pixels):
        return listed
    return _decoded(path, listed, allowed, progress)


def _within(path: Path, allowed: Limits, container: InputContainer, stream: VideoStream) -> None:
    """Refuse what the header already shows to be too much; tell the decoder to refuse what it does not show."""
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > allowed.max_pixels:
        size = f"has frames of {width}×{height} = {width * height} pixels, more than the {allowed.max_pixels} allowed"
        raise bad(path, size, "scale it down, or raise ACTREC_MAX_PIXELS")
    stream.codec_context.options = {"max_pixels": str(2 * allowed.max_pixels)}  # twice: decoders count whole blocks
    lengths = (container.duration / av.time_base if container.duration else 0.0, float((stream.duration or 0) * (stream.time_base or 0)))
    _short_enough(path, max(lengths), allowed)


def listed(path: Path, allowed: Limits) -> Table:
    """The table as the packets tell it, nothing decoded; without pts where a stamp is missing or comes twice.

    Raises:
        ClipError: no video, or one over the limits.
    """
    stamps: list[int] = []
    keys: list[tuple[int, int]] = []
    count = hidden = 0
    with opened(path, allowed) as (container, stream):
        tick, painted = float(stream.time_base or 0), container.format.name in PAINTED
        for packet in packets(container, stream):
            hidden += packet.is_discard  # by an edit list: frames that only serve to decode others
            if not packet.size or packet.is_discard:
                continue
            count += 1
            _few_enough(path, count, allowed)
            if packet.pts is None:
                continue
            stamps.append(packet.pts)
            if packet.is_keyframe:
                keys.append((packet.pts, packet.pts if packet.dts is None else min(packet.dts, packet.pts)))
        # The index of MP4 and MOV names every packet: what it promises and the file does not hold was cut off.
        missing = max(len(stream.index_entries) - count - hidden, 0) if "mov" in container.format.name else 0
    pts = np.unique(np.array(stamps, np.int64))
    begins = np.unique(np.array(keys, np.int64).reshape(-1, 2), axis=0)
    seconds = np.asarray((pts - pts[:1]) * tick, np.float64)
    _short_enough(path, float(seconds[-1]) if len(seconds) else 0.0, allowed)
    known = len(pts) if len(pts) == count else 0
    return Table(seconds, pts[:known], begins[: min(known, 1 if painted else len(begins))], count, missing)


def _agrees(path: Path, listed: Table, allowed: Limits, pixels: int) -> bool:
    """Whether a spread of places, each decoded from the key before it, yields exactly the frames listed there."""
    frames, begins = len(listed.pts), listed.keys[:, 0]
    if not len(begins) or listed.pts[0] < begins[0]:
        return False
    length = max(8, CHECKED // pixels // PLACES)
    with opened(path, allowed) as (container, stream):
        for place in np.linspace(0, frames - 1, PLACES).astype(int):
            key = listed.keys[np.searchsorted(begins, listed.pts[place], side="right") - 1]
            first = int(np.searchsorted(listed.pts, key[0]))
            to_the_end = place == frames - 1 and frames - first <= 4 * length
            expected = listed.pts[first:].tolist() if to_the_end else listed.pts[first : first + length].tolist()
            if not _yields(container, stream, key, expected):
                return False
    return True


def _yields(container: InputContainer, stream: VideoStream, key: NDArray[np.int64], expected: list[int]) -> bool:
    decoder = Decoder(container, stream)
    found: list[int | None] = []
    try:
        container.seek(int(key[1]), stream=stream)
    except FFmpegError:
        return False
    for frame in decoder:
        if frame.pts is None or frame.pts >= key[0]:
            found.append(frame.pts)
        if len(found) == len(expected):
            break
    return not decoder.errors and found == expected


def _decoded(path: Path, listed: Table, allowed: Limits, progress: Progress) -> Table:
    """The table of the frames that really come out, each decoded once."""
    pts: list[int | None] = []
    dts: list[int | None] = []
    begins: set[int | None] = set()
    with opened(path, allowed) as (container, stream):
        decoder = Decoder(container, stream)
        for frame in decoder:
            pts.append(frame.pts)
            dts.append(frame.dts)
            begins |= {frame.pts} if frame.key_frame else set()
            _few_enough(path, len(pts), allowed)
            if len(pts) % 100 == 0:
                progress(min(1.0, len(pts) / max(listed.packets, 1)), f"listing the frames of {path.name}: {len(pts)}")
        tick, rate = float(stream.time_base or 0), float(stream.average_rate or stream.guessed_rate or 25)
    if not pts:
        raise bad(path, "holds no frame that can be decoded", "it is damaged or cut off: copy or export it again")
    lost = listed.lost + (max(decoder.errors, listed.packets - len(pts)) if decoder.errors else 0)
    none = np.zeros(0, np.int64)
    stamps = None if None in pts else _rising(pts)
    # In AVI the packets' order in time still says when frames show, though not which is which; a raw stream has nothing but its rate.
    times = stamps if stamps is not None else _rising(dts)
    seconds = np.arange(len(pts)) / rate if times is None else (times - times[0]) * tick
    _short_enough(path, float(seconds[-1]), allowed)
    if stamps is None:
        return Table(seconds, none, none.reshape(0, 2), listed.packets, lost)
    return Table(seconds, stamps, listed.keys[[pts in begins for pts, _ in listed.keys.tolist()]], listed.packets, lost)


def _rising(stamps: list[int | None]) -> NDArray[np.int64] | None:
    """The stamps if they always grow, else None. A few missing at the end, where the decoder was drained, go on at the usual step."""
    known = [s for s in stamps if s is not None]
    missing = len(stamps) - len(known)
    if not known or missing > 16 or None in stamps[: len(known)] or (np.diff(known) <= 0).any():
        return None
    step = int(np.median(np.diff(known))) if len(known) > 1 else 1
    return np.array([*known, *(known[-1] + step * (i + 1) for i in range(missing))], np.int64)


def _few_enough(path: Path, frames: int, allowed: Limits) -> None:
    if frames > allowed.max_frames:
        raise bad(path, f"has more frames than the {allowed.max_frames} allowed", "cut it, or raise ACTREC_MAX_FRAMES")


def _short_enough(path: Path, seconds: float, allowed: Limits) -> None:
    if seconds > allowed.max_seconds:
        raise bad(path, f"lasts {seconds:.1f} s, longer than the {allowed.max_seconds:g} s allowed", "cut it, or raise ACTREC_MAX_SECONDS")


def _unreadable(path: Path) -> ClipError:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return bad(path, "breaks off before its index, or the index is damaged", "it was not copied or recorded to the end: copy or export it again")
    return bad(path, "is not a video that can be read", "use mp4, mkv, webm, mov, avi or gif, and check that the file is whole")


def bad(path: Path, reason: str, way_out: str) -> ClipError:
    """The one sentence about a file that cannot be used."""
    return ClipError(f"{path.name} {reason}; {way_out}")
