"""Joints as tokens (the cross-modal 3D deformable transformer, eqs. 1–2), and which of them are there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actrec.core.trace import Triple


@dataclass(frozen=True, eq=False)
class Joints:
    """Which joints there are. Those that no frame of a clip shows are left out; the others keep their order.

    counts: how many each clip has.  order int64 (B, R): their numbers among those that came in, −1 after a clip's last.
    seen bool (B, T, R): where each can be seen; None if all can, everywhere.
    """

    counts: tuple[int, ...]
    order: Tensor
    seen: Tensor | None

    def named(self, index: Tensor) -> Tensor:
        """The numbers that the joints came in with, for places in the order here: (B, …) of −1 … R − 1 → the same shape."""
        if not self.order.shape[1]:
            return index
        found = self.order.gather(1, index.clamp(min=0).flatten(1)).view_as(index)
        return found.masked_fill(index < 0, -1)


def none(clips: int, device: torch.device) -> Joints:
    """No joints at all."""
    return Joints((0,) * clips, torch.zeros(clips, 0, dtype=torch.long, device=device), None)


def present(joints: Tensor, confidence: float) -> Joints:
    """The joints (B, T, R, 3) that some frame shows: finite, with a score of `confidence` or more."""
    clips, frames, count = joints.shape[:3]
    if joints.is_meta:  # tensors without numbers, which serve to count operations: all joints are there
        return Joints((count,) * clips, torch.arange(count, device=joints.device).expand(clips, -1), None)
    seen = joints.isfinite().all(-1) & (joints[..., 2] >= confidence)
    there = seen.any(1)
    counts = tuple(int(n) for n in there.sum(1).tolist())
    order = torch.argsort(there.logical_not().to(torch.uint8), dim=1, stable=True)[:, : max(counts)]
    kept = seen.gather(2, order[:, None].expand(-1, frames, -1))
    return Joints(counts, order.masked_fill(~there.gather(1, order), -1), None if bool(kept.all()) else kept)


class PoseTokens(nn.Module):
    """P_t,r = Σ_ij F_a,t(i, j) · ℋ_t,r(i, j), ℋ a Gaussian of σ cells around the joint, then a linear layer to Z's width (eqs. 1–2).

    σ is in cells of F_a. The Gaussian falls apart into one over x and one over y, so ℋ is never laid out. The linear layer's first weights are
    divided by a whole Gaussian's sum, 2πσ², so that pose tokens begin as large as the features. A joint that is missing, or whose score
    is below `confidence`, has ℋ = 0 and is no key of any attention.
    """

    def __init__(self, channels: int, dim: int, sigma: float, confidence: float, stride: Triple) -> None:
        super().__init__()
        if not sigma > 0:
            raise ValueError(f"sigma is {sigma}; it must be a width above 0, in cells of the feature map")
        self.sigma, self.confidence, self.stride = sigma, confidence, stride
        self.linear = nn.Linear(channels, dim)
        with torch.no_grad():
            self.linear.weight /= 2 * math.pi * sigma**2

    def forward(self, features: Tensor, joints: Tensor) -> tuple[Tensor, Joints]:
        """F_a (B, C, T, h, w) and joints (B, T, R, 3), x, y in input pixels and a score: pose tokens (B, T, R′, D) of those that are there."""
        there = present(joints, self.confidence)
        x, y = self.cells(chosen(joints, there), self.stride).unbind(-1)
        across, down = (self._bell(centre, size) for centre, size in ((x, features.shape[4]), (y, features.shape[3])))
        if there.seen is not None:
            down = down * there.seen[..., None]
        exact = features.to(torch.promote_types(features.dtype, torch.float32)).transpose(1, 2)  # (B, T, C, h, w)
        sums = exact @ across.to(exact.dtype).transpose(2, 3)[:, :, None]  # (B, T, C, h, R)
        sums = (sums * down.to(exact.dtype).transpose(2, 3)[:, :, None]).sum(3)
        return self.linear(sums.transpose(2, 3)), there

    def maps(self, joints: Tensor, size: tuple[int, int]) -> Tensor:
        """ℋ (eq. 1) laid out, for whoever wants to see it: joints (…, 3) in input pixels → (…, h, w), 0 for those that are missing."""
        seen = joints.isfinite().all(-1) & (joints[..., 2] >= self.confidence)
        x, y = self.cells(joints.nan_to_num(0.0, 0.0, 0.0), self.stride).unbind(-1)
        return self._bell(y, size[0])[..., :, None] * self._bell(x, size[1])[..., None, :] * seen[..., None, None]

    @staticmethod
    def cells(joints: Tensor, stride: Triple) -> Tensor:
        """Joints (…, ≥ 2), x and y in input pixels, as cells of a map whose cell 0 is centred on input pixel 0: (…, 2)."""
        return (joints[..., :2] - 0.5) / joints.new_tensor([stride[2], stride[1]])

    def _bell(self, centre: Tensor, size: int) -> Tensor:
        """exp(−(i − centre)² / 2σ²) at i = 0 … size − 1: (…, size)."""
        steps = torch.arange(size, device=centre.device, dtype=centre.dtype)
        return torch.exp(-((steps - centre[..., None]) ** 2) / (2 * self.sigma**2))


def chosen(joints: Tensor, there: Joints) -> Tensor:
    """The joints (B, T, R, 3) that are there, in their order: (B, T, R′, 3), finite."""
    clips, frames = joints.shape[:2]
    index = there.order.clamp(min=0)[:, None, :, None].expand(clips, frames, -1, joints.shape[3])
    return joints.gather(2, index).nan_to_num(0.0, 0.0, 0.0)


class Positions(nn.Module):
    """Z plus a learnt vector for its frame and one for its place.

    Learnt on a grid of `frames` and `side` × `side` cells, and interpolated to any other.
    """

    def __init__(self, dim: int, frames: int, side: int) -> None:
        super().__init__()
        self.time = nn.Parameter(torch.empty(1, dim, frames))
        self.place = nn.Parameter(torch.empty(dim, side, side))  # of three axes, because `channels_last_3d` takes no parameter of four
        nn.init.normal_(self.time, 0, 0.02)
        nn.init.normal_(self.place, 0, 0.02)

    def forward(self, z: Tensor) -> Tensor:
        place = resized(self.place[None], z.shape[3:])
        return z + (resized(self.time, z.shape[2:3])[..., None, None] + place[:, :, None]).to(z.dtype)

    def at(self, cells: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """What a place between the cells of Z's grid (T, h, w) would be given: cells (B, T, R, 2) x, y → (B, T, R, D). Outside: as at the edge."""
        frames, h, w = grid
        extent = cells.new_tensor([w - 1, h - 1]).clamp(min=1)
        spots = (cells / extent * 2 - 1).flatten(0, 1)[:, :, None]
        place = resized(self.place[None], (h, w)).to(spots.dtype).expand(len(spots), -1, -1, -1)
        found = F.grid_sample(place, spots, padding_mode="border", align_corners=True)[..., 0].transpose(1, 2)
        return found.unflatten(0, cells.shape[:2]) + resized(self.time, (frames,)).transpose(1, 2)[:, :, None]


def resized(table: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
    """A learnt table (N, D, …) at another size, by linear interpolation from end to end; as it is at its own."""
    if tuple(table.shape[2:]) == tuple(size):
        return table
    return F.interpolate(table, tuple(size), mode="linear" if len(size) == 1 else "bilinear", align_corners=True)
