"""Two streams, each with a network of its own (qian2024, fig. 1): one sees the pictures, the other the optical flow between them.

Each network gives its classes' logits; what both say together is one stated function of them (table 2):

* mean: of their softmax scores, the paper's choice;
* max: the larger of their softmax scores, brought to a sum of 1;
* logits: the mean of their logits.

The network gives the fused score's logarithm, so that the softmax of its output is the fused score. `parts` are the streams by themselves: models
like any other, which are trained, explained and tested alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from actrec.core.card import Card, Gap
from actrec.models import _departures, rescnn

STREAMS = ("rgb", "flow")
FUSIONS = ("mean", "max", "logits")
FLOW: Mapping[str, Any] = {"inputs": 2, "delay": 0.5}
"""What a network of flow has other than one of pictures."""


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
    """Pictures (B, 3, T, H, W) and flow (B, 2, T − 1, H, W) → logits (B, classes). Taps: rgb.layer4.tap, flow.layer4.tap …"""

    def __init__(self, rgb: nn.Module, flow: nn.Module, fusion: str) -> None:
        super().__init__()
        self.rgb, self.flow, self.fusion = rgb, flow, fusion

    def forward(self, rgb: Tensor, flow: Tensor) -> Tensor:
        return self.fused(self.alone(rgb, flow))

    def alone(self, rgb: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Each stream's logits."""
        return self.rgb(rgb), self.flow(flow)

    def fused(self, logits: Sequence[Tensor]) -> Tensor:
        """What the streams say together."""
        one, other = logits
        return fuse(one, other, self.fusion)

    def ways(self, logits: Sequence[Tensor]) -> dict[str, Tensor]:
        """What each stream says alone, and what both say together in every way there is, as logits (table 2)."""
        one, other = logits
        return {"rgb": one, "flow": other} | {how: fuse(one, other, how) for how in FUSIONS}


def build(rgb: Mapping[str, Any] = {}, flow: Mapping[str, Any] = {}, fusion: str = "mean", classes: int = 400) -> TwoStream:
    """An untrained network. rgb, flow: arguments of each stream's network (`rescnn.build`).  fusion: mean, max or logits.

    Raises:
        ValueError: as `rescnn.build`, or no such fusion.
    """
    if fusion not in FUSIONS:
        raise ValueError(f"no fusion {fusion!r}; there are {', '.join(FUSIONS)}")
    return TwoStream(rescnn.build(**rgb, classes=classes), rescnn.build(**{**FLOW, **flow}, classes=classes), fusion)


PART_FAMILY = "rescnn"
"""Whose arguments `rgb` and `flow` are."""


def parts(card: Card) -> dict[str, Card]:
    """The streams of a card by themselves, by name: cards of the networks in it."""
    base = rescnn.CARDS[0]
    return {
        name: replace(
            card,
            id=f"{card.id}:{name}",
            of=f"{card.architecture}:{name}",
            title=f"{card.title}, {said} alone",
            family=PART_FAMILY,
            arguments={**(FLOW if name == "flow" else {}), **card.arguments.get(name, {})},
            inputs=(name,),
            gap=base.gap,
            gaps={},
            head=base.head,
            note=base.note,
            paper_figures={},
            results={},
            within=f"{name}." if card.weights else "",
        )
        for name, said in zip(STREAMS, ("pictures", "flow"), strict=True)
    }


def implied(arguments: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The arguments as a file's tensors imply them, stream by stream."""
    inside = {name: {key.removeprefix(f"{name}."): shape for key, shape in shapes.items() if key.startswith(f"{name}.")} for name in STREAMS}
    return {**arguments, **{name: rescnn.implied(arguments.get(name, {}), inside[name]) for name in STREAMS}}


def departures(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What a network that `build` makes of all these arguments reads in the paper in its own way, adds or changes."""
    return _departures.twostream(arguments)


def _card(id: str, title: str, units: str, parameters: float, **more: Any) -> Card:
    arguments: dict[str, Any] = {"units": list(rescnn.UNITS[units])} | more
    return replace(
        rescnn.CARDS[0],
        id=id,
        title=title,
        family="twostream",
        arguments={"rgb": arguments, "flow": arguments},
        inputs=STREAMS,
        gap=None,
        gaps={name: Gap(f"{name}.layer4.tap", f"{name}.fc") for name in STREAMS},
        head="rgb.fc",
        note="",
        paper_figures={"parameters": parameters} if parameters else {},
    )


CARDS: tuple[Card, ...] = (
    _card("tst-rescnn-34", "TST-ResCNN, two streams of 34 layers", "34", 127.08),
    _card("tst-rescnn-a", "TST-ResCNN A, two streams of 10 layers", "a", 28.76),
    _card("tnlst-rescnn-34", "TNLST-ResCNN, two streams of 34 layers with a non-local block each", "34", 0.0, non_local=2),
    _card("tnlst-rescnn-a", "TNLST-ResCNN A, two streams of 10 layers with a non-local block each", "a", 0.0, non_local=2),
)
