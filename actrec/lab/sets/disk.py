"""What lies in a folder: clips by name, lists by place, and errors that say what was looked for and where."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from actrec.clips.library import SUFFIXES
from actrec.core import labels
from actrec.core.errors import quoted
from actrec.lab.sets.items import PICTURES, DataError, Media, naming


def here(folder: Path) -> Path:
    """The folder itself.

    Raises:
        DataError: it is not there; the message says how far the path is right and what lies there.
    """
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DataError(f"{folder} is a file, not the folder of a data set; name the folder, a skeleton file (.pkl) or an index.csv")
    known = next(parent for parent in (*folder.absolute().parents,) if parent.is_dir())
    inside = sorted(entry.name for entry in known.iterdir())
    lies = f"holds {', '.join(inside[:8])}{' …' if len(inside) > 8 else ''}" if inside else "is empty"
    raise DataError(f"no folder {folder}; the path exists as far as {known}, which {lies}")


def glance(folder: Path, most: int = 400, depth: int = 3) -> list[str]:
    """Some of the paths in a folder, relative, with "/": folders first seen first, at most 40 entries of each, so that it stays quick."""
    found: list[str] = []
    waiting = [(folder, 0)]
    while waiting and len(found) < most:
        place, deep = waiting.pop(0)
        with os.scandir(place) as entries:
            for _, entry in zip(range(40), entries, strict=False):
                found.append(Path(entry.path).relative_to(folder).as_posix())
                if is_folder(entry) and deep + 1 < depth:
                    waiting.append((Path(entry.path), deep + 1))
    return found


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one. A link that leads nowhere, or back to itself, is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def seen(folder: Path, pattern: str, **how: int) -> bool:
    """Whether a glance at the folder shows a path that the pattern matches somewhere."""
    return folder.is_dir() and any(re.search(pattern, path) for path in glance(folder, **how))


def first(folder: Path, *names: str) -> Path | None:
    """The first of these files (relative, wildcards allowed) that is there."""
    for name in names:
        for found in sorted(folder.glob(name)) if any(c in name for c in "*?[") else [folder / name]:
            if found.is_file():
                return found
    return None


def needed(folder: Path, names: Sequence[str], source: str) -> Path:
    """The first of these files that is there.

    Raises:
        DataError: none is. source: where to get it, in words.
    """
    found = first(folder, *names)
    if found is None:
        raise DataError(f"{folder} lacks {' or '.join(names)}; {source}")
    return found


def lines_of(file: Path) -> list[str]:
    """A list's lines that are not empty, without line ends.

    Raises:
        DataError: a file that is no text.
    """
    with naming(file):
        return [line.strip() for line in labels.text(file).splitlines() if line.strip()]


def classes_of(file: Path) -> tuple[str, ...]:
    """The names of a set's classes, in any form that `labels.read` knows.

    Raises:
        DataError: none, or not to be read in one way only.
    """
    with naming(file):
        found = labels.read(file)
    if not found:
        raise DataError(f"{file} names no classes; fetch the list again")
    return found


def rows_of(file: Path, *columns: str) -> list[dict[str, str]]:
    """A csv's rows by column, blanks for what a row lacks.

    Raises:
        DataError: a column is missing; the message names it and those that are there.
    """
    rows = [{key: value or "" for key, value in row.items() if key} for row in csv.DictReader(lines_of(file))]
    head = list(rows[0]) if rows else next(csv.reader(lines_of(file)), [])
    missing = [name for name in columns if name not in head]
    if missing:
        raise DataError(f"{file} has no column {' and no '.join(missing)}; its header is {','.join(head) or 'empty'}; fetch the set's own list again")
    return rows


def json_of(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        DataError: it is none.
    """
    try:
        with naming(file):
            return json.loads(labels.text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read as JSON ({quoted(error)}); fetch it again") from None


class Shelf:
    """The clips under a folder by name: video files without their suffix, and folders of pictures. One walk, when first asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def media(self) -> list[Media]:
        return list(clips_under(self.folder))

    @cached_property
    def _named(self) -> dict[str, list[Media]]:
        found: dict[str, list[Media]] = {}
        for media in self.media:
            found.setdefault(media.path.stem if media.kind == "video" else media.path.name, []).append(media)
        return found

    @cached_property
    def _folded(self) -> dict[str, list[Media]]:
        found: dict[str, list[Media]] = {}
        for name, media in self._named.items():
            found.setdefault(name.casefold(), []).extend(media)
        return found

    def find(self, name: str, *hints: str, any_case: bool = False) -> Media | None:
        """The clip of that name; of several the one whose folders hold most of the hints (a class, a split), videos before pictures."""
        found = self._named.get(name, ()) or (self._folded.get(name.casefold(), ()) if any_case else ())
        if len(found) == 1:
            return found[0]
        wanted = {plain(hint) for hint in hints}
        return max(found, key=lambda m: (len(wanted & {plain(part) for part in m.path.parts[:-1]}), m.kind == "video"), default=None)


def plain(name: str) -> str:
    """A name without what people change in folder names: case, spaces, underscores, punctuation."""
    return re.sub(r"[\W_]+", "", name.casefold())


def clips_under(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Media]:
    """Every video file and every folder of frames below a folder, in order of path; hidden ones left out. above: the folders that it lies in."""
    facts = folder.stat()
    here = (facts.st_dev, facts.st_ino)
    if here in above:  # a link to a folder that it lies in
        return
    with os.scandir(folder) as entries:
        inside = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in inside:
        path = Path(entry.path)
        if is_folder(entry):
            if is_frames(path):
                yield Media(path, "pictures")
            else:
                yield from clips_under(path, above | {here})
        elif path.suffix.lower() in SUFFIXES:
            yield Media(path)


def is_frames(folder: Path) -> bool:
    """Whether a folder holds a clip's frames: it has pictures, and among its first entries no folder and no video."""
    count = 0
    with os.scandir(folder) as entries:
        for _, entry in zip(range(50), entries, strict=False):
            suffix = os.path.splitext(entry.name)[1].lower()
            if is_folder(entry) or suffix in SUFFIXES:
                return False
            count += suffix in PICTURES and not entry.name.startswith("flow_")
    return count > 0


def gone(name: str, folder: Path, split: str = "") -> str:
    """A line for a clip that is in a list and not on disk."""
    return f"{name}{f' ({split})' if split else ''} is listed, but neither a video nor a folder of frames of that name is under {folder}"
