"""The frames of a video file as its packets tell them, nothing decoded: quick, and not to be trusted before `table` has checked it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from actrec.clips import demux
from actrec.core.settings import Limits

LINEAR = (*demux.PAINTED, "mpeg")
"""Formats that are read from the first frame on only: those that paint, and MPEG program streams, where FFmpeg guesses stamps anew after a seek."""

CLEAN = frozenset(
    (
        *("av1", "dnxhd", "dvvideo", "flv1", "h263", "h264", "hevc", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v2", "msmpeg4v3"),
        *("prores", "theora", "vc1", "vp8", "vp9", "vvc", "wmv1", "wmv2", "wmv3"),
    )
)
"""Codecs whose key frames need nothing from before; a test shows it of those that this FFmpeg writes. A long film in another is decoded whole."""

JUMP = 10.0
"""Seconds between two frames that are taken for a jump of the clock, as ffmpeg takes them (`-dts_delta_threshold`)."""

Numbers = NDArray[np.int64]


@dataclass
class Listing:
    """What the packets say. pts (N) in order, seconds (N) from 0 on, keys (K, 2) as in `clip.Video`.

    All three are empty where a stamp is missing or comes twice, or the clock jumps; keys are, where the file is read from the start only.
    packets: how many carried a picture.  lost: how many more the file's index promises.  damaged: how many are marked so.  pixels: of a frame.
    notes: what the reader must know, in sentences.
    """

    pts: Numbers
    seconds: NDArray[np.float64]
    keys: Numbers
    packets: int
    lost: int
    damaged: int
    pixels: int
    codec: str
    notes: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether a key frame of this codec needs nothing from before."""
        return self.codec in CLEAN


class _Packet(NamedTuple):
    pts: int | None
    dts: int | None
    key: bool
    damaged: bool


def listed(path: Path, allowed: Limits) -> Listing:
    """The listing of a file.

    Raises:
        ClipError: no video, or one over the limits.
    """
    with demux.opened(path, allowed) as (container, stream):
        found, hidden = list[_Packet](), 0
        for packet in demux.packets(container, stream):
            hidden += packet.is_discard  # by an edit list: frames that only serve to decode others
            if packet.size and not packet.is_discard:
                found.append(_Packet(packet.pts, packet.dts, packet.is_keyframe, packet.is_corrupt))
            demux.few_enough(path, max(len(found), hidden), allowed)
        # The index of MP4 and MOV names every packet: what it promises and the file does not hold was cut off.
        lost = max(len(stream.index_entries) - len(found) - hidden, 0) if "mov" in container.format.name else 0
        coder, tick = stream.codec_context, float(stream.time_base or 0)
        jumped = demux.jumps(container) and bool(seams(np.array([p.dts for p in found if p.dts is not None], np.int64), tick).any())
        pts, keys = _stamps(found, jumped, linear=_linear(container, stream))
        seconds = np.asarray((pts - pts[:1]) * tick, np.float64)
        demux.short_enough(path, float(seconds[-1]) if len(pts) else 0.0, allowed)
        facts = sum(p.damaged for p in found), coder.width * coder.height, coder.codec.canonical_name
        return Listing(pts, seconds, keys, len(found), lost, *facts, _notes(container, stream))


def seams(stamps: Numbers, tick: float) -> NDArray[np.bool_]:
    """Where the clock of stamps (N) jumps from one to the next: (N − 1)."""
    steps = np.diff(stamps)
    return (steps <= 0) | (steps * tick > JUMP)


def _linear(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the file is to be read from the start only. AVI keeps a palette in the first packet."""
    pixels = stream.codec_context.format
    return container.format.name in LINEAR or (pixels is not None and pixels.has_palette)


def _stamps(found: list[_Packet], jumped: bool, linear: bool) -> tuple[Numbers, Numbers]:
    """The frames' stamps in order, and (pts, dts) of the keys."""
    pts = np.unique(np.array([p.pts for p in found if p.pts is not None], np.int64))
    keys = [(p.pts, p.pts if p.dts is None else min(p.dts, p.pts)) for p in found if p.key and p.pts is not None]
    known = 0 if jumped or len(pts) < len(found) else len(pts)
    return pts[:known], np.unique(np.array(keys if known and not linear else [], np.int64).reshape(-1, 2), axis=0)


def _notes(container: InputContainer, stream: VideoStream) -> tuple[str, ...]:
    """What the file says of itself that the reader must know."""
    notes = []
    sizes = [f"{s.codec_context.width}×{s.codec_context.height}" for s in demux.pictures(container) if s.codec_context is not None]
    if len(sizes) > 1:
        notes.append(f"The file has {len(sizes)} picture tracks, of {', '.join(sizes[:5])} pixels; the first of these is its main one and is shown.")
    pixels = stream.codec_context.format
    if stream.metadata.get("alpha_mode") == "1" and not (pixels is not None and any(part.is_alpha for part in pixels.components)):
        notes.append("The file has transparent places, which are not read as such: they show the colours that lie under them.")
    return tuple(notes)
