"""Two trained streams put together into one checkpoint (qian2024, fig. 1)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from actrec import catalogue
from actrec.catalogue import header
from actrec.core.card import Card
from actrec.core.errors import QuestionError, WeightsError
from actrec.models import twostream, weights

ARCHITECTURE = "tst-rescnn-34"
"""Under which a fused checkpoint is listed; its own arguments say how deep and wide each stream is."""


def fuse(rgb: str, flow: str, out: Path, fusion: str = "mean", title: str = "") -> Card:
    """Write the checkpoint of both streams; comes back with its card.

    rgb, flow: models by name, one that reads pictures and one that reads flow, trained on the same classes.  fusion: mean, max or logits.

    Raises:
        QuestionError: models that do not go together.  WeightsError: no weights, or a file that cannot be written.
    """
    if fusion not in twostream.FUSIONS:
        raise QuestionError(f"no fusion {fusion!r}; choose one of {', '.join(twostream.FUSIONS)}")
    cards = {name: catalogue.card(model) for name, model in zip(twostream.STREAMS, (rgb, flow), strict=True)}
    _alike(cards)
    states, abouts = zip(*map(_numbers, cards.values()), strict=True)
    arguments: dict[str, Any] = {name: dict(card.arguments) for name, card in cards.items()} | {"fusion": fusion}
    base, rgb_card = catalogue.architectures()[ARCHITECTURE], cards["rgb"]
    made = replace(base, arguments=arguments, title=title or f"{rgb_card.title} + {cards['flow'].title}", trained_on=rgb_card.trained_on)
    made = replace(made, sampling=rgb_card.sampling, preprocess=rgb_card.preprocess, labels=rgb_card.labels)
    about = header.of(made, {**abouts[0], "architecture": ARCHITECTURE, "streams": [card.id for card in cards.values()]})
    whole = catalogue.build(made)
    whole.load_state_dict({f"{name}.{key}": tensor for name, state in zip(cards, states, strict=True) for key, tensor in state.items()})
    weights.save(out, whole, about, half=True)
    return catalogue.with_weights(base, out)


def _alike(cards: dict[str, Card]) -> None:
    """Raises QuestionError where one checkpoint cannot hold both."""
    one, other = cards.values()
    for name, card in cards.items():
        if card.inputs != (name,) or card.family != twostream.PART_FAMILY:
            raise QuestionError(
                f"{card.id} is a {card.family} that reads {' and '.join(card.inputs)}; give a {twostream.PART_FAMILY} that reads {name} alone"
            )
    for what in ("labels", "sampling", "preprocess"):
        if getattr(one, what) != getattr(other, what):
            raise QuestionError(f"{one.id} and {other.id} do not go together: their {what} differ; train both streams in the same way")


def _numbers(card: Card) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if card.weights is None:
        raise WeightsError(f"{card.title} cannot be fused: {catalogue.ready(card)}")
    model, about = catalogue.filled(card, weights.fetch(card.weights))
    return dict(model.state_dict()), about
