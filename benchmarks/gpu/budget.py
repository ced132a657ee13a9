"""The time that may be spent, dealt out in order of importance: what there is none left for is named, never dropped in silence."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.gpu.page import Section

Thing = TypeVar("Thing")


@dataclass
class Budget:
    """seconds: for all parts together, from now on."""

    seconds: float
    begun: float = field(default_factory=time.monotonic)

    def spent(self) -> float:
        return time.monotonic() - self.begun

    def each(self, things: Iterable[Thing], name: Callable[[Thing], str], section: Section, share: float = 1.0) -> Iterator[Thing]:
        """The things in turn, as long as less than this share of the budget is spent; the others' names go into the section."""
        for thing in things:
            if self.spent() < share * self.seconds:
                print(f"{self.spent():5.0f} s  {section.title}: {name(thing)}", file=sys.stderr, flush=True)
                yield thing
            else:
                section.left_out.append(f"{name(thing)} (no time left)")
