"""Checkpoints of other programs, as their tensors are called and shaped: written by rule, with one number in all of a tensor's places, so that they
take no room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


class Row(NamedTuple):
    theirs: str
    ours: str
    shape: tuple[int, ...]

    @property
    def counts(self) -> bool:
        return self.ours.endswith("num_batches_tracked")

    @property
    def learns(self) -> bool:
        return self.ours.endswith((".weight", ".bias"))


def _layers(depth: int, inputs: int, width: float) -> Iterator[tuple[str, str, tuple[int, int, int, int]]]:
    """A ResNet's convolutions and their norms, as torchvision calls them, and the shapes of the kernels."""
    came = int(64 * width)
    yield "conv1", "bn1", (came, inputs, 7, 7)
    for stage, count in enumerate(UNITS[depth], 1):
        planes = int(32 * 2**stage * width)
        for unit in range(count):
            at = f"layer{stage}.{unit}."
            for number, shape in enumerate(((planes, came, 1, 1), (planes, planes, 3, 3), (4 * planes, planes, 1, 1)), 1):
                yield f"{at}conv{number}", f"{at}bn{number}", shape
            if unit == 0:
                yield f"{at}downsample.0", f"{at}downsample.1", (4 * planes, came, 1, 1)
            came = 4 * planes


def _shifts(conv: str, every: int) -> bool:
    return bool(every) and conv.count(".") == 2 and conv.endswith(".conv1") and int(conv.split(".")[1]) % every == 0


def rows(program: str, depth: int, classes: int, every: int = 0, inputs: int = 3, head: str = "", width: float = 1.0) -> list[Row]:
    """The tensors of a program's ResNet.

    program: torchvision, mit (the shift module's authors) or mmaction.  every: in every so-manieth unit of a stage stands a shift, 0 for none.
    head: what the last layer is called, if not as usual.
    """
    found = []
    for conv, norm, shape in _layers(depth, inputs, width):
        net = ".net" if _shifts(conv, every) else ""
        theirs = {"torchvision": (conv, norm), "mit": (f"module.base_model.{conv}", f"module.base_model.{norm}")}
        block = conv.replace("downsample.0", "downsample")
        theirs["mmaction"] = f"backbone.{block}.conv", f"backbone.{block}.bn"
        found.append(Row(f"{theirs[program][0]}{net}.weight", f"{conv}{net}.weight", shape))
        found += [Row(f"{theirs[program][1]}.{name}", f"{norm}.{name}", () if name == NORM[4] else shape[:1]) for name in NORM]
    last = head or {"torchvision": "fc", "mit": "module.new_fc", "mmaction": "cls_head.fc_cls"}[program]
    return [*found, Row(f"{last}.weight", "fc.weight", (classes, int(2048 * width))), Row(f"{last}.bias", "fc.bias", (classes,))]


def tensors(listed: list[Row]) -> dict[str, Tensor]:
    """Each full of its own number: its place in the list."""
    kinds = {row.theirs: torch.int64 if row.counts else torch.float32 for row in listed}
    return {row.theirs: torch.full((), number, dtype=kinds[row.theirs]).expand(row.shape) for number, row in enumerate(listed)}


def save(path: Path, program: str, listed: list[Row]) -> Path:
    """The file as the program writes it."""
    state = tensors(listed)
    training = {"epoch": 50, "arch": "resnet50", "optimizer": {"state": {}, "param_groups": [{"lr": 0.01}]}, "best_prec1": torch.tensor(74.1)}
    meta = {"meta": {"epoch": 50, "seed": 0}, "message_hub": {}}
    torch.save({"mit": {**training, "state_dict": state}, "mmaction": {**meta, "state_dict": state}}.get(program, state), path)
    return path
