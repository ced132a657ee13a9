"""What optical flow costs: seconds for the 15 steps between 16 frames of 340 × 256, by each way of finding it.

    python benchmarks/flow_cost.py [--backend dis --backend raft-small]

The least of several runs, by the clock and in seconds of processors, with whatever is fetched, read and set up left out: that is done once. DIS shall
take 0.5 s at most. On a machine that does other work the clock tells more of that than of the flow.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec.core.errors import no_progress
from actrec.inputs import flow

FRAMES, WIDTH, HEIGHT, STEP = 16, 340, 256, 4


def main() -> int:
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--backend", action="append", choices=list(flow.BACKENDS), help="default: dis; the others need weights")
    print(f"{FRAMES} frames of {WIDTH} × {HEIGHT}")
    for name in read.parse_args().backend or ["dis"]:
        clock, processors = seconds(name)
        print(f"{name:12} {clock:8.3f} s, {processors:.3f} s of processors")
    return 0


def frames() -> NDArray[np.uint8]:
    """A texture that goes STEP pixels to the left a frame."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((HEIGHT, WIDTH + STEP * FRAMES, 3)), (0, 0), 2)
    texture = np.clip(128 + 45 * noise / noise.std(), 0, 255).astype(np.uint8)
    return np.stack([texture[:, STEP * i : STEP * i + WIDTH] for i in range(FRAMES)])


def seconds(backend: str, runs: int = 5) -> tuple[float, float]:
    """The least time that the flow between the frames takes, by the clock and of processors."""
    pair, clip, taken = flow.named(backend).opened(no_progress), frames(), []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        for first, second in pairwise(clip):
            pair(first, second)
        taken.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return min(clock for clock, _ in taken), min(processors for _, processors in taken)


if __name__ == "__main__":
    raise SystemExit(main())
