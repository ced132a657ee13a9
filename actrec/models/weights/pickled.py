"""What a pickle would call and what it would cost, seen from its opcodes without running it.

torch's weights-only reader calls nothing that it does not know, but it believes every size it is told. A few bytes can ask for gigabytes (a bytearray
of 4·10⁹), or for lists within lists that are met again and again: 40 pairs of references make 2⁴⁰ entries for whoever walks or hashes them.
"""

from __future__ import annotations

import pickletools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from actrec.core.outside import Budget, TooMuch

FAMILIAR = ("torch.", "collections.")
HARMLESS = frozenset({"builtins.set", "__builtin__.set", "builtins.complex", "__builtin__.complex"})
"""What a pickle of tensors and plain values names beside torch's classes."""

MOST_SHARED = 16
"""How often nested containers may be met again: each time can double what a walk through them meets."""

COST = 12
"""Items of the budget for an opcode, which is read twice: here and by torch."""

BYTES = 30
"""Bytes in memory for one of a text in a pickle, or of a zip archive's list."""

_FILL = ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD")


@dataclass(eq=False)
class _Thing:
    """What a pickle makes. name: of a class or function.  box: it holds things.  nested: boxes among them.  again: how often it is met again."""

    name: str = ""
    box: bool = False
    nested: bool = False
    again: int = 0


@dataclass(frozen=True)
class Seen:
    """protocol: of the pickle.  foreign: the first class or function that is neither torch's nor harmless, "" if there is none."""

    protocol: int
    foreign: str


def look(stream: IO[bytes], spend: Budget) -> Seen:
    """Read one pickle's opcodes, up to its end.

    Raises:
        TooMuch: too many of them, texts too long, or references that would multiply.  ValueError: it is damaged.
    """
    machine = _Machine(spend)
    for opcode, argument, _ in pickletools.genops(stream):
        spend.items(COST)
        if isinstance(argument, (str, bytes)):
            spend.bytes(BYTES * len(argument))
        try:
            machine.step(opcode, argument)
        except (IndexError, KeyError):
            raise ValueError(f"its opcode {opcode.name} has nothing to work on") from None
    if sum(thing.again for thing in machine.things if thing.nested) > MOST_SHARED:
        raise TooMuch(f"{spend.name} holds lists within lists that refer to each other; save only the model's state_dict()")
    return Seen(machine.protocol, machine.foreign)


class _Machine:
    """A pickle's stack and memo, holding what is to be known of things in place of the things."""

    def __init__(self, spend: Budget) -> None:
        self.spend, self.stack, self.marks, self.memo = spend, list[_Thing](), list[int](), dict[Any, _Thing]()
        self.things, self.texts, self.protocol, self.foreign = list[_Thing](), list[str](), 0, ""
        self.plain = _Thing()

    def step(self, opcode: Any, argument: Any) -> None:
        name = opcode.name
        if name == "PROTO":
            self.protocol = argument
        elif name == "MARK":
            self.marks.append(len(self.stack))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET", "DUP"):
            self.stack.append(self.stack[-1] if name == "DUP" else self.memo[argument])
            self.stack[-1].again += 1
        elif name == "POP" and self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self._make(name, opcode.stack_before, opcode.stack_after, argument)

    def _make(self, name: str, before: Sequence[Any], after: Sequence[Any], argument: Any) -> None:
        """What an opcode takes from the stack, and what it leaves there."""
        marked = pickletools.markobject in before
        first = self.marks.pop() - before.index(pickletools.markobject) if marked else len(self.stack) - len(before)
        if first < 0:
            raise IndexError
        taken = self.stack[first:]
        del self.stack[first:]
        if isinstance(argument, str):
            self.texts = [*self.texts[-1:], argument]
        if name in _FILL:
            self.stack.append(self._filled(taken[0], taken[1:]))
        elif after:
            self.stack.append(self._made(name, taken, argument))

    def _filled(self, box: _Thing, inside: Sequence[_Thing]) -> _Thing:
        box.box = True
        box.nested |= any(thing.box for thing in inside)
        return box

    def _made(self, name: str, taken: Sequence[_Thing], argument: Any) -> _Thing:
        if name in ("GLOBAL", "INST", "STACK_GLOBAL"):
            wanted = ".".join(self.texts) if name == "STACK_GLOBAL" else str(argument).replace(" ", ".")
            if not wanted.startswith(FAMILIAR) and wanted not in HARMLESS:
                self.foreign = self.foreign or wanted[:120]
            return _Thing(wanted)
        tensor = name in ("BINPERSID", "PERSID") or (name in ("REDUCE", "NEWOBJ") and taken[0].name.startswith("torch."))
        if tensor or not (taken or name.startswith(("EMPTY", "TUPLE", "LIST", "DICT"))):
            return self.plain
        self.things.append(_Thing())
        return self._filled(self.things[-1], taken)
