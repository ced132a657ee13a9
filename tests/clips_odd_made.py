"""Small files of the kinds that people brought and that were read wrongly, or that ask for more than they are worth."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from clips_made import clip, picture


def palette(path: Path, count: int = 24) -> Path:
    """Raw pictures with a palette, which AVI keeps in the first packet alone. Frame i says its number in light grey on dark."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "pal8"
        colours = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, 1)
        colours[:, 0] = 255  # ARGB
        for i in range(count):
            frame = av.VideoFrame.from_ndarray((np.ascontiguousarray(picture(i)[..., 1]), colours), format="pal8")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def holes(source: Path, path: Path, every: int = 11) -> Path:
    """A transport stream without some of its packets of 188 bytes, as a bad aerial leaves it; its first tenth and its tables are whole."""
    data = source.read_bytes()
    parts = [data[i : i + 188] for i in range(0, len(data), 188)]
    video = [i for i, p in enumerate(parts) if int.from_bytes(p[1:3], "big") & 0x1FFF == 256]
    lost = set(video[len(video) // 10 :: every])
    path.write_bytes(b"".join(p for i, p in enumerate(parts) if i not in lost))
    return path


def two_tracks(path: Path, count: int = 12) -> Path:
    """A preview of 32×24 first, then the film of 96×64, which the file calls its default."""
    with av.open(str(path), "w") as container:
        streams = []
        for width, height, disposition in ((32, 24, Disposition(0)), (96, 64, Disposition.default)):
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt, stream.disposition = width, height, "yuv420p", disposition
            streams.append(stream)
        for i in range(count):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(picture(i, stream.width, stream.height), format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    return path


def joined(path: Path, *parts: tuple[int, dict]) -> Path:
    """Transport streams one behind the other: (first stamp in frames, how it is made)."""
    whole = b""
    for start, how in parts:
        whole += clip(path.with_name("part.ts"), 20, stamps=range(start, start + 20), options={"g": "10", "bf": "0"}, **how).read_bytes()
    path.write_bytes(whole)
    return path


def cutout(path: Path) -> Path:
    """Ten frames: a red square that moves over green, which is transparent."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("apng", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "rgba"
        for i in range(10):
            pixels = np.full((32, 48, 4), (0, 200, 0, 0), np.uint8)
            pixels[8:24, i : i + 16] = (230, 20, 20, 255)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def gif(path: Path, width: int, height: int, count: int) -> Path:
    """A GIF by hand: `count` frames that paint one pixel each, 23 bytes apiece, on a canvas of any size."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes((0, 0, 0, 255, 255, 255))
    frame = b"\x21\xf9\x04\x00" + struct.pack("<H", 4) + b"\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    path.write_bytes(head + frame * count + b"\x3b")
    return path


def claiming(source: Path, path: Path, samples: int, box: bytes = b"stsz") -> Path:
    """A copy of an MP4 that says it has so many samples, all of one size."""
    data = bytearray(source.read_bytes())
    at = data.index(box) + 8  # behind the name, version and flags
    if box == b"stsz":
        data[at : at + 8] = struct.pack(">II", 100, samples)
    else:
        data[at : at + 4] = struct.pack(">I", samples)
    path.write_bytes(data)
    return path
