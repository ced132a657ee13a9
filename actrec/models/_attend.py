"""Directed attention and its relatives: blocks that let every place of a feature map hear every other (dam2024, eqs. 1–22).

Every block takes X (B, C, T, H, W) and returns Z of the same shape, `Z = X + ω_z(Y)`. They differ in two things:

* the *relation* between places — cosine (directed attention, DA), scaled cosine under a softmax (DA-NL-2), dot product under a softmax (DP, the
  non-local block of wang2018nonlocal) or third-order products (Poly);
* the *axis* along which places meet: all N = T·H·W at once, the T steps of one location, or the S = H·W locations of one step. The decomposed
  blocks take time first, then space, each with its own residual (§2.2, §2.3).

No N×N matrix is formed or kept. Cosine attention without a softmax is linear in K̂ᵀV, so it is contracted in that order; the softmax forms go
through `scaled_dot_product_attention`. A place's attention row is made on demand by whoever explains, from the tensors under the taps q and k.

θ, φ, g are one convolution, split afterwards. Where the paper leaves something open: `_departures.dam`.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actrec.core.reach import Everywhere, Hop
from actrec.core.trace import Tap, Triple

Axis = Literal["space-time", "time", "space"]
Relation = Literal["cosine", "scaled cosine", "softmax", "poly"]

BLOCKS: dict[str, tuple[tuple[Relation, Axis], ...]] = {
    "da-nl-1": (("cosine", "space-time"),),  # eqs. 6–7
    "da-nl-2": (("scaled cosine", "space-time"),),  # eqs. 8–10
    "dp-nl": (("softmax", "space-time"),),
    "poly-nl": (("poly", "space-time"),),
    "da-da": (("cosine", "time"), ("cosine", "space")),  # eqs. 14–18
    "da-poly": (("cosine", "time"), ("poly", "space")),  # eq. 19
    "da-dp": (("cosine", "time"), ("softmax", "space")),  # eq. 20
    "poly-da": (("poly", "time"), ("cosine", "space")),  # eq. 21
    "dp-da": (("softmax", "time"), ("cosine", "space")),  # eq. 22
}
"""The parts of every block, in the order in which they run."""

EPS = 1e-6
"""Vectors shorter than this have no direction: their cosine with anything tends to 0."""

FIRST_SCALE = 10.0
"""What A starts from where it is learnt (DA-NL-2, eq. 8)."""

MOST_PLACES = 1024
"""Places that a matrix A may relate to each other: at 1024 its numbers are about as many as all others of a block of Res3."""

STEPS = 8
"""Learnt points of a temporal position encoding; other lengths are interpolated."""


def block(
    name: str,
    channels: int,
    stride: Triple,
    *,
    qk: float = 0.25,
    v: float = 0.5,
    positions: bool = False,
    scale: float | str = "learnt",
    places: int = 0,
) -> nn.Module:
    """The named block for maps of `channels`, the identity until it is trained.

    stride: input frames and pixels per cell (t, y, x) where it stands, for its taps.  qk, v: widths of θ, φ and of g as shares of the channels.
    scale: DA-NL-2's A: a number that stays as it is, "learnt" for one that is learnt, "matrix" for one learnt for every two of `places` places.

    Raises:
        ValueError: an unknown name, or a matrix A for too many places.
    """
    if name not in BLOCKS:
        raise ValueError(f"no attention block named {name!r}; there are {', '.join(BLOCKS)}")
    first = _scale(scale, places) if name == "da-nl-2" else None

    def part(relation: Relation, axis: Axis, positions: bool) -> nn.Module:
        if relation == "poly":
            return Poly(channels, axis, width=_share(channels, v), positions=positions)
        widths = _share(channels, qk), _share(channels, v)
        return Attend(channels, relation, axis, stride=stride, d_qk=widths[0], d_v=widths[1], positions=positions, scale=first)

    parts = [part(relation, axis, positions and i == 0) for i, (relation, axis) in enumerate(BLOCKS[name])]
    if len(parts) == 1:
        return parts[0]
    return nn.Sequential(OrderedDict((axis, each) for (_, axis), each in zip(BLOCKS[name], parts, strict=True)))


def _scale(scale: float | str, places: int) -> nn.Parameter | float:
    """A of eq. 8 before training."""
    if not isinstance(scale, str):
        return float(scale)
    if scale not in ("learnt", "matrix"):
        raise ValueError(f"no scale {scale!r}; give a number that stays as it is, or one of learnt, matrix")
    if scale == "learnt":
        return nn.Parameter(torch.tensor(FIRST_SCALE))
    if not 1 <= places <= MOST_PLACES:
        raise ValueError(f"A as a matrix over {places:,} places has their square in numbers; use at most {MOST_PLACES:,} places, or scale=learnt")
    return nn.Parameter(torch.full((places, places), FIRST_SCALE))


def _share(channels: int, share: float) -> int:
    return max(1, round(channels * share))


def over(axis: Axis) -> tuple[Hop, ...]:
    """How a block joins the steps, see `trace.follow`."""
    return () if axis == "space" else (Everywhere(),)


class Attend(nn.Module):
    """Z = X + ω_z(relation(Q, K) V) along one axis, with Q, K, V = θ(X), φ(X), g(X) (eqs. 1, 6–10, 14–18, 20, 22).

    Taps q and k hold Q and K (B, d_qk, T, H, W) as they go into the relation, not yet normalised to unit length; tap added holds Z − X. `scale`
    multiplies the cosine or the dot product before the softmax: A of eq. 8, a number or (N, N), or 1/√d_qk; plain cosine has none.
    """

    def __init__(
        self,
        channels: int,
        relation: Relation,
        axis: Axis,
        *,
        stride: Triple,
        d_qk: int,
        d_v: int,
        positions: bool = False,
        scale: nn.Parameter | float | None = None,
    ) -> None:
        super().__init__()
        self.relation, self.axis, self.widths = relation, axis, (d_qk, d_qk, d_v)
        about = {"relation": relation, "axis": axis}
        self.position = Position(channels) if positions else None
        self.embed = ConvNorm(channels, sum(self.widths))  # θ, φ, g side by side
        self.q = Tap(stride=stride, kind="query", about=about)
        self.k = Tap(stride=stride, kind="key", about=about)
        self.added = Tap(stride=stride, kind="added")
        if relation != "cosine":
            self.scale: nn.Parameter | float = d_qk**-0.5 if scale is None else scale
        self.omega_z = ConvNorm(d_v, channels, start=0.0)
        self.hops = over(axis)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.embed(x if self.position is None else self.position(x)).split(self.widths, 1)
        y = self.relate(self.q(q), self.k(k), v)
        del q, k, v  # not needed for ω_z, and as large as X
        return self.added(self.omega_z(y)).add_(x)

    def relate(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Y (B, d_v, T, H, W) of Q, K (B, d_qk, T, H, W) and V (B, d_v, T, H, W)."""
        if self.relation == "softmax":
            return softmax_attention(q, k, v, self.axis, float(self.scale))
        with _no_autocast(q.device):  # directions and sums over all places need float32
            q, k, v = (part if part.dtype == torch.float64 else part.float() for part in (q, k, v))
            q, k = F.normalize(q, dim=1, eps=EPS), F.normalize(k, dim=1, eps=EPS)
            if self.relation == "cosine":
                return linear_attention(q, k, v, self.axis)
            if isinstance(self.scale, Tensor) and self.scale.ndim:
                return matrix_attention(q, k, v, self.scale)
            return softmax_attention(q * self.scale, k, v, self.axis, 1.0)

    def extra_repr(self) -> str:
        return f"{self.relation} over {self.axis}"


