"""Charades: several actions a video, each with its seconds (Sigurdsson et al. 2016). Multi-label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from actrec.lab.sets.disk import Shelf, gone, here, lines_of, needed, rows_of, seen
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item

FRAMES_FPS = 24.0
"""The makers extracted their frames (Charades_v1_rgb) at this rate."""

_PLACES = ("", "Charades/", "annotations/", "../Charades/")
_SOURCE = "get “Annotations” (Charades.zip) from the Charades page of the Allen Institute and unpack it there"

Action = tuple[str, float, float]
"""Class code, first and last second."""


def read(folder: Path, choices: Choices) -> ClipSet:
    """clips=videos: each video once, with every action in it (how mAP is reported). clips=intervals: a clip for each annotated interval, its own
    action first, then those that go on at its middle.

    Videos without an action are left out, as the makers' evaluation leaves them out.

    Raises:
        DataError: a list is missing, or no listed video is on disk.
    """
    folder = here(folder)
    names = _classes(needed(folder, [f"{place}Charades_v1_classes.txt" for place in _PLACES], _SOURCE))
    shelf, items, problems = Shelf(folder), list[Item](), list[str]()
    for split in ("train", "test"):
        file = needed(folder, [f"{place}Charades_v1_{split}.csv" for place in _PLACES], _SOURCE)
        for number, row in enumerate(rows_of(file, "id", "subject", "actions"), 2):
            actions, wrong = _actions(row["actions"], names)
            problems += [f"{file.name}, line {number}: {text}" for text in wrong]
            media = shelf.find(row["id"])
            if media is None:
                problems.append(gone(row["id"], folder, split))
            elif not actions:
                problems.append(f"{row['id']} ({split}) has no action")
            else:
                media = replace(media, fps=FRAMES_FPS) if media.kind == "pictures" else media
                whole = Item(media, tuple(dict.fromkeys(names[code] for code, _, _ in actions)), split, row["subject"])
                items += [whole] if choices["clips"] == "videos" else _cut(whole, actions, names)
    return clip_set(folder, LAYOUT.name, items, tuple(names.values()), problems, multilabel=True)


def _cut(item: Item, actions: list[Action], names: dict[str, str]) -> list[Item]:
    found = []
    for code, start, end in actions:
        middle = (start + end) / 2
        along = [names[other] for other, begin, stop in actions if begin <= middle <= stop]
        labels = tuple(dict.fromkeys([names[code], *along]))
        found.append(replace(item, media=replace(item.media, start=start, end=end), labels=labels))
    return found


def _classes(file: Path) -> dict[str, str]:
    """Names by code: c000 → Holding some clothes."""
    found = dict(line.split(maxsplit=1) for line in lines_of(file) if " " in line)
    if not found or not all(code.startswith("c") for code in found):
        raise DataError(f"{file} has no lines like “c000 Holding some clothes”; {_SOURCE}")
    return found


def _actions(text: str, names: dict[str, str]) -> tuple[list[Action], list[str]]:
    """The actions of a row, c092 11.90 21.20;c147 0.00 12.60, and what is wrong with the others."""
    found, wrong = list[Action](), list[str]()
    for part in filter(None, text.split(";")):
        try:
            code, start, end = part.split()
            action = (code, max(float(start), 0.0), float(end))
        except ValueError:
            wrong.append(f"{part!r} is not class, first and last second; this action is left out")
            continue
        if code not in names:
            wrong.append(f"{code} is not a class of Charades_v1_classes.txt; this action is left out")
        elif action[1] >= action[2]:
            wrong.append(f"{part!r} ends before it begins; this action is left out")
        else:
            found.append(action)
    return found, wrong


LAYOUT = DiskLayout(
    name="charades",
    line="Charades: videos or frames, csv lists with actions and their seconds; multi-label",
    mark="Charades_v1_train.csv, Charades_v1_test.csv and Charades_v1_classes.txt",
    finds=lambda folder: seen(folder, r"(^|/)Charades_v1", depth=2),
    read=read,
    subject="the person who filmed",
    choices={"clips": ("videos", "intervals")},
)
