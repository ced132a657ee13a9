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
from actrec.core import settings
from actrec.core.card import Card, Weights
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import QuestionError, WeightsError
from actrec.models import weights

SUFFIXES = (".safetensors", ".pth", ".pt", ".pyth", ".bin")


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
            counted_at=None,
            layout=tuple(map(str, found.get("layout", ()))),
            people=int(found.get("people", 1)),
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None


def ready(card: Card) -> str:
    """ "" if the model can answer at once; otherwise what is missing, in one sentence."""
    if card.weights is None:
        return "it has no weights here: put a checkpoint into the checkpoints folder, or train one"
    if card.weights.file is None and not weights.here(card.weights):
        return "its weights are fetched when first used (needs a network)"
    return ""
