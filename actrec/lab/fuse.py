"""Two trained streams put together into one checkpoint (qian2024, fig. 1; shiftvlad, §2.2)."""

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
from actrec.models import shiftdifference, twostream, weights
from actrec.models._streams import FUSIONS

WHOLES = {"tst-rescnn-34": twostream, "tsm-difference-r50": shiftdifference}
"""Under which a fused checkpoint is listed, and its family; its own arguments say how deep and wide each stream is."""


def fuse(
    one: str, other: str, out: Path, fusion: str = "mean", title: str = "", clips: sets.ClipSet | None = None, commands: Sequence[str] = ()
) -> Card:
    """Write the checkpoint of both streams; comes back with its card.

    one, other: models by name, one that reads pictures and one that reads flow or differences, trained on the same classes.
    fusion: mean, max or logits.
    clips: whose test split the model is scored on: the figures go into the checkpoint, and into a card in Markdown beside it.
    commands: what made it of the two.

    Raises:
        QuestionError: models that do not go together, or no such fusion.  WeightsError: no weights, or a file that cannot be written.
        ActrecError: clips of classes that the model does not know, or that cannot be read.
    """
    if fusion not in FUSIONS:
        raise QuestionError(f"no fusion {fusion!r}; choose one of {', '.join(FUSIONS)}")
    given = [catalogue.card(model) for model in (one, other)]
    architecture, cards = _alike(given)
    states, abouts = zip(*map(_numbers, cards.values()), strict=True)
    arguments: dict[str, Any] = {name: dict(card.arguments) for name, card in cards.items()} | {"fusion": fusion}
    base, first = catalogue.architectures()[architecture], given[0]
    made = replace(base, arguments=arguments, title=title or " + ".join(card.title for card in given), trained_on=first.trained_on)
    made = replace(made, sampling=first.sampling, preprocess=first.preprocess, labels=first.labels)
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


def _alike(cards: Sequence[Card]) -> tuple[str, dict[str, Card]]:
    """The architecture that both make together, and they by their streams' names.

    Raises:
        QuestionError: one checkpoint cannot hold both.
    """
    one, other = cards
    read = tuple(name for card in cards for name in card.inputs)
    fitting = [name for name, whole in WHOLES.items() if read == whole.STREAMS and {whole.PART_FAMILY} == {one.family, other.family}]
    if not fitting:
        told = " and ".join(f"{card.id} (a {card.family} that reads {' and '.join(card.inputs)})" for card in cards)
        pairs = " or ".join(f"a {whole.PART_FAMILY} of {whole.STREAMS[0]} and one of {whole.STREAMS[1]}" for whole in WHOLES.values())
        raise QuestionError(f"{told} do not go together; give {pairs}, in this order")
    for what in ("labels", "sampling", "preprocess"):
        if getattr(one, what) != getattr(other, what):
            raise QuestionError(f"{one.id} and {other.id} do not go together: their {what} differ; train both streams in the same way")
    return fitting[0], dict(zip(read, cards, strict=True))


def _numbers(card: Card) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if card.weights is None:
        raise WeightsError(f"{card.title} cannot be fused: {catalogue.ready(card)}")
    model, about = catalogue.filled(card, weights.fetch(card.weights))
    return dict(model.state_dict()), about
