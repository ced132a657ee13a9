"""What a model gets right on labelled clips, counted: as training needs it after an epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from actrec.core.card import Card
from actrec.core.errors import ActrecError
from actrec.inputs import streams
from actrec.lab import sets
from actrec.measure import accuracy


@dataclass(frozen=True)
class Scores:
    """What a model got right on a split.

    confusion int64 (classes, classes): rows are the true classes.  merged: accuracy when both labels of a time-reversed pair count as one.
    pairs: accuracy among the clips of each pair whose answer was one of the two labels (0.5 is guessing), by "a / b".
    mean_ap, weighted_ap: of multi-label sets, else None; there the confusion matrix and what follows from it are as `accuracy.counted` says.
    broken: a line for each clip that could not be read; it is in none of the numbers.
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]
    merged: float
    pairs: Mapping[str, float]
    mean_ap: float | None = None
    weighted_ap: float | None = None
    broken: tuple[str, ...] = ()

    @classmethod
    def of(cls, labels: tuple[str, ...], found: accuracy.Measures, broken: Sequence[str] = ()) -> Scores:
        """What training needs of all that was measured."""
        return cls(labels, found.confusion, found.merged, found.pairs, found.mean_ap, found.weighted_ap, tuple(broken))

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / max(self.confusion.sum(), 1))

    @property
    def goal(self) -> float:
        """What training tries to raise: accuracy, or mean average precision where clips have several labels."""
        return self.accuracy if self.mean_ap is None else self.mean_ap

    def to_json(self) -> dict[str, Any]:
        found = {
            "clips": int(self.confusion.sum()),
            "accuracy": self.accuracy,
            "accuracy_reversed_pairs_merged": self.merged,
            "accuracy_within_reversed_pairs": dict(self.pairs),
            "confusion": self.confusion.tolist(),
        }
        several = {} if self.mean_ap is None else {"mean_average_precision": self.mean_ap, "weighted_average_precision": self.weighted_ap}
        return found | several | ({"broken": list(self.broken)} if self.broken else {})


@torch.no_grad()
def evaluate(model: nn.Module, windows: sets.Windows, batch: int = 16, workers: int = 0) -> Scores:
    """The windows' views (DAM §4.2: a single one, centre crop), float32, `batch` clips at a time; scores averaged over a clip's views.

    Broken clips are in the scores' `broken`, for the caller to tell.

    Raises:
        ActrecError: no clip could be read.
    """
    device = next(model.parameters()).device
    model.eval()
    several = windows.clips.multilabel
    truth: list[NDArray[Any]] = []
    scores: list[NDArray[np.float32]] = []
    broken: list[str] = []
    for clips in sets.batches(windows, batch, workers=workers):
        broken += clips.broken
        if not clips.numbers:
            continue
        truth.append(windows.targets(clips.numbers).numpy())
        logits = model(*windows.inputs(clips, device).values()).float().cpu().numpy()
        scores += [accuracy.chances(views, several) for views in logits.reshape(len(clips.numbers), -1, logits.shape[-1])]
    if not scores:
        raise ActrecError(
            f"no clip of {windows.clips.name!r} can be read{f' ({broken[0]})' if broken else ''}; repair the clips, or choose another split"
        )
    wanted: NDArray[np.integer[Any]] = np.concatenate(truth).astype(np.uint8 if several else np.int64)
    return Scores.of(windows.clips.labels, accuracy.measure(windows.clips.labels, np.stack(scores), wanted, windows.clips.pairs), broken)


def opened(card: Card, clips: sets.ClipSet, splits: Sequence[str], **how: Any) -> sets.Windows:
    """The model's windows of these splits, with a bar on standard error and a line for every clip that is left out. how: as `sets.open_windows`."""
    windows, broken = open_items(card, clips, clips.split(*splits), splits[0], **how)
    for line in broken:
        print(f"left out: {line}", file=sys.stderr)
    return windows


def open_items(card: Card, clips: sets.ClipSet, items: Sequence[sets.Item], split: str, **how: Any) -> tuple[sets.Windows, list[str]]:
    """The model's windows of these clips, and a line for each that could not be read and is left out."""
    read = streams.of(streams.settled(card, clips.items))
    with tqdm(total=len(items), desc=f"frames of {split}", unit="clip", disable=None) as bar:

        def show(fraction: float, _: str) -> None:
            bar.update(round(fraction * len(items)) - bar.n)

        return sets.open_windows(items, clips, card.sampling, card.preprocess, streams=read, progress=show, **how)


def absent(card: Card, clips: sets.ClipSet, items: Sequence[sets.Item]) -> str:
    """A sentence if one of a model's streams gets nothing of these clips, else ""."""
    return " ".join(line for stream in streams.of(card) if (line := stream.absent(items, clips.name, card.id)))


def examine(model: nn.Module, card: Card, clips: sets.ClipSet, splits: Sequence[str]) -> Scores:
    """Score a trained model on a set of its own classes.

    Raises:
        ActrecError: a class that the model does not know.
    """
    return evaluate(model, opened(card, of_model(card, clips), splits, train=False))


def of_model(card: Card, clips: sets.ClipSet) -> sets.ClipSet:
    """The set with the model's classes, in the model's order; of some of them the set may have no clips.

    Raises:
        ActrecError: a class that the model does not know.
    """
    other = [label for label in clips.labels if label not in card.labels]
    if other:
        raise ActrecError(
            f"{card.title} and the set {clips.name!r} do not name the same classes (the model does not know {', '.join(other[:4])}"
            f"{' …' if len(other) > 4 else ''}); evaluate it on a data set with its own classes"
        )
    return replace(clips, labels=card.labels)
