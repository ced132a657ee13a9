"""FineGYM: elements of gymnastics in long YouTube videos, 99 or 288 classes (Shao et al. 2020).

A clip is named video_E_from_to_A_from_to: an event of a video and an element of the event, in seconds; the true seconds stand in the annotation JSON.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from actrec.inputs.pose.pickles import annotated
from actrec.lab.sets.disk import Shelf, first, here, json_of, lines_of, seen
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item, Media, naming

_NAME = re.compile(r"(?P<event>(?P<video>.+)_E_(?P<begin>\d+)_\d+)_(?P<element>A_\d+_\d+)")
_PLACES = ("", "annotations/")
_SOURCE = "get it from the FineGym page (Download, Splits & Categories) and put it into annotations/"


def read(folder: Path, choices: Choices) -> ClipSet:
    """The clips of both lists: cut elements (subactions/) where they are, else parts of the events' or whole videos. Joints from gym_hrnet.pkl.

    Raises:
        DataError: a list is missing, or no listed clip is on disk.
    """
    folder, size = here(folder), choices["classes"]
    lists = {"train": _list(folder, size, "train"), "val": _list(folder, size, "val")}
    rows = [(*_row(file, line), split) for split, file in lists.items() for line in lines_of(file)]
    labels = _labels(folder, size, max((number for _, number, _ in rows), default=0))
    told = first(folder, *(f"{place}{name}" for place in _PLACES for name in ("finegym_annotation_info_v*.json", "annotation.json")))
    seconds: dict[str, Any] = json_of(told) if told else {}
    joints = first(folder, "gym_hrnet.pkl", "annotations/gym_hrnet.pkl")
    posed = _posed(joints)
    shelf, items, problems = Shelf(folder), list[Item](), list[str]()
    for name, number, split in rows:
        media = _find(shelf, name, seconds)
        pose = joints / name if joints and name in posed else None
        if media is None and pose is not None and not shelf.media:
            media = Media(pose, "skeleton")
        if media is None:
            event = name.rpartition("_A_")[0]
            problems.append(
                f"{name} ({split}) is listed, but {folder} holds neither this clip, nor {event} or the whole video with the clip's seconds in "
                "annotations/finegym_annotation_info_v1.1.json"
            )
        else:
            items.append(Item(media, (labels[number],), split, name.split("_E_")[0], pose, "pyskl" if pose else ""))
    return clip_set(folder, f"{LAYOUT.name}{size}", items, labels, problems)


def _list(folder: Path, size: str, split: str) -> Path:
    names = (f"gym{size}_{split}_element*.txt", f"gym{size}_{split}.txt", f"gym{size}_{split}_org.txt")
    found = first(folder, *(f"{place}{name}" for place in _PLACES for name in names))
    if found is None:
        raise DataError(f"{folder} lacks annotations/gym{size}_{split}_element_v1.1.txt (or gym{size}_{split}.txt); {_SOURCE}")
    return found


def _row(file: Path, line: str) -> tuple[str, int]:
    """Name and class of a line: “name class”, or with the number of frames between, as MMAction2 writes it."""
    words = line.split()
    if len(words) not in (2, 3) or not words[-1].isdecimal() or not _NAME.fullmatch(words[0]):
        raise DataError(f"{file}: {line!r} is not a line like “0LtLS9wROrk_E_002407_002435_A_0003_0005 31”; fetch the list again")
    return words[0], int(words[-1])


def _labels(folder: Path, size: str, most: int) -> tuple[str, ...]:
    """Names from gym99_categories.txt (“Clabel: 0; set: 1; Glabel: 1; (VT) round-off, …”), else numbers."""
    file = first(folder, *(f"{place}gym{size}_categories.txt" for place in _PLACES))
    if most >= int(size):
        raise DataError(f"the lists in {folder} name class {most}, but gym{size} has {size}; use lists and #classes= of the same kind")
    if file is None:
        return tuple(f"class {number:03}" for number in range(int(size)))
    found: dict[int, str] = {}
    for line in lines_of(file):
        head = re.match(r"Clabel:\s*(\d+)\s*;", line)
        if head is None:
            raise DataError(f"{file}: {line[:60]!r} does not begin with “Clabel: number;”; fetch the list again")
        found[int(head[1])] = line.split(";", 3)[-1].strip()
    names = [found.get(number, f"class {number:03}") for number in range(int(size))]
    return tuple(name if names.count(name) == 1 else f"{name} [{number}]" for number, name in enumerate(names))


def _find(shelf: Shelf, name: str, seconds: dict[str, Any]) -> Media | None:
    cut = shelf.find(name, "subactions")
    parts = _NAME.fullmatch(name)
    if cut is not None or parts is None:
        return cut
    event = (seconds.get(parts["video"]) or {}).get(f"{parts['event'].removeprefix(parts['video'] + '_')}") or {}
    stages = ((event.get("segments") or {}).get(parts["element"]) or {}).get("timestamps")
    if not stages:
        return None
    start, end = float(stages[0][0]), float(stages[-1][1])  # a vault's element has three stages; together they are the clip
    whole = shelf.find(parts["event"], "events")
    if whole is not None:
        return replace(whole, start=start, end=end)
    whole = shelf.find(parts["video"], "videos")
    begin = float(event["timestamps"][0][0]) if event.get("timestamps") else float(parts["begin"])
    return replace(whole, start=begin + start, end=begin + end) if whole else None


def _posed(file: Path | None) -> set[str]:
    if file is None:
        return set()
    with naming(file):
        return set(annotated(file)[1])


LAYOUT = DiskLayout(
    name="gym",
    line="FineGYM: lists of elements, whole videos or cut clips, skeletons in gym_hrnet.pkl",
    mark="annotations/gym99_train_element_v1.1.txt, or clips named …_E_002407_002435_A_0003_0005",
    finds=lambda folder: (
        first(folder, *(f"{p}gym*_{s}*.txt" for p in _PLACES for s in ("train", "val"))) is not None or seen(folder, r"_E_\d{6}_\d{6}")
    ),
    read=read,
    subject="the YouTube video of the competition",
    choices={"classes": ("99", "288")},
)
