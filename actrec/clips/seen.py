"""What came out of a decoder: when each frame shows, and what of it the reader must be told."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from actrec.clips import colours, listing
from actrec.clips.listing import Numbers

LOOKED = 16
"""Every so many frames, and the first of all, are looked at for transparent places."""


@dataclass
class Seen:
    """Frames in the order in which they came. watched: stamps of those whose fingerprints are taken.  resized: the first of another size.

    seams: numbers of the frames before which the clock jumps; known after `times`.
    """

    watched: frozenset[int] = frozenset()
    first: VideoFrame | None = None
    pts: list[int | None] = field(default_factory=list)
    dts: list[int | None] = field(default_factory=list)
    keys: set[int | None] = field(default_factory=set)
    prints: dict[int, int] = field(default_factory=dict)
    pixels: int = 0
    damaged: int = 0
    resized: tuple[int, int, int] | None = None
    transparent: bool = False
    seams: list[int] = field(default_factory=list)

    def take(self, frame: VideoFrame) -> None:
        """Note one more frame."""
        number, self.first = len(self.pts), self.first or frame
        self.pts.append(frame.pts)
        self.dts.append(frame.dts)
        self.keys |= {frame.pts} if frame.key_frame else set()
        self.pixels += frame.width * frame.height
        self.damaged += frame.is_corrupt
        if frame.pts is not None and frame.pts in self.watched:
            self.prints[frame.pts] = colours.fingerprint(frame)
        if self.resized is None and (frame.width, frame.height) != (self.first.width, self.first.height):
            self.resized = number, frame.width, frame.height
        if not self.transparent and number % LOOKED == 0:
            self.transparent = colours.transparent(frame)

    def times(self, tick: float, rate: float, jumps: bool) -> tuple[NDArray[np.float64], Numbers]:
        """Seconds of the frames from 0 on, and their stamps; no stamps where these do not always grow.

        tick: seconds.  rate: frames per second where nothing else is known.  jumps: whether such a file's clock may.
        """
        none, pts = np.zeros(0, np.int64), _filled(self.pts)
        leaps = np.ones(0, bool) if pts is None else listing.seams(pts, tick)
        if pts is not None and not leaps[np.diff(pts) <= 0].any() and not (jumps and leaps.any()):
            return (pts - pts[0]) * tick, pts
        if pts is not None and jumps and leaps.sum() <= len(leaps) / 10:
            self.seams = (np.flatnonzero(leaps) + 1).tolist()
            steps = np.where(leaps, np.median(np.diff(pts)[~leaps]), np.diff(pts))
            return np.concatenate([[0.0], np.cumsum(steps * tick)]), none
        # In AVI the packets' order in time still says when frames show, though not which is which; a raw stream has nothing but its rate.
        dts = _filled(self.dts)
        return (np.arange(len(self.pts)) / rate if dts is None or (np.diff(dts) <= 0).any() else (dts - dts[0]) * tick), none

    def notes(self, seconds: NDArray[np.float64], lost: int, damaged: int) -> tuple[str, ...]:
        """Sentences for the reader. lost: frames that are missing.  damaged: packets that are marked so."""
        told, hurt = [], max(self.damaged, damaged - len(self.seams))
        if lost or hurt:
            what = f"{lost} of its {len(seconds) + lost} frames are missing" if lost else ""
            also = (
                f"{hurt} {'are' if hurt > 1 else 'is'} damaged, and the pictures after {'them' if hurt > 1 else 'it'} may be wrong for a while"
                if hurt
                else ""
            )
            told.append(f"The file is not whole: {' and '.join(part for part in (what, also) if part)}.")
        if self.seams:
            where = ", ".join(f"{seconds[i]:.2f}" for i in self.seams[:3]) + (" s and later" if len(self.seams) > 3 else " s")
            told.append(f"The file's clock jumps at {where}, as where recordings were joined; time is counted on there by the usual step.")
        return (*told, *self._looks(seconds))

    def _looks(self, seconds: NDArray[np.float64]) -> list[str]:
        told = []
        if self.first is not None and self.resized:
            number, width, height = self.resized
            size = f"{self.first.width}×{self.first.height}"
            told.append(f"From {seconds[number]:.2f} s on the frames are {width}×{height}, not {size}; they are stretched to the size of the first.")
        if self.first is not None and self.first.color_trc in colours.HDR:
            name = f"HDR ({colours.HDR[self.first.color_trc]})"
            told.append(f"The film is {name}. It is shown, and given to the model, in standard range: what is brighter than its white is cut.")
        if self.transparent:
            told.append("The film has transparent places; they are shown, and given to the model, in white.")
        return told


def gone(seconds: NDArray[np.float64]) -> int:
    """Frames that are missing between others, by the usual step."""
    steps = np.diff(seconds)
    return int(np.round(steps[steps > 1.5 * np.median(steps)] / np.median(steps) - 1).sum()) if len(steps) else 0


def _filled(stamps: list[int | None]) -> Numbers | None:
    """The stamps, a few missing at the end, where the decoder was drained, going on at the usual step; None where others are missing."""
    known = [s for s in stamps if s is not None]
    missing = len(stamps) - len(known)
    if not known or missing > 16 or None in stamps[: len(known)]:
        return None
    step = int(np.median(np.diff(known))) if len(known) > 1 else 1
    return np.array([*known, *(known[-1] + step * (i + 1) for i in range(missing))], np.int64)
