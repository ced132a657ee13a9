"""Checkpoints: what people have, with hostile headers, names, sizes, references and bytes; code in them would leave a file behind."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from safetensors.torch import save
from torch import Tensor

from actrec import catalogue
from actrec.catalogue import doctor
from actrec.core import settings
from actrec.core.errors import ActrecError
from actrec.models import weights
from fuzz.runner import CANARY

DEMOS = ("c2d-mannequin", "tst-mannequin")
"""One network, and one that holds two."""

State = dict[str, Tensor]
VALUES = (None, "", "nan", -1, 0, 1e308, float("nan"), float("inf"), 10**400, [], {}, "x" * 100_000, [[]], {"a": {}}, True, "\0", "16", 1.5, 1e9)


@functools.cache
def read(name: str) -> tuple[State, dict[str, Any]]:
    return weights.read(settings.assets() / "checkpoints" / f"{name}.safetensors")


def demo(draw: random.Random) -> tuple[State, dict[str, Any]]:
    """A demo's tensors and header."""
    return read(draw.choice(DEMOS))


class Evil:
    """Unpickled with trust, it makes the canary."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (os.environ[CANARY], "w")


def nested(depth: int, make: Callable[[object, object], object]) -> object:
    """Every level holds the one below it twice."""
    found: object = make("ha", "ha")
    for _ in range(depth):
        found = make(found, found)
    return found


def header(draw: random.Random) -> dict[str, Any]:
    """A demo's card with some of its values replaced, at any depth."""
    found: dict[str, Any] = json.loads(json.dumps(demo(draw)[1]))
    for _ in range(draw.choice((1, 1, 2, 5))):
        place: Any = found
        while True:
            key = draw.choice(sorted(place)) if isinstance(place, dict) else draw.randrange(len(place))
            if not (isinstance(place[key], (dict, list)) and place[key]) or draw.random() < 0.3:
                break
            place = place[key]
        if draw.random() < 0.2 and isinstance(place, dict):
            del place[key]
        else:
            place[key] = draw.choice(VALUES)
        if not found:
            break
    return found


def names(draw: random.Random) -> State:
    """A demo's tensors under names that wrappers, or nobody, would give them."""
    state = dict(demo(draw)[0])
    front = draw.choice(("module.", "model.", "_orig_mod.", "x.", "", ".", "module." * draw.choice((2, 50, 5000)), "\n", "ё", "a" * 70_000))
    some = set(draw.sample(sorted(state), draw.choice((1, 5, len(state)))))
    state = {(front + name if name in some else name): tensor for name, tensor in state.items()}
    return state | {draw.choice(("criterion.weight", "ema.fc.weight", "loss", "zzz", "fc.weight.x")): torch.ones(3)}


def tensors(draw: random.Random) -> State:
    """A demo's with some of other kinds, shapes or places."""
    state = {name: tensor.clone() for name, tensor in demo(draw)[0].items()}
    changes: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda t: t.to("meta"),
        lambda t: t.to(draw.choice((torch.int8, torch.uint8, torch.bool, torch.complex64, torch.float64, torch.float8_e4m3fn))),
        lambda t: t.flatten(),
        lambda t: t.flatten()[:0],
        lambda t: t.float() * float("nan"),
        lambda t: torch.zeros(()).expand(10**9) if draw.random() < 0.5 else torch.zeros(()).expand(t.shape),
        lambda t: t.to_sparse(),
        lambda t: torch.empty((0,) * 20),
    )
    for name in draw.sample(sorted(state), draw.choice((1, 3, len(state)))):
        state[name] = draw.choice(changes)(state[name])
    return state


def payload(draw: random.Random) -> object:
    """Something for torch.save: tensors in wrappers, beside lists that refer to themselves, code, and names of classes of all sorts."""
    state = draw.choice((names, tensors, lambda _: dict(demo(draw)[0])))(draw)
    loop: list[object] = []
    loop.append(loop)
    beside = (Evil(), loop, nested(40, lambda a, b: [a, b]), nested(40, lambda a, b: {"a": a, "b": b}), nested(20, lambda a, b: (a, b)))
    key = draw.choice(("labels", "class_to_idx", "epoch", "hyper_parameters", "state_dict", "model"))
    wrapped: dict[Any, Any] = {"state_dict": state, key: draw.choice((*beside, *VALUES, {"a": 1}, ["a", "b"]))}
    if draw.random() < 0.2:
        wrapped[draw.choice((nested(8, lambda a, b: (a, b)), 3, None, b"x"))] = 1
    return draw.choice((wrapped, {"model": wrapped}, state, [state], {**state, "x": Evil()}, None, 5, loop))


def saved(draw: random.Random) -> bytes:
    out = io.BytesIO()
    what = payload(draw)
    if draw.random() < 0.1:
        pickle.dump(what if not isinstance(what, dict) else list(what), out, draw.choice((0, 1, 2, 3, 4, 5)))
    else:
        torch.save(what, out, _use_new_zipfile_serialization=draw.random() < 0.6)
    return out.getvalue()


def safe(draw: random.Random) -> bytes:
    if draw.random() < 0.5:
        return save(dict(demo(draw)[0]), {"actrec": json.dumps(header(draw))})
    state = {name: tensor.contiguous() for name, tensor in names(draw).items()}
    told = draw.choice(("labels", "actrec", "classes", "format"))
    return save(state, {told: draw.choice(("[" * 100_000, "16", "null", '["a","b"]', '{"a": 0}', "\0", "{}", "x" * 10_000))})


