"""RAFT (Teed and Deng, 2020), torchvision's, small and large; the weights are fetched when first used. Both make twelve updates."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from actrec.core.card import Weights
from actrec.core.errors import Progress
from actrec.inputs.flow.backend import Backend, Pair

if TYPE_CHECKING:
    from torch import Tensor, nn

MULTIPLE, LEAST = 8, 128
"""A side is padded to a multiple of the first; of less than the second its pyramid of correlations has no top."""

LICENCE = "torchvision's, BSD-3-Clause; trained on FlyingChairs and FlyingThings3D{}, which have terms of their own"

WEIGHTS = {
    "small": Weights(
        url="https://download.pytorch.org/models/raft_small_C_T_V2-01064c6d.pth", sha256="01064c6d", licence=LICENCE.format(""), megabytes=4
    ),
    "large": Weights(
        url="https://download.pytorch.org/models/raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        sha256="ff5fadd5",
        licence=LICENCE.format(", Sintel, KITTI and HD1K"),
        megabytes=21,
    ),
}
"""By size: torchvision's own defaults."""


def untrained(size: str) -> nn.Module:
    """torchvision's network."""
    from torchvision.models import optical_flow

    network: nn.Module = getattr(optical_flow, f"raft_{size}")(weights=None)
    return network


def estimate(network: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """Flow (1, 2, H, W) between pictures (1, 3, H, W) RGB in 0 … 1: padded on all sides by their borders, so that no pixel changes its size."""
    import torch.nn.functional as F

    height, width = first.shape[-2:]
    (left, right), (top, bottom) = _margins(width), _margins(height)
    padded = [F.pad(2 * picture - 1, (left, right, top, bottom), mode="replicate") for picture in (first, second)]
    found: Tensor = network(*padded)[-1]
    return found[..., top : top + height, left : left + width]


def _margins(side: int) -> tuple[int, int]:
    more = max(-(-side // MULTIPLE) * MULTIPLE, LEAST) - side
    return more // 2, more - more // 2


def _opened(size: str, progress: Progress) -> Pair:
    from actrec.inputs.flow import network  # late: torch
    from actrec.models import weights  # late: torch

    state, _ = weights.read(weights.fetch(WEIGHTS[size], progress))
    return network.ready(untrained(size), state, estimate, f"RAFT {size}")


def _made_by(size: str) -> str:
    return f"sha256 {WEIGHTS[size].sha256}"


def _backend(size: str, note: str) -> Backend:
    return Backend(f"raft-{size}", f"RAFT, {size}", note, functools.partial(_opened, size), functools.partial(_made_by, size))


RAFT_SMALL = _backend("small", "fetches 4 MB once; about a second a pair without a GPU")
RAFT_LARGE = _backend("large", "fetches 21 MB once; several seconds a pair without a GPU; the sharpest")
