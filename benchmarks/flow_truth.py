"""How far is an optical flow from the true one? End-point and angular error on the mannequins, whose motion is known.

    python benchmarks/flow_truth.py [--test-clips 2]

End-point error: how far the found displacement is from the true one, in pixels of a 320 × 240 picture. Angular error: between (u, v, 1) and its
truth, in degrees (Barron, Fleet and Beauchemin, 1994). Both once over all pixels whose motion is known (see `mannequin.Flow`), once over those of the
figure alone; as mean ± standard error over clips. Actions of the same seed share place, camera and grain: over all pixels, which are mostly
background, the standard error is too small where there are few seeds. The first row says that nothing moves: what a flow must beat.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec.clips import mannequin
from actrec.lab import sets

Estimate = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Frames uint8 (T, H, W, 3) RGB → displacements (T − 1, H, W, 2), in pixels, from each frame to the next."""


def nothing(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.zeros((len(frames) - 1, *frames.shape[1:3], 2), np.float32)


def dis(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Dense inverse search (Kroeger et al., ECCV 2016), as OpenCV has it."""
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    return np.stack([search.calc(a, b, None) for a, b in pairwise(grey)])


ESTIMATES: dict[str, Estimate] = {"nothing moves": nothing, "DIS, medium": dis}


def main() -> int:
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--test-clips", type=int, default=2, help="test clips per action")
    items = sets.mannequin_set(1, read.parse_args().test_clips).split("test")
    found = np.array([of_clip(item.media) for item in items])
    mean, error = found.mean(0), found.std(0, ddof=1) / np.sqrt(len(items))
    print(f"{len(items)} clips\n")
    print("| flow | end-point error (px) | angular error (°) | figure: end-point error (px) | figure: angular error (°) |\n|---|---|---|---|---|")
    for name, row, spread in zip(ESTIMATES, mean, error, strict=True):
        print(f"| {name} | {' | '.join(f'{m:.2f} ± {e:.2f}' for m, e in zip(row, spread, strict=True))} |")
    return 0


def of_clip(media: sets.Media) -> list[list[float]]:
    """For each estimate: end-point and angular error over all that is known, and over the figure."""
    (action, seed), table = media.path.parts, media.table()
    size = {"frames": table.frames, "height": table.height, "width": table.width}
    clip, truth = mannequin.render(action, int(seed), **size), mannequin.render_flow(action, int(seed), **size)
    found = []
    for estimate in ESTIMATES.values():
        both = errors(estimate(clip.frames), truth.moved)
        found.append([float(e[where].mean()) for where in (truth.known, truth.known & clip.actor[:-1]) for e in both])
    return found


def errors(moved: NDArray[np.float32], truth: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """End-point error (pixels) and angular error (degrees): (T − 1, H, W)."""
    lengths = np.sqrt((1 + (moved**2).sum(-1)) * (1 + (truth**2).sum(-1)))
    cosine = (1 + (moved * truth).sum(-1)) / lengths
    return np.linalg.norm(moved - truth, axis=-1), np.degrees(np.arccos(np.clip(cosine, -1, 1)))


if __name__ == "__main__":
    raise SystemExit(main())