def lying(draw: random.Random) -> bytes:
    """A safetensors header that is long, deep or full, or lies."""
    one: dict[str, Any] = {
        "dtype": draw.choice(("F32", "F8", "I4", "F16")),
        "shape": draw.choice(([2], [2**40, 2**40], [-1], [0], [1] * 1000)),
        "data_offsets": [0, 8],
    }
    many = draw.choice((1, 1000, 100_000, 1_000_000))
    kinds: tuple[Callable[[], str], ...] = (  # each made where it is wanted: a million names take seconds
        lambda: json.dumps({f"n{i}": one for i in range(many)}),
        lambda: '{"a":' * 50_000,
        lambda: "{" + '"' + "m" * 40_000_000 + '":1}',
        lambda: json.dumps({"a": one, "__metadata__": {"x": 5}}),
        lambda: "{}" + " " * 10**6,
    )
    text = draw.choice(kinds)().encode()
    length = draw.choice((len(text), len(text) + 1, 2**31, 5))
    return struct.pack("<Q", length) + text + bytes(8)


def crafted(draw: random.Random) -> bytes:
    """Pickles by hand: sizes, references and classes that no torch.save writes."""
    size = struct.pack("<I", draw.choice((4_000_000_000, 2**31 - 1, 10**9)))
    laughs = b"(K\x01K\x02tq\x00" + b"".join(b"(h%ch%ctq%c" % (i, i, i + 1) for i in range(60))
    bodies = (
        b"c__builtin__\nbytearray\nK\x01\x8a\x05\x00\x28\x6b\xee\x00\x85R.",
        b"cbuiltins\nbytearray\n\x8a\x05\x00\x28\x6b\xee\x00\x85R.",
        b"ctorch\nFloatTensor\n\x8a\x05\x00\x28\x6b\xee\x00\x85R.",
        b"X" + size + b"abc.",
        b"Nr" + size + b".",
        laughs + b".",
        b"}" + laughs + b"K\x01s.",
        laughs + b")R.",
        b"(" * 1_000_000 + b".",
        b"]q\x00" + b"h\x00a" * 500_000 + b".",
        b"cposix\nsystem\nX\x06\x00\x00\x00touch .\x85R.",
        b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
        b"p1000000000\n.",
        bytes(draw.randrange(256) for _ in range(60)),
    )
    pickled = b"\x80\x02" + draw.choice(bodies)
    if draw.random() < 0.4:
        return pickled
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        archive.writestr("a/version", b"3\n")
        for i in range(draw.choice((0, 0, 3, 4_000))):
            archive.writestr(f"a/data/{i}", b"")
    return out.getvalue()


def whole(state: State, about: dict[str, Any]) -> bytes:
    return save(dict(state), {"actrec": json.dumps(about)})


def hurt(draw: random.Random) -> bytes:
    """A good file with some bytes changed, cut out or doubled, most of them where its structure is."""
    content = bytearray(draw.choice((lambda: whole(*demo(draw)), lambda: saved(draw)))())
    for _ in range(draw.choice((1, 3, 20))):
        near = draw.choice((64, 4096, len(content)))
        at = draw.randrange(min(near, len(content))) if draw.random() < 0.5 else len(content) - 1 - draw.randrange(min(near, len(content)))
        how = draw.random()
        if how < 0.7:
            content[at] = draw.randrange(256)
        elif how < 0.85:
            del content[at : at + draw.choice((1, 8, 1000))]
        else:
            content[at:at] = content[at : at + draw.choice((1, 8, 1000))]
        if not content:
            break
    return bytes(content)


MAKERS = (safe, safe, saved, saved, saved, lying, crafted, crafted, hurt, hurt)


def some_architectures() -> AbstractContextManager[object]:
    """One of each family, in place of all: laying out takes as long as fifty cases."""
    chosen = {
        name: catalogue.architectures()[name] for name in ("c2d-r50", "dam-12", "r3d_18", "deform-mc3", "st-rescnn-a", "tst-rescnn-a", "tsm-r50")
    }
    return patch.object(catalogue, "architectures", lambda: chosen)


def cases(seed: int) -> Iterator[tuple[str, Callable[[Path], None]]]:
    with some_architectures():  # every network is laid out once in a process: that is no case's doing
        for name in DEMOS:
            doctor.examine(settings.assets() / "checkpoints" / f"{name}.safetensors")
    number = 0
    while True:
        draw = random.Random(f"checkpoints {seed} {number}")
        make = draw.choice(MAKERS)
        ending = draw.choice((".pth", ".safetensors", ".bin", ".ckpt"))
        yield f"case{ending}", lambda path, make=make, draw=draw: path.write_bytes(make(draw)) and None  # type: ignore[misc]
        number += 1


def put(name: str) -> ActrecError | None:
    """Why a network cannot be filled from a file; None where it can."""
    try:
        card = catalogue.card(name)
        weights.load(catalogue.build(card), weights.read(Path(name.partition("@")[2]))[0])
    except ActrecError as error:
        return error
    return None


def use(path: Path) -> None:
    """As the page does with a file of the reader's own: list it, examine it, put it into a network."""
    os.environ["ACTREC_CHECKPOINTS"] = str(path.parent)
    catalogue.cards()
    weights.read(path)
    refused: ActrecError | None = None
    try:
        with some_architectures():
            doctor.examine(path)
    except ActrecError as error:
        refused = error
    found = [put(f"{name}@{path}") for name in DEMOS]
    for error in (*(found if all(found) else ()), refused):
        if error is not None:
            raise error