class Poly(nn.Module):
    """Z = X + ω_z(ω3(mean(ω1(X) ⊙ ω2(X)) ⊙ X)), the mean along one axis (eqs. 19, 21; babiloni2021). There is no attention matrix to show.

    ω1 and ω2 keep the channels, so that the product with X is defined; `width` is ω3's.
    """

    def __init__(self, channels: int, axis: Axis, *, width: int, positions: bool = False) -> None:
        super().__init__()
        self.axis = axis
        self.dims = {"space-time": (2, 3, 4), "time": (2,), "space": (3, 4)}[axis]
        self.position = Position(channels) if positions else None
        self.omega_12 = ConvNorm(channels, 2 * channels)  # ω1 and ω2 side by side
        self.omega_3 = ConvNorm(channels, width)
        self.omega_z = ConvNorm(width, channels, start=0.0)
        self.hops = over(axis)

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.omega_12(x if self.position is None else self.position(x)).chunk(2, 1)
        gate = (one * two).mean(self.dims, keepdim=True)
        del one, two
        return self.omega_z(self.omega_3(gate * x)).add_(x)

    def extra_repr(self) -> str:
        return f"poly over {self.axis}"


class Position(nn.Module):
    """X plus a learnt vector per time step, off by default. Without it a block treats its places as a set and knows no before."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.steps = nn.Parameter(torch.randn(1, channels, STEPS) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        steps = F.interpolate(self.steps, x.shape[2], mode="linear", align_corners=True)
        return x + steps[..., None, None].to(x.dtype)


def _no_autocast(device: torch.device) -> AbstractContextManager[object]:
    known = torch.amp.autocast_mode.is_autocast_available(device.type)  # the meta device, on which models are counted, has none
    return torch.autocast(device.type, enabled=False) if known else nullcontext()


class ConvNorm(nn.Module):
    """1×1×1 convolution and batch normalisation, whose weight starts at `start`.

    In eval a normalisation is a fixed scale and shift, so it is folded into the convolution: one pass over the map less, and one map less to keep.
    """

    def __init__(self, inputs: int, outputs: int, *, start: float = 1.0) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm3d(outputs)
        nn.init.constant_(self.norm.weight, start)

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.norm.running_mean, self.norm.running_var
        if self.training or mean is None or var is None:
            return self.norm(self.conv(x))
        scale = self.norm.weight * (var + self.norm.eps).rsqrt()
        return F.conv3d(x, self.conv.weight * scale.view(-1, 1, 1, 1, 1), self.norm.bias - mean * scale)


def fold(x: Tensor, axis: Axis) -> Tensor:
    """(B, C, T, H, W) → (batch, C, L): the places that meet along L, those that do not meet in the batch."""
    if axis == "space-time":
        return x.flatten(2)
    if axis == "space":
        return x.transpose(1, 2).flatten(3).flatten(0, 1)
    return x.flatten(3).permute(0, 3, 1, 2).flatten(0, 1)


def unfold(y: Tensor, axis: Axis, shape: torch.Size) -> Tensor:
    """(batch, C, L) → (B, C, T, H, W): the way back."""
    b, _, t, h, w = shape
    if axis == "space-time":
        return y.unflatten(2, (t, h, w))
    if axis == "space":
        return y.unflatten(0, (b, t)).unflatten(3, (h, w)).transpose(1, 2)
    return y.unflatten(0, (b, h * w)).permute(0, 2, 3, 1).unflatten(3, (h, w))


def linear_attention(q: Tensor, k: Tensor, v: Tensor, axis: Axis) -> Tensor:
    """(1/L) (QKᵀ) V along an axis, for unit vectors Q, K (B, d, T, H, W) and V (B, d_v, T, H, W): (B, d_v, T, H, W) (eqs. 6, 14, 17).

    The product is associative, so it is contracted the cheap way round, as Q(KᵀV)/L: 2·L·d·d_v multiplications instead of L²·(d + d_v). A clip has
    so few time steps, however, that along time the pairs of steps are cheaper still (T = 8 and d = 64: a tenth), and are taken where they are.
    """
    steps, d, d_v = q.shape[2], q.shape[1], v.shape[1]
    if axis == "time" and steps <= 32 and steps * (d + d_v) < 2 * d * d_v:
        rows = [((q[:, :, t : t + 1] * k).sum(1, keepdim=True).mul(1 / steps) * v).sum(2) for t in range(steps)]
        return torch.stack(rows, 2)
    q, k, values = fold(q, axis), fold(k, axis), fold(v, axis)
    return unfold((values @ k.transpose(1, 2) / q.shape[2]) @ q, axis, v.shape)


def softmax_attention(q: Tensor, k: Tensor, v: Tensor, axis: Axis, scale: float) -> Tensor:
    """softmax(scale · QKᵀ) V along an axis, the softmax over the keys, for Q, K (B, d, T, H, W) and V (B, d_v, T, H, W): (B, d_v, T, H, W).

    Q, K and V are laid out channels last and filled up with zero channels to one width: the fused kernels, which keep no L×L matrix, ask for both.
    """
    width, d_v = max(q.shape[1], v.shape[1]), v.shape[1]
    q, k, values = (F.pad(fold(part, axis).transpose(1, 2), (0, width - part.shape[1])).contiguous()[:, None] for part in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, values, scale=scale)
    return unfold(y[:, 0, :, :d_v].transpose(1, 2), axis, v.shape)


def matrix_attention(q: Tensor, k: Tensor, v: Tensor, scale: Tensor) -> Tensor:
    """softmax(A ⊙ QKᵀ) V over all places, for unit vectors Q, K (B, d, T, H, W), V (B, d_v, T, H, W) and A (N, N): (B, d_v, T, H, W) (eqs. 8–9).

    Raises:
        ValueError: A is for another number of places.
    """
    q, k, values = (fold(part, "space-time") for part in (q, k, v))
    if len(scale) != q.shape[2]:
        raise ValueError(
            f"this network's matrix A is for {len(scale)} places, and here are {q.shape[2]}: give clips of the size that it was built for"
        )
    return unfold(values @ (q.transpose(1, 2) @ k * scale).softmax(-1).transpose(1, 2), "space-time", v.shape)
