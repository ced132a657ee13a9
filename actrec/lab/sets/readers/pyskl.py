"""Skeleton files of MMAction2 and pyskl: one pickle with splits and annotations (Duan et al. 2022), read without running code."""

from __future__ import annotations

import re
from pathlib import Path

from actrec.inputs.pose.pickles import annotated
from actrec.lab.sets.disk import Shelf, classes_of, first, here
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item, Media, naming
from actrec.lab.sets.readers._ntu_names import ACTIONS

_SOURCE = "get one from pyskl's page of skeleton data (tools/data), such as ntu60_hrnet.pkl or gym_hrnet.pkl"


def read(path: Path, choices: Choices) -> ClipSet:
    """The clips of a file, or of the one file in a folder. Videos named as the clips are found below the same folder; else there are joints alone.

    split= (or protocol=) chooses among the file's splits: 1, 2, 3 for train1/test1 …, xsub or xview for xsub_train/xsub_val …

    Raises:
        DataError: no file or several, code in it, or a choice that it has not.
    """
    file = _file(path)
    with naming(file):
        splits, rows = annotated(file)
    nameless = next((name for name, row in rows.items() if "label" not in row), None)
    if nameless is not None:
        raise DataError(f"{file} has no label of {nameless}; each of its annotations needs the number of its class")
    variants = _variants(splits, file)
    chosen = choices["split"] or choices["protocol"] or next(iter(variants))
    if chosen not in variants:
        raise DataError(f"{file} has no split {chosen!r}; write #split= and one of {', '.join(v or '(none)' for v in variants)}")
    parts = variants[chosen] if splits else {"val" if "val" in file.stem else "test" if "test" in file.stem else "train": list(rows)}
    labels = _labels(file, max(int(row["label"]) for row in rows.values()) + 1, next(iter(rows)))
    shelf, items, problems = Shelf(file.parent), list[Item](), list[str]()
    for split, names in parts.items():
        for name in names:
            if name not in rows:
                problems.append(f"{name} ({split}) is listed in the splits of {file.name}, but has no annotation there")
                continue
            row = rows[name]
            if "keypoint_score" not in row and "keypoint" in row and row["keypoint"].shape[-1] != 2:
                problems.append(f"{name} ({split}) has joints in metres, not in pixels; use the file with 2-D joints (…_hrnet.pkl)")
                continue
            media = shelf.find(name.split("/")[-1]) or shelf.find(f"{name}_rgb")
            items.append(Item(media or Media(file / name, "skeleton"), (labels[int(row["label"])],), split, _subject(name), file / name, "pyskl"))
    if any(item.media.kind != "skeleton" for item in items):  # some videos are there: those without are not on disk
        problems += [f"{item.media.path.name} ({item.split}) has no video under {file.parent}" for item in items if item.media.kind == "skeleton"]
        items = [item for item in items if item.media.kind != "skeleton"]
    return clip_set(file.parent, LAYOUT.name, items, labels, problems, name=file.stem)


def _file(path: Path) -> Path:
    if path.suffix in (".pkl", ".pickle"):
        if not path.is_file():
            raise DataError(f"no file {path}; {_SOURCE}")
        return path
    found = sorted(file for file in here(path).iterdir() if file.suffix in (".pkl", ".pickle"))
    if len(found) != 1:
        has = f"{len(found)} of them: {', '.join(file.name for file in found[:5])}; name one" if found else f"none; {_SOURCE}"
        raise DataError(f"{path} should hold one skeleton file (.pkl) and holds {has}")
    return found[0]


def _variants(splits: dict[str, list[str]], file: Path) -> dict[str, dict[str, list[str]]]:
    """The file's splits by choice: {"xsub": {"train": …, "val": …}}, {"1": …}, or {"": …} where there is but one."""
    found: dict[str, dict[str, list[str]]] = {}
    for key, names in splits.items():
        parts = re.fullmatch(r"(?:(.+)_)?(train|val|test)_?(\d*)", key)
        if parts is None:
            raise DataError(f"{file} has a split {key!r}; known are train, val, test, with a number after it or a protocol before it (xsub_train)")
        found.setdefault(parts[1] or parts[3] or "", {})[parts[2]] = names
    return found or {"": {}}


def _labels(file: Path, count: int, example: str) -> tuple[str, ...]:
    """Names from a text file beside it, one a line: its own name with .txt, labels.txt or label_map….txt; NTU's own; else numbers."""
    told = first(file.parent, f"{file.stem}.txt", "labels.txt", "label_map*.txt")
    if told is not None:
        names = classes_of(told)
        if len(names) < count:
            raise DataError(f"{told} names {len(names)} classes, but {file.name} has {count}; give it one line for each class, in their order")
        return names
    if re.fullmatch(r"S\d{3}C\d{3}P\d{3}R\d{3}A\d{3}", example):
        return ACTIONS[: 60 if count <= 60 else 120]
    return tuple(f"class {number:03}" for number in range(count))


def _subject(name: str) -> str:
    """What the clip's name says of where it comes from: NTU's performer, UCF101's group, FineGYM's video."""
    for pattern in (r"P\d{3}(?=R\d{3}A\d{3})", r"^v_\w+_g\d+(?=_c\d+)", r"^.+(?=_E_\d{6}_\d{6})"):
        found = re.search(pattern, name)
        if found:
            return found[0]
    return ""


LAYOUT = DiskLayout(
    name="pyskl",
    line="MMAction2 / pyskl: a pickle with splits and skeletons, read without running code",
    mark="one .pkl file",
    finds=lambda path: path.suffix in (".pkl", ".pickle") or (path.is_dir() and any(f.suffix in (".pkl", ".pickle") for f in path.iterdir())),
    read=read,
    subject="the performer, the group or the video, as far as the clips' names tell",
    choices={"split": (), "protocol": ()},
)
