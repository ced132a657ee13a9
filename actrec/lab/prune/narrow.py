"""From a plan to the narrower network, and to its checkpoint."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from actrec import catalogue
from actrec.catalogue import header
from actrec.core.card import Card
from actrec.core.errors import Progress, QuestionError, WeightsError, no_progress
from actrec.lab.prune.scales import Plan, State, layers, networks, plan, worths
from actrec.models import weights

MOST_TITLE = 80
"""Letters of the whole model's name that stay in the pruned one's: lists cut a longer name off at its end, where it says what was pruned."""


@dataclass(frozen=True, eq=False)
class Whole:
    """A model before it is pruned. about: what its file says besides.  half: whether its file has all its numbers in 16 bits."""

    card: Card
    model: nn.Module
    about: Mapping[str, Any]
    half: bool

    def states(self) -> dict[str, tuple[Card, State]]:
        """Card and numbers of each of its networks, by stream."""
        state = self.model.state_dict()
        return {stream: (card, _inside(state, self.before(stream))) for stream, card in networks(self.card).items()}

    def before(self, stream: str) -> str:
        """What the names of a network's tensors begin with in the model's."""
        return f"{stream}." if catalogue.parts(self.card) else ""

    def plans(self, percents: Mapping[str, float], fc: bool = True) -> dict[str, Plan]:
        """What is kept of each of its networks. fc: whether what narrows the last linear layer takes part, where that can be.

        Raises:
            QuestionError: no such share, or one at which nothing goes.
        """
        found = {stream: plan(worths(card, state, fc), percents[stream]) for stream, (card, state) in self.states().items()}
        if any(percents.values()) and not any(chosen.share for chosen in found.values()):
            raise QuestionError(f"{self.card.title} has nothing to prune: {_nothing(max(found.values(), key=lambda chosen: chosen.percent))}")
        return found


def _inside(state: State, before: str) -> dict[str, Tensor]:
    return {name.removeprefix(before): tensor for name, tensor in state.items() if name.startswith(before)}


def _nothing(chosen: Plan) -> str:
    """Why nothing goes."""
    every = sum(map(len, chosen.kept.values()))
    if chosen.percent / 100 * every < 1:
        return f"{chosen.percent:g} % of {every} channels are less than one; ask for more"
    alike = f"the {chosen.percent:g} % with the smallest scales are all as large as the next, {chosen.threshold:.3g}"
    return f"{alike}, or each is the last of its layer; train it with --sparsity 1e-4 first"


def opened(name: str, progress: Progress = no_progress) -> Whole:
    """A model that can be pruned, with its numbers.

    Raises:
        QuestionError: no such model, or one that cannot be pruned.  WeightsError: no weights, or such as do not fit.
    """
    card = catalogue.card(name)
    networks(card)
    if card.weights is None:
        raise WeightsError(f"{card.title} cannot be pruned: {catalogue.ready(card)}")
    file = weights.fetch(card.weights, progress)
    progress(0.1, "reading the model")
    half = all(t.dtype == torch.float16 for name, t in weights.read(file)[0].items() if name.startswith(card.within) and t.is_floating_point())
    return Whole(card, *catalogue.filled(card, file), half)


def pruned(card: Card, state: State, chosen: Plan) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Arguments and numbers of one network without the channels that the plan leaves out; at 0 % they are what they were."""
    new = dict(state)
    for layer in layers(card):
        if layer.norm not in chosen.kept:
            continue
        keep = torch.from_numpy(np.flatnonzero(chosen.kept[layer.norm]))
        for name in ("weight", "bias", "running_mean", "running_var"):
            new[f"{layer.norm}.{name}"] = new[f"{layer.norm}.{name}"][keep]
        new[layer.made] = new[layer.made][keep]
        new[layer.read] = new[layer.read][:, keep].contiguous()
    module = importlib.import_module(f"actrec.models.{card.family}")
    arguments: dict[str, Any] = module.implied(card.arguments, {name: tuple(tensor.shape) for name, tensor in new.items()})
    return arguments, new


def narrowed(whole: Whole, plans: Mapping[str, Plan]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The same of a whole model, each of its networks by its own plan."""
    arguments, new = dict(whole.card.arguments), dict[str, Tensor]()
    for stream, (card, state) in whole.states().items():
        changed, numbers = pruned(card, state, plans[stream])
        before = whole.before(stream)
        arguments |= {stream: changed} if before else changed
        new |= {before + name: tensor for name, tensor in numbers.items()}
    return arguments, new


def title(card: Card, gone: Mapping[str, str]) -> str:
    """The name of a pruned model. gone: per cent of the channels that went, by stream, in digits."""
    said = " and ".join(f"{share} % ({stream})" for stream, share in gone.items()) if len(gone) > 1 else f"{next(iter(gone.values()))} %"
    base = card.title if len(card.title) <= MOST_TITLE else f"{card.title[: MOST_TITLE - 1].rstrip()}…"
    return f"{base}, pruned by {said}"


def told(whole: Whole, arguments: Mapping[str, Any], title: str, percents: Mapping[str, float], fc: bool) -> dict[str, Any]:
    """What the pruned checkpoint says of itself."""
    said = header.of(replace(whole.card, arguments=arguments, title=title), whole.about)
    return said | {"pruned": {"from": whole.card.id, "percent": dict(percents), "fc": fc}}


def written(whole: Whole, plans: Mapping[str, Plan], out: Path, name: str = "", fc: bool = True, progress: Progress = no_progress) -> Card:
    """Write the pruned checkpoint, in as many bits as the whole one; comes back with its card. name: for the pages, else `title`.

    Raises:
        OSError: it cannot be written.
    """
    progress(0.5, "leaving channels out")
    arguments, state = narrowed(whole, plans)
    small = catalogue.build(whole.card, **arguments)
    small.load_state_dict(state)
    named = name or title(whole.card, {stream: f"{100 * chosen.share:.0f}" for stream, chosen in plans.items()})
    said = told(whole, arguments, named, {stream: float(chosen.percent) for stream, chosen in plans.items()}, fc)
    progress(0.8, "writing the checkpoint")
    weights.save(out, small, said, half=whole.half)
    return catalogue.with_weights(catalogue.card(said["architecture"]), out)


def save(
    name: str, percents: Mapping[str, float], out: Path, title: str = "", fc: bool = True, progress: Progress = no_progress
) -> tuple[Card, dict[str, Plan]]:
    """Write the checkpoint of a model without the channels that it hardly uses; comes back with its card and what was kept, by stream.

    percents: how much of each of its networks should go (`scales.percents`).  title, fc: as in `written` and `Whole.plans`.

    Raises:
        QuestionError: a model that cannot be pruned, no such share, or nothing below the threshold.
        WeightsError: no weights.  OSError: a file that cannot be written.
    """
    whole = opened(name, progress)
    plans = whole.plans(percents, fc)
    return written(whole, plans, out, title, fc, progress), plans
