"""Sliding windows over joints or frames, and the way back (the cross-modal 3D deformable transformer, algorithms A1 and A2).

Windows begin every `stride` places, half a window by default; the last is flush with the end, so that no joint and no frame is left out, and a place
that lies in several windows gets the mean of their results. What a window reads is itself, or, for cross attention, the window after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def starts(count: int, window: int, stride: int = 0) -> tuple[int, ...]:
    """First places of the windows over `count` places: 0, stride, 2·stride …, the last one flush with the end.

    window: their length, at most `count`.  stride: 0 for ⌊window/2⌋, at least 1. No place at all gives one window of nothing.

    Raises:
        ValueError: a window or a stride that would leave places out.
    """
    step = stride or max(window // 2, 1)
    if window < 1 or not 1 <= step <= window:
        raise ValueError(f"windows of {window} every {step} leave places out; give a window of 1 or more and a stride of 1 … {window}")
    last = max(count - window, 0)
    return (*range(0, last, step), last)


def numbers(counts: Sequence[int], window: int, stride: int = 0, device: torch.device | None = None) -> Tensor:
    """What lies in every window of every clip: place numbers int64 (B, windows, L), −1 where a clip has fewer windows or places than another.

    counts: places of each clip.  L: the window's length, at most the largest count.
    """
    length = min(window, max(counts))
    begins = [starts(count, window, stride) for count in counts]
    found = torch.full((len(counts), max(map(len, begins)), length), -1)
    for clip, (count, firsts) in enumerate(zip(counts, begins, strict=True)):
        taken = min(length, count)
        found[clip, : len(firsts), :taken] = torch.tensor(firsts)[:, None] + torch.arange(taken)
    return found.to(device)


def real(counts: Sequence[int], window: int, stride: int = 0, device: torch.device | None = None) -> Tensor:
    """How many windows each clip has, the empty one of a clip without places among them: int64 (B)."""
    return torch.tensor([len(starts(count, window, stride)) for count in counts], device=device)


def following(x: Tensor, real: Tensor) -> Tensor:
    """(B, windows, …) → the same of the window after each, the first after a clip's last; windows that only fill up stay where they are.

    real: how many windows each clip has, int64 (B).
    """
    here = torch.arange(x.shape[1], device=x.device)
    after = torch.where(here < real[:, None], (here + 1) % real[:, None], here)
    return x[torch.arange(len(x), device=x.device)[:, None], after]


def gather(x: Tensor, index: Tensor) -> Tensor:
    """(B, places, …) → (B, windows, L, …); what stands where the index is −1 is to be masked."""
    clips = torch.arange(len(x), device=x.device)[:, None, None]
    return x[clips, index.clamp(min=0)]


def average(x: Tensor, index: Tensor, places: int) -> Tensor:
    """(B, windows, L, …) → (B, places, …): at every place the mean over the windows that hold it, 0 where none does."""
    here = torch.arange(places, device=x.device)[:, None] == index.flatten(1)[:, None]  # (B, places, windows · L)
    total = here.to(x.dtype) @ x.flatten(1, 2).flatten(2)
    mean = total / here.sum(-1, keepdim=True).clamp(min=1)
    return mean.unflatten(2, x.shape[3:])
