"""Arrays of numbers and lines of text out of a MATLAB file (version 5 to 7), read with bounds checked.

SciPy reads far more of the format, but a damaged file can end the whole process in its compiled part; this reads the little that joints need, and a
damaged file ends in an error. Source: MathWorks, "MAT-File Format", chapter 1 (level 5).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_TEXT, _NUMBERS = 4, range(6, 16)  # classes of arrays: text; double, single, and the integers
_CODES = {1: "latin1", 2: "latin1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}


def arrays(raw: bytes, most: int) -> dict[str, NDArray[np.float64]]:
    """The real numeric arrays at the top of a file, by name; text, cells and structures are passed over.

    most: bytes that a compressed array may have when unpacked.

    Raises:
        ValueError: the file is damaged, cut off or too large.
    """
    found = {}
    for name, of_class, shape, kind, data, order in _matrices(raw, most):
        if of_class in _NUMBERS and kind in _KINDS:
            values = np.frombuffer(data, order + _KINDS[kind])
            if min(shape, default=-1) < 0 or prod(shape) != len(values):
                raise ValueError(f"an array {shape} with {len(values)} numbers")
            found[name] = values.astype(np.float64).reshape(shape, order="F")
    return found


def texts(raw: bytes, most: int) -> dict[str, str]:
    """The lines of text at the top of a file, by name; what has several lines is passed over.

    Raises:
        ValueError: as for `arrays`.
    """
    found = {}
    for name, of_class, shape, kind, data, order in _matrices(raw, most):
        if of_class == _TEXT and kind in _CODES and shape[:1] == [1]:
            ending = ("-le" if order == "<" else "-be") if _CODES[kind] in ("utf-16", "utf-32") else ""
            found[name] = data.decode(_CODES[kind] + ending, "replace")
    return found


def _matrices(raw: bytes, most: int) -> Iterator[tuple[str, int, list[int], int, bytes, str]]:
    """Name, class, dimensions, type of the data, data and order of bytes of every array that has data."""
    order = {b"IM": "<", b"MI": ">"}.get(raw[126:128])
    if order is None:
        raise ValueError("its header does not say the order of its bytes")
    for kind, body in _elements(raw[128:], order):
        if kind == _COMPRESSED:
            inner = next(_elements(_unpacked(body, most), order), None)
            kind, body = inner or (0, b"")
        parts = list(_elements(body, order)) if kind == _MATRIX else []
        if len(parts) >= 4 and [part[0] for part in parts[:3]] == [_UINT32, _INT32, _INT8] and len(parts[0][1]) >= 4:
            of_class = struct.unpack_from(f"{order}I", parts[0][1])[0] & 0xFF
            shape = [int(n) for n in np.frombuffer(parts[1][1], f"{order}i4")]
            yield parts[2][1].decode("latin1"), of_class, shape, *parts[3], order


def _elements(raw: bytes, order: str) -> Iterator[tuple[int, bytes]]:
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


def _unpacked(body: bytes, most: int) -> bytes:
    unpack = zlib.decompressobj()
    try:
        out = unpack.decompress(body, most + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(out) > most:
        raise ValueError(f"an array unpacks to more than {most} bytes")
    if not unpack.eof:
        raise ValueError("a compressed array is cut off")
    return out
