"""Arrays of numbers and lines of text out of a MATLAB file (version 5 to 7), read with bounds checked.

SciPy reads far more of the format, but a damaged file can end the whole process in its compiled part; this reads the little that joints need, and a
damaged file ends in an error. Source: MathWorks, "MAT-File Format", chapter 1 (level 5).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from math import prod

import numpy as np
from numpy.typing import NDArray

from actrec.core.outside import Budget

_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_TEXT, _NUMBERS = 4, range(6, 16)  # classes of arrays: text; double, single, and the integers
_PIECE = 1 << 16  # bytes that are unpacked at once
_MOST_AXES, _MOST_LETTERS = 32, 63  # of an array and its name, in MATLAB
_CODES = {1: "latin1", 2: "latin1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}


def variables(raw: bytes, spend: Budget) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """The real numeric arrays at the top of a file, and the lines of text, by name; cells, structures and text of several lines are passed over.

    Raises:
        ValueError: the file is damaged or cut off.  TooMuch.
    """
    numbers, words = dict[str, NDArray[np.float64]](), dict[str, str]()
    for name, of_class, shape, kind, data, order in _matrices(raw, spend):
        if of_class in _NUMBERS and kind in _KINDS:
            values = np.frombuffer(data, order + _KINDS[kind])
            if min(shape, default=-1) < 0 or prod(shape) != len(values):
                raise ValueError(f"an array {shape[:5]} with {len(values)} numbers")
            spend.bytes(8 * len(values))
            numbers[name] = values.astype(np.float64).reshape(shape, order="F")
        elif of_class == _TEXT and kind in _CODES and shape[:1] == [1]:
            ending = ("-le" if order == "<" else "-be") if _CODES[kind] in ("utf-16", "utf-32") else ""
            spend.bytes(4 * len(data))
            words[name] = str(data, _CODES[kind] + ending, "replace")
    return numbers, words


def _matrices(raw: bytes, spend: Budget) -> Iterator[tuple[str, int, list[int], int, memoryview, str]]:
    """Name, class, dimensions, type of the data, data and order of bytes of every array that has data."""
    order = {b"IM": "<", b"MI": ">"}.get(raw[126:128])
    if order is None:
        raise ValueError("its header does not say the order of its bytes")
    for kind, body in _elements(memoryview(raw)[128:], order):
        spend.items()
        if kind == _COMPRESSED:
            inner = next(_elements(memoryview(_unpacked(body, spend)), order), None)
            kind, body = inner or (0, memoryview(b""))
        parts = list(islice(_elements(body, order), 4)) if kind == _MATRIX else []
        if len(parts) >= 4 and [part[0] for part in parts[:3]] == [_UINT32, _INT32, _INT8] and len(parts[0][1]) >= 4:
            of_class = struct.unpack_from(f"{order}I", parts[0][1])[0] & 0xFF
            shape = np.frombuffer(parts[1][1][: 4 * _MOST_AXES], f"{order}i4").tolist()
            yield str(parts[2][1][:_MOST_LETTERS], "latin1"), of_class, shape, *parts[3], order


def _elements(raw: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """(type, bytes) of the elements one after the other; each begins at a multiple of eight, but for what follows a compressed one."""
    place = 0
    while place + 8 <= len(raw):
        kind, size = struct.unpack_from(f"{order}II", raw, place)
        if kind >> 16:  # a small element: size, type and data in eight bytes
            kind, size, start, after = kind & 0xFFFF, kind >> 16, place + 4, place + 8
            if size > 4:
                raise ValueError(f"a small element of {size} bytes")
        else:
            start = place + 8
            after = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(raw):
            raise ValueError(f"it is cut off: an element of {size} bytes where {len(raw) - start} are left")
        yield kind, raw[start : start + size]
        place = after


def _unpacked(body: memoryview, spend: Budget) -> bytes:
    unpack, found = zlib.decompressobj(), io.BytesIO()
    try:
        for place in range(0, len(body), _PIECE):
            given, made = bytes(body[place : place + _PIECE]), b"more"
            while made and not unpack.eof:
                made = unpack.decompress(given, _PIECE)
                given = unpack.unconsumed_tail
                spend.bytes(len(made))
                found.write(made)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpack.eof:
        raise ValueError("a compressed array is cut off")
    return found.getvalue()
