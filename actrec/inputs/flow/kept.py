"""Optical flow kept on the disk: made once for the same frames, to the pixel, and read again by whoever asks.

Displacements are kept in 16 bits, and given so the first time too: rounded by at most 1/64 px up to 64 px, and by 1/2048 of their length beyond.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actrec.core import files, settings
from actrec.core.errors import Progress, no_progress
from actrec.inputs.flow.backend import Flow, Frames
from actrec.inputs.flow.backends import named

MOST_BYTES = 2_000_000_000
"""Bytes of the whole folder; what was used longest ago goes first."""


def kept(frames: Frames, backend: str = "dis", progress: Progress = no_progress) -> Flow:
    """As `between`, rounded to 16 bits; read from the disk if the same pixels were asked for before.

    Raises:
        As `between`. A cache that cannot be written is none.
    """
    way, content = named(backend), np.ascontiguousarray(frames)
    shape = (len(frames) - 1, *frames.shape[1:3], 2)
    facts = repr((hashlib.sha256(content.data).hexdigest(), content.shape, way.id, way.made_by()))
    place = settings.cache() / "flow" / f"{way.id}-{hashlib.sha256(facts.encode()).hexdigest()[:32]}.npz"
    flow = _read(place, shape)
    if flow is None:
        flow = way.between(frames, progress).astype(np.float16)
        with contextlib.suppress(OSError):
            with files.whole(place) as part, part.open("wb") as file:
                np.savez(file, flow=flow)
            for old in files.oldest(place.parent.glob("*.npz"), most_bytes=MOST_BYTES):
                old.unlink(missing_ok=True)
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
