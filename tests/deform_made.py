"""A small deformable transformer in double precision, awake, with clips and joints for it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from actrec.models import deform
from actrec.models._deform_attend import Attention
from actrec.models._deform_pose import Joints

SMALL: dict[str, Any] = {"width": 0.125, "heads": 4, "kernel": 3, "frames": 6, "size": 48, "joint_window": 4, "temporal_window": 4, "classes": 5}
DIM, CLOSE = 32, {"atol": 1e-10, "rtol": 0.0}


def make(**arguments: Any) -> nn.Module:
    """A small model in double precision, awake: offsets, biases and normalisations are not the ones it starts with."""
    model = deform.build(**{**SMALL, **arguments}).double().eval()
    for name, values in model.named_parameters():
        if name.endswith("offset.weight"):
            nn.init.normal_(values, 0, 0.5)
        elif name.endswith("bias") or values.ndim == 1 or name in ("modal", "kinds", "positions.time", "positions.place"):
            nn.init.normal_(values, 1.0 if "norm" in name or ".1." in name else 0.0, 0.2)
    return model


def clip(frames: int = 6, side: int = 48, clips: int = 1) -> Tensor:
    return torch.randn(clips, 3, frames, side, side, dtype=torch.float64)


def people(joints: int = 7, frames: int = 6, side: int = 48, clips: int = 1) -> Tensor:
    """Joints everywhere in the picture, all of them seen."""
    places = torch.rand(clips, frames, joints, 2, dtype=torch.float64) * side
    return torch.cat([places, torch.ones_like(places[..., :1])], -1)


def attentions(model: nn.Module) -> dict[str, Attention]:
    return {name: module for name, module in model.named_modules() if isinstance(module, Attention)}


def written(attend: Attention, x: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
    """Eqs. 6–7 head by head."""
    q, k, v = (layer(part).chunk(attend.heads, -1) for layer, part in ((attend.w_q, x), (attend.w_k, others), (attend.w_v, others)))
    heads = []
    for one in range(attend.heads):
        logits = q[one] @ k[one].transpose(1, 2) / math.sqrt(q[one].shape[-1])
        heads.append((logits if mask is None else logits.masked_fill(~mask[:, None], -torch.inf)).softmax(-1) @ v[one])
    x = x + attend.w_o(torch.cat(heads, -1))
    return x + attend.ffn(attend.norm(x))


def tokens_of(*shape: int) -> Tensor:
    return torch.randn(*shape, DIM, dtype=torch.float64)


def all_there(clips: int, joints: int) -> Joints:
    return Joints((joints,) * clips, torch.arange(joints).expand(clips, -1), None)


def rebuilt(attend: Attention, name: str, seen: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The attention made from the tensors under the taps, and what it makes of the values."""
    rows = attend.rows(seen[f"{name}.q"], seen[f"{name}.k"], seen.get(f"{name}.mask"))
    return rows, rows @ seen[f"{name}.v"]
