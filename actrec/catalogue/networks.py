"""The network behind a card: built, filled from a 2-D relative, or without numbers for its taps, its size and its cost."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.inputs import streams


def build(card: Card, classes: int | None = None, **changes: Any) -> nn.Module:
    """The untrained network of a card. classes: if not the number of its labels; changes: constructor arguments that differ from the card's.

    Raises:
        QuestionError: arguments that the family does not know or cannot build.
    """
    module = importlib.import_module(f"actrec.models.{card.family}")
    arguments = {**card.arguments, **changes}
    try:
        built: nn.Module = module.build(**arguments, classes=classes or len(card.labels) or 400)
    except (TypeError, ValueError) as error:
        raise QuestionError(
            f"{card.family} cannot be built with {arguments}: {error}; correct the arguments, or the checkpoint that names them"
        ) from None
    return built


def inflate(card: Card, model: nn.Module, state: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """The state that a 2-D relative's (torchvision's ImageNet ResNet) gives the model; the state itself where the family knows no such relative.

    Raises:
        WeightsError: a ResNet of another depth or width.
    """
    module = importlib.import_module(f"actrec.models.{card.family}")
    if not hasattr(module, "inflate") or "layer1.0.conv1.weight" not in state or state["layer1.0.conv1.weight"].ndim != 4:
        return state
    found: Mapping[str, torch.Tensor] = module.inflate(model, state)
    return found


def without_windows(card: Card) -> Card | None:
    """The card of the same network with attention over everything instead of in windows; None where its family knows no windows."""
    changes = getattr(importlib.import_module(f"actrec.models.{card.family}"), "WITHOUT_WINDOWS", None)
    return None if changes is None else replace(card, arguments={**card.arguments, **changes})


def departures(family: str, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What a network reads in its paper in its own way, adds to it or changes, in sentences: none for a family that has no list of it."""
    listed = getattr(importlib.import_module(f"actrec.models.{family}"), "departures", None)
    return () if listed is None else tuple(listed(_whole(family, arguments)))


def formula(card: Card) -> float | None:
    """GFLOPs of the card's network by the rule of its paper, for the clip that the paper counts; None where that says nothing about it."""
    rule = getattr(importlib.import_module(f"actrec.models.{card.family}"), "formula", None)
    return None if rule is None or card.counted_at is None else rule(_whole(card.family, card.arguments))


def _whole(family: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments that a family's network is built with, the usual values among them."""
    known = inspect.signature(importlib.import_module(f"actrec.models.{family}").build).parameters.values()
    return {each.name: each.default for each in known if each.default is not each.empty} | dict(arguments)


class _Unfilled(TorchFunctionMode):
    """Leaves random initial values out: tensors without numbers have no use for them, and drawing them on "meta" loads half of torch's compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", "") in ("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_"):
            return args[0] if args else given["tensor"]
        return func(*args, **given)


@functools.lru_cache(64)
def _without_numbers(family: str, arguments: str, classes: int) -> nn.Module:
    with torch.device("meta"), _Unfilled():
        module = importlib.import_module(f"actrec.models.{family}")
        net: nn.Module = module.build(**json.loads(arguments), classes=classes)
    return net.eval()


def without_numbers(card: Card) -> nn.Module:
    """The card's network without numbers (meta tensors): for its taps, its size and its cost."""
    return _without_numbers(card.family, json.dumps(dict(card.arguments), sort_keys=True), len(card.labels) or 400)


def counts(card: Card) -> tuple[int, float]:
    """Parameters, and matmul GFLOPs (multiply–accumulates / 1e9, the papers' convention) for one clip.

    The clip is as the paper counted, where it says (the card's `counted_at`), else as the card reads it.
    """
    net = without_numbers(card)
    size = card.counted_at or (card.sampling.frames, *card.preprocess.crop)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(*streams.blanks(card, 1, size[0], size[1:], "meta").values())
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() / 2e9
