"""Folders with an `index.csv`: columns file and label, and perhaps subject and split (train, test, val)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from actrec.core import labels
from actrec.lab.sets.disk import here
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item, Media, naming


def read(folder: Path, choices: Choices) -> ClipSet:
    """The clips that `folder/index.csv` lists: videos, or folders of frames; with joints where `joints/<name>.npz` lies beside them.

    Raises:
        DataError: no index, no column file or label, or none of its files is there; the message names it.
    """
    index = here(folder) / "index.csv"
    if not index.is_file():
        raise DataError(f"{folder} has no index.csv; make one with the columns file,label,subject,split")
    with naming(index):
        rows = list(csv.DictReader(io.StringIO(labels.text(index), newline="")))
    if not rows or not {"file", "label"} <= set(rows[0]):
        has = list(rows[0]) if rows else "no rows"
        raise DataError(f"{index} needs a header with the columns file and label, and at least one row; it has {has}")
    items, problems = list[Item](), list[str]()
    for number, row in enumerate(rows, 2):
        path = folder / (row["file"] or "")
        if not row["file"] or not row["label"] or not path.exists():
            missing = (
                f"no file {row['file']!r} in {folder}; correct the line or put the clip there"
                if row["file"] and row["label"]
                else "no file or no label"
            )
            problems.append(f"{index}, line {number}: {missing}")
            continue
        joints = folder / "joints" / f"{path.stem}.npz"
        kept = joints if joints.is_file() else None
        media = Media(path, "pictures" if path.is_dir() else "video")
        items.append(Item(media, (row["label"],), row.get("split") or "train", row.get("subject") or "", kept, "npz" if kept else ""))
    classes = sorted({row["label"] for row in rows if row["label"]})
    return clip_set(folder, LAYOUT.name, items, classes, problems)


LAYOUT = DiskLayout(
    name="index.csv",
    line="any clips that an index.csv lists: file,label,subject,split",
    mark="index.csv with the columns file and label",
    finds=lambda folder: (folder / "index.csv").is_file(),
    read=read,
    subject="as the column says",
)
