"""The card in a checkpoint's header. It comes from outside, so every value is looked at before anything is built from it.

What may be built of a card is bounded twice: here, so that no number in it is out of all proportion, and where the network is filled, which is first
built without numbers and held against the tensors in the file (`networks.without_numbers`).
"""

from __future__ import annotations

import importlib
import inspect
import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from actrec.catalogue.networks import following
from actrec.core.card import Card, Weights
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import WeightsError, quoted
from actrec.core.labels import LabelsError, meant
from actrec.core.outside import Budget, TooMuch, parsed
from actrec.models import weights

MOST_PIXELS = 1 << 22
"""Frames × height × width that a model may ask for, 64 frames of 256×256, unless its architecture's own card asks for more."""

MOST_WHOLE = 1 << 20
"""The largest whole number among a network's arguments."""

MOST_JOINTS = 2000
"""Joints of all people together that a model may ask for."""


class Wrong(ValueError):
    """A value in a header that cannot be meant."""


def card(file: Path, bases: Mapping[str, Card]) -> Card | None:
    """The card that a safetensors file carries, called architecture@file; None for a file that carries none. bases: architectures by id.

    Raises:
        WeightsError: not a safetensors file, or a card that names another thing than it can be; the message says which.
    """
    try:
        weights.look_at_header(file, Budget(file.name))
        with safe_open(file, framework="numpy") as opened:
            text, names = (opened.metadata() or {}).get("actrec"), set(opened.keys())
            if not text:
                return None
            found = _mapping(parsed(text.encode(), Budget(file.name)), "it")
            return _card(found, file, bases, lambda name: next(iter(opened.get_slice(name).get_shape()), 0) if name in names else None)
    except SafetensorError as error:
        raise WeightsError(f"{file.name} is damaged or not a safetensors file ({quoted(error)}); copy or download it again") from None
    except OSError as error:
        raise WeightsError(f"{file.name} cannot be read ({error.strerror or error}); check its permissions") from None
    except TooMuch as error:
        raise WeightsError(str(error)) from None
    except (ValueError, LabelsError) as error:
        raise WeightsError(f"the header of {file.name} is not a card: {error}; save the model again, or correct the header") from None


def of(card: Card, about: Mapping[str, Any]) -> dict[str, Any]:
    """What a new checkpoint says of itself that was made of a card's one. about: what that one says, if anything; its results do not go with it."""
    own = {"architecture": card.architecture, "family": card.family, "arguments": dict(card.arguments), "results": {}}
    how = {"sampling": asdict(card.sampling), "preprocess": asdict(card.preprocess), "labels": list(card.labels), "trained_on": card.trained_on}
    return {**about, **own, **how, "title": card.title}


def commands(about: Mapping[str, Any]) -> list[str]:
    """The commands that made a checkpoint, as far as its header names any; of a pruned one, the last is what pruned it."""
    found, pruned = about.get("commands"), about.get("pruned")
    lines = [line for line in found if isinstance(line, str)] if isinstance(found, list) else []
    return [*lines, *([_pruning(pruned)] if isinstance(pruned, dict) else [])]


def _pruning(note: Mapping[str, Any]) -> str:
    """The command behind a pruned checkpoint's note, which says no more than what makes the same file again."""
    percents = note.get("percent")
    shares = ",".join(f"{share}".removesuffix(".0") for share in percents.values()) if isinstance(percents, dict) else f"{percents}"
    fc = "" if note.get("fc", True) else " --no-fc"
    return f"python -m actrec prune --model {shlex.quote(str(note.get('from')))} --percent {shlex.quote(shares)}{fc} --out pruned.safetensors"


def clips(about: Mapping[str, Any]) -> dict[str, int]:
    """How many clips a checkpoint was trained and scored on, by split, as far as its header says it."""
    found = about.get("clips")
    return {split: count for split, count in found.items() if isinstance(count, int)} if isinstance(found, dict) else {}


