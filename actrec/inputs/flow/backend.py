"""What a way to find optical flow is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from actrec.core.errors import Progress, QuestionError, no_progress

Frames = NDArray[np.uint8]
Flow = NDArray[np.float32]
"""Displacements (…, H, W, 2) in pixels, x to the right and y down: what is at p in the first frame is at p + flow[p] in the second."""

Pair = Callable[[Frames, Frames], Flow]
"""From two frames (H, W, 3) RGB of one size to the flow (H, W, 2) from the first to the second."""


@dataclass(frozen=True)
class Backend:
    """A way to find optical flow.

    opened: makes it ready, fetching and reading weights where it has any.  made_by: what its numbers depend on beside the frames, its version or its
    weights; raises WeightsError where they are missing.
    """

    id: str
    title: str
    note: str
    opened: Callable[[Progress], Pair] = field(repr=False)
    made_by: Callable[[], str] = field(repr=False)

    def between(self, frames: Frames, progress: Progress = no_progress) -> Flow:
        """The flow (T − 1, H, W, 2) from every frame of (T, H, W, 3) RGB to the next.

        Raises:
            QuestionError: fewer than two frames; no room on the GPU.  WeightsError: weights that are missing or cannot be used.
            Cancelled: raised by `progress`, which is called after every pair.
        """
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames[:1].size:
            raise ValueError(f"frames are {frames.dtype} {frames.shape}: need uint8 (T, height, width, 3)")
        pairs = len(frames) - 1
        if pairs < 1:
            raise QuestionError("optical flow needs two frames, and there is 1; choose a longer clip, or more frames of it")
        pair = self.opened(progress)
        flow = np.empty((pairs, *frames.shape[1:3], 2), np.float32)
        for i in range(pairs):
            flow[i] = pair(frames[i], frames[i + 1])
            progress((i + 1) / pairs, f"{self.title}: pair {i + 1} of {pairs}")
        return flow
