"""What the scales of a network show, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from actrec.core.words import number, percent

NEAR, FEW = 0.01, 0.1
"""A scale is near 0 that is less than this share of the largest; and the share of such scales below which there are few."""

TRAIN = "training with --sparsity makes unneeded ones small"


def scales(values: Sequence[float]) -> str:
    """values: |γ| of all channels that can go, of one network, in any order."""
    low, high, many = min(values), max(values), len(values)
    if low == high:
        return f"All {many} scales are {number(high)}. No channel is worth less than another, so nothing can be pruned; {TRAIN}."
    near = sum(value < NEAR * high for value in values) / many
    said = f"{f'{percent(near)} of' if near else 'None of'} the {many} scales are near 0, that is less than 1 % of the largest, {number(high)}."
    return said if near >= FEW else f"{said} So what goes is mostly channels that the network uses; {TRAIN}."
