"""Two trained streams put together into one checkpoint (qian2024, fig. 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from actrec import catalogue
from actrec.catalogue import header
from actrec.core import files
from actrec.core.card import Card
from actrec.core.errors import QuestionError, WeightsError
from actrec.lab import evaluate, sets, train
from actrec.models import twostream, weights

ARCHITECTURE = "tst-rescnn-34"
"""Under which a fused checkpoint is listed; its own arguments say how deep and wide each stream is."""


def fuse(
    rgb: str, flow: str, out: Path, fusion: str = "mean", title: str = "", clips: sets.ClipSet | None = None, commands: Sequence[str] = ()
) -> Card:
    """Write the checkpoint of both streams; comes back with its card.

    rgb, flow: models by name, one that reads pictures and one that reads flow, trained on the same classes.  fusion: mean, max or logits.
    clips: whose test split the model is scored on: the figures go into the checkpoint, and into a card in Markdown beside it.
    commands: what made it of the two.

    Raises:
        QuestionError: models that do not go together.  WeightsError: no weights, or a file that cannot be written.
        ActrecError: clips of classes that the model does not know, or that cannot be read.
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
    every = dict.fromkeys(command for about in abouts for command in header.commands(about))  # one of them may have made both
    about = header.of(made, {"paper": base.paper, "note": base.note, "commands": [*every, *commands]})
    about["clips"] = header.clips(abouts[0])
    about["streams"] = {name: card.title for name, card in cards.items()}
    whole = catalogue.build(made)
    whole.load_state_dict({f"{name}.{key}": tensor for name, state in zip(cards, states, strict=True) for key, tensor in state.items()})
    weights.save(out, whole, about, half=True)
    if clips is not None:
        about["clips"] |= {"test": len(clips.split("test"))}
        about |= _scored(catalogue.with_weights(base, out), out, clips)
        weights.save(out, whole, about, half=True)
        files.write(out.with_suffix(".md"), train.model_card(about))
    return catalogue.with_weights(base, out)


def _scored(card: Card, file: Path, clips: sets.ClipSet) -> dict[str, Any]:
    """How a model does on a set's test split with its file's numbers, as a checkpoint says it."""
    model, _ = catalogue.filled(card, file)
    found = evaluate.examine(model, card, clips, ("test",))
    return {"results": found.to_json(), "scored_on": "test"}


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
