"""Which device the work runs on, and in which precision."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext

import torch

_turn = threading.Lock()


def best() -> torch.device:
    """cuda, else mps, else cpu; ACTREC_DEVICE overrides."""
    name = os.environ.get("ACTREC_DEVICE")
    if name:
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision for training: bfloat16 on GPUs and on processors with matrix units for it; elsewhere full precision.

    Explanations never use it: a map is compared with others number by number, and must be the same on every device within rounding.
    """
    fast = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_amx_tile_supported())
    return torch.autocast(device.type, torch.bfloat16) if fast else nullcontext()


def turn(device: torch.device) -> AbstractContextManager[object]:
    """One piece of work at a time on a GPU, so that sessions do not exhaust its memory together; no waiting on a CPU."""
    return nullcontext() if device.type == "cpu" else _turn
