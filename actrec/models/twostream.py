"""TST-ResCNN (qian2024, fig. 1): an ST-ResCNN for the pictures, and one for the optical flow between them. How they are fused: `_streams`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from actrec.core.card import Card
from actrec.models import _departures, _streams, rescnn

STREAMS = ("rgb", "flow")
FLOW: Mapping[str, Any] = {"inputs": 2, "delay": 0.5}
"""What a network of flow has other than one of pictures."""


def build(rgb: Mapping[str, Any] = {}, flow: Mapping[str, Any] = {}, fusion: str = "mean", classes: int = 400) -> _streams.TwoStream:
    """An untrained network. rgb, flow: arguments of each stream's network (`rescnn.build`).  fusion: mean, max or logits.

    Raises:
        ValueError: as `rescnn.build`, or no such fusion.
    """
    return _streams.TwoStream({"rgb": rescnn.build(**rgb, classes=classes), "flow": rescnn.build(**{**FLOW, **flow}, classes=classes)}, fusion)


PART_FAMILY = "rescnn"
"""Whose arguments `rgb` and `flow` are."""


def parts(card: Card) -> dict[str, Card]:
    """The streams of a card by themselves, by name."""
    return _streams.parts(card, PART_FAMILY, rescnn.CARDS[0], {"rgb": {}, "flow": FLOW})


def implied(arguments: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The arguments as a file's tensors imply them, stream by stream."""
    return _streams.implied(arguments, shapes, STREAMS, rescnn.implied)


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
        readout=None,
        readouts={name: rescnn.READOUT.within(name) for name in STREAMS},
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
