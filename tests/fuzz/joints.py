"""Files of joints of every kind: true ones changed a little, sizes and lengths that lie, deep and shared lists, and pickles that want code run."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from actrec.core.clip import Video
from actrec.inputs import pose
from fuzz.runner import CANARY

FRAMES, JOINTS = 12, 17
FILM = Video(Path("clip.mp4"), "0" * 64, np.arange(FRAMES) / 25, 320, 240, 0, "h264")
NUMBERS = (0, -1, 1, 2, 0.5, 1e308, 1e400, float("nan"), 2**31, 2**63, 10**30, -(10**9))
ODD: tuple[Any, ...] = (*NUMBERS, None, True, "", "x", "x" * 100_000, [], [[]], {}, {"a": {}}, [1, 2, 3], "行動", "\0")
SIZES = (0, 1, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)


class Canary:
    """Unpickled by Python, it makes a file."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return open, (os.environ.get(CANARY, os.devnull), "w")


def places(draw: random.Random) -> np.ndarray:
    """Joints (people, T, R, 3) of a few people."""
    rng = np.random.default_rng(draw.randrange(2**32))
    people = draw.choice((1, 1, 2, 5))
    values = rng.uniform(20, 220, (people, 1, JOINTS, 3)) + rng.normal(0, 2, (people, FRAMES, JOINTS, 3))
    values[..., 2] = rng.choice((0, 0.5, 1), values.shape[:3])
    return values.astype(draw.choice((np.float32, np.float64)))


def npz(values: np.ndarray, draw: random.Random) -> bytes:
    more = {"frames": np.arange(FRAMES), "fps": 25.0, "size": (320, 240), "source": "somebody", "layout": "coco17"}
    stream = io.BytesIO()
    save = draw.choice((np.savez, np.savez_compressed))
    save(stream, joints=values, **{name: more[name] for name in draw.sample(sorted(more), 3)} | {"layout": "coco17"})
    return stream.getvalue()


def odd_npz(values: np.ndarray, draw: random.Random) -> bytes:
    """A right archive of wrong arrays."""
    arrays: dict[str, Any] = {"joints": values, "layout": "coco17", "frames": np.arange(FRAMES), "size": (320, 240), "fps": 25.0}
    odd = [
        np.array(NUMBERS[:7]),
        np.zeros((0, 10**7, 17, 3)),
        np.array(np.inf),
        np.zeros(2),
        np.full(2, np.inf),
        np.array(["x"] * 5),
        np.zeros(3, "i1,f4"),
    ]
    for name in draw.sample(sorted(arrays), draw.choice((1, 2))):
        arrays[name] = draw.choice(odd)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def coco(values: np.ndarray, draw: random.Random) -> Any:
    images = [{"id": t, "file_name": f"{t:06d}.jpg", "width": 320, "height": 240} for t in range(FRAMES)]
    rows = [{"image_id": t, "track_id": p, "keypoints": one.ravel().tolist()} for p, person in enumerate(values) for t, one in enumerate(person)]
    names = list(pose.layout("coco17").joints)
    return draw.choice(({"images": images, "annotations": rows, "categories": [{"keypoints": names}]}, rows))


def mmpose(values: np.ndarray, draw: random.Random) -> Any:
    def one(person: np.ndarray) -> dict[str, Any]:
        return {"keypoints": person[:, :2].tolist(), "keypoint_scores": person[:, 2].tolist()}

    return [{"frame_id": t, "instances": [one(person[t]) for person in values]} for t in range(FRAMES)]


def openpose(values: np.ndarray, draw: random.Random) -> Any:
    return {"people": [{"person_id": [-1], "pose_keypoints_2d": np.resize(person[0], (25, 3)).ravel().tolist()} for person in values]}


def twisted(said: Any, draw: random.Random) -> bytes:
    """JSON with a few values in it changed for odd ones."""
    for _ in range(draw.choice((0, 1, 1, 2))):
        inside = said
        while isinstance(inside, list | dict) and inside:
            place = draw.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
            if draw.random() < 0.25 or not isinstance(inside[place], list | dict) or not inside[place]:
                inside[place] = copy.deepcopy(draw.choice(ODD))
                break
            inside = inside[place]
    return json.dumps(said).encode()


def zipped(values: np.ndarray, draw: random.Random) -> bytes:
    stream, how = io.BytesIO(), draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(stream, "w", how) as archive:
        for t in range(draw.choice((1, FRAMES))):
            archive.writestr(f"out/clip_{t:012d}_keypoints.json", twisted(openpose(values, draw), draw))
        if draw.random() < 0.3:
            archive.writestr("joints.npy", bytes(draw.choice((10, 30_000_000))))
    raw = bytearray(stream.getvalue())
    if draw.random() < 0.3:  # it lies about a size
        place = draw.choice([i for i in range(len(raw) - 30) if raw[i : i + 2] == b"PK"])
        struct.pack_into("<I", raw, place + draw.choice((12, 18, 20, 22, 24)), draw.choice(SIZES) % 2**32)
    return bytes(raw)


def skeleton(values: np.ndarray, draw: random.Random) -> bytes:
    lines = [str(FRAMES)]
    for t in range(FRAMES):
        lines.append(str(len(values)))
        for who, person in enumerate(np.resize(values, (len(values), FRAMES, 25, 3))):
            lines += [f"{who} 0 1 1 1 1 0 0.02 -0.1 2", "25"] + [f"0.2 0.1 3.8 280.1 200.2 {x} {y} 0.2 0.0 1.0 0.0 2" for x, y, _ in person[t]]
    words = " ".join(lines).split(" ")
    for _ in range(draw.choice((0, 1, 2))):
        words[draw.randrange(len(words))] = str(draw.choice(ODD))
    return " ".join(words).encode("utf-8", "replace")


