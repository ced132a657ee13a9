"""The network behind a card: built, filled from a 2-D relative, or without numbers for its taps and its size."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.models import weights

MOST_TENSORS = 3000
"""Tensors of a network; the largest here, c2d-r101, has 626. It is its card that says how many, and a card may come from anywhere."""


def build(card: Card, classes: int | None = None, **changes: Any) -> nn.Module:
    """The untrained network of a card. classes: if not the number of its labels; changes: constructor arguments that differ from the card's.

    Raises:
        QuestionError: arguments that the family does not know or cannot build.
    """
    return _built(card.family, {**card.arguments, **changes}, classes or len(card.labels) or 400)


def _built(family: str, arguments: Mapping[str, Any], classes: int) -> nn.Module:
    module = importlib.import_module(f"actrec.models.{family}")
    try:
        built: nn.Module = module.build(**arguments, classes=classes)
    except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError) as error:  # the last: what no memory has room for
        said = f"{family} cannot be built with {dict(arguments)}: {error}"
        raise QuestionError(f"{said}; correct the arguments, or the checkpoint that names them") from None
    return built


def filled(card: Card, file: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The card's network with the numbers of a file, and what the file says besides.

    Raises:
        QuestionError: as `build`.  WeightsError: a file that cannot be read, or numbers that do not fit.
    """
    read, about = weights.read(file)
    state = {name.removeprefix(card.within): tensor for name, tensor in read.items() if name.startswith(card.within)} if card.within else read
    weights.load(without_numbers(card), state)  # what does not fit is told before any memory is taken for it
    model = build(card)
    weights.load(model, state)
    return model, dict(about)


def inflate(card: Card, model: nn.Module, state: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """The state that a relative's (torchvision's ImageNet ResNet) gives the model; the state itself where the family knows no such relative.

    Raises:
        WeightsError: a ResNet of another depth or width.
    """
    module = importlib.import_module(f"actrec.models.{card.family}")
    if not any(name in state for name in getattr(module, "RELATIVES", ())):
        return state
    found: Mapping[str, torch.Tensor] = module.inflate(model, state)
    return found


def implied(card: Card, state: Mapping[str, torch.Tensor]) -> Card:
    """The card with the constructor arguments that a file's shapes imply, such as its width; the same card where they imply none."""
    module = importlib.import_module(f"actrec.models.{card.family}")
    if not hasattr(module, "implied"):
        return card
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.plain(state).items()}
    return replace(card, arguments=module.implied(card.arguments, shapes))


def parts(card: Card) -> Mapping[str, Card]:
    """The networks inside a card's, by name, as models of their own; none for most."""
    made = getattr(importlib.import_module(f"actrec.models.{card.family}"), "parts", None)
    return {} if made is None else made(card)


def named(card: Card, file: str) -> Card:
    """The card as the name of a checkpoint file has it, where its authors write into it what no shape tells."""
    told = getattr(importlib.import_module(f"actrec.models.{card.family}"), "named", None)
    return card if told is None else told(card, file)


def following(card: Card) -> Card:
    """The card with the fields that follow from its network's arguments, such as where its logits are read out."""
    told = getattr(importlib.import_module(f"actrec.models.{card.family}"), "follows", None)
    return card if told is None else replace(card, **told(card.arguments))


def without_windows(card: Card) -> Card | None:
    """The card of the same network with attention over everything instead of in windows; None where its family knows no windows."""
    changes = getattr(importlib.import_module(f"actrec.models.{card.family}"), "WITHOUT_WINDOWS", None)
    return None if changes is None else replace(card, arguments={**card.arguments, **changes})


def departures(family: str, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What a network reads in its paper in its own way, adds to it or changes, in sentences: none for a family that has no list of it."""
    listed = getattr(importlib.import_module(f"actrec.models.{family}"), "departures", None)
    return () if listed is None else tuple(listed(all_arguments(family, arguments)))


def formula(card: Card) -> float | None:
    """GFLOPs of the card's network by the rule of its paper, for the clip that the paper counts; None where that says nothing about it."""
    rule = getattr(importlib.import_module(f"actrec.models.{card.family}"), "formula", None)
    return None if rule is None or card.counted_at is None else rule(all_arguments(card.family, card.arguments))


def all_arguments(family: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments that a family's network is built with, the usual values among them."""
    known = inspect.signature(importlib.import_module(f"actrec.models.{family}").build).parameters.values()
    return {each.name: each.default for each in known if each.default is not each.empty} | dict(arguments)


class _Unfilled(TorchFunctionMode):
    """Leaves random initial values out: tensors without numbers have no use for them, and drawing them on "meta" loads half of torch's compiler.

    It also stops a network that has no end.
    """

    made = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given, name = kwargs or {}, getattr(func, "__name__", "")
        if name in ("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_"):
            return args[0] if args else given["tensor"]
        self.made += name == "empty"
        if self.made > MOST_TENSORS:
            raise ValueError(f"it would have more than {MOST_TENSORS} tensors")
        return func(*args, **given)


@functools.lru_cache(128)
def _without_numbers(family: str, arguments: str, classes: int) -> nn.Module:
    with torch.device("meta"), _Unfilled():
        return _built(family, json.loads(arguments), classes).eval()


def without_numbers(card: Card) -> nn.Module:
    """The card's network without numbers (meta tensors): for its taps and its size. It takes no memory, whatever the card says.

    Raises:
        QuestionError: as `build`.
    """
    return _without_numbers(card.family, json.dumps(dict(card.arguments), sort_keys=True), len(card.labels) or 400)
