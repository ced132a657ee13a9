"""A score taken apart: parts that add up to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Terms:
    """Parts that add up to a number: values float64 (n) in `unit`, those of the largest magnitude first, and the bias; their sum is the total.

    names (n): what the parts are called.  notes (n): more about each, a line.  chosen: the number of the part that the maps are about, None for all.
    """

    title: str
    unit: str
    names: tuple[str, ...]
    values: NDArray[np.float64]
    bias: float
    notes: tuple[str, ...]
    chosen: int | None = None

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.values) == len(self.notes):
            raise ValueError(f"{len(self.values)} parts with {len(self.names)} names and {len(self.notes)} notes")

    @property
    def total(self) -> float:
        return float(self.values.sum()) + self.bias

    def steps(self, most: int) -> list[tuple[str, float, float]]:
        """The sum as a row of steps (name, from, to): the first parts, all others together, the bias."""
        parts = [(name, float(value)) for name, value in zip(self.names[:most], self.values[:most], strict=True)]
        others = self.values[most:]
        parts += [(f"the other {len(others)}", float(others.sum()))] if len(others) else []
        ends = np.cumsum([0.0, *(value for _, value in parts), self.bias]).tolist()
        return [(name, start, end) for (name, _), start, end in zip([*parts, ("bias", self.bias)], ends[:-1], ends[1:], strict=True)]
