"""Files from outside are hostile until read: what reading one may cost, spent before anything is allocated.

A small file can ask for huge work: an archive that unpacks to gigabytes, a table of a million names, brackets a hundred thousand deep. Every
reader of a file that is not ours makes one `Budget` for it and spends from it: bytes before it allocates them, items before it makes them, seconds
while it works.

>>> spend = Budget("joints.npz")
>>> with archive(path, spend) as inside:
...     joints = array(inside["joints.npy"]())
"""

from __future__ import annotations

import io
import json
import math
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actrec.core.errors import ActrecError

MOST_BYTES = 600_000_000
"""Bytes that reading one file may take in memory, all its parts together."""

MOST_ITEMS = 3_000_000
"""Names, values and list entries that reading one file may make: Python spends about a hundred bytes on each."""

MOST_DEPTH = 64
"""How deep lists and tables may stand in each other."""

MOST_SECONDS = 15.0
"""Seconds that reading one file may take."""

SHORTEST_ENTRY, ENTRY_ITEMS = 46, 8
"""Bytes of the shortest entry in a zip archive's list, and how many items it counts for: zipfile makes about 700 bytes of it."""


class TooMuch(ActrecError):
    """Reading a file would cost more than it may."""


@dataclass
class Budget:
    """What reading one file may still cost. name: the file's, for the message.

    Raises (all its methods):
        TooMuch: one clear line that names the file, what there is too much of, and the way out.
    """

    name: str
    bytes_left: int = MOST_BYTES
    items_left: int = MOST_ITEMS
    depth_left: int = MOST_DEPTH
    until: float = field(default_factory=lambda: time.monotonic() + MOST_SECONDS)

    def __post_init__(self) -> None:
        self._bytes, self._items = self.bytes_left, self.items_left

    def bytes(self, count: int) -> None:
        """Call before so many bytes are allocated; sizes that a file claims count like real ones."""
        self.bytes_left -= self._count(count)
        if self.bytes_left < 0:
            raise TooMuch(
                f"{self.name} would take more than {self._bytes / 1e6:.0f} MB to read; cut it to what is needed, or save it in another form"
            )

    def items(self, count: int = 1) -> None:
        """Call before so many names, values or entries are made."""
        self.items_left -= self._count(count)
        if self.items_left < 0:
            raise TooMuch(f"{self.name} holds more than {self._items} names and values; cut it to what is needed, or save numbers as one array")
        self.clock()

    def clock(self) -> None:
        """Call now and then in a loop."""
        if time.monotonic() > self.until:
            raise TooMuch(f"{self.name} takes longer than {MOST_SECONDS:.0f} s to read; cut it to what is needed")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Around the reading of what stands inside something else."""
        self.depth_left -= 1
        if self.depth_left < 0:
            raise TooMuch(f"{self.name} is nested more than {MOST_DEPTH} deep; save it again without the nesting")
        try:
            yield
        finally:
            self.depth_left += 1

    def _count(self, count: int) -> int:
        if count < 0:
            raise TooMuch(f"{self.name} claims a size of {count}; it is damaged: copy or export it again")
        return count


def content(path: Path, spend: Budget) -> bytes:
    """A whole file, however long it says it is.

    Raises:
        TooMuch.  OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _limited(file.read, spend)


def parsed(text: bytes, spend: Budget, objects: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """What JSON in UTF-8, -16 or -32 says; its values are counted before they are made. objects: makes an object of its pairs, else a dict is made.

    Raises:
        TooMuch.  ValueError: it is no JSON.
    """
    spend.bytes(len(text) * (2 if text.isascii() else 8))  # as text, and again as the words in it; a letter may take four bytes
    spend.items(1 + sum(text.count(mark) for mark in b",:[{"))
    try:
        return json.loads(text, object_pairs_hook=objects)
    except RecursionError:
        raise TooMuch(f"{spend.name} is nested too deep; save it again without the nesting") from None


@contextmanager
def archive(path: Path, spend: Budget) -> Iterator[dict[str, Callable[[], bytes]]]:
    """The files in a zip archive by name, each to be unpacked by a call; what one claims to be is not believed, what comes out is counted.

    Raises:
        TooMuch (the calls too).  zipfile.BadZipFile, OSError, and what zipfile raises for an unknown or damaged compression.
    """
    with _Listed(io.FileIO(path)) as file:
        file.spend = spend
        with zipfile.ZipFile(file) as inside:
            file.spend = None

            def unpack(info: zipfile.ZipInfo) -> bytes:
                if info.compress_type not in (
                    zipfile.ZIP_STORED,
                    zipfile.ZIP_DEFLATED,
                ):  # of the others zipfile unpacks a megabyte to any size at once
                    raise zipfile.BadZipFile(f"{info.filename} is neither stored nor deflated")
                with inside.open(info) as part:
                    return _limited(part.read, spend)

            yield {info.filename: partial(unpack, info) for info in inside.infolist()}


class _Listed(io.BufferedReader):
    """A zip archive while zipfile reads its list, in one piece, to make an object of every entry: they are paid for before."""

    spend: Budget | None = None

    def read(self, size: int | None = -1) -> bytes:
        if self.spend is not None and size is not None:
            self.spend.items(ENTRY_ITEMS * (max(size, 0) // SHORTEST_ENTRY))
        return super().read(size)


def array(raw: bytes) -> NDArray[Any]:
    """A numpy file's array of numbers or text; a view of the bytes, nothing unpickled.

    Raises:
        ValueError: another file, objects, or fewer bytes than its shape claims.
    """
    stream = io.BytesIO(raw)
    form = np.lib.format
    version = form.read_magic(stream)
    shape, by_columns, kind = (form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0)(stream)
    count, begin = math.prod(shape), stream.tell()
    if kind.hasobject or min(shape, default=0) < 0 or count * kind.itemsize > len(raw) - begin:
        raise ValueError(f"an array {shape} of {kind} in {len(raw) - begin} bytes")
    return np.frombuffer(raw, kind, count, begin).reshape(shape, order="F" if by_columns else "C")


def _limited(read: Callable[[int], bytes], spend: Budget) -> bytes:
    found = io.BytesIO()
    while piece := read(1 << 20):
        spend.bytes(len(piece))
        spend.clock()
        found.write(piece)
    return found.getvalue()  # without a copy
