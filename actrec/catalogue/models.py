"""The models: every card in the files of models/, every checkpoint in the two checkpoint folders.

A model's name is a card's id, or `card@file` for a checkpoint file that does not say itself what it is, or whose own name is taken.
"""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

import actrec.explain
import actrec.models
from actrec.catalogue import header
from actrec.core import files, settings
from actrec.core.card import Card, Weights
from actrec.core.errors import QuestionError, WeightsError
from actrec.core.words import data_set
from actrec.models import weights

SUFFIXES = (".safetensors", ".pth", ".pt", ".pyth", ".bin")


@functools.cache
def architectures() -> dict[str, Card]:
    """The cards in the models folder, by id, in the order of the files and of the cards in them."""
    names = sorted(m.name for m in pkgutil.iter_modules(actrec.models.__path__) if not (m.ispkg or m.name.startswith("_")))
    return {card.id: card for name in names for card in importlib.import_module(f"actrec.models.{name}").CARDS}


class _Listed(NamedTuple):
    cards: dict[str, Card]
    remarks: dict[str, str]


def cards() -> dict[str, Card]:
    """Every card: demo checkpoints first, then the reader's own, then the architectures (and those whose weights can be fetched)."""
    return _listed().cards


def remarks() -> dict[str, str]:
    """What the reader must know of files in the checkpoints folder, by their names: why one is left out, or under which name it is listed."""
    return _listed().remarks


def _listed() -> _Listed:
    """All cards and remarks. Every file is its own try: a bad one never takes the others with it."""
    found: dict[str, Card] = {}
    remarks: dict[str, str] = {}
    for folder in (settings.assets() / "checkpoints", settings.checkpoints()):
        for file in files.inside(folder):
            if file.suffix != ".safetensors":
                continue
            told = _told(file)
            if isinstance(told, str):
                remarks[file.name] = f"left out: {told}"
            elif told is not None and (file.stem in found or file.stem in architectures()):  # two models must not answer to one name
                found[told.id] = told
                remarks[file.name] = f"listed as {told.id}: another model is called {file.stem}"
            elif told is not None:
                found[file.stem] = replace(told, id=file.stem)
    return _Listed(found | architectures(), remarks)


def _told(file: Path) -> Card | str | None:
    """A file's card; None if it carries none; a sentence why it is left out."""
    if not file.name.isprintable():
        return "its name has characters that cannot be shown; rename it"
    if odd := files.odd(file):
        return f"{file.name} {odd}"
    try:
        facts = file.stat()
        return _card_of(file, facts.st_mtime_ns, facts.st_size)
    except OSError as error:
        return f"{file.name} cannot be read ({error.strerror})"


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
    if remark := remarks().get(f"{name}.safetensors"):
        raise WeightsError(f"no model {name!r}: {remark}")
    near = ", ".join(known)
    raise QuestionError(f"no model {name!r}; there are {near}, or one of them with a checkpoint: dam-12@my_file.pth")


def _find_file(name: str) -> Path:
    """A checkpoint by path, or by its name in the checkpoints folder."""
    for path in (Path(name), settings.checkpoints() / name):
        if not files.odd(path):
            return path
    raise WeightsError(f"no checkpoint {name!r}, neither as a path nor in {settings.checkpoints()}; put the file there")


def with_weights(base: Card, file: Path) -> Card:
    """A card with a checkpoint of the reader's: class count from the head's shape, class names from file.txt (one a line) or file.json beside it.

    What is known of other weights — accuracy, what they were trained on, what not to expect of them — goes with those. It stays where the file is the
    authors' own, by its checksum.

    Raises:
        WeightsError: a file that cannot be read, or one whose header says that it is of this architecture, and is wrong otherwise.
    """
    state, metadata = weights.read(file)
    name, title = f"{base.id}@{file.name}", f"{base.title} · {file.name}"
    if metadata.get("architecture") == base.id:  # a file that says itself what it is, in a place where it is not listed
        own = header.card(file, architectures())
        if own is not None:
            return own
    if base.weights is not None and base.weights.sha256 and files.digest(file).startswith(base.weights.sha256):
        return replace(base, id=name, title=title, weights=replace(base.weights, file=file))
    told = tuple(metadata.get("labels", ())) or _labels_beside(file)
    labels = told or _numbered(base, state)
    return replace(
        base,
        id=name,
        title=title,
        labels=labels,
        weights=Weights(file),
        results={},
        paper_figures={},
        trained_on="",
        assumed="" if told or labels != base.labels else _assumed(base),
    )


def _assumed(base: Card) -> str:
    """That the names of the classes are another model's."""
    source = data_set(base.trained_on) if base.trained_on else base.title
    return (
        f"The file does not name its {len(base.labels)} classes. They are assumed to be those of {source}, in the same order, because there are as "
        "many. If it was trained on anything else, every name here is wrong; put a list of names beside the file."
    )


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
def _card_of(file: Path, _stamp: int, _size: int) -> Card | str | None:
    """The card that a checkpoint of ours carries in its header; None for a file that carries none; why not, for a broken one."""
    try:
        return header.card(file, architectures())
    except WeightsError as error:
        return str(error)


def _size(found: Weights) -> str:
    return f" ({found.megabytes:.0f} MB)" if found.megabytes else ""


def ready(card: Card) -> str:
    """ "" if the model can answer at once; otherwise what is missing, in one sentence."""
    if card.weights is None:
        return "it has no weights here: put a checkpoint into the checkpoints folder, or train one"
    if card.weights.file is None and not weights.here(card.weights):
        return f"its weights{_size(card.weights)} are fetched when first used (needs a network)"
    return ""
