"""What an MP4, MOV or HEIF file claims, read before FFmpeg believes it: FFmpeg makes room for every sample that a file says it has.

ISO/IEC 14496-12: such a file is boxes in boxes. A few hundred bytes can claim fifty million samples, each of which costs FFmpeg about 40 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

MOST_SAMPLES = 4_000_000
"""Samples of all tracks together that may be listed (about 160 MB): ten times a quarter of an hour of pictures and sound."""

MOST_BOXES = 600_000
"""Boxes that a file may consist of: a quarter of an hour in pieces of one frame each has fewer."""

_OUTER = frozenset(b"moov trak mdia minf stbl moof traf edts dinf mvex udta tref wave hoov".split())
"""Boxes that hold boxes, wherever they stand: FFmpeg does not ask whether a place is right."""

_COUNTS = {b"stsz": 8, b"stz2": 8, b"trun": 4, b"stco": 4, b"co64": 4}
"""Boxes that say how many samples (or chunks of them) there are, and where in the box they say it."""


@dataclass
class Claims:
    """samples: of all tracks together, as FFmpeg will list them.  still: a photo.  excess: what there is too much of, or ""."""

    samples: int = 0
    still: bool = False
    excess: str = ""


def claims(path: Path) -> Claims:
    """What the file's boxes say; nothing for a file that is not made of boxes.

    Raises:
        OSError: the file cannot be read.  ValueError: it is empty.
    """
    told, track, seen = Claims(), dict[bytes, int](), set[bytes]()
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        for count, (name, content) in enumerate(_boxes(data, 0, len(data))):
            seen.add(name)
            if name in (b"trak", b"traf"):
                told.samples, track = told.samples + _listed(track), {}
            elif name in _COUNTS:
                track[name] = track.get(name, 0) + _number(content, _COUNTS[name])
            elif name == b"hdlr" and content[8:12] in (b"vide", b"soun"):  # another one tells where the data are
                track[b"sound"] = content[8:12] == b"soun"
            elif name == b"stts":  # runs of samples that last as long as each other
                track[b"each lasts"] = _number(content, 12) if _number(content, 4) == 1 else 0
            elif name == b"stsc":  # runs of chunks: first chunk, samples in each, kind
                track[b"in a chunk"] = max(
                    (n for _, n, _ in struct.iter_unpack(">3I", content[8 : len(content) - (len(content) - 8) % 12])), default=0
                )
            if count == MOST_BOXES:
                told.excess = f"consists of more than {MOST_BOXES} boxes"
                return told
    told.samples += _listed(track)
    told.still = b"meta" in seen and not seen & {b"moov", b"moof"}
    if told.samples > MOST_SAMPLES:
        told.excess = f"claims to hold {told.samples} frames and pieces of sound"
    return told


def _listed(track: dict[bytes, int]) -> int:
    """Samples that FFmpeg will list for one track, at most. Sound of one sample a tick is listed in pieces of at least 160 (`mov_build_index`)."""
    whole = track.get(b"stsz", 0) + track.get(b"stz2", 0) + track.get(b"trun", 0)
    if not track.get(b"sound") or track.get(b"each lasts") != 1:
        return whole
    chunks = track.get(b"stco", 0) + track.get(b"co64", 0)
    return min(whole, chunks * (track.get(b"in a chunk", 0) // 160 + 1))


def _boxes(data: mmap, begin: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(name, the beginning of the content) of the boxes between two places, a box before those in it."""
    while begin + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, begin)
        inside = begin + 8
        if size == 1:
            size, inside = int.from_bytes(data[inside : inside + 8], "big"), inside + 8
        after = begin + size if size else end
        if after < inside:
            return
        last = min(after, end)
        yield name, data[inside : min(inside + (1 << 16 if name == b"stsc" else 16), last)]
        if name in _OUTER and depth < 10:
            yield from _boxes(data, inside, last, depth + 1)
        begin = after


def _number(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "big")
