"""What there is: the folders are the registry. Every file in models/ and explain/, every checkpoint in the two checkpoint folders.

A model's name is a card's id, or `card@file` for a checkpoint file that does not say itself what it is.
"""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

import actrec.explain
import actrec.models
from actrec.core import settings, trace
from actrec.core.card import Card, Weights
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import QuestionError, WeightsError
from actrec.explain import Method
from actrec.models import weights

SUFFIXES = (".safetensors", ".pth", ".pt", ".pyth", ".bin")


@functools.cache
def architectures() -> dict[str, Card]:
    """The cards in the models folder, by id, in the order of the files and of the cards in them."""
    names = sorted(m.name for m in pkgutil.iter_modules(actrec.models.__path__) if not (m.ispkg or m.name.startswith("_")))
    return {card.id: card for name in names for card in importlib.import_module(f"actrec.models.{name}").CARDS}


@functools.cache
def methods() -> dict[str, Method]:
    """The ways of explaining in the explain folder, by id; those that fit any network, Grad-CAM and its relatives, last."""
    names = sorted((m.name for m in pkgutil.iter_modules(actrec.explain.__path__) if not m.name.startswith("_")), key=lambda n: (n == "gradcam", n))
    return {method.id: method for name in names for method in importlib.import_module(f"actrec.explain.{name}").METHODS}


def cards() -> dict[str, Card]:
    """Every card: demo checkpoints first, then the reader's own, then the architectures (and those whose weights can be fetched)."""
    files = [f for folder in (settings.assets() / "checkpoints", settings.checkpoints()) if folder.is_dir() for f in sorted(folder.iterdir())]
    own = [_card_of(file, file.stat().st_mtime_ns) for file in files if file.suffix == ".safetensors"]
    return {card.id: card for card in own if card} | architectures()


def card(name: str) -> Card:
    """The card of that id, or of `architecture@file`.

    Raises:
        QuestionError: no such card.  WeightsError: no such file, or one that cannot be read.
    """
    known = cards()
    if name in known:
        return known[name]
    base, _, file = name.partition("@")
    if file and base in known:
        return with_weights(known[base], find_file(file))
    near = ", ".join(known)
    raise QuestionError(f"no model {name!r}; there are {near}, or one of them with a checkpoint: dam-12@my_file.pth")


def find_file(name: str) -> Path:
    """A checkpoint by path, or by its name in the checkpoints folder."""
    for path in (Path(name), settings.checkpoints() / name):
        if path.is_file():
            return path
    raise WeightsError(f"no checkpoint {name!r}, neither as a path nor in {settings.checkpoints()}; put the file there")


def with_weights(base: Card, file: Path) -> Card:
    """A card with a checkpoint of the reader's: class count from the head's shape, class names from file.txt (one a line) or file.json beside it."""
    state, metadata = weights.read(file)
    own = _card_of(file, file.stat().st_mtime_ns) if metadata.get("architecture") == base.id else None
    if own is not None:  # a file that says itself what it is, in a place where it is not listed
        return replace(own, id=f"{base.id}@{file.name}")
    labels = tuple(metadata.get("labels", ())) or _labels_beside(file) or _numbered(base, state)
    title = f"{base.title} · {file.name}"
    return replace(base, id=f"{base.id}@{file.name}", title=title, labels=labels, weights=Weights(file), results={}, trained_on=file.name)


def _labels_beside(file: Path) -> tuple[str, ...]:
    text, listed = file.with_suffix(".txt"), file.with_suffix(".json")
    if text.is_file():
        return tuple(line.strip() for line in text.read_text(encoding="utf-8").splitlines() if line.strip())
    if listed.is_file():
        found = json.loads(listed.read_text(encoding="utf-8"))
        return tuple(map(str, found if isinstance(found, list) else found.get("labels", ())))
    return ()


def _numbered(base: Card, state: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    head = [tensor for name, tensor in state.items() if name == f"{base.head}.weight" or name.endswith(f".{base.head}.weight")]
    count = len(head[0]) if head else max(len(base.labels), 1)
    return base.labels if count == len(base.labels) else tuple(f"class {i}" for i in range(count))


@functools.lru_cache(256)
def _card_of(file: Path, _stamp: int) -> Card | None:
    """The card a checkpoint of ours carries in its header; None for a file that carries none, or a broken one."""
    try:
        with safe_open(file, framework="numpy") as opened:
            found = json.loads((opened.metadata() or {}).get("actrec", "{}"))
        base = architectures()[found["architecture"]]
        preprocess: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found["preprocess"].items()}
        return replace(
            base,
            id=file.stem,
            title=str(found.get("title") or file.stem),
            arguments=dict(found["arguments"]),
            sampling=Sampling(**found["sampling"]),
            preprocess=Preprocess(**preprocess),
            labels=tuple(map(str, found["labels"])),
            weights=Weights(file),
            trained_on=str(found.get("trained_on", "")),
            results=dict(found.get("results", {})),
            paper_figures={},
            layout=tuple(map(str, found.get("layout", ()))),
            people=int(found.get("people", 1)),
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None


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


def ready(card: Card) -> str:
    """ "" if the model can answer at once; otherwise what is missing, in one sentence."""
    if card.weights is None:
        return "it has no weights here: put a checkpoint into the checkpoints folder, or train one"
    if card.weights.file is None and not weights.here(card.weights):
        return "its weights are fetched when first used (needs a network)"
    return ""


class _Unfilled(TorchFunctionMode):
    """Leaves random initial values out: tensors without numbers have no use for them, and drawing them on "meta" loads half of torch's compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", "") in ("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_"):
            return args[0] if args else given["tensor"]
        return func(*args, **given)


@functools.lru_cache(64)
def _skeleton(family: str, arguments: str, classes: int) -> nn.Module:
    with torch.device("meta"), _Unfilled():
        module = importlib.import_module(f"actrec.models.{family}")
        net: nn.Module = module.build(**json.loads(arguments), classes=classes)
    return net.eval()


def skeleton(card: Card) -> nn.Module:
    """The card's network without numbers (meta tensors): for its taps, its size and its cost."""
    return _skeleton(card.family, json.dumps(dict(card.arguments), sort_keys=True), len(card.labels) or 400)


def layers(card: Card, method: Method) -> tuple[str, ...] | str:
    """The taps that the method can explain in this model, the default first; or why it does not fit."""
    return method.layers(card, trace.taps(skeleton(card)))


def counts(card: Card) -> tuple[int, float]:
    """Parameters, and matmul GFLOPs (multiply–accumulates / 1e9, the papers' convention) for one clip.

    The clip is as the paper counted, where it says ("gflops_frames", "gflops_side" among its figures), else as the card reads it.
    """
    net = skeleton(card)
    told = card.paper_figures
    frames, side = int(told.get("gflops_frames", card.sampling.frames)), told.get("gflops_side")
    size = (int(side), int(side)) if side else card.preprocess.crop
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.empty(1, 3, frames, *size, device="meta"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() / 2e9
