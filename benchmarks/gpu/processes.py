"""Two processes, a chip each, against one: the same losses from training, the same numbers from an evaluation."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from actrec import catalogue
from actrec.core import settings
from actrec.models import weights
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.page import Section

TOLERANCE = 1e-3
"""Of a loss, relative: gradients are added up in another order."""

MODEL = "dam-12-mannequin"
"""What is evaluated."""

NARROW = {"width": 0.125, "dropout": 0.0}
"""What is trained: a c2d-r50 whose normalisations are frozen, since each process would else normalise by its own clips."""


def check(device: torch.device, budget: Budget, section: Section, quick: bool) -> None:
    """Train and evaluate on mannequins in two processes and in one. quick: not at all."""
    if quick:
        return section.left_out.append("all of it (--quick)")
    if device.type == "cuda" and torch.cuda.device_count() < 2:
        return section.left_out.append("all of it (there is one chip)")
    section.header = ("what", "one process", "two processes", "largest relative difference", "seconds, one and two")
    section.lines = [f"`torchrun --nproc-per-node 2`, joined by {'nccl' if device.type == 'cuda' else 'gloo'}; float32, seconds with the start."]
    with tempfile.TemporaryDirectory() as folder:
        for what, part in budget.each((("training", train), ("evaluation", evaluate)), lambda one: one[0], section, share=0.97):
            with section.trying(what):
                part(Path(folder), device, section, budget)
    return None


def train(folder: Path, device: torch.device, section: Section, budget: Budget) -> None:
    start = folder / "start.safetensors"
    torch.manual_seed(0)
    weights.save(start, catalogue.build(catalogue.card("c2d-r50"), 16, **NARROW), {})
    words = ["train", "--data", "mannequin", "--clips", "1", "--test-clips", "1", "--model", "c2d-r50", "--size", "64", "--frames", "8"]
    words += [word for name, value in NARROW.items() for word in ("--argument", f"{name}={json.dumps(value)}")]
    words += ["--batch", "4", "--epochs", "2", "--lr", "0.02", "--norm", "frozen", "--precision", "fp32", "--init", str(start)]
    spent = [run([*words, "--out", str(folder / name)], number, folder, device, budget) for number, name in ((1, "one"), (2, "two"))]
    one, two = ([float(row["loss"]) for row in csv.DictReader((folder / name / "log.csv").open(newline=""))] for name in ("one", "two"))
    apart = max(abs(a - b) / abs(a) for a, b in zip(one, two, strict=True))
    told = [", ".join(f"{loss:.5f}" for loss in losses) for losses in (one, two)]
    section.rows.append(("losses of two epochs", *told, f"{apart:.1e}", " and ".join(f"{seconds:.0f}" for seconds in spent)))
    if not apart <= TOLERANCE:
        section.wrong.append(f"training in two processes: losses {told[1]}, in one {told[0]}")


def evaluate(folder: Path, device: torch.device, section: Section, budget: Budget) -> None:
    words = ["evaluate", "--model", MODEL, "--data", "mannequin", "--test-clips", "1"]
    spent = [run([*words, "--out", str(folder / f"judged-{n}")], n, folder, device, budget) for n in (1, 2)]
    one, two = (dict(np.load(folder / f"judged-{n}" / "result.npz")) for n in (1, 2))
    differs = [name for name in one if not np.array_equal(one[name], two[name])]
    size = f"{sum(values.size for values in one.values())} numbers"
    apart = max(_apart(one[name], two[name]) for name in one) if differs else 0.0
    section.rows.append((f"evaluation of {MODEL}", size, size, f"{apart:.1e}", " and ".join(f"{seconds:.0f}" for seconds in spent)))
    if not apart <= TOLERANCE:
        section.wrong.append(f"evaluation in two processes: {', '.join(differs)} differ by {apart:.1e}")


def _apart(one: np.ndarray, two: np.ndarray) -> float:
    if one.shape != two.shape or one.dtype.kind != "f":
        return 0.0 if np.array_equal(one, two) else float("inf")
    return float(np.abs(one - two).max() / max(np.abs(one).max(), 1e-12))


def run(words: list[str], processes: int, folder: Path, device: torch.device, budget: Budget) -> float:
    """Seconds of a command of ours in one process or in several; it is stopped where it would take far more than the time there is.

    Raises:
        RuntimeError: it failed; with the last it said.  subprocess.TimeoutExpired: it took too long.
    """
    joined = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    surroundings = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    surroundings |= {"ACTREC_DEVICE": device.type, "ACTREC_CACHE": str(folder / "cache"), "NVIDIA_TF32_OVERRIDE": "0", "OMP_NUM_THREADS": "1"}
    begin = time.monotonic()
    left = max(budget.seconds - budget.spent(), 30)
    root = settings.assets().parent
    command = [sys.executable, *joined, "-m", "actrec", *words]
    done = subprocess.run(command, cwd=root, env=surroundings, capture_output=True, text=True, timeout=left, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    return time.monotonic() - begin
