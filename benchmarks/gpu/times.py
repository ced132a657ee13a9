"""Seconds and memory of the main views and of a training step, on the device and on the processor beside it."""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from actrec import catalogue
from actrec.lab.recipes import RECIPES, Recipe
from actrec.lab.train import steps
from actrec.study import Asked
from benchmarks.gpu import subjects
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.page import Section

VIEWS = (
    ("exact CAM", "dam-12", "cam"),
    ("token selection", "deform-mc3", "tokens"),
    ("Grad-CAM", "r3d_18", "gradcam"),
)
"""What it is called, the model at its card's own size, the way of explaining at its default layer."""

TRAINING = (("dam-12", "dam"), ("deform-mc3", "deform"), ("r3d_18", "shift"))
"""The model at its card's own size, and the recipe whose optimiser and precision are taken."""

QUICK = (("exact CAM", "c2d-mannequin", "cam"),), (("c2d-mannequin", "dam"),)
"""The same for a quick try: small models, as they ship."""

ROUNDS = {"cpu": 3, "else": 10}
"""Runs of a view, after one that warms up; the median counts."""

BATCH = 16
"""Clips in a training step on a GPU; half as many, and so on, where they do not fit. The processor takes one."""


@dataclass(frozen=True)
class Cost:
    """Median seconds, and bytes at the most on top of what was there before; None where that cannot be told."""

    seconds: float
    memory: float | None

    def __str__(self) -> str:
        pace = f"{1000 * self.seconds:.3g} ms" if self.seconds < 1 else f"{self.seconds:.3g} s"
        return f"{pace}, {'—' if self.memory is None else f'{self.memory / 2**20:.0f} MiB'}"


def cost(work: Callable[[], object], device: torch.device, rounds: int) -> Cost:
    """Run it once to warm up, then so many times."""
    work()
    spent = []
    before = _memory_before(device)
    for _ in range(rounds):
        _wait(device)
        begin = time.perf_counter()
        work()
        _wait(device)
        spent.append(time.perf_counter() - begin)
    return Cost(statistics.median(spent), _memory_since(device, before))


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def _memory_before(device: torch.device) -> float | None:
    """Bytes in use; from here on the peak is counted anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return float(torch.cuda.memory_allocated(device))
    try:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back, so that it does not hide what comes
        Path("/proc/self/clear_refs").write_text("5")  # Linux: begin the high-water mark anew
        return _resident("VmRSS")
    except (OSError, AttributeError, TypeError):  # no Linux, or no glibc
        return None


def _memory_since(device: torch.device, before: float | None) -> float | None:
    if before is None:
        return None
    peak = float(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else _resident("VmHWM")
    return max(peak - before, 0.0)


def _resident(line: str) -> float:
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024.0 * float(next(row for row in text.splitlines() if row.startswith(line)).split()[1])


def views(device: torch.device, budget: Budget, section: Section, quick: bool) -> None:
    """Prediction alone, and prediction with explanation, of every line in VIEWS."""
    section.header = ("view", "clip", "prediction", "with the explanation", "prediction, processor", "with the explanation, processor")
    section.lines = ["Median seconds of a run that was warmed up, and what it needs at the most beside the weights and the clip; one clip, float32."]
    for title, model, method in budget.each(QUICK[0] if quick else VIEWS, lambda view: f"{view[0]} of {view[1]}", section, share=0.75):
        with section.trying(f"{title} of {model}"):
            subject = subjects.ready(catalogue.card(model))
            there, here = (_view(subjects.moved(subject, one), method) for one in (device, torch.device("cpu")))
            section.rows.append((f"{title}, {model}", subjects.size(subject), *map(str, (*there, *here))))


def _view(subject: Asked, method: str) -> tuple[Cost, Cost]:
    device = subject.loaded.device
    rounds = ROUNDS["cpu" if device.type == "cpu" else "else"]
    asked = [way for way in subjects.ways(subject.card, 0) if way[0].id == method]

    def predict() -> None:
        with subject.turn():
            subject.run()

    return cost(predict, device, rounds), cost(lambda: subjects.answers(subject, asked), device, rounds)


def training(device: torch.device, budget: Budget, section: Section, quick: bool) -> None:
    """A step of every line in TRAINING."""
    section.header = ("model, recipe", "clip", "precision", "batch", "a step", "a clip", "a clip, processor, batch 1")
    section.lines = [
        "Forwards, back and the weights moved, at the card's own size, decoding not counted; and what it needs beside weights and optimiser."
    ]
    for model, recipe in budget.each(QUICK[1] if quick else TRAINING, lambda line: f"a step of {line[0]}", section, share=0.85):
        with section.trying(f"a step of {model}"):
            section.rows.append(_training(model, recipe, device))


def _training(model: str, recipe: str, device: torch.device) -> tuple[str, ...]:
    """A step's row: on the device, and one clip on the processor."""
    subject, how = subjects.ready(catalogue.card(model)), RECIPES[recipe]
    batch, found = _fitting(subject, how, device)
    here = step(subject, how, torch.device("cpu"), 1, 1)[0] if device.type != "cpu" else found
    each = f"{1000 * found.seconds / batch:.3g} ms"
    return (f"{model}, {recipe}", subjects.size(subject), said(how, device), str(batch), str(found), each, f"{here.seconds:.3g} s")


