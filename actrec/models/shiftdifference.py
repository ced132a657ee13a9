"""The shift module's two streams (shiftvlad, §2.2): one sees the pictures, the other the RGB differences of neighbouring frames. Their scores are
averaged; how, and what else can be done with them: `_streams`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from actrec.core.card import Card
from actrec.models import _departures, _streams, shift

STREAMS = ("rgb", "difference")
DIFFERENCE: Mapping[str, Any] = {"inputs": 15}
"""What a network of differences has other than one of pictures: five differences of three colours, as in the temporal segment networks."""


def build(rgb: Mapping[str, Any] = {}, difference: Mapping[str, Any] = {}, fusion: str = "mean", classes: int = 400) -> _streams.TwoStream:
    """An untrained network. rgb, difference: arguments of each stream's network (`shift.build`).  fusion: mean, max or logits.

    Raises:
        ValueError: as `shift.build`, or no such fusion.
    """
    networks = {"rgb": shift.build(**rgb, classes=classes), "difference": shift.build(**{**DIFFERENCE, **difference}, classes=classes)}
    return _streams.TwoStream(networks, fusion)


PART_FAMILY = "shift"
"""Whose arguments `rgb` and `difference` are."""


def parts(card: Card) -> dict[str, Card]:
    """The streams of a card by themselves, by name."""
    return _streams.parts(card, PART_FAMILY, shift.CARDS[0], {"rgb": {}, "difference": DIFFERENCE})


def implied(arguments: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The arguments as a file's tensors imply them, stream by stream."""
    return _streams.implied(arguments, shapes, STREAMS, shift.implied)


def follows(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the card that follow from the network's arguments."""
    return {"readouts": {name: shift.follows(arguments.get(name, {}))["readout"].within(name) for name in STREAMS}}


def departures(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What a network that `build` makes of all these arguments reads in the paper in its own way, adds or changes."""
    return _departures.shiftdifference(arguments)


def _card(id: str, title: str, figures: Mapping[str, float], **arguments: Any) -> Card:
    both = dict.fromkeys(STREAMS, arguments)
    base = replace(shift.CARDS[0], id=id, title=title, family="shiftdifference", arguments=both, inputs=STREAMS, readout=None, head="rgb.fc")
    return replace(base, paper_figures=figures, **follows(both))


CARDS: tuple[Card, ...] = (
    _card("tsm-difference-vlad-r50", "TSM with NetVLAD, pictures and differences", {"UCF101 top-1": 95.2, "HMDB51 top-1": 73.1}, clusters=64),
    _card("tsm-difference-r50", "TSM, pictures and differences", {}),
)
