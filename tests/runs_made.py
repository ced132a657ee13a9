"""Training runs small enough for a test: ten clips of two classes that one glance tells apart, and a model that reads four frames of 32 pixels."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from actrec import catalogue
from actrec.clips import video
from actrec.core.card import Card
from actrec.core.clip import Preprocess, Sampling
from actrec.lab import sets, train

TINY: dict[str, Any] = {"width": 0.125, "dropout": 0.0}
RECIPE = train.Recipe(epochs=3, batch=4, lr=0.1, lr_end=0.3)


def make_set(folder: Path, splits: Sequence[str] = (*["train"] * 8, "test", "test")) -> Path:
    """One clip for each entry of `splits`, blue and red in turn, with its index.csv."""
    folder.mkdir()
    rows = ["file,label,subject,split"]
    for number, split in enumerate(splits):
        label = ("blue", "red")[number % 2]
        frames = np.random.default_rng(number).integers(0, 90, (10, 40, 48, 3), np.uint8)
        frames[..., 2 if label == "blue" else 0] += 150
        video.write(folder / f"{number}.mp4", list(frames), 25.0)
        rows.append(f"{number}.mp4,{label},s{number},{split}")
    (folder / "index.csv").write_text("\n".join(rows))
    return folder


def card(model: str = "c2d-r50") -> Card:
    return replace(catalogue.card(model), sampling=Sampling("dense", 4, 8), preprocess=Preprocess(36, (32, 32)))


def run(
    clips: Path,
    folder: Path,
    recipe: train.Recipe = RECIPE,
    *,
    model: str = "c2d-r50",
    arguments: Mapping[str, Any] = TINY,
    epochs: int | None = None,
    **more: Any,
) -> train.Run:
    recipe = replace(recipe, epochs=epochs) if epochs else recipe
    return train.Run(card(model), sets.read_index(clips), recipe, folder, arguments, command="a command", **more)


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))