def said(recipe: Recipe, device: torch.device) -> str:
    """The precision that a recipe's word stands for on this device."""
    with steps.precision(recipe, device)():
        on = torch.is_autocast_enabled(device.type)
        return str(torch.get_autocast_dtype(device.type)).removeprefix("torch.") if on else "float32"


def _fitting(subject: Asked, recipe: Recipe, device: torch.device) -> tuple[int, Cost]:
    """The largest batch up to BATCH that fits, and its step's cost."""
    batch = BATCH if device.type != "cpu" else 1
    while True:
        try:
            return batch, step(subject, recipe, device, batch, 3 if device.type != "cpu" else 1)[0]
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
        batch //= 2
        torch.cuda.empty_cache()


def step(subject: Asked, recipe: Recipe, device: torch.device, batch: int, rounds: int) -> tuple[Cost, list[float], float]:
    """Steps as training makes them, on copies of the clip with noise: cost, the losses, and the share of the weights' tensors that moved."""
    torch.manual_seed(0)
    model = steps.laid_out(catalogue.build(subject.card, len(subject.card.labels) or 16).to(device)).train()
    steps.keep_layout(model)
    taken, scaler = steps.optimizer(model, recipe), torch.amp.GradScaler("cuda", enabled=recipe.precision == "fp16")
    precision = steps.precision(recipe, device)
    inputs, targets = _copies(subject, batch, device), torch.arange(batch, device=device) % 2
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    losses: list[float] = []

    def once() -> None:
        with precision():
            logits = model(*inputs).float()
        loss = steps.losses(logits, targets).mean()
        scaler.scale(loss).backward()
        steps.move(model, taken, scaler, recipe, recipe.rate(recipe.warmup), 1.0)
        losses.append(float(loss.detach()))

    found = cost(once, device, rounds)
    after = [not torch.equal(value, before[name]) and bool(value.isfinite().all()) for name, value in model.named_parameters()]
    return found, losses, sum(after) / len(after)


def _copies(subject: Asked, batch: int, device: torch.device) -> list[Tensor | None]:
    """The inputs, so many times; pictures with noise of their own, and channels last, as in training."""
    noise = torch.Generator().manual_seed(0)
    found: list[Tensor | None] = []
    for part in subject.inputs.values():
        copies = None if part is None else part.expand(batch, *part.shape[1:])
        if copies is not None and copies.ndim == 5:
            copies = (copies + 0.1 * torch.randn(copies.shape, generator=noise)).contiguous(memory_format=torch.channels_last_3d)
        found.append(None if copies is None else copies.to(device))
    return found
