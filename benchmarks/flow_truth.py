"""How far is an optical flow from the true one? End-point and angular error on the mannequins, whose motion is known.

    python benchmarks/flow_truth.py [--test-clips 2 --backend dis --backend raft-small]

End-point error: how far the found displacement is from the true one, in pixels of a 320 × 240 picture. Angular error: between (u, v, 1) and its
truth, in degrees (Barron, Fleet and Beauchemin, 1994). Both once over all pixels whose motion is known (see `mannequin.Flow`), once over those of the
figure alone; as mean ± standard error over clips. Actions of the same seed share place, camera and grain: over all pixels, which are mostly
background, the standard error is too small where there are few seeds. The first row says that nothing moves: what a flow must beat.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec.clips import mannequin
from actrec.inputs import flow
from actrec.lab import sets
from actrec.measure.flow import angular, endpoint

NOTHING = "nothing moves"


def main() -> int:
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--test-clips", type=int, default=2, help="test clips per action")
    read.add_argument("--backend", action="append", choices=list(flow.BACKENDS), help="default: dis; the others need weights")
    given = read.parse_args()
    names = [NOTHING, *(given.backend or ["dis"])]
    items = sets.mannequin_set(1, given.test_clips).split("test")
    found = np.array([of_clip(item.media, names) for item in items])
    mean, error = found.mean(0), found.std(0, ddof=1) / np.sqrt(len(items))
    print(f"{len(items)} clips\n")
    print("| flow | end-point error (px) | angular error (°) | figure: end-point error (px) | figure: angular error (°) |\n|---|---|---|---|---|")
    for name, row, spread in zip(names, mean, error, strict=True):
        print(f"| {name} | {' | '.join(f'{m:.2f} ± {e:.2f}' for m, e in zip(row, spread, strict=True))} |")
    return 0


def of_clip(media: sets.Media, names: list[str]) -> list[list[float]]:
    """For each back end: end-point and angular error over all that is known, and over the figure."""
    (action, seed), table = media.path.parts, media.table()
    frames, height, width = table.frames, table.height, table.width
    clip = mannequin.render(action, int(seed), frames=frames, height=height, width=width)
    truth = mannequin.render_flow(action, int(seed), frames=frames, height=height, width=width)
    where = (truth.known, truth.known & clip.actor[:-1])
    rows = []
    for name in names:
        moved = np.zeros_like(truth.moved) if name == NOTHING else flow.between(clip.frames, name)
        rows.append([error(moved, truth.moved, mask) for mask in where for error in (endpoint, angular)])
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
