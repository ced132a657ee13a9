"""Pruning: a network without the channels that it hardly uses (qian2024, §2.1–2.2; liu2017slimming).

A channel is worth |γ|, the scale that the normalisation behind its convolution gives it. One threshold holds for the whole network: the value below
which a given share of all these scales lies. What is left is a narrower network of the same family, which computes exactly what the whole one would
with the scales and shifts of the left-out channels set to 0.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec import catalogue
from actrec.catalogue import header
from actrec.core.card import Card
from actrec.core.errors import QuestionError, WeightsError
from actrec.models import weights

State = Mapping[str, Tensor]
Worths = Mapping[str, NDArray[np.float32]]


class Layer(Protocol):
    """As `rescnn.Prunable`: names of a normalisation, and of the weights that make and that read its channels."""

    @property
    def norm(self) -> str: ...
    @property
    def made(self) -> str: ...
    @property
    def read(self) -> str: ...


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


def layers(card: Card) -> tuple[Layer, ...]:
    """What can be pruned of a card's network.

    Raises:
        QuestionError: nothing can.
    """
    found = getattr(importlib.import_module(f"actrec.models.{card.family}"), "prunable", None)
    if found is None:
        raise QuestionError(f"{card.title} cannot be pruned: only networks of the family rescnn can, such as st-rescnn-a")
    return tuple(found(card.arguments))


def worths(card: Card, state: State) -> Worths:
    """|γ| of every channel that could go, by its normalisation, in the order of the network."""
    return {layer.norm: state[f"{layer.norm}.weight"].detach().abs().float().cpu().numpy() for layer in layers(card)}


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


def pruned(card: Card, state: State, chosen: Plan) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Arguments and numbers of the network without the channels that the plan leaves out; at 0 % they are what they were."""
    new = dict(state)
    for layer in layers(card):
        keep = torch.from_numpy(np.flatnonzero(chosen.kept[layer.norm]))
        for name in ("weight", "bias", "running_mean", "running_var"):
            new[f"{layer.norm}.{name}"] = new[f"{layer.norm}.{name}"][keep]
        new[layer.made] = new[layer.made][keep]
        new[layer.read] = new[layer.read][:, keep].contiguous()
    module = importlib.import_module(f"actrec.models.{card.family}")
    arguments: dict[str, Any] = module.implied(card.arguments, {name: tuple(tensor.shape) for name, tensor in new.items()})
    return arguments, new


def save(name: str, percent: float, out: Path, title: str = "") -> tuple[Card, Plan]:
    """Write the checkpoint of a model without the channels that it hardly uses; comes back with its card and what was kept.

    Raises:
        QuestionError: a model that cannot be pruned, no such share, or nothing below the threshold.
        WeightsError: no weights, or a file that cannot be written.
    """
    card = catalogue.card(name)
    layers(card)
    if card.weights is None:
        raise WeightsError(f"{card.title} cannot be pruned: {catalogue.ready(card)}")
    model, about = catalogue.filled(card, weights.fetch(card.weights))
    chosen = plan(worths(card, model.state_dict()), percent)
    if percent and not chosen.share:
        alike = f"the {percent:g} % with the smallest scales are all as large as the next, {chosen.threshold:.3g}"
        raise QuestionError(f"{card.title} has nothing to prune: {alike}; train it with --sparsity 1e-4 first")
    arguments, state = pruned(card, model.state_dict(), chosen)
    small = catalogue.build(card, **arguments)
    small.load_state_dict(state)
    made = replace(card, arguments=arguments, title=title or f"{card.title}, pruned by {100 * chosen.share:.0f} %")
    told = header.of(made, about)
    told["pruned"] = {"from": card.id, "percent": percent, "threshold": chosen.threshold, "share": chosen.share}
    weights.save(out, small, told)
    return catalogue.with_weights(catalogue.card(told["architecture"]), out), chosen
