"""What the channels of a network are worth, and which of them stay at a share that goes."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.errors import QuestionError

State = Mapping[str, Tensor]
Worths = Mapping[str, NDArray[np.float32]]

PAPER: Mapping[str, Mapping[str, float]] = {"ucf101": {"rgb": 70.0, "flow": 80.0}, "hmdb51": {"rgb": 40.0, "flow": 30.0}}
"""Per cent of the channels that go, by data set and stream (qian2024, table 3)."""


class Layer(Protocol):
    """As `rescnn.Prunable`: names of a normalisation, and of the weights that make and that read its channels; and what the paper calls it."""

    @property
    def norm(self) -> str: ...
    @property
    def made(self) -> str: ...
    @property
    def read(self) -> str: ...
    @property
    def title(self) -> str: ...


@dataclass(frozen=True, eq=False)
class Plan:
    """What is kept at a threshold. kept: by normalisation, the channels, bool.  threshold: the |γ| from which on a channel is kept."""

    percent: float
    threshold: float
    kept: Mapping[str, NDArray[np.bool_]]

    @property
    def share(self) -> float:
        """Of all channels that could go, how many do; less than asked for where a layer had to keep one, or scales are as large as the threshold."""
        return 1 - sum(int(kept.sum()) for kept in self.kept.values()) / sum(map(len, self.kept.values()))


def networks(card: Card) -> dict[str, Card]:
    """The networks of a card that are pruned each by itself, by the stream that they read: of most models one.

    Raises:
        QuestionError: not all of them can be pruned.
    """
    found = dict(catalogue.parts(card)) or {card.inputs[0]: card}
    for each in found.values():
        layers(each)
    return found


def layers(card: Card, fc: bool = True) -> tuple[Layer, ...]:
    """What can be pruned of a card's network. fc: also what narrows its last linear layer, where that can be.

    Raises:
        QuestionError: nothing can.
    """
    found = getattr(importlib.import_module(f"actrec.models.{card.family}"), "prunable", None)
    if found is None:
        raise QuestionError(f"{card.title} cannot be pruned: only networks of the family rescnn can, such as st-rescnn-a")
    return tuple(layer for layer in found(card.arguments) if fc or layer.read != f"{card.head}.weight")


def worths(card: Card, state: State, fc: bool = True) -> Worths:
    """|γ| of every channel that could go, by its normalisation, in the order of the network. fc: as in `layers`."""
    return {layer.norm: state[f"{layer.norm}.weight"].detach().abs().float().cpu().numpy() for layer in layers(card, fc)}


def plan(found: Worths, percent: float) -> Plan:
    """Which channels stay when `percent` of all of them should go, those with the smallest |γ|; a layer keeps its largest whatever the threshold.

    Raises:
        QuestionError: not a share from 0 to below 100 per cent.
    """
    if not 0 <= percent < 100:
        raise QuestionError(f"{percent:g} % cannot be pruned; give a percentage from 0 to below 100")
    every = np.sort(np.concatenate(list(found.values())))
    threshold = float(every[math.floor(percent / 100 * len(every))])
    kept = {name: (worth >= threshold) | (np.arange(len(worth)) == int(worth.argmax())) for name, worth in found.items()}
    return Plan(percent, threshold, kept)


def percents(card: Card, asked: str, stream: str = "") -> dict[str, float]:
    """How much of each of a card's networks should go, in per cent: `asked` is one number for all, one for each ("70,80"), or a set of `PAPER`.

    stream: prune this one alone; of the others nothing goes.

    Raises:
        QuestionError: a card that cannot be pruned, no such stream or set, or what is no percentage.
    """
    names = list(networks(card))
    if stream and stream not in names:
        raise QuestionError(f"{card.title} has no stream {stream!r} to prune; it has {' and '.join(names)}")
    paper, texts = PAPER.get(asked.lower()), asked.split(",")
    if paper is None and len(texts) not in {1, len(names)}:
        raise QuestionError(f"{asked!r} are {len(texts)} percentages, and {card.title} has {len(names)} to prune: {' and '.join(names)}")
    given = [paper.get(name, 0.0) for name in names] if paper else [_percentage(text) for text in texts] * (len(names) if len(texts) == 1 else 1)
    return {name: value if stream in ("", name) else 0.0 for name, value in zip(names, given, strict=True)}


def _percentage(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise QuestionError(
            f"{text.strip()!r} is not a percentage; give a number from 0 to below 100, or {' or '.join(PAPER)} for the paper’s"
        ) from None
