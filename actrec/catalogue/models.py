"""The models: every card in the files of models/, every checkpoint in the two checkpoint folders.

A model's name is a card's id, or `card@file` for a checkpoint file that does not say itself what it is, or whose own name is taken. The networks
inside a model are models too: `name:flow`.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

import actrec.explain
import actrec.models
from actrec.catalogue import header
from actrec.catalogue.networks import all_arguments, following, implied, named, parts
from actrec.core import files, labels, settings
from actrec.core.card import Card, Weights
from actrec.core.errors import QuestionError, WeightsError
from actrec.core.words import data_set, few
from actrec.models import weights

SUFFIXES = (".safetensors", ".pth", ".pt", ".pyth", ".bin", ".ckpt", ".tar")


@functools.cache
def architectures() -> dict[str, Card]:
    """The cards in the models folder, by id, in the order of the files and of the cards in them."""
    names = sorted(m.name for m in pkgutil.iter_modules(actrec.models.__path__) if not (m.ispkg or m.name.startswith("_")))
    return {card.id: card for name in names for card in importlib.import_module(f"actrec.models.{name}").CARDS}


def _bases() -> dict[str, Card]:
    """The same, and the networks inside them: what a checkpoint may say that it is."""
    return {card.id: card for whole in architectures().values() for card in (whole, *parts(whole).values())}


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
    """The card of that id, or of `architecture@file`; with `:stream` behind it, of one of the networks inside.

    Raises:
        QuestionError: no such card.  WeightsError: no such file, or one that cannot be read.
    """
    known = cards()
    if name in known:
        return known[name]
    whole, _, inside = name.rpartition(":")
    if whole.partition("@")[0] in known and inside in parts(known[whole.partition("@")[0]]):
        return parts(card(whole))[inside]
    base, _, file = name.partition("@")
    if file and base in (known | _bases()):
        return with_weights((known | _bases())[base], _find_file(file))
    if remark := remarks().get(f"{name}.safetensors"):
        raise WeightsError(f"no model {name!r}: {remark}")
    like = difflib.get_close_matches(name[:100], known, 4)
    near = few([*like, *(each for each in known if each not in like)], 6)
    raise QuestionError(f"no model {name!r}; there are {near} (`actrec models` lists them), or one of them with a checkpoint: dam-12@my_file.pth")


def _find_file(name: str) -> Path:
    """A checkpoint by path, or by its name in the checkpoints folder."""
    for path in (Path(name), settings.checkpoints() / name):
        if not files.odd(path):
            return path
    raise WeightsError(f"no checkpoint {name!r}, neither as a path nor in {settings.checkpoints()}; put the file there")


def with_weights(base: Card, file: Path) -> Card:
    """A card with a checkpoint of the reader's: class count and width from the shapes of its tensors, class names as `core.labels` finds them.

    What is known of other weights (accuracy, what they were trained on, what not to expect of them) goes with those. It stays where the file is the
    authors' own, by its checksum.

    Raises:
        WeightsError: a file that cannot be read, or one whose header says that it is of this family, and is wrong otherwise.
        LabelsError: names of classes that cannot be read, or in more than one way.
    """
    state, metadata = weights.read(file)
    name, title = f"{base.id}@{file.name}", f"{base.title} · {file.name}"
    if _says(metadata, base):
        own = header.card(file, _bases())
        if own is not None:
            return own
    if base.weights is not None and base.weights.sha256 and files.digest(file).startswith(base.weights.sha256):
        return replace(base, id=name, title=title, weights=replace(base.weights, file=file))
    shaped, count, family = following(implied(base, state)), classes(base, state), weights.recognise(state)
    fitted = named(shaped, file.name)
    told, said = labels.of_checkpoint(file, metadata, count)
    names = told or (base.labels if len(base.labels) == count else labels.numbered(count))
    return replace(
        fitted,
        id=name,
        of=base.architecture,
        title=title,
        labels=names,
        weights=Weights(file),
        results={},
        paper_figures={},
        trained_on="",
        note=" ".join(filter(None, (said, _found(base, shaped, fitted), base.note))),
        assumed=" ".join(filter(None, (family.assumed if family else "", "" if told or names != base.labels else _assumed(base)))),
    )


def _says(metadata: Mapping[str, Any], base: Card) -> bool:
    """Whether a file says itself which network of this family it is, how deep and for which clips: then nothing has to be guessed from its shapes."""
    said = metadata.get("architecture")
    return isinstance(said, str) and said in _bases() and _bases()[said].family == base.family


def _assumed(base: Card) -> str:
    """That the names of the classes are another model's."""
    source = data_set(base.trained_on) if base.trained_on else base.title
    return (
        f"The file does not name its {len(base.labels)} classes. They are assumed to be those of {source}, in the same order, because there are as "
        "many. If it was trained on anything else, every name here is wrong; put a list of names beside the file."
    )


def _found(base: Card, shaped: Card, fitted: Card) -> str:
    """What was found from a file's shapes and from its name, and what was not."""
    by_shape, by_name = _other(base, shaped), _other(shaped, fitted)
    sampled = fitted.sampling != base.sampling
    if sampled:
        by_name.append(f"{fitted.sampling}")
    if not (by_shape or by_name):
        return ""
    lines = [f"The shapes of the file’s tensors say {' and '.join(by_shape)}."] if by_shape else []
    lines += [f"The file’s name says {', '.join(by_name)}."] if by_name else []
    rest = "Its picture size is that" if sampled else "Picture size, frames and strides are those"
    return " ".join([*lines, f"{rest} of {base.title}, and if the model was trained with others its answers are wrong."])


def _other(one: Card, other: Card) -> list[str]:
    """The other card's arguments that are not the first's; those of a network inside by its name."""
    if inside := parts(other):
        return [f"{name}.{line}" for name, part in inside.items() for line in _other(parts(one)[name], part)]
    usual = {name: [*value] if isinstance(value, tuple) else value for name, value in all_arguments(one.family, one.arguments).items()}
    return [f"{name} = {_short(value)}" for name, value in other.arguments.items() if usual.get(name) != value]


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else f"{value}"


def classes(base: Card, state: Mapping[str, torch.Tensor]) -> int:
    """How many classes a checkpoint's last layer has; as many as the card's where it has no such layer."""
    head = [tensor for name, tensor in state.items() if (name == f"{base.head}.weight" or name.endswith(f".{base.head}.weight")) and tensor.ndim]
    return len(head[0]) if head and len(head[0]) else max(len(base.labels), 1)


@functools.lru_cache(256)
def _card_of(file: Path, _stamp: int, _size: int) -> Card | str | None:
    """The card that a checkpoint of ours carries in its header; None for a file that carries none; why not, for a broken one."""
    try:
        return header.card(file, _bases())
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
