"""Which of the frames that a network was given can reach a step of one of its layers: the temporal receptive field, exactly, holes and all.

A layer's way through time is a row of hops, one for each part that joins steps; a tap holds those that lie before it (`Tap.past`). They tell what can
reach a step by the network's build alone, whatever its weights: a step may still use next to nothing of it. Gradients hold them to it in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reads = NDArray[np.bool_]
"""Which steps before (columns) each step behind (rows) reads."""


@dataclass(frozen=True)
class Slide:
    """A convolution or a pooling: `kernel` steps, moved on by `stride`, with `padding` empty steps put before and behind."""

    kernel: int
    stride: int = 1
    padding: int = 0

    def reads(self, steps: int) -> Reads:
        first = np.arange(0, steps + 2 * self.padding - self.kernel + 1, self.stride)[:, None] - self.padding
        return np.asarray((first <= np.arange(steps)) & (np.arange(steps) < first + self.kernel))


@dataclass(frozen=True)
class Everywhere:
    """Every step reads all: a mean over time, an attention over it."""

    def reads(self, steps: int) -> Reads:
        return np.ones((steps, steps), np.bool_)


@dataclass(frozen=True)
class Windows:
    """An attention inside windows of `length` steps, moved by `shift` (Video Swin): what the shift carries round the end is kept apart."""

    length: int
    shift: int = 0

    def reads(self, steps: int) -> Reads:
        if steps <= self.length:
            return Everywhere().reads(steps)
        whole = -(-steps // self.length) * self.length
        place = (np.arange(steps) - self.shift) % whole
        group = 2 * (place // self.length) + (place >= whole - self.shift)
        return np.asarray(group[:, None] == group)


@dataclass(frozen=True)
class Sharing:
    """An attention inside overlapping windows of `length` steps, one every `stride`, the last flush with the end; every step keeps itself.

    crossed: a window reads the one after it, the last the first.
    """

    length: int
    stride: int
    crossed: bool = False

    def reads(self, steps: int) -> Reads:
        last = max(steps - self.length, 0)
        begins = (*range(0, last, self.stride), last)
        held = np.eye(steps, dtype=np.bool_)
        for first, read in zip(begins, begins[1:] + begins[:1] if self.crossed else begins, strict=True):
            held[first : first + self.length, read : read + self.length] = True
        return held


@dataclass(frozen=True)
class Beside:
    """A shift of some channels: every step reads itself, and the one before it or behind it."""

    before: bool
    behind: bool

    def reads(self, steps: int) -> Reads:
        own = np.eye(steps, dtype=np.bool_)
        return own | (self.before & np.eye(steps, k=-1, dtype=np.bool_)) | (self.behind & np.eye(steps, k=1, dtype=np.bool_))


@dataclass(frozen=True)
class Behind:
    """Every step is made of a frame that was given and of so many source frames behind it, which were not: RGB differences."""

    frames: int

    def reads(self, steps: int) -> Reads:
        return np.eye(steps, dtype=np.bool_)


Hop = Slide | Beside | Behind | Everywhere | Windows | Sharing


def field(hops: Sequence[Hop], frames: int) -> Reads:
    """Which of so many frames can reach each step behind these hops: bool (steps, frames)."""
    found = np.eye(frames, dtype=np.bool_)
    for hop in hops:
        found = hop.reads(len(found)) @ found
    return found
