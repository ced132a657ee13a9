"""UCF101: videos in class folders, three splits in ucfTrainTestlist/ (Soomro et al. 2012)."""

from __future__ import annotations

import re
from pathlib import Path

from actrec.lab.sets.disk import Shelf, classes_of, first, gone, here, lines_of, needed, seen
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item

_SOURCE = (
    "get “The Train/Test Splits for Action Recognition” from UCF's UCF101 page and unpack it there, "
    "or read the class folders as one split with #layout=folders"
)
_LISTS = ("", "ucfTrainTestlist/", "annotations/", "../ucfTrainTestlist/")


def read(folder: Path, choices: Choices) -> ClipSet:
    """The clips of one split. The order of the classes is classInd.txt's.

    Raises:
        DataError: a list is missing, or no listed clip is on disk.
    """
    folder = here(folder)
    index = needed(folder, [f"{place}classInd.txt" for place in _LISTS], _SOURCE)
    lists = {name: needed(index.parent, [f"{name}list{int(choices['split']):02}.txt"], _SOURCE) for name in ("train", "test")}
    labels = classes_of(index)
    shelf, items, problems = Shelf(folder), list[Item](), list[str]()
    for split, file in lists.items():
        for number, line in enumerate(lines_of(file), 1):
            path = Path(re.sub(r"\s+\d+$", "", line))
            label, name = path.parent.name, path.stem
            if label not in labels:
                raise DataError(f"{file}, line {number}: {line!r} names no class in {index}; fetch both lists again")
            media = shelf.find(name, label, any_case=True)  # HandstandPushups/v_HandStandPushups_… is written in both ways
            if media is None:
                problems.append(gone(f"{label}/{name}", folder, split))
            else:
                items.append(Item(media, (label,), split, f"{label} {_group(name)}"))
    return clip_set(folder, LAYOUT.name, items, labels, problems)


def _group(name: str) -> str:
    """Clips of a class with the same number were cut from one video: v_ApplyEyeMakeup_g01_c04 → g01."""
    found = re.search(r"_(g\d+)_c\d+$", name)
    return found[1] if found else name


LAYOUT = DiskLayout(
    name="ucf101",
    line="UCF101: videos in class folders, lists in ucfTrainTestlist",
    mark="classInd.txt and trainlist01.txt, or videos named v_Class_g01_c01",
    finds=lambda folder: (
        first(folder, "classInd.txt", "ucfTrainTestlist/classInd.txt", "annotations/classInd.txt") is not None or seen(folder, r"v_\w+_g\d+_c\d+")
    ),
    read=read,
    subject="the video that a group's clips were cut from",
    choices={"split": ("1", "2", "3")},
)
