"""Several streams, each with a network of its own (qian2024, fig. 1; shiftvlad, §2.2): what they say together, and each of them by itself.

Each network gives its classes' logits; what all say together is one stated function of them (qian2024, table 2):

* mean: of their softmax scores, both papers' choice;
* max: the larger of their softmax scores, brought to a sum of 1;
* logits: the mean of their logits.

The network gives the fused score's logarithm, so that the softmax of its output is the fused score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from actrec.core.card import Card
from actrec.core.words import STREAMS

FUSIONS = ("mean", "max", "logits")


def fuse(one: Tensor, other: Tensor, how: str) -> Tensor:
    """What two streams' logits (B, classes) say together, as logits: their softmax is the fused score.

    Raises:
        ValueError: no such way.
    """
    if how == "logits":
        return (one + other) / 2
    one, other = one.log_softmax(-1), other.log_softmax(-1)
    if how == "mean":
        return torch.logaddexp(one, other) - math.log(2)
    if how == "max":
        return torch.maximum(one, other)
    raise ValueError(f"no fusion {how!r}; there are {', '.join(FUSIONS)}")


class TwoStream(nn.Module):
    """Two streams' inputs (B, c, T, H, W) → logits (B, classes). The networks are called as the streams are, and so begin the names of their taps.

    Raises:
        ValueError: no such fusion.
    """

    def __init__(self, networks: Mapping[str, nn.Module], fusion: str) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise ValueError(f"no fusion {fusion!r}; there are {', '.join(FUSIONS)}")
        for name, network in networks.items():
            self.add_module(name, network)
        self.streams, self.fusion = tuple(networks), fusion

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return self.fused(self.alone(one, other))

    def alone(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Each stream's logits."""
        return tuple(self.get_submodule(name)(x) for name, x in zip(self.streams, inputs, strict=True))

    def fused(self, logits: Sequence[Tensor]) -> Tensor:
        """What the streams say together."""
        one, other = logits
        return fuse(one, other, self.fusion)

    def ways(self, logits: Sequence[Tensor]) -> dict[str, Tensor]:
        """What each stream says alone, and what both say together in every way there is, as logits (qian2024, table 2)."""
        one, other = logits
        return dict(zip(self.streams, logits, strict=True)) | {how: fuse(one, other, how) for how in FUSIONS}


def parts(card: Card, family: str, base: Card, own: Mapping[str, Mapping[str, Any]]) -> dict[str, Card]:
    """The streams of a card by themselves, by name: models like any other, which are trained, explained and tested alone.

    family: of the networks inside.  base: a card of it, for its head.  own: what a stream's network has other than one of pictures, by the stream.
    """
    return {
        name: replace(
            card,
            id=f"{card.id}:{name}",
            of=f"{card.architecture}:{name}",
            title=f"{card.title}, {STREAMS[name]} alone",
            family=family,
            arguments={**more, **card.arguments.get(name, {})},
            inputs=(name,),
            readout=card.readouts[name].inside(name),
            readouts={},
            head=base.head,
            note=base.note,
            paper_figures={},
            results={},
            within=f"{name}." if card.weights else "",
        )
        for name, more in own.items()
    }


Implied = Callable[[Mapping[str, Any], Mapping[str, Sequence[int]]], dict[str, Any]]


def implied(arguments: Mapping[str, Any], shapes: Mapping[str, Sequence[int]], streams: Sequence[str], of_one: Implied) -> dict[str, Any]:
    """The arguments as a file's tensors imply them, stream by stream. of_one: the same for one network."""
    inside = {name: {key.removeprefix(f"{name}."): shape for key, shape in shapes.items() if key.startswith(f"{name}.")} for name in streams}
    return {**arguments, **{name: of_one(arguments.get(name, {}), inside[name]) for name in streams}}
