"""Sample clips whose truth is known: a jointed figure performs a named action somewhere, in front of somebody's wall.

`render("sit_down", seed=3)` gives the frames, the joints, and who is where in every pixel, so that any explanation can be scored against the truth.
`render_flow` with the same arguments gives the true optical flow between its frames.
The same action and seed always give the same bytes. Body, clothes, place, camera and distractor come from the seed alone, never from the action.

Pairs are each other's time reversal, exactly: `render("stand_up", s)` is `render("sit_down", s)` played backwards, with everything in the scene.
So no single frame, and no unordered set of frames, can tell which of the two it is. push_left and push_right mean the viewer's left and right:
do not mirror these clips when training.
"""

from __future__ import annotations

import csv
from pathlib import Path

from actrec.clips import video
from actrec.clips.mannequin.flow import Flow, render_flow
from actrec.clips.mannequin.rendering import Mannequin, render, render_joints
from actrec.clips.mannequin.scene import ACTIONS, PAIRS, Scene
from actrec.clips.mannequin.truth import Truth, read_truth, truth_beside, write_truth

__all__ = [
    "ACTIONS", "PAIRS", "SAMPLES", "Flow", "Mannequin", "Scene", "Truth",
    "read_truth", "render", "render_flow", "render_joints", "truth_beside", "write_samples", "write_truth",
]  # fmt: skip

SAMPLES: tuple[tuple[str, int, int], ...] = (
    ("sit_down", 32, 72), ("stand_up", 32, 72), ("push_left", 2, 72), ("bounce_ball", 31, 75), ("throw_ball", 35, 64), ("lift_barbell", 38, 84),
    ("jumping_jack", 36, 75), ("walk", 37, 72),
)  # fmt: skip
"""The clips that ship: action, seed, frames. The first two are the same scene forwards and backwards."""


def write_samples(folder: Path) -> None:
    """Make the shipped clips afresh: `folder/<action>.mp4`, `index.csv`, and `<action>.truth.npz` (read it with `read_truth`)."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label", "seed", "frames"])
        for action, seed, frames in SAMPLES:
            made = render(action, seed, frames=frames)
            clip = folder / f"{action}.mp4"
            video.write(clip, made.frames, 25.0, crf=20)
            write_truth(truth_beside(clip), made)
            rows.writerow([clip.name, action, seed, frames])
