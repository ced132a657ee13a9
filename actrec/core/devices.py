"""Which device the work runs on, and in which precision."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from actrec.core.errors import ActrecError

_turn = threading.RLock()  # who has the turn may take it again: a model that is run on reordered frames has their flow found by another


def best() -> torch.device:
    """cuda, else mps, else cpu; ACTREC_DEVICE overrides.

    Raises:
        ActrecError: ACTREC_DEVICE names a device that is not here.
    """
    name = os.environ.get("ACTREC_DEVICE", "").strip()
    if name:
        return _named(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _named(name: str) -> torch.device:
    """The device of that name, if this machine has it."""
    try:
        device = torch.device(name)
        module = torch.get_device_module(device)
        here = module.is_available() and (device.index is None or device.index < module.device_count())
    except RuntimeError:  # no such word, or a kind of device that nothing can run on
        here = False
    if not here:
        raise ActrecError(f"ACTREC_DEVICE={name!r} is not a device of this machine; use cpu, or unset it to get the best that is available")
    return device


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision for training: bfloat16 on GPUs and on processors with matrix units for it; elsewhere full precision.

    Explanations never use it: a map is compared with others number by number, and must be the same on every device within rounding.
    """
    fast = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_amx_tile_supported())
    return torch.autocast(device.type, torch.bfloat16) if fast else nullcontext()


def turn(device: torch.device) -> AbstractContextManager[object]:
    """One piece of work at a time on a GPU, so that sessions do not exhaust its memory together; no waiting on a CPU.

    On CUDA it runs in whole float32: torch's own choice for convolutions there is TF32, which keeps 10 bits of the 23 after the point.
    """
    return nullcontext() if device.type == "cpu" else _alone()


@contextmanager
def _alone() -> Iterator[None]:
    """The lock, and float32 without TF32 while it is held."""
    parts = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)  # type: ignore[attr-defined]  # set by the module itself when it is imported
    with _turn:
        before = [part.fp32_precision for part in parts]
        try:
            for part in parts:
                part.fp32_precision = "ieee"
            yield
        finally:
            for part, precision in zip(parts, before, strict=True):
                part.fp32_precision = precision
