"""Plain data out of a pickle, none of which is run: containers, numbers, text, and numpy arrays of them.

A pickle is a program for a machine that may call any function it can name, and that takes a size at its word: nine bytes make Python's own reader
allocate gigabytes, and two hundred nest tuples so that hashing them never ends. This machine knows only the opcodes that make data, answers the few
functions that numpy's arrays need with its own, and pays for everything before it is there. How opcodes and their arguments are written is
`pickletools`' knowledge.
"""

from __future__ import annotations

import codecs
import os
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from actrec.core.outside import Budget

_NUMPY = {"numpy", *(f"{core}.{part}" for core in ("numpy.core", "numpy._core") for part in ("multiarray", "numeric"))}
_KINDS = "biufcSU"  # numbers, text and truth values; never objects
_AT_ONCE = 1000  # opcodes that are paid for together


class Code(Exception):
    """A pickle names something that makes no data."""


def plain(file: BinaryIO, spend: Budget) -> Any:
    """What a pickle holds; what it names twice is the same object twice.

    Raises:
        Code: it names anything but data.  TooMuch.  Any other exception: it is damaged.
    """
    machine = _Machine(file, spend)
    while True:
        spend.items(_AT_ONCE)
        for _ in range(_AT_ONCE):
            code = file.read(1)
            if code == b".":
                return machine.stack.pop()
            argument, act = _OPCODES[code]
            act(machine, argument(machine) if argument else None)


class _Kind:
    """A numpy dtype while the file is read."""

    def __init__(self, code: Any) -> None:
        self.dtype = np.dtype(_is(code, str))
        if self.dtype.kind not in _KINDS:
            raise ValueError(f"an array of {code!r} holds no numbers")

    def set(self, state: Any) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])

    def array(self, raw: Any, shape: Any, order: str) -> NDArray[Any]:
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        return np.frombuffer(data, self.dtype).reshape(shape, order="F" if order == "F" else "C")


class _Array:
    """A numpy array before its bytes are told. places: where it stands in the memo."""

    def __init__(self) -> None:
        self.places: list[int] = []


class _Machine:
    """Reads its file piece by piece, each paid for before. Its other methods are what opcodes do with their arguments."""

    def __init__(self, file: BinaryIO, spend: Budget) -> None:
        self.file, self.spend, self.size = file, spend, os.fstat(file.fileno()).st_size
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def read(self, size: int) -> bytes:
        if size > 64:  # the few are paid for with their opcode
            if size > self.size - self.file.tell():
                raise EOFError(f"{size} bytes are announced and fewer are left")
            self.spend.bytes(size)
        return self.file.read(size)

    def readline(self) -> bytes:
        line = self.file.readline(self.spend.bytes_left + 1)
        self.spend.bytes(len(line))
        return line

    def push(self, given: Any) -> None:
        if isinstance(given, str) and not given.isascii():
            self.spend.bytes(3 * len(given))  # a letter may take four bytes
        self.stack.append(given)

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        found, self.stack = self.stack, self.below.pop()
        return found

    def last(self, size: int) -> list[Any]:
        return [self.stack.pop() for _ in range(size)][::-1]

    def pop(self, _: Any) -> None:
        self.stack.pop() if self.stack else self.since_mark()

    def put(self, place: int | None) -> None:
        place = len(self.memo) if place is None else place
        if place > len(self.memo) + 1:
            raise ValueError(f"place {place} in a memo of {len(self.memo)}")
        self.memo[place] = self.stack[-1]
        if isinstance(self.stack[-1], _Array):
            self.stack[-1].places.append(place)

    def name(self, pair: str | None) -> None:
        module, name = self.last(2) if pair is None else pair.split(" ", 1)
        self.stack.append(_Named(f"{_is(module, str)}.{_is(name, str)}"))

    def call(self, _: Any) -> None:
        function, given = self.last(2)
        self.stack.append(_is(function, _Named).call(self.spend, *given))

    def build(self, _: Any) -> None:
        state, what = self.stack.pop(), self.stack[-1]
        if isinstance(what, _Array):
            _, shape, kind, by_columns, raw = state
            self.stack[-1] = kind.array(raw, shape, "F" if by_columns else "C")
            self.memo |= dict.fromkeys(what.places, self.stack[-1])
        else:
            _is(what, _Kind).set(state)


class _Named:
    """A function that a pickle may call, which is ours and not Python's.

    Raises:
        Code: any other name.
    """

    def __init__(self, name: str) -> None:
        if name not in _FUNCTIONS:
            raise Code(name)
        self.call = _FUNCTIONS[name]


def _set(spend: Budget, items: Any = ()) -> set[Any]:
    spend.items(len(items))
    return set(map(_key, items))


def _ordered(spend: Budget, pairs: Any = ()) -> dict[Any, Any]:
    spend.items(len(pairs))
    return {_key(name): value for name, value in pairs}


