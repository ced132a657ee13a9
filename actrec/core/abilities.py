"""What a way of explaining may need of a part of a model, beside tensors under taps. Whoever writes a model offers it by having the method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Attends(Protocol):
    """An attention that makes rows of itself."""

    def rows(self, q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
        """The attention of queries (…, N, d) to all keys (…, M, d): (…, N, M), rows sum to 1. mask bool (batch, M): keys that take part."""
        ...


@runtime_checkable
class Chooses(Protocol):
    """What chooses places to read from."""

    def places(self, points: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """Points (…, 3) in [−1, 1]³ on a grid (T, h, w) as input frame, x and y in input pixels (pixel i covers [i, i + 1)): (…, 3)."""
        ...


@runtime_checkable
class Scales(Protocol):
    """What multiplies its relation before the softmax: by a number, by a learnt one, or by one for every two of its N places (N, N)."""

    scale: Tensor | float


@runtime_checkable
class Fuses(Protocol):
    """A network of several streams, which says what they say together."""

    fusion: str

    def alone(self, *inputs: Tensor | None) -> Sequence[Tensor]:
        """Each stream's logits (B, classes), in the order of the inputs."""
        ...

    def fused(self, logits: Sequence[Tensor]) -> Tensor:
        """Of each stream's logits, the network's."""
        ...

    def ways(self, logits: Sequence[Tensor]) -> Mapping[str, Tensor]:
        """By name, what each stream says alone and what they would say together, fused in any way; `fusion` is one of these."""
        ...


@runtime_checkable
class Gathers(Protocol):
    """What gathers the places of its features around centres, its visual words."""

    centres: Tensor

    def assigned(self, x: Tensor) -> Tensor:
        """The share of each place of features (B, D, …) that goes to each centre: (B, K, …), a sum of 1 over the centres."""
        ...

    def parts(self, x: Tensor, weight: Tensor) -> Tensor:
        """What each place of features (1, D, …) adds to weight · what is gathered, through each centre: (K, …); all of them sum to it."""
        ...


@runtime_checkable
class Shifts(Protocol):
    """What takes some of its channels from other frames."""

    moves: Tensor
    """For each channel, how many frames earlier it is taken from: int64 (C), 1, 0 or −1."""


@runtime_checkable
class Spreads(Protocol):
    """What reads a feature map around joints."""

    def maps(self, joints: Tensor, size: tuple[int, int]) -> Tensor:
        """How much of each cell is read for joints (…, 3) in input pixels: (…, h, w), 0 for those that are missing."""
        ...
