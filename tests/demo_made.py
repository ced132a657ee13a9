"""A small checkpoint that says itself what it is, and the surroundings in which the pages find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import clips_made
import torch
from torch import nn

from actrec import catalogue
from actrec.catalogue.learnt import NORMS
from actrec.models import weights

LABELS = ("bend down", "stand up", "wave <b>one</b> hand", "*jump*", "walk", "run")
"""Two of them look like markup: they must stay text."""


def checkpoint(folder: Path, name: str = "tiny", *, dam: int = 0, seed: int = 0) -> Path:
    """Write a ResNet of an eighth of the width that reads 8 frames of 32 pixels, `taught`."""
    base = catalogue.architectures()["dam-12" if dam else "c2d-r50"]
    arguments = {**base.arguments, "width": 0.125, **({"dam": dam} if dam else {})}
    torch.manual_seed(seed)
    model = taught(catalogue.build(replace(base, arguments=arguments), len(LABELS)))
    about = {
        "family": base.family,
        "architecture": base.id,
        "arguments": arguments,
        "labels": list(LABELS),
        "sampling": asdict(replace(base.sampling, frames=8, span=16)),
        "preprocess": asdict(replace(base.preprocess, resize=36, crop=(32, 32))),
        "title": f"{name}, of no use",
        "trained_on": "nothing",
    }
    path = folder / f"{name}.safetensors"
    weights.save(path, model, about)
    return path


def taught(model: nn.Module, classes: int = len(LABELS)) -> nn.Module:
    """The model with numbers that nobody learnt, and that look as training leaves them: of others the pages warn."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, NORMS):
                for table in (module.weight, module.bias):
                    table.add_(torch.randn_like(table), alpha=0.1)
            elif isinstance(module, nn.Linear) and module.out_features == classes:
                module.weight.normal_(0, 0.5)
    return model


def folders(home: Path) -> Mapping[str, str]:
    """Make empty folders for clips, checkpoints and cache, and name them as the app's variables do."""
    for name in ("clips", "checkpoints", "cache"):
        (home / name).mkdir()
    return {f"ACTREC_{name.upper()}": str(home / name) for name in ("clips", "checkpoints", "cache")}


def surroundings(home: Path) -> Mapping[str, str]:
    """Variables for an app that has its own caches, two clips (short.mp4, long.mp4) and two checkpoints (tiny, tinydam)."""
    variables = folders(home)
    clips_made.clip(home / "clips" / "short.mp4", 24)
    clips_made.clip(home / "clips" / "long.mp4", 60)
    checkpoint(home / "checkpoints", "tiny")
    checkpoint(home / "checkpoints", "tinydam", dam=1, seed=1)
    return variables
