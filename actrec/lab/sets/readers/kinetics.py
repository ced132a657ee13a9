"""Kinetics (400, 600, 700): csv lists with label, youtube_id, time_start, time_end, split; ten seconds each from YouTube (Kay et al. 2017)."""

from __future__ import annotations

from pathlib import Path

from actrec.lab.sets.disk import Shelf, here, rows_of, seen
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item, Media

_SPLITS = {"train": "train", "training": "train", "val": "val", "validate": "val", "validation": "val", "test": "test"}
_SOURCE = "get train.csv, val.csv and test.csv from the Kinetics page of DeepMind (or the cvdfoundation mirror) and put them into annotations/"
_CLIP = r"(^|/)[\w-]{11}_\d{6}_\d{6}(\.|$)"


def read(folder: Path, choices: Choices) -> ClipSet:
    """The clips of every list. A row's clip is id_000010_000020.mp4, in a class's folder, a split's or none; or the folder of its frames.

    Raises:
        DataError: no list, or no listed clip is on disk.
    """
    folder = here(folder)
    shelf, items, problems = Shelf(folder), list[Item](), list[str]()
    labels: set[str] = set()
    for file in _lists(folder):
        rows = rows_of(file, "youtube_id", "time_start", "time_end")
        unlabelled = sum(not row.get("label") for row in rows)
        if unlabelled:
            problems.append(f"{file}: {unlabelled} rows have no label (the test set of the challenges had none)")
        for number, row in enumerate(rows, 2):
            label = row.get("label", "").strip()
            if not label:
                continue
            labels.add(label)
            split = _split(row, file)
            name = _name(row, file, number)
            media = _find(shelf, row, name, label, split)
            if media is None:
                problems.append(f"{name} ({label}, {split}) is listed in {file.name}, but no clip of that name is under {folder}")
            else:
                items.append(Item(media, (label,), split, row["youtube_id"]))
    return clip_set(folder, LAYOUT.name, items, sorted(labels), problems)


def _lists(folder: Path) -> list[Path]:
    for place in (folder, folder / "annotations", folder / "lists", folder.parent / "annotations"):
        found = [file for file in sorted(place.glob("*.csv")) if _is_list(file)]
        if found:
            return found
    raise DataError(f"{folder} lacks a csv with the columns label,youtube_id,time_start,time_end,split, also in annotations/; {_SOURCE}")


def _is_list(file: Path) -> bool:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        return "youtube_id" in lines.readline()


def _split(row: dict[str, str], file: Path) -> str:
    told = row.get("split", "").strip().lower() or file.stem.lower()
    found = next((split for word, split in _SPLITS.items() if word in told), None)
    if found is None:
        raise DataError(f"{file}: split {told!r} is none of train, val and test; correct the column split")
    return found


def _name(row: dict[str, str], file: Path, number: int) -> str:
    try:
        start, end = (round(float(row[key])) for key in ("time_start", "time_end"))
    except ValueError:
        raise DataError(f"{file}, line {number}: {row['time_start']!r} to {row['time_end']!r} are not seconds; fetch the list again") from None
    return f"{row['youtube_id']}_{start:06}_{end:06}"


def _find(shelf: Shelf, row: dict[str, str], name: str, label: str, split: str) -> Media | None:
    """The cut clip; else the whole video under its id, of which the row's seconds are the clip."""
    media = shelf.find(name, label, split)
    if media is None:
        whole = shelf.find(row["youtube_id"], label, split)
        media = Media(whole.path, whole.kind, whole.fps, float(row["time_start"]), float(row["time_end"])) if whole else None
    return media


def _finds(folder: Path) -> bool:
    places = (folder, folder / "annotations")
    if any(_is_list(file) for place in places for file in sorted(place.glob("*.csv"))[:20]):
        return True
    return seen(folder, _CLIP)


LAYOUT = DiskLayout(
    name="kinetics",
    line="Kinetics: csv lists, clips named id_000010_000020.mp4 in class folders, split folders or none",
    mark="a csv with a column youtube_id, or clips named id_000010_000020",
    finds=_finds,
    read=read,
    subject="the YouTube video",
)
