"""The three attentions of the cross-modal 3D deformable transformer: 3D deformable, joint stride, temporal stride (eqs. 3–7, algorithms A1–A3).

All three are X + MSA(X W_q, X̃ W_k, X̃ W_v), then + FFN(LN(·)); they differ in what X and X̃ are. As in the paper there is no normalisation before
MSA. Tokens are laid out (B, tokens, D), and a missing joint's token is left out of the keys.

Whoever explains finds queries, keys and values under the taps q, k, v and makes rows of the attention from them with `Attention.rows`;
the matrix of all tokens is never made, unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actrec.core.reach import Sharing
from actrec.core.trace import Tap, Triple
from actrec.models import _deform_windows as windows
from actrec.models._deform_pose import Joints

STRIDE: Triple = (1.0, 8.0, 8.0)
"""Input frames and pixels per cell of Z; its first cell is centred on frame 0, pixel 0."""


class Note(Tap):
    """A tap for what is no map on a grid (points, queries, numbers of joints): `Seen.tensor` has the axes in `layout`, and `Seen.grid` says no.

    It is of no kind that a method for maps or for the places of a map would take up.
    """

    def __init__(self, layout: str, about: Mapping[str, str] | None = None) -> None:
        super().__init__(stride=STRIDE, about={"layout": layout, **(about or {})})
        self.axes = layout  # type: ignore[assignment]
        self.kind = "note"  # type: ignore[assignment]

    @property
    def layout(self) -> str:
        return self.about["layout"]


class Attention(nn.Module):
    """X + MSA(X W_q, X̃ W_k, X̃ W_v), then + FFN(LN(·)) (eqs. 6–7).

    Taps q (batch, heads, N, d), k and v (batch, heads, M, d); mixed (batch, heads, N, d): the values as the attention has weighed them, before the
    output projection; mask bool (batch, M), where some key is left out.
    modal: names of the modal tokens among its tokens, in their order; the taps tell them, and the number of heads.
    """

    def __init__(self, dim: int, heads: int, mlp: float, modal: Sequence[str] = ()) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"{heads} heads do not divide {dim} channels; give a number of heads that divides {dim}")
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.w_q, self.w_k, self.w_v = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.w_o = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.ffn = nn.Sequential(nn.Linear(dim, round(mlp * dim)), nn.GELU(), nn.Linear(round(mlp * dim), dim))
        about = {"heads": str(heads), "modal": " ".join(modal)}
        self.q, self.k, self.v, self.mixed = (Note("batch head token d", {"role": role, **about}) for role in ("query", "key", "value", "mixed"))
        self.mask = Note("batch token", {"role": "mask"})

    def forward(self, x: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
        """X (B, N, D), X̃ (B, M, D), mask bool (B, M), False where a key is left out: (B, N, D)."""
        q, k, v = self.q(self._split(self.w_q(x))), self.k(self._split(self.w_k(others))), self.v(self._split(self.w_v(others)))
        keys = None if mask is None else self.mask(mask)[:, None, None]
        mixed = self.mixed(F.scaled_dot_product_attention(q, k, v, attn_mask=keys, scale=self.scale))
        x = x + self.w_o(mixed.transpose(1, 2).flatten(2))
        return x + self.ffn(self.norm(x))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def rows(self, q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
        """The attention of queries (…, N, d), all or some of those under the tap, to all keys (…, M, d): (…, N, M), rows sum to 1."""
        logits = q @ k.transpose(-1, -2) * self.scale
        return (logits if mask is None else logits.masked_fill(~mask[:, None, None], -torch.inf)).softmax(-1)


class TokenSearch(nn.Module):
    """3DTS (eq. 3, alg. A3): Z (B, D, T, h, w) → Z̃ (B, D, T̃, h̃, w̃), Z sampled trilinearly at p + Δp, and these points (B, T̃, h̃, w̃, 3).

    Conv3d(k, no padding) → LayerNorm → GELU → Conv3d(1) → tanh gives Δp. Points are x, y, t in [−1, 1]³, as `grid_sample` counts: −1 is the centre
    of the first cell and 1 that of the last (align_corners). The reference points p are a regular grid of the output's size from the first cell to
    the last; an axis with one point has it in the middle. Where p + Δp leaves the clip, `grid_sample` fills up with zeros.

    A kernel longer than Z is cut to Z's extent; what stays is its middle, so the same weights serve short clips. depthwise: a kernel for each channel
    by itself.

    Taps: reference, p (T̃, h̃, w̃, 3); points, p + Δp (B, T̃, h̃, w̃, 3): an edit of it changes what is sampled.
    """

    def __init__(self, dim: int, kernel: Triple, depthwise: bool) -> None:
        super().__init__()
        t, h, w = (int(k) for k in kernel)
        self.conv = nn.Conv3d(dim, dim, (t, h, w), groups=dim if depthwise else 1)
        self.norm = nn.LayerNorm(dim)
        self.offset = nn.Conv3d(dim, 3, 1)
        nn.init.normal_(self.offset.weight, 0, 0.01)  # tokens are first looked for near the regular grid
        if self.offset.bias is not None:
            nn.init.zeros_(self.offset.bias)
        self.reference, self.points = Note("t y x xyt", {"role": "reference"}), Note("b t y x xyt", {"role": "points"})

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        moved = self.conv_within(z).movedim(1, -1)
        offset = self.offset(F.gelu(self.norm(moved)).movedim(-1, 1)).movedim(1, -1)
        exact = torch.promote_types(z.dtype, torch.float32)  # places need more than half precision
        p = self.reference(regular(offset.shape[1:4], z.device, exact))
        points = self.points(p + offset.to(exact).tanh())
        return F.grid_sample(z.to(exact), points, mode="bilinear", padding_mode="zeros", align_corners=True).to(z.dtype), points

    def conv_within(self, z: Tensor) -> Tensor:
        """The convolution with its kernel cut to Z's extent."""
        weight = self.conv.weight
        for axis in (2, 3, 4):
            extent = min(weight.shape[axis], z.shape[axis])
            weight = weight.narrow(axis, (weight.shape[axis] - extent) // 2, extent)
        return F.conv3d(z, weight, self.conv.bias, groups=self.conv.groups)

    @staticmethod
    def places(points: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """Points (…, 3) on Z's grid (T, h, w) as input frame 0 … T − 1, x and y in input pixels (pixel i covers [i, i + 1)): (…, 3)."""
        cells = (points.flip(-1) + 1) / 2 * (torch.tensor(grid, device=points.device) - 1)
        t, y, x = cells.unbind(-1)
        return torch.stack([t * STRIDE[0], x * STRIDE[2] + 0.5, y * STRIDE[1] + 0.5], -1)


def regular(size: Sequence[int], device: torch.device | None = None, dtype: torch.dtype = torch.float32) -> Tensor:
    """A regular grid over [−1, 1]³ of that size (t, y, x), ends included, an axis of one point at 0: (t, y, x, 3), the last axis x, y, t."""
    lines = [torch.linspace(-1, 1, n, device=device, dtype=dtype) if n > 1 else torch.zeros(1, device=device, dtype=dtype) for n in size]
    t, y, x = torch.meshgrid(*lines, indexing="ij")
    return torch.stack([x, y, t], -1)


class Deformable(nn.Module):
    """3D deformable attention (eqs. 3–7): queries [Z ‖ M_RGB ‖ M_CLS], keys and values [Z̃ ‖ M_RGB ‖ M_CLS].

    Tokens in the order (T h w), then T for each modal token; the offsets serve all heads.
    """

    def __init__(self, dim: int, heads: int, mlp: float, kernel: Triple, depthwise: bool, modal: Sequence[str] = ()) -> None:
        super().__init__()
        self.search = TokenSearch(dim, kernel, depthwise)
        self.attend = Attention(dim, heads, mlp, modal)

    def forward(self, z: Tensor, modal: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Z (B, D, T, h, w) and modal tokens (B, T, D), each as it comes out."""
        found, _ = self.search(z)
        x = torch.cat([z.flatten(2).transpose(1, 2), *modal], 1)
        others = torch.cat([found.flatten(2).transpose(1, 2), *modal], 1)
        cells, frames = z[0, 0].numel(), z.shape[2]
        out, *rest = self.attend(x, others).split([cells] + [frames] * len(modal), 1)
        return out.transpose(1, 2).unflatten(2, z.shape[2:]), rest


class JointStride(nn.Module):
    """Joint stride attention (alg. A1): windows of `window` joints over all frames, M_pose and M′_CLS with each of them.

    A window's tokens are laid out (T, joints of the window and modal tokens). Joints that no frame shows take no place in a window, so they change
    nothing. The modal tokens' results are averaged over the windows. Without any joint the modal tokens make one window by themselves.

    cross: a window asks, and the window after it is read, the first after the last; else a window reads itself.

    Taps, int64 (B, windows, L): joints, those in every window, by their number among those that came in, −1 for none; keys, those in the window that
    it reads. asking bool (B · windows, tokens): which tokens of a window are there; passed where one is not.
    """

    def __init__(self, dim: int, heads: int, mlp: float, window: int, stride: int, modal: Sequence[str] = (), cross: bool = False) -> None:
        super().__init__()
        windows.starts(1, window, stride)  # refuses what leaves joints out
        self.window, self.stride, self.cross = window, stride, cross
        self.attend = Attention(dim, heads, mlp, modal)
        self.joints = Note("b window place", {"role": "windows", "attention": "joint stride attention"})
        self.keys, self.asking = Note("b window place", {"role": "keys"}), Note("batch token", {"role": "asking"})

    def forward(self, pose: Tensor, modal: Sequence[Tensor], joints: Joints) -> tuple[Tensor, list[Tensor]]:
        """Pose tokens (B, T, R, D) and modal tokens (B, T, D), each as it comes out."""
        b, frames, count, dim = pose.shape
        if not count and not modal:
            return pose, []
        index = windows.numbers(joints.counts, self.window, self.stride, pose.device)
        number = windows.real(joints.counts, self.window, self.stride, pose.device)
        read = windows.following(index, number) if self.cross else index
        self.joints(joints.named(index)), self.keys(joints.named(read))
        among = windows.gather(pose.transpose(1, 2), index).transpose(2, 3) if count else pose.new_zeros(b, 1, frames, 0, dim)
        held, length = index.shape[1:]
        x = torch.cat([among, *(m[:, None, :, None].expand(-1, held, -1, -1, -1) for m in modal)], 3)
        others = windows.following(x, number) if self.cross else x
        if (mask := self._mask(read, joints, len(modal))) is not None:
            self.asking(self._mask(index, joints, len(modal)))
        out = self.attend(x.flatten(2, 3).flatten(0, 1), others.flatten(2, 3).flatten(0, 1), mask)
        out = out.unflatten(0, (b, held)).unflatten(2, (frames, length + len(modal)))
        pose = windows.average(out[..., :length, :].transpose(2, 3), index, count).transpose(1, 2)
        share = (torch.arange(held, device=pose.device) < number[:, None]).to(out.dtype) / number[:, None]
        return pose, [(m * share[..., None, None]).sum(1) for m in out[..., length:, :].unbind(3)]

    @staticmethod
    def _mask(index: Tensor, joints: Joints, modal: int) -> Tensor | None:
        """Which tokens of the windows may be keys, bool (B · windows, T · tokens); None if all may."""
        if joints.seen is None:
            return None
        mask = (index >= 0)[:, :, None] & windows.gather(joints.seen.transpose(1, 2), index).transpose(2, 3)
        mask = F.pad(mask, (0, modal), value=True).flatten(2).flatten(0, 1)
        return mask | ~mask.any(1, keepdim=True)  # windows that only fill up have no key, and a softmax needs one


class TemporalStride(nn.Module):
    """Temporal stride attention (alg. A2): all tokens of a frame, [Z ‖ P ‖ M_RGB ‖ M_pose ‖ M_CLS], in windows of `window` frames.

    A window's tokens are laid out (frames, tokens of a frame). cross, and the taps keys and asking: as for joints.

    Tap frames, int64 (B, windows, L): the frames in every window.
    """

    def __init__(self, dim: int, heads: int, mlp: float, window: int, stride: int, modal: Sequence[str] = (), cross: bool = False) -> None:
        super().__init__()
        windows.starts(1, window, stride)
        self.window, self.stride, self.cross = window, stride, cross
        self.attend = Attention(dim, heads, mlp, modal)
        self.frames = Note("b window place", {"role": "windows", "attention": "temporal stride attention"})
        self.keys, self.asking = Note("b window place", {"role": "keys"}), Note("batch token", {"role": "asking"})
        self.hops = (Sharing(window, stride or max(window // 2, 1), cross),)

    def forward(self, z: Tensor, pose: Tensor, modal: Sequence[Tensor], joints: Joints) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Z (B, D, T, h, w), pose tokens (B, T, R, D) and modal tokens (B, T, D), each as it comes out."""
        b, _, frames, h, w = z.shape
        index = self.frames(windows.numbers([frames] * b, self.window, self.stride, z.device))
        read = self.keys(windows.following(index, windows.real([frames] * b, self.window, self.stride, z.device)) if self.cross else index)
        tokens = torch.cat([z.flatten(3).permute(0, 2, 3, 1), pose, *(m[:, :, None] for m in modal)], 2)
        mask = None
        if joints.seen is not None:
            seen = F.pad(F.pad(joints.seen, (h * w, 0), value=True), (0, len(modal)), value=True)
            self.asking(windows.gather(seen, index).flatten(2).flatten(0, 1))
            mask = windows.gather(seen, read).flatten(2).flatten(0, 1)
        x = windows.gather(tokens, index)
        others = windows.gather(tokens, read) if self.cross else x
        out = self.attend(x.flatten(2, 3).flatten(0, 1), others.flatten(2, 3).flatten(0, 1), mask)
        tokens = windows.average(out.view_as(x), index, frames)
        cells, pose, rest = tokens.split([h * w, pose.shape[2], len(modal)], 2)
        return cells.permute(0, 3, 1, 2).unflatten(3, (h, w)), pose, list(rest.unbind(2))
