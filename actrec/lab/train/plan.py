"""What a run would take, found out without starting it: nothing is written into its folder.

Speed is measured on a few steps of the real loop's parts: clips are decoded and cropped, and a part of a batch goes forwards and back. On a CPU two
clips stand for the batch. Memory is weights, gradients and the optimiser's state by their size, and what a forward pass keeps for its way back,
measured by asking autograd for every tensor it saves; on a CUDA GPU it is instead the most that the measured steps had allocated.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actrec import catalogue
from actrec.lab import sets
from actrec.lab.train import steps
from actrec.lab.train.report import minutes
from actrec.lab.train.run import Run

MEASURED = 3
"""Steps measured, after one that warms up."""


@dataclass(frozen=True)
class Plan:
    """What a run would take. gflops: of one clip forwards, multiply–accumulates / 1e9, as the papers count.  memory: bytes in one process.

    Seconds are medians: loading a clip in one process, a step's computing, one clip's scoring.  hours: all epochs, with the clips decoded as they
    come; a small set is kept after its first decoding and is then faster.
    """

    model: str
    recipe: str
    parameters: int
    trained: int
    gflops: float
    memory: float
    memory_how: str
    clips: int
    judged: int
    epochs: int
    steps_per_epoch: int
    seconds_loading_a_clip: float
    seconds_computing_a_step: float
    seconds_scoring_a_clip: float
    hours: float
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.model}, recipe {self.recipe}",
                f"parameters     {self.parameters / 1e6:.2f} M, {self.trained / 1e6:.2f} M of them trained",
                f"cost           {self.gflops:.2f} GFLOPs a clip, forward pass (multiply–accumulates); about three times that with the backward pass",
                f"memory         {self.memory / 1e9:.2f} GB in each process ({self.memory_how})",
                f"steps          {self.steps_per_epoch} × {self.epochs} epochs; {self.clips} training clips, {self.judged} scored after each epoch",
                f"a step         {self.seconds_computing_a_step:.2f} s computing; {self.seconds_loading_a_clip:.3f} s to load a clip in one process",
                f"all of it      {minutes(3600 * self.hours)} at this speed, clips decoded as they come",
                *self.notes,
            ]
        )


def plan(run: Run) -> Plan:
    """Measure on a run that was made with keep=False; its model is spoilt afterwards.

    Raises:
        ActrecError: clips that cannot be read.
    """
    dealt = run._begin(0)
    size = dealt.part if run.device.type == "cuda" else min(dealt.part, 2)
    found, loading = _load(run, size)
    targets = run.train_windows.targets(found.numbers).to(run.device)
    inputs, clips = run.inputs(found), len(found.numbers)
    kept = _kept(run, *inputs) / clips * dealt.part
    computing = _compute(run, targets, *inputs) / clips * dealt.clips / run.processes.world
    memory, how = _memory(run, kept)
    scoring = _score(run, *inputs) / clips
    card = replace(run.card, arguments=run.given, labels=run.clips.labels, counted_at=None)
    own = dealt.clips / run.processes.world
    waiting = loading * own if not run.recipe.workers else max(loading * own / run.recipe.workers - computing, 0.0)
    judged = len(run.judge_windows)
    epoch = dealt.steps * (computing + waiting) + judged * (scoring + loading)
    return Plan(
        model=run.card.id,
        recipe=run.recipe.name,
        parameters=sum(p.numel() for p in run.model.parameters()),
        trained=sum(p.numel() for p in run.model.parameters() if p.requires_grad),
        gflops=catalogue.counts(card)[1],
        memory=memory,
        memory_how=how,
        clips=len(run.train_windows),
        judged=judged,
        epochs=run.recipe.epochs,
        steps_per_epoch=dealt.steps,
        seconds_loading_a_clip=loading,
        seconds_computing_a_step=computing,
        seconds_scoring_a_clip=scoring,
        hours=epoch * run.recipe.epochs / 3600,
        notes=tuple(run.notes),
    )


def _load(run: Run, size: int) -> tuple[sets.Batch, float]:
    """A part of a batch, and the median seconds to load one of its clips in this process."""
    spent, good, broken = [], list[int](), list[str]()
    for number in np.random.default_rng(run.recipe.seed).permutation(len(run.train_windows)).tolist():
        begin = time.perf_counter()
        one = next(iter(sets.batches(run.train_windows, 1, order=[number])))
        spent.append(time.perf_counter() - begin)
        good, broken = good + one.numbers, broken + one.broken
        if len(good) >= size:
            break
    run.notes += [f"left out: {line}" for line in broken]
    found = next(iter(sets.batches(run.train_windows, max(len(good), 1), order=good or [0])))
    if not found.numbers:
        raise sets.DataError(f"no training clip of {run.clips.name!r} can be read: {(broken or found.broken)[0]}")
    return found, median(spent)


def _kept(run: Run, *inputs: Tensor | None) -> float:
    """Bytes that a forward pass keeps for its way back: every storage once, the weights' own left out."""
    weights = {p.untyped_storage().data_ptr() for p in run.model.parameters()}
    found: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), run.precision():
        kept = run.model(*inputs)  # alive to the end, so that no storage is counted under a freed one's address
    del kept
    return float(sum(found.values()))


def _compute(run: Run, targets: Tensor, *inputs: Tensor | None) -> float:
    """Median seconds of a step with these clips: forwards, back, and the weights moved."""
    spent = []
    for _ in range(MEASURED + 1):
        begin = time.perf_counter()
        with run.precision():
            logits = run.network(*inputs).float()
        run.scaler.scale(steps.losses(logits, targets).mean()).backward()
        steps.move(run.model, run.optimizer, run.scaler, run.recipe, run.recipe.rate(0), 1.0)
        _wait(run)
        spent.append(time.perf_counter() - begin)
    return median(spent[1:])


def _memory(run: Run, kept: float) -> tuple[float, str]:
    if run.device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(run.device)), "the most the measured steps had allocated"
    model = sum(t.nbytes for t in [*run.model.parameters(), *run.model.buffers()])
    gradients = sum(p.nbytes for p in run.model.parameters() if p.requires_grad)
    state = sum(t.nbytes for entry in run.optimizer.state.values() for t in entry.values() if isinstance(t, Tensor))
    return model + gradients + state + kept, f"weights, gradients and optimiser {(model + gradients + state) / 1e9:.2f} GB, activations the rest"


@torch.no_grad()
def _score(run: Run, *inputs: Tensor | None) -> float:
    """Seconds to score these clips, as `evaluate` does: in full precision."""
    run.model.eval()
    begin = time.perf_counter()
    run.model(*inputs)
    _wait(run)
    return time.perf_counter() - begin


def _wait(run: Run) -> None:
    if run.device.type == "cuda":
        torch.cuda.synchronize(run.device)
