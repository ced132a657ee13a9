"""Files that are there whole or not at all, whoever else writes them; and the sha256 of what is there.

What is not whole yet lies beside its place under a name that nobody can guess, so two who write the same file do not meet. Such names fit
`LEFTOVERS`: what a killed process left behind can be found by it.

>>> with whole(path) as part, part.open("wb") as file:
...     np.savez(file, values=values)
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

LEFTOVERS = ".*.part"
"""What the names of files and folders fit that are not whole yet. No clip, checkpoint or picture is looked for under such a name."""


LEFT_AFTER = 86_400
"""Seconds after which what is not whole yet counts as left behind."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, to be written by the block; when the block ends well it takes the name `path`, in place of an older file.

    The folder is made if it is not there. If the block fails, in whatever way, the older file stays as it was and nothing is added.

    Raises:
        OSError: no permission, no room.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(path.parent, path.name)
    try:
        part.open("xb").close()
        yield part
        _settle(part)
        os.replace(part, path)
        _settle_names(path.parent)
    finally:
        with contextlib.suppress(OSError):  # what went wrong first is what is told
            part.unlink(missing_ok=True)


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; text as UTF-8, line ends as they are.

    Raises:
        OSError: no permission, no room.
    """
    with whole(path) as part:
        part.write_bytes(encoded(content) if isinstance(content, str) else content)


def encoded(text: str) -> bytes:
    """Text as UTF-8. The bytes of a file's name that are none are written out, as JSON does it too: "\\udcff"."""
    return text.encode(errors="backslashreplace")


@contextmanager
def together(folder: Path) -> Iterator[Path]:
    """An empty folder within `folder`, for files that belong together: they move into `folder` when the block ends well, none if it fails.

    `folder` is made if it is not there. Files of the same names are replaced, one move each, in the order of their names.

    Raises:
        OSError: no permission, no room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = _beside(folder, "files")
    work.mkdir()
    try:
        yield work
        made = sorted(work.iterdir())
        for file in made:
            _settle(file)
        for file in made:
            os.replace(file, folder / file.name)
        _settle_names(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def reason(error: OSError) -> str:
    """What the system refused, for which file, and the way out, in one line."""
    name = f" {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left for{name or ' the files'}; free some, or set ACTREC_CACHE (for uploads: TMPDIR) to a folder on another disk"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission for{name or ' a file'} ({error.strerror}); change it, or set ACTREC_CACHE to a folder you may write to"
    return f"{error.strerror or error}{name and ':'}{name}; check that it is there and try again"


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, read in pieces; of a folder, that of the names and contents of its files.

    Raises:
        OSError: not there, or not to be read.
    """
    found, many = hashlib.sha256(), path.is_dir()
    for part in sorted(p for p in path.iterdir() if p.is_file()) if many else [path]:
        found.update(part.name.encode() if many else b"")
        with part.open("rb") as file:
            hashlib.file_digest(file, lambda: found)
    return found.hexdigest()


def oldest(kept: Iterable[Path], most: int = 10**9, most_bytes: int = 10**15) -> list[Path]:
    """The files used longest ago, beyond `most` files or `most_bytes`; the one used last is never among them."""
    total, listed, beyond = 0, [], list[Path]()
    for file in kept:
        with contextlib.suppress(OSError):  # another session was quicker
            facts = file.stat()
            listed.append((facts.st_mtime_ns, facts.st_size, file))
    for count, (_, size, file) in enumerate(sorted(listed, reverse=True), 1):
        total += size
        if count > 1 and (count > most or total > most_bytes):
            beyond.append(file)
    return beyond


def inside(folder: Path) -> list[Path]:
    """What a folder holds, by name, but for what is not whole yet; nothing where there is no folder, or none that may be read."""
    try:
        return sorted(path for path in folder.iterdir() if not path.match(LEFTOVERS))
    except OSError:
        return []


def odd(path: Path) -> str:
    """Why a path leads to no regular file, in words; "" where it does. Nothing is opened: a pipe would wait for somebody who writes."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        lost = _LOST.get(error.errno or 0) if os.path.islink(path) else None
        return lost or f"cannot be looked at ({error.strerror})"
    except ValueError:
        return "has a name that no file has"
    if stat.S_ISREG(mode):
        return ""
    return "is a folder" if stat.S_ISDIR(mode) else "is a pipe or a device, not a file"


_LOST = {errno.ENOENT: "is a link to a file that is not there", errno.ELOOP: "is a link that leads back to itself"}


def _beside(folder: Path, name: str) -> Path:
    """A name that nobody else has, and that is not too long where `name` is long."""
    _sweep(folder)
    return folder / f".{name[:50]}.{secrets.token_hex(8)}.part"


def _sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder, once for each folder: what nobody has touched for a day."""
    if folder in _swept:
        return
    _swept.add(folder)
    for left in folder.glob(LEFTOVERS):
        with contextlib.suppress(OSError):  # another process was quicker
            if left.stat().st_mtime < time.time() - LEFT_AFTER:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


_swept: set[Path] = set()


def _settle_names(folder: Path) -> None:
    """Bring the names in a folder to the disk too, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _settle(part: Path) -> None:
    """Bring a file's content to the disk before its name: else a power cut could leave the name with nothing behind it."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