def mat(values: np.ndarray, draw: random.Random) -> bytes:
    """PennAction's labels, compressed or not, with sizes that may lie and arrays that may be zeros without end."""

    def element(kind: int, body: bytes) -> bytes:
        size = draw.choice(SIZES) % 2**32 if draw.random() < 0.02 else len(body)
        return struct.pack("<II", kind, size) + body + bytes(-len(body) % 8)

    def matrix(name: str, array: np.ndarray) -> bytes:
        parts = (6, struct.pack("<II", 6, 0)), (5, np.array(array.shape, "<i4").tobytes()), (1, name.encode()), (9, array.astype("<f8").tobytes("F"))
        whole = element(14, b"".join(element(*part) for part in parts))
        return element(15, zlib.compress(whole)) if draw.random() < 0.5 else whole

    marks = [values[0, :, :13, 0], values[0, :, :13, 1], np.ones((FRAMES, 13))]
    found = [matrix(name, array) for name, array in zip(("x", "y", "visibility"), marks, strict=True)]
    if draw.random() < 0.05:
        found += [element(15, zlib.compress(element(14, bytes(50_000_000)), 9))] * 20
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + b"".join(found)


def pickled(values: np.ndarray, draw: random.Random) -> bytes:
    row = {"frame_dir": "clip", "total_frames": FRAMES, "img_shape": (240, 320), "keypoint": values[..., :2], "keypoint_score": values[..., 2]}
    rows: list[Any] = [row, row | {"frame_dir": "other"}]
    for _ in range(draw.choice((0, 1, 1))):
        rows[0][draw.choice(sorted(row))] = draw.choice((*ODD, values[..., 0], np.array("x"), Canary(), [values] * 50, np.zeros((0, 2**40))))
    said = draw.choice((rows, rows[:1], {"split": {"train": ["clip"]}, "annotations": rows}, {"split": Canary(), "annotations": rows}))
    return pickle.dumps(said, draw.choice((0, 1, 2, 3, 4, 5)))


def machine(values: np.ndarray, draw: random.Random) -> bytes:
    """Opcodes at random, and lengths and places without measure."""
    parts = [
        b"]",
        b"}",
        b")",
        b"(",
        b"2",
        b"0",
        b"\x85",
        b"\x86",
        b"a",
        b"s",
        b"e",
        b"u",
        b"t",
        b"l",
        b"d",
        b"R",
        b"b",
        b"\x94",
        b"h\0",
        b"N",
        b"K\1",
    ]
    parts += [b"\x8c\x01a", b"\x8f", b"\x90", b"\x91", b"cbuiltins\nset\n", b"cbuiltins\nbytearray\n", b"cos\nsystem\n", b"cnumpy\ndtype\n", b"\x93"]
    parts += [
        code + draw.choice(SIZES).to_bytes(8, "little")[:size]
        for code, size in ((b"\x8e", 8), (b"\x96", 8), (b"B", 4), (b"X", 4), (b"r", 4), (b"\x95", 8))
    ]
    parts += [b"p%d\n" % draw.choice(SIZES), b"L%d\n" % draw.choice(SIZES), b"\x8b" + draw.choice(SIZES).to_bytes(8, "little")[:4]]
    many = draw.choice((1, 1, 1, 100_000))
    return b"\x80\x04" + b"".join(draw.choice(parts) * draw.choice((1, 1, 2, many)) for _ in range(draw.randrange(3, 60))) + b"."


def flipped(raw: bytes, draw: random.Random) -> bytes:
    """Bits turned over, pieces cut out, put in twice, or the end gone."""
    changed = bytearray(raw)
    for _ in range(draw.choice((1, 1, 2, 5, 20))):
        place, size = draw.randrange(len(changed) + 1), draw.choice((1, 4, 100))
        how = draw.random()
        if how < 0.5 and place < len(changed):
            changed[place] ^= 1 << draw.randrange(8)
        elif how < 0.7:
            del changed[place : place + size]
        elif how < 0.9:
            changed[place:place] = changed[place : place + size] * draw.choice((1, 50))
        else:
            del changed[place:]
    return bytes(changed)


KINDS: tuple[tuple[str, Callable[[np.ndarray, random.Random], bytes]], ...] = (
    ("clip.npz", npz),
    ("clip.npz", odd_npz),
    *[("clip.json", lambda values, draw, make=make: twisted(make(values, draw), draw)) for make in (coco, mmpose, openpose)],
    ("clip.zip", zipped),
    ("clip.skeleton", skeleton),
    ("clip.mat", mat),
    ("clip.pkl", pickled),
    ("clip.pkl", machine),
)


def cases(seed: int) -> Iterator[tuple[str, bytes]]:
    draw = random.Random(f"joints {seed}")
    while True:
        name, make = draw.choice(KINDS)
        raw = make(places(draw), draw)
        yield name, flipped(raw, draw) if draw.random() < 0.5 else raw


def use(path: Path) -> None:
    chosen = pose.mended(path, FILM)
    joints = pose.opened(chosen, FILM)
    pose.fit(joints, FILM, chosen.offset)
