"""What a model costs and which methods fit it. Counting means running it without numbers, seconds for some, so what was counted once is kept.

Of the models that ship it is in `assets/counts.json` (`python benchmarks/count_models.py` writes it, a test holds it); of the reader's own in the
cache folder, in a file for this very source code and this torch.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from actrec.catalogue.explanations import layers, methods
from actrec.catalogue.networks import without_numbers
from actrec.core import files, settings
from actrec.core.card import Card
from actrec.inputs import streams


@dataclass(frozen=True)
class Counts:
    """parameters: of the network.  gflops: multiply–accumulates of its matrix products / 1e9 (the papers' convention) for one clip.

    The clip is as the paper counted, where it says (the card's `counted_at`), else as the card reads it.
    methods: ids of those that fit.  asked: ids of all that were asked.
    """

    parameters: int
    gflops: float
    methods: tuple[str, ...]
    asked: tuple[str, ...]


def counts(card: Card) -> tuple[int, float]:
    """Parameters, and GFLOPs for one clip (see `Counts`).

    Raises:
        QuestionError: a card of which nothing can be built.
    """
    found = known(card)
    return found.parameters, found.gflops


def known(card: Card) -> Counts:
    """The model's counts, from where they are kept.

    Raises:
        QuestionError: a card of which nothing can be built.
    """
    key, asked = _key(card), tuple(methods())
    for kept in (shipped(), _kept(_place())):
        found = kept.get(key)
        if found is not None and found.asked == asked:
            return found
    made = counted(card)
    _keep(_place(), key, made)
    return made


def counted(card: Card) -> Counts:
    """The same, counted now."""
    fitting = tuple(name for name, method in methods().items() if not isinstance(layers(card, method), str))
    parameters = sum(p.numel() for p in without_numbers(card).parameters())
    return Counts(parameters, products(card)[""] / 1e9, fitting, tuple(methods()))


def products(card: Card) -> dict[str, int]:
    """Multiply–accumulates of a card's network for one clip (see `Counts`), by the module that makes them; under "" those of all.

    Raises:
        QuestionError: a card of which nothing can be built.
    """
    from torch.utils.flop_counter import FlopCounterMode  # brings triton, 0.3 s

    net, size = without_numbers(card), _size(card)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(*streams.blanks(card, 1, size[0], size[1:], "meta").values())
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    by_module = {name.partition(".")[2]: sum(found.values()) // 2 for name, found in counter.get_flop_counts().items() if "." in name}
    return by_module | {"": counter.get_total_flops() // 2}


def _size(card: Card) -> tuple[int, int, int]:
    return card.counted_at or (card.sampling.frames, *card.preprocess.crop)


def _key(card: Card) -> str:
    """All of a card that counting looks at."""
    facts = {"family": card.family, "arguments": dict(card.arguments), "classes": len(card.labels) or 400, "clip": _size(card)}
    return json.dumps(facts | {"inputs": card.inputs, "readout": card.readout and asdict(card.readout)}, sort_keys=True)


def write(path: Path, all_of: Mapping[str, Counts]) -> None:
    """A file of counts, by what they are of."""
    files.write(path, json.dumps({key: asdict(value) for key, value in sorted(all_of.items())}, indent=1) + "\n")


def read(path: Path) -> dict[str, Counts]:
    """What `write` wrote; nothing where there is no such file, or a damaged one."""
    try:
        return {str(key): _counts(value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _counts(found: Mapping[str, Any]) -> Counts:
    return Counts(int(found["parameters"]), float(found["gflops"]), tuple(map(str, found["methods"])), tuple(map(str, found["asked"])))


@functools.cache
def shipped() -> dict[str, Counts]:
    """The counts of the models that ship."""
    return read(settings.assets() / "counts.json")


def of_those_that_ship(cards: Mapping[str, Card]) -> dict[str, Counts]:
    """The counts of these cards, counted now, as `assets/counts.json` has them."""
    return {_key(card): counted(card) for card in cards.values()}


@functools.cache
def _source() -> str:
    """A digest of all that counting hangs on: our networks, methods and streams, and the libraries that run them."""
    here = Path(__file__).parents[1]
    code = [path.read_bytes() for room in ("models", "explain", "inputs/streams", "catalogue", "core") for path in sorted((here / room).glob("*.py"))]
    versions = [importlib.metadata.version(name).encode() for name in ("torch", "torchvision")]
    return hashlib.sha256(b"\0".join(code + versions)).hexdigest()[:16]


def _place() -> Path:
    return settings.cache() / f"counts-{_source()}.json"


def _kept(place: Path) -> dict[str, Counts]:
    try:
        return _read(place, place.stat().st_mtime_ns)
    except OSError:
        return {}


@functools.lru_cache(4)
def _read(place: Path, _stamp: int) -> dict[str, Counts]:
    return read(place)


def _keep(place: Path, key: str, made: Counts) -> None:
    """Beside what is kept already, in place of what older code counted. A cache that cannot be written is none."""
    try:
        write(place, {**_kept(place), key: made})
        for other in place.parent.glob("counts-*.json"):
            if other != place:
                other.unlink(missing_ok=True)
    except OSError:
        return
