"""The last few results, kept by identity."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


class Kept(OrderedDict[object, Value]):
    """The last few results by identity, oldest out first; safe between sessions. A frozen question is an identity, an array is not.

    weigh, most_bytes: results that weigh more than that together are too many too; the newest stays.
    """

    def __init__(self, most: int, weigh: Callable[[Value], int] | None = None, most_bytes: float = float("inf")) -> None:
        super().__init__()
        self.most, self.weigh, self.most_bytes, self._lock = most, weigh or (lambda _: 0), most_bytes, threading.Lock()

    def get_or(self, key: object, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self:
                self.move_to_end(key)
                return self[key]
        value = make()
        with self._lock:
            self[key] = value
            while len(self) > self.most or (len(self) > 1 and sum(map(self.weigh, self.values())) > self.most_bytes):
                self.popitem(last=False)
        return value
