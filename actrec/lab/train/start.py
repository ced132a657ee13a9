"""The first numbers of a model that does not start from nothing: from a checkpoint of its own kind, or of a relative."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from actrec import catalogue
from actrec.catalogue import header
from actrec.core.card import Card
from actrec.core.errors import ActrecError, Progress, WeightsError, no_progress
from actrec.models import weights


@dataclass(frozen=True)
class Start:
    """source: the checkpoint's name.  taken, new: names of the model's tensors that come from it, and that do not.  commands: what made it."""

    source: str
    taken: tuple[str, ...]
    new: tuple[str, ...]
    commands: tuple[str, ...]

    def __str__(self) -> str:
        rest = [name for name in self.new if not name.endswith(weights.COUNTER)]
        first = ", ".join(rest[:4]) + (" …" if len(rest) > 4 else "")
        return f"starts from {self.source}: {len(self.taken)} tensors taken, {len(rest)} new{f' ({first})' if rest else ''}"


def begin(model: nn.Module, card: Card, source: str | Path, progress: Progress = no_progress) -> Start:
    """Fill the model from a checkpoint file, or from the weights of the card of that id (fetched if they are not here).

    Raises:
        ActrecError: nothing fits.  WeightsError: no such file, or no weights.  QuestionError: no such card.
    """
    path = _file(source, progress)
    read, metadata = weights.read(path)
    state = catalogue.inflate(card, model, unwrapped(model, read))
    given = fitting(model, state)
    weights.load(model, adapt(model, state))
    own = model.state_dict()
    return Start(
        path.name if path == Path(source) else str(source),
        tuple(given),
        tuple(n for n in own if n not in given),
        tuple(header.commands(metadata) or [f"({path.name})"]),
    )


def _file(source: str | Path, progress: Progress) -> Path:
    if isinstance(source, Path) or os.path.isfile(source) or Path(source).suffix in catalogue.SUFFIXES:
        return Path(source)
    card = catalogue.card(source)
    if card.weights is None:
        raise WeightsError(f"{card.id} cannot be started from: {catalogue.ready(card)}")
    return weights.fetch(card.weights, progress)


def unwrapped(model: nn.Module, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The state without the prefixes of wrappers around the model (module., backbone. …), as far as all names share them."""
    own = model.state_dict().keys()
    while not own & state.keys():
        words = {name.partition(".")[0] for name in state}
        if len(words) != 1 or not words <= weights.PREFIXES:
            break
        state = {name.partition(".")[2]: tensor for name, tensor in state.items()}
    return state


def fitting(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What of a relative's state fits `model`: tensors of the same name and shape, and kernels of length 1 in time, which are spread over the model's
    t steps and divided by t (inflation). A first convolution of pictures becomes one of flow, or of differences, by the mean of its three channels
    for each (Wang et al. 2016, the temporal segment networks)."""
    found = {}
    for name, own in model.state_dict().items():
        given = state.get(name)
        if given is not None and given.ndim == own.ndim == 5 and given.shape[2] == 1 < own.shape[2]:
            given = (given / own.shape[2]).repeat(1, 1, own.shape[2], 1, 1)
        if given is not None and given.ndim == own.ndim >= 4 and given.shape[1] == 3 != own.shape[1]:
            given = given.mean(1, keepdim=True).expand(-1, own.shape[1], *given.shape[2:])
        if given is not None and given.shape == own.shape:
            found[name] = given
    return found


def adapt(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A whole state for `model`: what fits of a relative's; what the relative lacks (attention blocks, which start as the identity; a head with other
    classes) stays new.

    Raises:
        ActrecError: nothing but new parts would be left.
    """
    given = fitting(model, state)
    if not given:
        raise ActrecError(f"no tensor of the checkpoint fits this model; it begins with {', '.join(list(state)[:3])}; start from a related model")
    return dict(model.state_dict()) | given


def with_dropout(card: Card, arguments: Mapping[str, Any], dropout: float | None) -> tuple[dict[str, Any], str]:
    """The constructor arguments with the recipe's dropout, unless they say one themselves; and a line if the architecture takes none."""
    if dropout is None or "dropout" in arguments:
        return dict(arguments), ""
    module = importlib.import_module(f"actrec.models.{card.family}")
    if "dropout" in inspect.signature(module.build).parameters:
        return {**arguments, "dropout": dropout}, ""
    return dict(arguments), f"the recipe's dropout of {dropout:g} is not used: {card.id} does not take one as an argument"