def _card(found: Mapping[str, Any], file: Path, bases: Mapping[str, Card], rows_of: Callable[[str], int | None]) -> Card:
    """rows_of: how many rows the file's tensor of that name has, None where there is none."""
    name = _text(found.get("architecture"), "architecture", 200)
    if name not in bases:
        raise Wrong(f"there is no architecture {name!r}")
    base = bases[name]
    arguments = _arguments(_mapping(found.get("arguments"), "arguments"), base.family)
    labels = meant(found.get("labels"), "it") or ()
    rows = rows_of(f"{base.head}.weight")
    if not labels or rows not in (None, len(labels)):
        raise Wrong(f"it names {len(labels)} classes, and the last layer in the file has {rows}")
    layout = tuple(_text(joint, "a joint", 100) for joint in _items(found.get("layout", []), "layout", 1000))
    people = _whole(found.get("people", 1), "people", 1, 100)
    if len(layout) * people > MOST_JOINTS or arguments.get("layout", len(layout)) not in (0, len(layout)):
        raise Wrong(f"layout names {len(layout)} joints, for {people} people and a network of {arguments.get('layout', 0)}")
    made = replace(
        base,
        id=f"{base.id}@{file.name}",
        of=base.architecture,
        title=" ".join(_text(found.get("title") or file.stem, "title", 1_000_000).split())[:120],
        arguments=arguments,
        sampling=(sampling := _sampling(_mapping(found.get("sampling"), "sampling"))),
        preprocess=_preprocess(_mapping(found.get("preprocess"), "preprocess"), sampling.frames, base),
        labels=labels,
        weights=Weights(file),
        trained_on=_text(found.get("trained_on", ""), "trained_on", 200),
        results=_results(_mapping(found.get("results", {}), "results"), len(labels)),
        paper_figures={},
        counted_at=None,
        layout=layout,
        people=people,
    )
    try:
        return following(made)
    except (TypeError, AttributeError) as error:  # arguments of the wrong kind
        raise Wrong(f"its arguments cannot be meant ({quoted(error)})") from None


def _sampling(found: Mapping[str, Any]) -> Sampling:
    if unknown := found.keys() - {"kind", "frames", "span", "rate"}:
        raise Wrong(f"sampling has no {min(unknown)!r}")
    kind, span, rate = found.get("kind"), found.get("span"), found.get("rate")
    if kind not in ("dense", "uniform", "segments"):
        raise Wrong(f"sampling.kind is {_short(kind)}, not dense, uniform or segments")
    frames = _whole(found.get("frames"), "sampling.frames", 1, 1024)
    span = None if span is None else _whole(span, "sampling.span", 1, 40_000)
    rate = None if rate is None else _real(rate, "sampling.rate", 1e-3, 1e3)
    return Sampling(kind, frames, span, rate)


def _preprocess(found: Mapping[str, Any], frames: int, base: Card) -> Preprocess:
    if unknown := found.keys() - {"resize", "crop", "mean", "std", "antialias"}:
        raise Wrong(f"preprocess has no {min(unknown)!r}")
    given, antialias = found.get("resize"), found.get("antialias", True)
    resize: int | tuple[int, int] = _pair(given, "preprocess.resize") if isinstance(given, list) else _whole(given, "preprocess.resize", 8, 2048)
    crop = _pair(found.get("crop"), "preprocess.crop")
    least = (resize, resize) if isinstance(resize, int) else resize
    if crop[0] > least[0] and crop[1] > least[1]:
        raise Wrong(f"preprocess.crop {crop[0]}×{crop[1]} is larger than the resized picture ({_short(given)}): the model would see a black border")
    allowed = max(MOST_PIXELS, base.sampling.frames * math.prod(base.preprocess.crop))
    if frames * math.prod(crop) > allowed:
        raise Wrong(f"{frames} frames of {crop[0]}×{crop[1]} are {frames * math.prod(crop)} pixels, more than {allowed}")
    if not isinstance(antialias, bool):
        raise Wrong(f"preprocess.antialias is {_short(antialias)}, not true or false")
    return Preprocess(resize, crop, _three(found, "mean", -10, base.preprocess.mean), _three(found, "std", 1e-3, base.preprocess.std), antialias)


def _three(found: Mapping[str, Any], name: str, least: float, usual: tuple[float, float, float]) -> tuple[float, float, float]:
    values = [_real(v, f"preprocess.{name}", least, 1e3) for v in _items(found.get(name, list(usual)), f"preprocess.{name}", 3, least=3)]
    return values[0], values[1], values[2]


