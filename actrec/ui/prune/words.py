"""What the scales of a network show, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from actrec.core.words import number, percent

NEAR, FEW = 100, 0.1
"""A scale is near 0 that is this many times smaller than the largest; and the share of such scales below which there are few."""

TRAIN = "training with --sparsity 1e-4 makes unneeded ones small"


def scales(values: Sequence[float]) -> str:
    """values: |γ| of all channels that can go, of one network, in any order."""
    low, high, many = min(values), max(values), len(values)
    if low == high:
        return f"All {many} scales are {number(high)}. No channel is worth less than another, so nothing can be pruned; {TRAIN}."
    near = sum(value < high / NEAR for value in values) / many
    said = f"{percent(near)} of the {many} scales are near 0: more than {NEAR} times smaller than the largest, {number(high)}."
    if near >= FEW:
        return said
    return f"{said} That is few, so what goes is mostly channels that the network uses; {TRAIN}."
