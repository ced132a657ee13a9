"""Folders with an `index.csv`: columns file and label, and perhaps subject and split (train, test, val)."""

from __future__ import annotations

import csv
from pathlib import Path

from actrec import mannequin
from actrec.data.items import ClipSet, DataError, Item, Media

_REVERSES = (("bend_down", "straighten_up"), *mannequin.PAIRS)


def read_index(folder: Path) -> ClipSet:
    """The clips that `folder/index.csv` lists.

    Raises:
        DataError: no index, no column file or label, or a file that is not there; the message names it.
    """
    index = folder / "index.csv"
    if not index.is_file():
        raise DataError(f"{folder} has no index.csv; make one with the columns file,label,subject,split")
    with index.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"file", "label"} <= set(rows[0]):
        has = list(rows[0]) if rows else "no rows"
        raise DataError(f"{index} needs a header with the columns file and label, and at least one row; it has {has}")
    for number, row in enumerate(rows, 2):
        if not (folder / row["file"]).is_file():
            raise DataError(f"{index}, line {number}: no file {row['file']!r} in {folder}; correct the line or put the clip there")
    items = (Item(Media(folder / r["file"]), (r["label"],), r.get("split") or "train", r.get("subject") or Path(r["file"]).stem) for r in rows)
    labels = tuple(sorted({row["label"] for row in rows}))
    return ClipSet(folder.name, "index.csv", tuple(items), labels, tuple(pair for pair in _REVERSES if set(pair) <= set(labels)))
