"""Optical flow kept on the disk: made once for a clip's frames, read again by whoever asks.

Displacements are kept in 16 bits, and given so the first time too: rounded by at most 1/64 px up to 64 px, and by 1/2048 of their length beyond.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actrec.core import files, settings
from actrec.core.errors import Progress, no_progress
from actrec.inputs.flow.backend import Flow, Frames
from actrec.inputs.flow.backends import named

MOST_BYTES = 2_000_000_000
"""Bytes of the whole folder; what was used longest ago goes first."""


def kept(frames: Frames, clip: str, index: Sequence[int] | NDArray[np.int64], backend: str = "dis", progress: Progress = no_progress) -> Flow:
    """As `between`, rounded to 16 bits; read from the disk if it was asked for before.

    clip: the sha256 of the file that the frames are of.  index (T): their numbers in it. The frames are whole ones, of any size.

    Raises:
        As `between`. A cache that cannot be written is none.
    """
    way = named(backend)
    numbers = np.asarray(index, np.int64)
    if numbers.shape != frames.shape[:1]:
        raise ValueError(f"{numbers.shape} numbers for {len(frames)} frames")
    shape = (len(frames) - 1, *frames.shape[1:3], 2)
    facts = repr((clip, numbers.tolist(), shape, way.id, way.made_by()))
    place = settings.cache() / "flow" / f"{way.id}-{hashlib.sha256(facts.encode()).hexdigest()[:32]}.npz"
    flow = _read(place, shape)
    if flow is None:
        flow = way.between(frames, progress).astype(np.float16)
        with contextlib.suppress(OSError):
            with files.whole(place) as part, part.open("wb") as file:
                np.savez(file, flow=flow)
            _bound(place)
    return flow.astype(np.float32)


def _read(place: Path, shape: tuple[int, ...]) -> NDArray[np.float16] | None:
    """What is kept there; None if it is not there, or damaged: an npz carries a checksum of what is in it."""
    try:
        with np.load(place) as inside:
            flow: NDArray[np.float16] = inside["flow"]
        os.utime(place)
    except Exception:  # what a damaged file makes numpy raise is written nowhere
        return None
    return flow if flow.shape == shape and flow.dtype == np.float16 else None


def _bound(newest: Path) -> None:
    """Remove the files used longest ago, beyond MOST_BYTES; the newest stays."""
    listed = []
    for file in newest.parent.glob("*.npz"):
        with contextlib.suppress(OSError):  # another process was quicker
            facts = file.stat()
            listed.append((file == newest, facts.st_mtime_ns, facts.st_size, file))
    total = 0
    for is_newest, _, size, file in sorted(listed, reverse=True):
        total += size
        if total > MOST_BYTES and not is_newest:
            with contextlib.suppress(OSError):
                file.unlink()
