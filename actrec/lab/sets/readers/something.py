"""Something-Something: version 1 as frames (jpg, 12 a second) with csv lists, version 2 as webm with JSON lists (Goyal et al. 2017)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from actrec.lab.sets.disk import Shelf, classes_of, first, gone, here, json_of, lines_of, seen
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item

FPS_V1 = 12.0
"""The makers extracted version 1's frames at this rate."""

_PLACES = ("", "labels/", "annotations/", "../labels/", "../annotations/")
_SOURCE = "get the labels from Qualcomm's Something-Something page and unpack them there"


def read(folder: Path, choices: Choices) -> ClipSet:
    """The clips of version 1 or 2, whichever lists lie there; test clips only where their answers do.

    Raises:
        DataError: a list is missing, or no listed clip is on disk.
    """
    folder = here(folder)
    one = any(_list(folder, name, "csv", 1) for name in ("train", "validation", "labels")) or seen(folder, r"something-something-v1", depth=2)
    return _read_v1(folder) if one and not _list(folder, "train", "json", 2) else _read_v2(folder)


def _list(folder: Path, name: str, suffix: str, version: int) -> Path | None:
    return first(folder, *(f"{place}{stem}.{suffix}" for place in _PLACES for stem in (name, f"something-something-v{version}-{name}")))


def _needed(folder: Path, name: str, suffix: str, version: int) -> Path:
    found = _list(folder, name, suffix, version)
    if found is None:
        raise DataError(f"{folder} lacks labels/{name}.{suffix} (or something-something-v{version}-{name}.{suffix}); {_SOURCE}")
    return found


def _read_v2(folder: Path) -> ClipSet:
    labels = classes_of(_needed(folder, "labels", "json", 2))
    rows: list[tuple[str, str, str]] = []
    for split, name in (("train", "train"), ("val", "validation")):
        file = _needed(folder, name, "json", 2)
        for entry in json_of(file):
            if not isinstance(entry, dict) or not {"id", "template"} <= set(entry):
                raise DataError(f"{file}: {str(entry)[:80]!r} has no id and template; fetch the labels again")
            rows.append((str(entry["id"]), re.sub(r"[\[\]]", "", entry["template"]), split))
    answers = _list(folder, "test-answers", "csv", 2)
    rows += [(name, label, "test") for name, label in _pairs(answers)] if answers else []
    return _set(folder, labels, rows, "something-something v2")


def _read_v1(folder: Path) -> ClipSet:
    labels = classes_of(_needed(folder, "labels", "csv", 1))
    files = {"train": _needed(folder, "train", "csv", 1), "val": _needed(folder, "validation", "csv", 1)}
    rows = [(name, label, split) for split, file in files.items() for name, label in _pairs(file)]
    return _set(folder, labels, rows, "something-something v1")


def _pairs(file: Path) -> Iterator[tuple[str, str]]:
    """The rows id;label of a csv."""
    for number, row in enumerate(csv.reader(lines_of(file), delimiter=";"), 1):
        if len(row) != 2:
            raise DataError(f"{file}, line {number}: {';'.join(row)[:80]!r} is not id;label; fetch the labels again")
        yield row[0].strip(), re.sub(r"[\[\]]", "", row[1].strip())


def _set(folder: Path, labels: Sequence[str], rows: list[tuple[str, str, str]], name: str) -> ClipSet:
    shelf, items, problems = Shelf(folder), list[Item](), list[str]()
    known = set(labels)
    for clip, label, split in rows:
        media = shelf.find(clip)
        if label not in known:
            problems.append(f"{clip} ({split}) shows {label!r}, which is none of the {len(labels)} labels")
        elif media is None:
            problems.append(gone(clip, folder, split))
        else:
            rate = FPS_V1 if name.endswith("v1") and media.kind == "pictures" else media.fps
            items.append(Item(replace(media, fps=rate), (label,), split))
    return clip_set(folder, LAYOUT.name, items, labels, problems, name=name if folder.name.lower() in ("data", "something") else "")


def _finds(folder: Path) -> bool:
    return (
        first(folder, *(f"{p}{n}" for p in _PLACES[:3] for n in ("something-something-v[12]-*.*", "test-answers.csv"))) is not None
        or (first(folder, "labels/labels.json", "labels.json") is not None and _list(folder, "validation", "json", 2) is not None)
        or seen(folder, r"20bn-something-something-v[12](/|$)", depth=2)
        or "something-something" in folder.name
    )


LAYOUT = DiskLayout(
    name="something",
    line="Something-Something: v1 frames with csv lists, v2 webm with JSON lists",
    mark="labels/train.json, validation.json and labels.json (v2), or something-something-v1-train.csv, -validation.csv and -labels.csv",
    finds=_finds,
    read=read,
)
