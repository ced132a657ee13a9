"""Small networks with a shift, whose normalisations are awake, and checkpoints of them that look trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import demo_made
import torch
from tiny_models import clip_of, noise
from torch import nn

from actrec import catalogue
from actrec.core import trace
from actrec.core.clip import Preprocess, Sampling
from actrec.models import shift, weights

TINY: dict[str, Any] = {"width": 0.125, "last_stride": 1}
LABELS = ("walk", "run", "jump")
UNITS = [f"layer{stage}.{unit}" for stage, count in enumerate((3, 4, 6, 3), 1) for unit in range(count)]
"""The residual units of a ResNet-50."""


def network(*, classes: int = 5, **arguments: Any) -> shift.ShiftNet:
    """In eval mode, every normalisation at random numbers, so that no part of it is an identity; words at a distance that shares descriptors out."""
    torch.manual_seed(0)
    model = shift.build(**{**TINY, **arguments}, classes=classes)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (module.bias, module.running_mean):
                nn.init.normal_(values, 0, 0.1)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.5)
            nn.init.normal_(module.bias, 0, 0.5)
    if model.pool is not None:
        nn.init.constant_(model.pool.log_alpha, -2.0)
    return model.eval()


def seen(clusters: int = 0, frames: int = 8, **arguments: Any) -> trace.Trace:
    """A pass over noise of such a network, without gradients, its last features watched."""
    clip, geometry = clip_of(frames, 32)
    model = network(clusters=clusters, **arguments).requires_grad_(False)
    return trace.run(model, {"rgb": noise(1, frames, 32)}, clip, geometry, watch=("layer4.tap",))


def units(model: nn.Module) -> list[tuple[str, shift.Shifted]]:
    """The parts of a network that shift, by name."""
    return [(name, module) for name, module in model.named_modules() if isinstance(module, shift.Shifted)]


def checkpoint(folder: Path, name: str = "tsm", labels: Sequence[str] = LABELS, seed: int = 0, **arguments: Any) -> Path:
    """A checkpoint of a small shift network that reads 8 frames of 32 pixels."""
    base = replace(catalogue.architectures()["tsm-r50"], sampling=Sampling("uniform", 8), preprocess=Preprocess(36, (32, 32)))
    given = {**base.arguments, **TINY, **arguments}
    torch.manual_seed(seed)
    model = demo_made.taught(catalogue.build(replace(base, arguments=given), len(labels)), len(labels))
    about = {"family": base.family, "architecture": base.id, "arguments": given, "labels": list(labels), "title": f"Tiny {name}"}
    about |= {"sampling": asdict(base.sampling), "preprocess": asdict(base.preprocess), "trained_on": "nothing"}
    weights.save(folder / f"{name}.safetensors", model, about)
    return folder / f"{name}.safetensors"
