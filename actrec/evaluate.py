"""How well a model does on labelled clips: its answers counted, all classes together and the time-reversed pairs apart."""

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

from actrec import data
from actrec.types import ActrecError, Card


@dataclass(frozen=True)
class Scores:
    """What a model got right on a split.

    confusion int64 (classes, classes): rows are the true classes.  merged: accuracy when both labels of a time-reversed pair count as one.
    pairs: accuracy among the clips of each pair whose answer was one of the two labels (0.5 is guessing), by "a / b".
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]
    merged: float
    pairs: Mapping[str, float]

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / max(self.confusion.sum(), 1))

    def to_json(self) -> dict[str, Any]:
        return {
            "clips": int(self.confusion.sum()),
            "accuracy": self.accuracy,
            "accuracy_reversed_pairs_merged": self.merged,
            "accuracy_within_reversed_pairs": dict(self.pairs),
            "confusion": self.confusion.tolist(),
        }


def score(labels: Sequence[str], truth: NDArray[np.int64], answers: NDArray[np.int64], pairs: Sequence[tuple[str, str]]) -> Scores:
    """Count answers (n) against the truth (n), both class numbers."""
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, answers), 1)
    numbers = [(labels.index(a), labels.index(b)) for a, b in pairs]
    same = np.arange(len(labels))
    for a, b in numbers:
        same[b] = a
    within = {}
    for a, b in numbers:
        block = confusion[np.ix_((a, b), (a, b))]
        within[f"{labels[a]} / {labels[b]}"] = float(np.trace(block) / block.sum()) if block.sum() else float("nan")
    merged = float(np.mean(same[truth] == same[answers])) if len(truth) else float("nan")
    return Scores(tuple(labels), confusion, merged, within)


@torch.no_grad()
def evaluate(model: nn.Module, windows: data.Windows, batch: int = 16) -> Scores:
    """Single view, centre crop (DAM §4.2), float32."""
    device = next(model.parameters()).device
    model.eval()
    truth, answers = [], []
    for found in data.batches(windows, batch):
        clips = data.to_input(found.frames.to(device), windows.preprocess)
        truth.append(windows.targets(found.numbers).numpy())
        answers.append(model(clips).argmax(1).cpu().numpy())
    return score(windows.clips.labels, np.concatenate(truth), np.concatenate(answers), windows.clips.pairs)


def opened(card: Card, clips: data.ClipSet, splits: Sequence[str], **how: Any) -> data.Windows:
    """The model's windows of these splits, with a bar on standard error and a line for every clip that is left out. how: as `data.open_windows`."""
    items = clips.split(*splits)
    with tqdm(total=len(items), desc=f"frames of {splits[0]}", unit="clip", disable=None) as bar:

        def show(fraction: float, _: str) -> None:
            bar.update(round(fraction * len(items)) - bar.n)

        windows, broken = data.open_windows(items, clips, card.sampling, card.preprocess, progress=show, **how)
    for line in broken:
        print(f"left out: {line}", file=sys.stderr)
    return windows


def examine(model: nn.Module, card: Card, clips: data.ClipSet, splits: Sequence[str]) -> Scores:
    """Score a trained model on a set whose labels are its own, in its own order.

    Raises:
        ActrecError: other labels.
    """
    if set(clips.labels) != set(card.labels):
        other = sorted(set(clips.labels) ^ set(card.labels))
        raise ActrecError(
            f"{card.title} and the set {clips.name!r} do not name the same classes ({', '.join(other[:4])} …); evaluate it on its own set"
        )
    own = replace(clips, labels=card.labels)
    return evaluate(model, opened(card, own, splits, train=False))
