"""HMDB51: videos in class folders, three splits in testTrainMulti_7030_splits/ (Kuehne et al. 2011)."""

from __future__ import annotations

import re
from pathlib import Path

from actrec.lab.sets.disk import Shelf, gone, here, lines_of, seen
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item

_SPLITS = {"1": "train", "2": "test"}  # 0: the clip is in neither
_SOURCE = "get the three splits (test_train_splits.rar) from the HMDB page of the Serre lab and unpack them there"
_LISTS = ("testTrainMulti_7030_splits", "test_train_splits", "splits", "annotations", ".", "../testTrainMulti_7030_splits", "../test_train_splits")


def read(folder: Path, choices: Choices) -> ClipSet:
    """The clips of one split; each class has a list of its own. Classes in order of name.

    Raises:
        DataError: the lists are missing, or no listed clip is on disk.
    """
    folder = here(folder)
    files, shelf, split = _lists(folder, choices["split"]), Shelf(folder), choices["split"]
    items, problems = list[Item](), list[str]()
    for label, file in files.items():
        if not file.is_file():
            problems.append(f"{file.parent} lacks {file.name}, so {label} has no clips in split {split}; {_SOURCE}")
            continue
        for number, line in enumerate(lines_of(file), 1):
            name, _, part = line.rpartition(" ")
            if part not in ("0", *_SPLITS):
                raise DataError(f"{file}, line {number}: {line!r} does not end in 0, 1 or 2; fetch the splits again")
            media = shelf.find(re.sub(r"\.avi$", "", name.strip()), label) if part in _SPLITS else None
            if media is not None:
                items.append(Item(media, (label,), _SPLITS[part], f"{label} {_source(name, label)}"))
            elif part in _SPLITS:
                problems.append(gone(f"{label}/{name.strip()}", folder, _SPLITS[part]))
    return clip_set(folder, LAYOUT.name, items, tuple(files), problems)


def _lists(folder: Path, split: str) -> dict[str, Path]:
    """Each class's list for the split, whether it is there or not: a class is one that has a list for any split."""
    for place in _LISTS:
        found = sorted((folder / place).glob("*_test_split[123].txt"))
        if found:
            labels = sorted({file.name[: -len("_test_split1.txt")] for file in found})
            return {label: found[0].parent / f"{label}_test_split{split}.txt" for label in labels}
    raise DataError(
        f"{folder} lacks {_LISTS[0]}/<class>_test_split{split}.txt; {_SOURCE}, or read the class folders as one split with #layout=folders"
    )


def _source(name: str, label: str) -> str:
    """The film a clip was cut from, as far as its name says: April_09_brush_hair_u_nm_np1_ba_goo_0 → April_09."""
    return name.partition(f"_{label}_")[0]


LAYOUT = DiskLayout(
    name="hmdb51",
    line="HMDB51: videos in class folders, lists in testTrainMulti_7030_splits",
    mark="testTrainMulti_7030_splits/<class>_test_split1.txt, or videos named …_np1_ba_goo_0",
    finds=lambda folder: seen(folder, r"_test_split[123]\.txt$|_(nm|cm)_np\d_(fr|ba|le|ri)_(goo|med|bad)_\d+"),
    read=read,
    subject="the source video that a class's clips were cut from, as the clips' names tell",
    choices={"split": ("1", "2", "3")},
)
