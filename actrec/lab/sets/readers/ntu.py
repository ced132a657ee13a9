"""NTU RGB+D 60 and 120: S001C001P001R001A001_rgb.avi with .skeleton files (Shahroudy et al. 2016, Liu et al. 2020).

The name says all: setup, camera, performer, repetition, action. Protocols: xsub trains on half of the performers; xview (60 only) trains on cameras 2
and 3 and tests on 1; xset (120 only) trains on the even setups.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from actrec.lab.sets.disk import Shelf, here, seen
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item, Media
from actrec.lab.sets.readers._ntu_names import ACTIONS

NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")

_OF_60 = frozenset({1, 2, 4, 5, 8, 9, *range(13, 20), 25, 27, 28, 31, 34, 35, 38})
TRAINING = _OF_60 | {45, 46, 47, 49, 50, *range(52, 60), 70, 74, 78, *range(80, 87), 89, *range(91, 96), 97, 98, 100, 103}
"""Performers whose clips xsub trains on: 53 of the 106; the first 20 are those of NTU RGB+D 60."""

_SOURCE = "get RGB videos or skeletons from the ROSE lab's NTU RGB+D page and unpack them there"


def read(folder: Path, choices: Choices) -> ClipSet:
    """Every clip whose video is there, with its joints where there are any; if there is no video at all, the clips whose skeletons are there.

    Raises:
        DataError: neither, or a protocol that the set's size has not.
    """
    folder = here(folder)
    skeletons = {found[0]: path for path in _skeleton_files(folder) if (found := NAME.search(path.name))}
    videos: dict[str, Media] = {}
    for media in Shelf(folder).media:
        found = NAME.search(media.path.name)
        if found and not re.search(r"_(ir|depth|masked)", media.path.stem, re.IGNORECASE):
            videos.setdefault(found[0], media)
    if not videos and not skeletons:
        raise DataError(f"{folder} holds neither S001C001P001R001A001_rgb.avi nor S001C001P001R001A001.skeleton; {_SOURCE}")
    names = sorted(videos or skeletons)
    size = 120 if any(_numbers(name)[4] > 60 or _numbers(name)[0] > 17 for name in names) else 60
    items, problems = list[Item](), list[str]()
    for name in names:
        action = _numbers(name)[4]
        if not 1 <= action <= len(ACTIONS):
            problems.append(f"{name} is of action {action}; there are {len(ACTIONS)}")
            continue
        media = videos.get(name) or Media(skeletons[name], "skeleton", 30.0)
        joints = skeletons.get(name)
        split = "train" if trains(name, choices["protocol"], size) else "test"
        items.append(Item(media, (ACTIONS[action - 1],), split, f"P{_numbers(name)[2]:03}", joints, "ntu" if joints else ""))
    problems += [f"{name}.skeleton is there, but no {name}_rgb.avi under {folder}" for name in sorted(skeletons) if videos and name not in videos]
    return clip_set(folder, f"{LAYOUT.name}{size}", items, ACTIONS[:size], problems)


def trains(name: str, protocol: str, size: int) -> bool:
    """Whether a clip is for training under a protocol of NTU RGB+D 60 or 120.

    Raises:
        DataError: a protocol that was not defined for that size.
    """
    setup, camera, performer = _numbers(name)[:3]
    legal = {60: ("xsub", "xview"), 120: ("xsub", "xset")}[size]
    if protocol not in legal:
        raise DataError(f"NTU RGB+D {size} has no protocol {protocol}; write #protocol= and one of {', '.join(legal)}")
    return {"xsub": performer in TRAINING, "xview": camera in (2, 3), "xset": setup % 2 == 0}[protocol]


def _numbers(name: str) -> tuple[int, ...]:
    found = NAME.search(name)
    return tuple(int(number) for number in found.groups()) if found else (0,) * 5


def _skeleton_files(folder: Path) -> list[Path]:
    return sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names if name.endswith(".skeleton"))


LAYOUT = DiskLayout(
    name="ntu",
    line="NTU RGB+D 60 or 120: videos and skeletons named S001C001P001R001A001",
    mark="S001C001P001R001A001_rgb.avi or S001C001P001R001A001.skeleton",
    finds=lambda folder: seen(folder, NAME.pattern),
    read=read,
    subject="the performer",
    choices={"protocol": ("xsub", "xview", "xset")},
)
