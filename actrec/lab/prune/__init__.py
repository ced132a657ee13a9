"""Pruning: a network without the channels that it hardly uses (qian2024, §2.1–2.2; liu2017slimming).

A channel is worth |γ|, the scale that the normalisation behind its convolution gives it. One threshold holds for a whole network: the value below
which a given share of all these scales lies. What is left is a narrower network of the same family, which computes exactly what the whole one would
with the scales and shifts of the left-out channels set to 0. Of a model of two streams each stream is a network with a threshold of its own.
"""

from __future__ import annotations

from actrec.lab.prune.narrow import Whole, narrowed, opened, pruned, save, written
from actrec.lab.prune.scales import PAPER, Plan, layers, networks, percents, plan, worths
from actrec.lab.prune.sizes import sizes

__all__ = [
    "PAPER", "Plan", "Whole",
    "layers", "narrowed", "networks", "opened", "percents", "plan", "pruned", "save", "sizes", "worths", "written",
]  # fmt: skip
