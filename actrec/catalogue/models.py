"""The models: every card in the files of models/, every checkpoint in the two checkpoint folders.

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

import actrec.explain
import actrec.models
from actrec.catalogue.networks import implied
from actrec.core import labels, settings
from actrec.core.card import Card, Weights
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import QuestionError, WeightsError
from actrec.core.labels import LabelsError
from actrec.models import weights

SUFFIXES = (".safetensors", ".pth", ".pt", ".pyth", ".bin", ".ckpt", ".tar")


@functools.cache
def architectures() -> dict[str, Card]:
    """The cards in the models folder, by id, in the order of the files and of the cards in them."""
    names = sorted(m.name for m in pkgutil.iter_modules(actrec.models.__path__) if not (m.ispkg or m.name.startswith("_")))
    return {card.id: card for name in names for card in importlib.import_module(f"actrec.models.{name}").CARDS}


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
        return with_weights(known[base], _find_file(file))
    near = ", ".join(known)
    raise QuestionError(f"no model {name!r}; there are {near}, or one of them with a checkpoint: dam-12@my_file.pth")


def _find_file(name: str) -> Path:
    """A checkpoint by path, or by its name in the checkpoints folder."""
    for path in (Path(name), settings.checkpoints() / name):
        if path.is_file():
            return path
    raise WeightsError(f"no checkpoint {name!r}, neither as a path nor in {settings.checkpoints()}; put the file there")


def with_weights(base: Card, file: Path) -> Card:
    """A card with a checkpoint of the reader's: class count and width from the shapes of its tensors, class names as `core.labels` finds them.

    Raises:
        WeightsError: a file that cannot be read.  LabelsError: names of classes that cannot, or in more than one way.
    """
    state, metadata = weights.read(file)
    own = _card_of(file, file.stat().st_mtime_ns) if metadata.get("architecture") == base.id else None
    if own is not None:  # a file that says itself what it is, in a place where it is not listed
        return replace(own, id=f"{base.id}@{file.name}")
    fitted = implied(base, state)
    count = classes(base, state)
    told, said = labels.of_checkpoint(file, metadata, count)
    names = told or (base.labels if len(base.labels) == count else labels.numbered(count))
    title = f"{base.title} · {file.name}"
    note = " ".join(filter(None, (said, _by_shape(base, fitted), base.note)))
    return replace(fitted, id=f"{base.id}@{file.name}", title=title, labels=names, weights=Weights(file), results={}, trained_on=file.name, note=note)


def _by_shape(base: Card, fitted: Card) -> str:
    """What was found from a file's shapes alone, and what was not."""
    found = " and ".join(f"{name} of {value:g}" for name, value in fitted.arguments.items() if base.arguments.get(name) != value)
    if not found:
        return ""
    other = f"Picture size, frames and strides cannot be: they are those of {base.title}"
    return f"A {found} was found from the shapes of the file's tensors. {other}, and if the model was trained with others its answers are wrong."


def classes(base: Card, state: Mapping[str, torch.Tensor]) -> int:
    """How many classes a checkpoint's last layer has; as many as the card's where it has no such layer."""
    head = [tensor for name, tensor in state.items() if (name == f"{base.head}.weight" or name.endswith(f".{base.head}.weight")) and tensor.ndim]
    return len(head[0]) if head and len(head[0]) else max(len(base.labels), 1)


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
            labels=labels.meant(found["labels"], file.name) or (),
            weights=Weights(file),
            trained_on=str(found.get("trained_on", "")),
            results=dict(found.get("results", {})),
            paper_figures={},
            counted_at=None,
            layout=tuple(map(str, found.get("layout", ()))),
            people=int(found.get("people", 1)),
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, LabelsError):
        return None


def ready(card: Card) -> str:
    """ "" if the model can answer at once; otherwise what is missing, in one sentence."""
    if card.weights is None:
        return "it has no weights here: put a checkpoint into the checkpoints folder, or train one"
    if card.weights.file is None and not weights.here(card.weights):
        return "its weights are fetched when first used (needs a network)"
    return ""
