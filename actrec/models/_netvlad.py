"""NetVLAD (shiftvlad, eq. 4; arandjelovic2016): local descriptors x_i joined into one vector by how they lie around K centres c_k, the visual words.

    a_ik = exp(−α |x_i − c_k|²) / Σ_k′ exp(−α |x_i − c_k′|²)          V_k = Σ_i a_ik (x_i − c_k)

Each V_k is brought to length 1 (intra-normalisation), then all of them together (L2), and laid in a row. Centres and α are trained. |x_i|² is in
every exponent and cancels, so the exponents are α (2 x_i·c_k − |c_k|²). A vector shorter than `EPS` is divided by `EPS`: an empty word stays empty,
and its gradients stay finite.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

EPS = 1e-6


class NetVLAD(nn.Module):
    """Features (B, D, T, H, W) → (B, K · D), of length 1 (0 if all words are empty).

    α is kept as its logarithm, so that it stays positive.
    """

    def __init__(self, channels: int, clusters: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.empty(clusters, channels))
        self.log_alpha = nn.Parameter(torch.zeros(()))
        nn.init.normal_(self.centres, 0, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        with _exactly(x):
            x = (x if x.dtype == torch.float64 else x.float()).flatten(2)
            return self._normalised(self._residuals(x, self.assigned(x))).flatten(1)

    def assigned(self, x: Tensor) -> Tensor:
        """The share of each descriptor (B, D, …) that goes to each word: (B, K, …), a sum of 1 over the words."""
        centres = self.centres.to(x.dtype)
        near = 2 * torch.einsum("kd,bd...->bk...", centres, x)
        size = centres.square().sum(1).view(-1, *[1] * (x.ndim - 2))
        return (self.log_alpha.exp().to(x.dtype) * (near - size)).softmax(1)

    def _residuals(self, x: Tensor, shares: Tensor) -> Tensor:
        """V (B, K, D) of descriptors (B, D, N)."""
        return torch.einsum("bkn,bdn->bkd", shares, x) - shares.sum(2)[:, :, None] * self.centres.to(x.dtype)

    @staticmethod
    def _normalised(residuals: Tensor) -> Tensor:
        return _unit(_unit(residuals, 2).flatten(1), 1).view_as(residuals)

    def parts(self, x: Tensor, weight: Tensor) -> Tensor:
        """What each descriptor (1, D, …) adds to weight · forward(x) through each word: (K, …); all of them sum to it.

        weight (K · D). Held fixed: the shares, and the lengths that V_k and the whole vector are divided by.
        """
        words = weight.view_as(self.centres)
        shares, flat = self.assigned(x)[0], x.flatten(2)
        residuals = self._residuals(flat, shares[None].flatten(2))[0]
        lengths = residuals.norm(dim=1).clamp(min=EPS)
        scale = 1 / (lengths * (residuals / lengths[:, None]).norm().clamp(min=EPS))
        along = torch.einsum("kd,d...->k...", words, x[0]) - (words * self.centres.to(x.dtype)).sum(1).view(-1, *[1] * (x.ndim - 2))
        return shares * along * scale.view(-1, *[1] * (x.ndim - 2))

    @torch.no_grad()
    def begin(self, descriptors: Tensor, centres: Tensor) -> None:
        """First centres (K, D), and α from the spread of descriptors (N, D) around them: such that, on average over the
        logarithms, the nearest centre gets a hundred times the share of the next.
        """
        near, next_ = torch.cdist(descriptors, centres).square().topk(2, largest=False).values.mean(0) if len(centres) > 1 else (0.0, 1.0)
        self.centres.copy_(centres)
        self.log_alpha.fill_(math.log(math.log(100) / max(float(next_ - near), EPS)))


def _exactly(x: Tensor) -> AbstractContextManager[object]:
    """Full precision, where a device knows any other: the exponents are differences of large numbers."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def _unit(x: Tensor, dim: int) -> Tensor:
    return nn.functional.normalize(x, dim=dim, eps=EPS)
