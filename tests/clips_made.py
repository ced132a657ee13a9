"""Small clips made on the spot whose frames say their own number, and files that are broken in every way we know of.

The number stands in a row of 12 black or white fields along the top (most significant first), followed by one of the opposite colour of the last
as a check that the picture is not blank. A red dot marks the upper left corner, so that a turned picture is told from an upright one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 12


def picture(number: int, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """A frame (H, W, 3) that says its number."""
    frame = np.full((height, width, 3), 90, np.uint8)
    bits = [(number >> (BITS - 1 - b)) & 1 for b in range(BITS)]
    bits.append(1 - bits[-1])
    edges = np.linspace(0, width, len(bits) + 1).astype(int)
    for bit, (x0, x1) in zip(bits, pairwise(edges), strict=True):
        frame[height // 4 : height // 2, x0:x1] = 255 * bit
    frame[: height // 8, : width // 8] = (230, 20, 20)
    frame[height * 3 // 4 :, (number * 3) % max(width - 8, 1) :][:, :8] = (40, 200, 40)  # something that moves
    return frame


def number_of(frame: NDArray[np.uint8]) -> int:
    """The number a frame says.

    Raises:
        ValueError: a frame that says none.
    """
    height, width = frame.shape[:2]
    edges = np.linspace(0, width, BITS + 2).astype(int)
    row = frame[height * 3 // 10 : height * 9 // 20].astype(float).mean((0, 2))
    bits = [int(row[(x0 + x1) // 2 - 1 : (x0 + x1) // 2 + 1].mean() > 127) for x0, x1 in pairwise(edges)]
    if bits[-1] == bits[-2]:
        raise ValueError(f"the frame says no number: {bits}")
    return int("".join(map(str, bits[:-1])), 2)


def corner(frame: NDArray[np.uint8]) -> bool:
    """Whether the red mark is in the upper left corner."""
    height, width = frame.shape[:2]
    r, g, b = frame[: height // 8, : width // 8].reshape(-1, 3).mean(0)
    return bool(r > 150 and g < 90 and b < 90)


def clip(
    path: Path,
    count: int = 40,
    *,
    size: tuple[int, int] = (96, 64),
    stamps: Sequence[int] | None = None,
    base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    turn: int = 0,
    muxer: dict[str, str] | None = None,
    paint: Callable[[int, int, int], NDArray[np.uint8]] = picture,
) -> Path:
    """Write `count` numbered frames; frame i at stamps[i] · base seconds (i · base by default).

    turn: quarter turns anticlockwise that a player must make (a display matrix; mp4 and mov only). The frames then look upright after it.
    """
    width, height = size
    stamps = range(count) if stamps is None else stamps
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=Fraction(1) / base, options=options or {})
        stream.width, stream.height = (height, width) if turn % 2 else (width, height)
        stream.pix_fmt, stream.codec_context.time_base, stream.time_base = pix_fmt, base, base
        for i, stamp in zip(range(count), stamps, strict=True):
            upright = paint(i, width, height)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(upright, -turn)), format="rgb24")
            frame.pts, frame.time_base = stamp, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if turn:
        _turn(path, turn)
    return path


def _turn(path: Path, turn: int) -> None:
    """Write a display matrix into the track header of an mp4: `turn` quarter turns anticlockwise."""
    a, b = [(1, 0), (0, -1), (-1, 0), (0, 1)][turn % 4]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    matrix = at + (52 if data[at] else 40)
    data[matrix : matrix + 36] = struct.pack(">9i", a << 16, b << 16, 0, -b << 16, a << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(data))


def damaged(source: Path, path: Path, spans: Iterable[tuple[float, float]] = ((0.4, 0.6),)) -> Path:
    """A copy whose bytes between these fractions of the media data are noise; the index is left whole."""
    data = bytearray(source.read_bytes())
    begin, end = _media(data)
    noise = np.random.default_rng(3)
    for first, last in spans:
        a, b = begin + int(first * (end - begin)), begin + int(last * (end - begin))
        data[a:b] = noise.integers(0, 256, b - a, np.uint8).tobytes()
    path.write_bytes(bytes(data))
    return path


def _media(data: bytearray) -> tuple[int, int]:
    """Where the media data are in an mp4; in other files everything behind the first tenth."""
    at = data.find(b"mdat")
    if at < 0:
        return len(data) // 10, len(data)
    return at + 4, at - 4 + int.from_bytes(data[at - 4 : at], "big")


def cut(source: Path, path: Path, share: float) -> Path:
    """A copy of the first share of a file."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def sound(path: Path, cover: bool = False) -> Path:
    """A file with nothing but a tone, optionally with a cover picture (mp3)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame" if path.suffix == ".mp3" else "aac", rate=44100)
        art = None
        if cover:
            art = container.add_stream("mjpeg", rate=1)
            art.width, art.height, art.pix_fmt = 64, 64, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
        for i in range(20):
            frame = av.AudioFrame.from_ndarray(np.sin(np.arange(1152)[None] / 20).astype(np.float32).repeat(2, 0), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 44100, i * 1152
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if art is not None:
            container.mux(art.encode(av.VideoFrame.from_ndarray(picture(0, 64, 64), format="rgb24").reformat(format="yuvj420p")))
            container.mux(art.encode())
    return path


def numbers(frames: np.ndarray) -> list[int]:
    """The numbers that are painted on frames."""
    return [number_of(frame) for frame in frames]
