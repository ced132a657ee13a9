"""What is a trained model's accuracy made of? Its test clips again, each time with something taken away.

A model that reads the action should fall when motion goes and stand when the surroundings go; one that reads the place does the reverse. Optical flow
is found again in the frames that are left, as they are cut; joints stay. On mannequins one line shows the same motions in other clothes and places.
The last line needs no model at all: the class whose training clips have the nearest mean colour.

    python benchmarks/shortcuts.py [--model MODEL --data SET]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec import study
from actrec.clips import mannequin
from actrec.core.clip import Preprocess
from actrec.inputs import flow, pixels
from actrec.lab import sets
from actrec.lab.evaluate import opened
from actrec.lab.sets.windows import painted

Take = Callable[[Tensor], Tensor]
"""Frames uint8 (B, V, T, H, W, 3) with something taken away."""

LOOK = 1_000_000
"""Added to a clip's seed: seeds of clothes and places that no clip of the set has."""


def main() -> int:
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--model", default="i3d-mannequin")
    read.add_argument("--data", default="mannequin")
    read.add_argument("--test-clips", type=int, default=5, help="mannequin test clips per action")
    asked = read.parse_args()
    loaded = study.load(asked.model)
    clips = sets.open_set(asked.data, train=asked.test_clips, test=asked.test_clips)
    own = replace(clips, labels=loaded.card.labels)
    train, test = (opened(loaded.card, own, (split,), train=False) for split in ("train", "test"))
    print(f"{loaded.card.title} on {clips.name}: {len(test)} test clips, {len(own.labels)} classes, guessing {1 / len(own.labels):.3f}")
    for name, take in TAKEN.items():
        print(f"{accuracy(loaded, test, take):.3f}  {name}")
    if asked.data == "mannequin":
        print(f"{accuracy(loaded, dressed(test)):.3f}  clothes and place: the same motions in others")
    print(f"{by_colour(train, test):.3f}  no model: nearest mean colour of the training clips")
    return 0


@torch.no_grad()
def accuracy(loaded: study.Loaded, windows: sets.Windows, take: Take | None = None) -> float:
    """Share of the clips that are still recognised."""
    right = 0
    for batch in sets.batches(windows, 8):
        if take is not None:
            frames = take(batch.frames)
            batch = replace(batch, frames=frames, beside={**batch.beside, **moved(windows, frames)})
        said = loaded.model(*windows.inputs(batch, loaded.device).values()).argmax(1).cpu()
        right += int((said == windows.targets(batch.numbers)).sum())
    return right / len(windows)


def moved(windows: sets.Windows, frames: Tensor) -> dict[str, Tensor]:
    """The optical flow (B, V, T − 1, H, W, 2) of frames, for a model that reads flow."""
    if all(stream.name != "flow" for stream in windows.streams):
        return {}
    return {"flow": torch.stack([torch.stack([torch.from_numpy(flow.between(view.numpy())) for view in clip]) for clip in frames])}


def dressed(windows: sets.Windows) -> sets.Windows:
    """The same motions of mannequins in other clothes and places."""
    other = copy(windows)
    other.kept = [_rendered(item.media, windows.preprocess) for item in windows.items]
    return other


def _rendered(media: sets.Media, preprocess: Preprocess) -> NDArray[np.uint8]:
    (action, seed), table = media.path.parts, painted(media, preprocess)
    frames = mannequin.render(action, int(seed), height=table.height, width=table.width, truth=False, look=int(seed) + LOOK).frames
    return pixels.shrink(frames, preprocess, pixels.geometry(table, preprocess))


def by_colour(train: sets.Windows, test: sets.Windows) -> float:
    """Accuracy of the nearest class mean of the clips' mean colours."""

    def colours(windows: sets.Windows) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        found = [(b.frames.double().mean((1, 2, 3, 4)).numpy(), windows.targets(b.numbers).numpy()) for b in sets.batches(windows, 8)]
        return np.concatenate([c for c, _ in found]), np.concatenate([t for _, t in found])

    known, classes = colours(train)
    centres = np.stack([known[classes == c].mean(0) for c in range(len(train.clips.labels))])
    asked, truth = colours(test)
    return float(np.mean(np.linalg.norm(asked[:, None] - centres, axis=-1).argmin(1) == truth))


def _middle(frames: Tensor, inside: bool) -> Tensor:
    """The middle (half of each side) or all around it, replaced by the frame's mean colour."""
    height, width = frames.shape[3:5]
    hidden = torch.zeros(height, width, 1, dtype=torch.bool)
    hidden[height // 4 : -(height // 4), width // 4 : -(width // 4)] = True
    return torch.where(hidden if inside else ~hidden, _mean(frames), frames)


def _mean(frames: Tensor) -> Tensor:
    return frames.float().mean((3, 4), keepdim=True).round().byte().expand_as(frames)


TAKEN: dict[str, Take] = {
    "as they are": lambda frames: frames,
    "motion: the middle frame only, repeated": lambda frames: frames[:, :, frames.shape[2] // 2 :][:, :, :1].expand_as(frames),
    "order: frames shuffled": lambda frames: frames[:, :, torch.randperm(frames.shape[2], generator=torch.Generator().manual_seed(0))],
    "direction: frames reversed": lambda frames: frames.flip(2),
    "colour: grey": lambda frames: frames.float().mean(-1, keepdim=True).round().byte().expand_as(frames),
    "the middle, where the actor is": lambda frames: _middle(frames, inside=True),
    "the surroundings: only the middle left": lambda frames: _middle(frames, inside=False),
    "everything but each frame's mean colour": _mean,
}

if __name__ == "__main__":
    raise SystemExit(main())
