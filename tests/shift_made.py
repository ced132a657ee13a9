"""Two small streams of the shift module with numbers of chance, one of pictures and one of RGB differences, each by itself and fused."""

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

WHOLE = "tsm-difference-r50"
TINY: dict[str, Any] = {"width": 0.125, "last_stride": 1}
LABELS = ("walk", "run", "jump")


def card() -> Card:
    """Both streams, of 8 frames of 32 pixels; no weights."""
    base = catalogue.architectures()[WHOLE]
    return replace(base, sampling=Sampling("segments", 8), preprocess=replace(base.preprocess, resize=(36, 48), crop=(32, 32)))


def stream(folder: Path, name: str, seed: int = 0, called: str = "shift", sampling: Sampling | None = None, **arguments: Any) -> Path:
    """A checkpoint of one stream, rgb or difference; its file: the name it is called, and the stream's."""
    part = catalogue.parts(card())[name]
    given = {**part.arguments, **TINY, **arguments}
    torch.manual_seed(seed)
    model = demo_made.taught(catalogue.build(replace(part, arguments=given), len(LABELS)), len(LABELS))
    torch.nn.init.normal_(model.get_parameter("fc.bias"), 0, 0.3)  # zeros, as it begins, would hide what becomes of it
    about = {"family": part.family, "architecture": part.id, "arguments": given, "labels": list(LABELS), "title": f"Tiny {name}"}
    about |= {"sampling": asdict(sampling or part.sampling), "preprocess": asdict(part.preprocess), "trained_on": "nothing"}
    file = folder / f"{called}-{name}.safetensors"
    weights.save(file, model, about)
    return file


def both(folder: Path, name: str = "shifts", fusion: str = "mean", **arguments: Any) -> Path:
    """A checkpoint of both, and each by itself beside it (`NAME-rgb`, `NAME-difference`)."""
    made = [f"{WHOLE}:{each}@{stream(folder, each, seed, name, **arguments)}" for seed, each in enumerate(("rgb", "difference"))]
    fuse.fuse(made[0], made[1], folder / f"{name}.safetensors", fusion)
    return folder / f"{name}.safetensors"