def _pair(value: object, name: str) -> tuple[int, int]:
    height, width = (_whole(side, name, 8, 2048) for side in _items(value, name, 2, least=2))
    return height, width


def _arguments(found: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Arguments that the family's `build` has, each of the kind of its default."""
    legal = inspect.signature(importlib.import_module(f"actrec.models.{family}").build).parameters
    for name, value in found.items():
        if name not in legal or name == "classes":
            raise Wrong(f"{family} has no argument {_short(name)}")
        default = legal[name].default
        if isinstance(default, Mapping):  # of a network inside
            part = importlib.import_module(f"actrec.models.{family}").PART_FAMILY
            _arguments(_mapping(value, f"the argument {name}"), part)
            continue
        if isinstance(default, bool):
            fits = isinstance(value, bool)
        elif isinstance(default, str) or default is inspect.Parameter.empty:
            fits = isinstance(value, str) and len(value) <= 100
        elif isinstance(default, int | float):
            fits = _number(value, whole=isinstance(default, int)) or _nested(value)
        else:
            fits = _nested(value)
        if not fits:
            raise Wrong(f"the argument {name} is {_short(value)}, which is out of all proportion or of another kind than {default!r}")
    return dict(found)


def _number(value: object, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool) and -MOST_WHOLE <= value <= MOST_WHOLE


def _nested(value: object, deep: int = 2) -> bool:
    """A short list of numbers and words, or of such lists."""
    if not isinstance(value, list) or len(value) > 200:
        return False
    return all(_number(v, whole=False) or (isinstance(v, str) and len(v) <= 100) or (deep > 1 and _nested(v, deep - 1)) for v in value)


SHARES = ("accuracy", "accuracy_reversed_pairs_merged", "mean_average_precision", "weighted_average_precision")
PAIRS = "accuracy_within_reversed_pairs"


def _results(found: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """What the pages show of a model's own test, as far as it is there; without what was not a number."""
    shares = {name: _real(found[name], f"results.{name}", 0, 1, or_nan=True) for name in SHARES if name in found}
    known: dict[str, Any] = {name: value for name, value in shares.items() if not math.isnan(value)}
    if "clips" in found:
        known["clips"] = _whole(found["clips"], "results.clips", 0, 1 << 40)
    if found.get(PAIRS) and SHARES[1] in known:
        pairs = _mapping(found[PAIRS], f"results.{PAIRS}")
        known[PAIRS] = {_text(name, "a pair", 1000): _real(value, f"results.{PAIRS}", 0, 1, or_nan=True) for name, value in pairs.items()}
    if found.get("confusion") and {"accuracy", "clips"} <= known.keys():
        rows = [_items(row, "results.confusion", classes, classes) for row in _items(found["confusion"], "results.confusion", classes, classes)]
        known["confusion"] = [[_whole(count, "results.confusion", 0, 1 << 40) for count in row] for row in rows]
    return known


# ------------------------------------------------------------------------------------------------------------- single values


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Wrong(f"{name} is {_short(value)}, not an object with names")
    return value


def _items(value: object, name: str, most: int, least: int = 0) -> list[Any]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise Wrong(f"{name} is {_short(value)}, not a list of {wanted}")
    return value


def _text(value: object, name: str, most: int) -> str:
    """A text; what cannot be printed in it, a terminal's commands say, becomes a space."""
    if not isinstance(value, str) or len(value) > most:
        raise Wrong(f"{name} is {_short(value)}, not a text of at most {most} characters")
    return value if value.isprintable() else " ".join("".join(c if c.isprintable() else " " for c in value).split())


def _whole(value: object, name: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Wrong(f"{name} is {_short(value)}, not a whole number from {low} to {high}")
    return value


def _real(value: object, name: str, low: float, high: float, *, or_nan: bool = False) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and (low <= value <= high or (or_nan and value != value))
    if not fits:
        raise Wrong(f"{name} is {_short(value)}, not a number from {low:g} to {high:g}")
    assert isinstance(value, int | float)
    return float(value)


def _short(value: object) -> str:
    """A value for a message: a long list by its length, anything else by its beginning."""
    if isinstance(value, list | dict) and len(value) > 4:
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    text = repr(value) if value is not None else "missing"
    return text if len(text) <= 60 else f"{text[:60]}…"