def _raw(spend: Budget, text: Any = b"", _: str = "latin1") -> bytes:
    """Bytes as the older protocols write them, as text."""
    spend.bytes(len(text))
    return text.encode("latin1") if isinstance(text, str) else _is(text, bytes)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{f"{module}.{name}": _set for module in ("builtins", "__builtin__") for name in ("set", "frozenset")},
    **{f"{module}.{name}": _raw for module in ("builtins", "__builtin__") for name in ("bytes", "bytearray")},
    "_codecs.encode": _raw,
    "collections.OrderedDict": _ordered,
    **{f"{module}.{name}": lambda spend, *given: _Array() for module in _NUMPY for name in ("_reconstruct", "ndarray")},
    **{f"{module}.dtype": lambda spend, code, *given: _Kind(code) for module in _NUMPY},
    **{f"{module}.scalar": lambda spend, kind, raw: kind.array(raw, -1, "C")[0].item() for module in _NUMPY},
    **{f"{module}._frombuffer": lambda spend, raw, kind, shape, order: kind.array(raw, shape, order) for module in _NUMPY},
}


def _is(value: Any, what: type) -> Any:
    if not isinstance(value, what):
        raise TypeError(f"a {type(value).__name__} stands where a {what.__name__.strip('_').lower()} should")
    return value


def _key(value: Any) -> Any:
    """A name in a table or set: nothing whose hash takes long or can be made to collide."""
    if isinstance(value, str | bytes | None) or (isinstance(value, int) and abs(value) < 2**60):
        return value
    raise TypeError(f"a {type(value).__name__} is used as a name")


def _table(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(map(_key, items[::2]), items[1::2], strict=True))


def _line(machine: _Machine) -> str:
    """Text as Python 2 wrote it in protocol 0, in quotes."""
    return str(codecs.escape_decode(machine.readline().strip()[1:-1])[0], "latin1")


Act = Callable[[_Machine, Any], None]


def _pushing(make: Callable[[_Machine], Any]) -> Act:
    def act(machine: _Machine, _: Any) -> None:
        made = make(machine)  # which may change the stack
        machine.stack.append(made)

    return act


def _growing(kind: type, items: Callable[[_Machine], list[Any]], grow: Callable[[Any, list[Any]], None]) -> Act:
    def act(machine: _Machine, _: Any) -> None:
        more = items(machine)
        grow(_is(machine.stack[-1], kind), more)

    return act


def _acts() -> dict[str, Act]:
    """What the opcodes do that make data, by their names; those whose argument is what they make, and do not stand here, push it."""
    since, enter = _Machine.since_mark, lambda table, items: table.update(_table(items))
    found: dict[str, Act] = {name: lambda machine, _: None for name in ("PROTO", "FRAME")}
    found |= {"MARK": _Machine.mark, "POP": _Machine.pop, "POP_MARK": lambda machine, _: cast(None, machine.since_mark())}
    found |= dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put)
    found |= dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, place: machine.stack.append(machine.memo[place]))
    found |= dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name) | dict.fromkeys(("REDUCE", "NEWOBJ"), _Machine.call) | {"BUILD": _Machine.build}
    made: dict[str, Callable[[_Machine], Any]] = {"NONE": lambda _: None, "NEWTRUE": lambda _: True, "NEWFALSE": lambda _: False}
    made |= {"EMPTY_TUPLE": lambda _: (), "EMPTY_LIST": lambda _: [], "EMPTY_DICT": lambda _: {}, "EMPTY_SET": lambda _: set()}
    made |= {"TUPLE1": lambda m: (*m.last(1),), "TUPLE2": lambda m: (*m.last(2),), "TUPLE3": lambda m: (*m.last(3),), "DUP": lambda m: m.stack[-1]}
    made |= {
        "TUPLE": lambda m: (*since(m),),
        "LIST": since,
        "DICT": lambda m: _table(since(m)),
        "FROZENSET": lambda m: frozenset(map(_key, since(m))),
    }
    found |= {name: _pushing(make) for name, make in made.items()}
    found |= {"APPEND": _growing(list, lambda m: m.last(1), list.extend), "APPENDS": _growing(list, since, list.extend)}
    found |= {"SETITEM": _growing(dict, lambda m: m.last(2), enter), "SETITEMS": _growing(dict, since, enter)}
    found |= {"ADDITEMS": _growing(set, since, lambda to, items: to.update(map(_key, items)))}
    pushed = "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE"
    pushed += " BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8"
    return found | dict.fromkeys(pushed.split(), _Machine.push)


def _opcodes() -> dict[bytes, tuple[Callable[[Any], Any] | None, Act]]:
    acts = _acts()
    return {
        one.code.encode("latin1"): (_line if one.name == "STRING" else one.arg.reader if one.arg else None, acts[one.name])
        for one in pickletools.opcodes
        if one.name in acts
    }


_OPCODES = _opcodes()
