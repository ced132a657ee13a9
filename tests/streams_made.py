"""Two small streams with numbers of chance, each by itself and fused, beside a clip in which something moves."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import demo_made
import torch

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.clip import Sampling
from actrec.lab import fuse
from actrec.models import weights

TINY: dict[str, Any] = {"units": [1, 1, 1, 1], "width": 0.125}
LABELS = ("walk", "run", "jump")


def card() -> Card:
    base = catalogue.architectures()["tst-rescnn-a"]
    return replace(base, sampling=Sampling("uniform", 8), preprocess=replace(base.preprocess, resize=(36, 48), crop=(32, 32)))


def stream(folder: Path, name: str, seed: int = 0, **arguments: Any) -> Path:
    """A checkpoint of one stream, rgb or flow."""
    part = catalogue.parts(card())[name]
    given = {**part.arguments, **TINY, **arguments}
    torch.manual_seed(seed)
    model = demo_made.taught(catalogue.build(replace(part, arguments=given), len(LABELS)), len(LABELS))
    about = {"family": part.family, "architecture": part.id, "arguments": given, "labels": list(LABELS), "title": f"Tiny {name}"}
    about |= {"sampling": asdict(part.sampling), "preprocess": asdict(part.preprocess), "trained_on": "nothing"}
    file = folder / f"tiny-{name}.safetensors"
    weights.save(file, model, about)
    return file


def both(folder: Path, name: str = "two", fusion: str = "mean") -> Path:
    """A checkpoint of both, beside theirs."""
    made = [f"tst-rescnn-a:{each}@{stream(folder, each, seed)}" for seed, each in enumerate(("rgb", "flow"))]
    fuse.fuse(made[0], made[1], folder / f"{name}.safetensors", fusion)
    return folder / f"{name}.safetensors"
