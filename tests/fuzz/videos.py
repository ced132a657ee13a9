"""Videos that are damaged, or made to harm: small clips in many containers, with bits turned, parts cut, repeated, mixed, and numbers in their
headers (sizes, counts, durations, edit lists) that nobody could mean.
"""

from __future__ import annotations

import functools
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import clips_made as made

from actrec.clips import video
from actrec.core.clip import Preprocess, Sampling
from actrec.inputs import pixels, sampling

CLIPS = {
    "h264.mp4": {"options": {"g": "8", "bf": "2"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=8"}},
    "mpeg4.mp4": {"codec": "mpeg4"},
    "pieces.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}},
    "av1.mp4": {"codec": "libsvtav1", "options": {"preset": "12", "svtav1-params": "lp=1"}},
    "turned.mov": {"turn": 1},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "prores.mov": {"codec": "prores", "pix_fmt": "yuv422p10le"},
    "qtrle.mov": {"codec": "qtrle", "pix_fmt": "rgb24"},
    "h264.mkv": {"options": {"g": "8"}},
    "ffv1.mkv": {"codec": "ffv1", "pix_fmt": "bgr0"},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}},
    "vp8.webm": {"codec": "libvpx", "options": {"cpu-used": "8", "deadline": "realtime"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "msvideo1.avi": {"codec": "msvideo1", "pix_fmt": "rgb555le"},
    "h264.ts": {"options": {"g": "8"}},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "mpeg2.mxf": {"codec": "mpeg2video"},
    "picture.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "picture.apng": {"codec": "apng", "pix_fmt": "rgb24"},
    "flv1.flv": {"codec": "flv"},
    "wmv2.wmv": {"codec": "wmv2"},
    "h263.3gp": {"codec": "h263", "size": (128, 96)},
    "bare.h264": {},
    "mpeg4.nut": {"codec": "mpeg4"},
}

ODD = (0, 1, 2, 3, 7, 8, 16, 255, 256, 4095, 4096, 9000, 65535, 65536, 10**6, 5 * 10**7, 2**31 - 1, 2**31, 2**32 - 1)


def cases(seed: int) -> Iterator[tuple[str, functools.partial[object]]]:
    number = 0
    while True:
        draw = random.Random(f"videos {seed} {number}")
        name = draw.choice(sorted(CLIPS))
        yield name, functools.partial(_write, name, draw)
        number += 1


def use(path: Path) -> None:
    """What the app does: lists it, gives frames of it to a model, copies it for the browser."""
    film = video.probe(path)
    how = Preprocess(256, (224, 224))
    put = pixels.geometry(film, how)
    for kind in ("dense", "uniform"):
        pixels.cropped(sampling.load(film, Sampling(kind, 3), film.duration / 2).frames, how, put)  # type: ignore[arg-type]
    video.proxy(film, path.with_name("copy.mp4"))


@functools.cache
def clean(name: str) -> bytes:
    """A small clip as it should be; b"" where this FFmpeg cannot write it."""
    how = {"size": (96, 64)} | CLIPS[name]
    try:
        with tempfile.TemporaryDirectory() as folder:
            return made.clip(Path(folder) / name, 12, **how).read_bytes()  # type: ignore[arg-type]
    except (av.error.FFmpegError, ValueError):
        return b""


def _write(name: str, draw: random.Random, path: Path) -> None:
    data = bytearray(clean(name) or clean("h264.mp4"))
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        draw.choice((_bits, _bytes, _number, _number, _number, _cut, _double, _mixed))(data, draw)
    path.write_bytes(data or b"\0")


def _bits(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 3, 10, 100))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _bytes(data: bytearray, draw: random.Random) -> None:
    begin = draw.randrange(len(data))
    length = min(draw.choice((4, 50, 2000)), len(data) - begin)
    data[begin : begin + length] = draw.randbytes(length)


def _number(data: bytearray, draw: random.Random) -> None:
    """A number in the header, or in the index behind the pictures, becomes another."""
    part = min(len(data), draw.choice((64, 400, 1500)))
    at = draw.randrange(part) if draw.random() < 0.7 else len(data) - 1 - draw.randrange(part)
    size = draw.choice((1, 2, 4, 4, 4, 8))
    value = (draw.choice(ODD) if draw.random() < 0.8 else draw.getrandbits(32)) % (1 << 8 * size)
    data[at : at + size] = value.to_bytes(size, draw.choice(("big", "little")))


def _cut(data: bytearray, draw: random.Random) -> None:
    begin = draw.randrange(len(data))
    del data[begin : begin + draw.choice((1, 16, 500, len(data)))]
    data += b"\0" * (not data)


def _double(data: bytearray, draw: random.Random) -> None:
    begin = draw.randrange(len(data))
    data[begin:begin] = data[begin : begin + draw.choice((16, 500, len(data)))] * draw.choice((1, 1, 30))


def _mixed(data: bytearray, draw: random.Random) -> None:
    """The beginning of one and the end of another."""
    other = clean(draw.choice(sorted(CLIPS))) or b"\0"
    data[draw.randrange(len(data)) :] = other[draw.randrange(len(other)) :]
