"""The first visual words of a NetVLAD: k-means on descriptors of training clips, and α from their spread (our choice; the paper says nothing)."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
import torch
from torch import Tensor

from actrec.core import trace
from actrec.core.card import Card
from actrec.lab import sets
from actrec.models._netvlad import NetVLAD

CLIPS, EACH = 256, 64
"""Training clips that are looked at, spread over the set, and descriptors drawn from each."""

ROUNDS, ATTEMPTS = 50, 3


def begin(model: torch.nn.Module, card: Card, windows: sets.Windows, taken: Collection[str], seed: int) -> str:
    """Give the network's words their first values, but for those that come from a checkpoint; a line that says so, "" where it has none.

    taken: names of tensors that come from one.
    """
    readout = card.readout
    if readout is None or not readout.pool or f"{readout.pool}.centres" in taken:
        return ""
    pool = model.get_submodule(readout.pool)
    assert isinstance(pool, NetVLAD)
    found, clips = _descriptors(model, readout.tap, windows, taken, seed)
    if len(found) < len(pool.centres):
        return f"{len(found)} descriptors are too few for {len(pool.centres)} visual words: they start from chance."
    centres = kmeans(found.numpy(), len(pool.centres), seed)
    pool.begin(found.to(pool.centres), torch.from_numpy(centres).to(pool.centres))
    start = f"The {len(centres)} visual words start from k-means of {len(found)} descriptors of {clips} training clips"
    return f"{start}, and α from their spread ({float(pool.log_alpha.detach().exp()):.3g})."


def kmeans(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Centres (count, D) of points float32 (N, D), the same for the same seed."""
    cv2.setRNGSeed(seed)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, 1e-4)
    _, _, centres = cv2.kmeans(np.ascontiguousarray(points, np.float32), count, None, criteria, ATTEMPTS, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return np.asarray(centres, np.float32)


@torch.no_grad()
def _descriptors(model: torch.nn.Module, tap: str, windows: sets.Windows, taken: Collection[str], seed: int) -> tuple[Tensor, int]:
    """Some descriptors (N, D) of some clips, drawn by the seed, and how many clips they are of. The model is left as it was."""
    numbers = np.unique(np.linspace(0, len(windows) - 1, min(CLIPS, len(windows))).round().astype(int)).tolist()
    device, was = next(model.parameters()).device, model.training
    draw, found, clips = torch.Generator().manual_seed(seed), list[Tensor](), 0
    model.train(not taken)  # from nothing: normalised by the batch, as the first steps will be
    running = {name: value.clone() for name, value in model.named_buffers()}
    for batch in sets.batches(windows, 16, order=numbers):
        if not batch.numbers:
            continue
        with trace.record(model, [tap]) as seen:
            model(*windows.inputs(batch, device).values())
        cells = seen[tap].grid().movedim(1, -1).flatten(1, -2).float().cpu()
        picked = torch.stack([torch.randperm(cells.shape[1], generator=draw)[:EACH] for _ in cells])
        found += [each[some] for each, some in zip(cells, picked, strict=True)]
        clips += len(cells)
    for name, value in model.named_buffers():
        value.copy_(running[name])
    model.train(was)
    return torch.cat(found) if found else torch.zeros(0, 1), clips
