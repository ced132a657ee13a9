"""A small deformable transformer with its offsets awake, looked at by the views of its attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from actrec.core import trace
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.evidence import Evidence
from actrec.explain import Ask, Method, joint_stride, temporal_stride, tokens
from actrec.inputs import pose
from actrec.models import deform

FRAMES, SIDE, CELLS, HEADS = 6, 48, 6, 4
SMALL: dict[str, Any] = {"width": 0.125, "heads": HEADS, "kernel": 3, "frames": FRAMES, "size": SIDE, "joint_window": 4, "classes": 5}
COCO = pose.layout("coco17")
METHODS: dict[str, Method] = {m.id: m for m in (*tokens.METHODS, *joint_stride.METHODS, *temporal_stride.METHODS)}


def make(**arguments: Any) -> nn.Module:
    """A small model in double precision whose offsets, biases and modal tokens are awake."""
    model = deform.build(**{**SMALL, **arguments}).double().eval().requires_grad_(False)
    for name, values in model.named_parameters():
        if name.endswith("offset.weight"):
            nn.init.normal_(values, 0, 0.5)
        elif name in ("modal", "positions.time", "positions.place") or name.endswith("bias"):
            nn.init.normal_(values, 0, 0.3)
        elif "w_q" in name or "w_k" in name:
            values.mul_(6)  # or else every row would be nearly even
    return model


def people(count: int = 1) -> Tensor:
    """Joints of some people, all seen, walking to the right."""
    places = torch.rand(1, 1, count * len(COCO), 2, dtype=torch.float64) * (SIDE / 2) + 4
    places = places + torch.linspace(0, 12, FRAMES, dtype=torch.float64)[None, :, None, None] * torch.tensor([1.0, 0.0], dtype=torch.float64)
    return torch.cat([places, torch.ones_like(places[..., :1])], -1)


def look(model: nn.Module, method: str, layer: str, joints: Tensor | None, place: tuple[int, float, float] | None = None, **knobs: str) -> Evidence:
    return explained(traced(model, method, layer, joints), method, layer, place, **knobs)


def traced(model: nn.Module, method: str, layer: str, joints: Tensor | None, *more: str) -> trace.Trace:
    """A pass over noise; the source is twice as large as the input, and its frames stand 0.1 s apart."""
    seconds = np.arange(FRAMES) * 0.1
    video = Video(Path("noise.mp4"), "0" * 64, seconds, 2 * SIDE, 2 * SIDE, 0, "none")
    known = None if joints is None else (joints[0] * torch.tensor([2.0, 2.0, 1.0])).float().numpy()
    clip = Clip(
        video, np.zeros((FRAMES, 2 * SIDE, 2 * SIDE, 3), np.uint8), np.arange(FRAMES), seconds, beside={} if known is None else {"pose": known}
    )
    geometry = Geometry((2 * SIDE, 2 * SIDE), (SIDE, SIDE), (SIDE, SIDE), (0, 0))
    frames = torch.randn(1, 3, FRAMES, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    inputs = {"rgb": frames, "pose": joints}
    watch = (*METHODS[method].watch(layer), *more)
    return trace.run(model, inputs, clip, geometry, watch=watch)


def explained(seen: trace.Trace, method: str, layer: str, place: tuple[int, float, float] | None = None, **knobs: str) -> Evidence:
    found = METHODS[method].explain(seen, Ask(0, None, layer, place, knobs, layout=COCO.joints))
    assert isinstance(found, Evidence)
    return found


def values_of(seen: trace.Trace, layer: str, head: int) -> tuple[Tensor, Tensor]:
    """Values (batch, M, d) and what the attention made of them (batch, N, d), of one head."""
    return seen.seen[f"{layer}.attend.v"].tensor[:, head], seen.seen[f"{layer}.attend.mixed"].tensor[:, head]
