"""Where the cells of a network's taps lie, measured: the centre of the squared input gradient of a middle cell."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from actrec.core import reach, trace


def middle_energy(entry: trace.Seen, clip: Tensor) -> Tensor:
    """Squared gradient of the middle cell (of the middle two, where their number is even) with respect to the input: (T, H, W), in double precision.

    The channels are mixed at random: behind a layer norm their plain sum is constant.
    """
    features = entry.grid()[0].double()
    for size in features.shape[1:]:
        features = features[:, (size - 1) // 2 : size // 2 + 1].sum(1)
    mix = torch.randn(len(features), generator=torch.Generator().manual_seed(0)).double()
    return torch.autograd.grad(features @ mix, clip, retain_graph=True)[0][0].double().square().sum(0)


def check_places(seen: Mapping[str, trace.Seen], heard: Mapping[str, Tensor], delay: float = 0.0) -> None:
    """The middle cells are heard where `first + k · stride` says. heard: energies that sum to 1.  delay: the frame on which the first input lies."""
    for name, energy in heard.items():
        found = [float(energy.sum([a for a in range(3) if a != axis]) @ torch.arange(energy.shape[axis]).double()) for axis in range(3)]
        found[0] += delay
        tap, grid = seen[name].tap, seen[name].grid().shape[2:]
        for axis, (place, first, stride, cells) in enumerate(zip(found, tap.first, tap.stride, grid, strict=True)):
            expected = first + (cells - 1) / 2 * stride
            assert abs(place - expected) < 0.2 * stride, f"{name}, axis {'tyx'[axis]}: cell {(cells - 1) / 2} is at {place:.2f}, not {expected}"


def check_reach(seen: Mapping[str, trace.Seen], clip: Tensor) -> None:
    """The frames that have a gradient on the middle steps are those that the taps' hops let through."""
    for name, entry in seen.items():
        energy, steps = middle_energy(entry, clip).sum((1, 2)), entry.grid().shape[2]
        assert entry.tap.past is not None
        rows = reach.field(entry.tap.past, clip.shape[2])
        assert len(rows) == steps, name
        expected = rows[(steps - 1) // 2 : steps // 2 + 1].any(0)
        assert (energy > 1e-18 * energy.max()).tolist() == expected.tolist(), name
