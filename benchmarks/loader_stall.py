"""Does decoding keep up with the model? The share of a training step that is spent waiting for clips, by number of worker processes.

    python benchmarks/loader_stall.py [--batch 2] [--steps 8] [--workers 0 1 2] [--threads 0]

Clips are decoded as they come (nothing is kept), cropped and jittered as DAM trains: the sample clips, listed several times over. Two models stand
at the two ends: a demo-size I3D (a quarter of the width, 16 frames of 96 pixels), which a processor computes quickly, and a full I3D (32 frames of
112). Waiting is the time in which the loop asks for a batch; the first steps, in which workers start and fill their queues, are left out. With 0
workers the same process decodes and computes in turn, so it waits for all of its decoding: that row says how many times faster one process decodes
than the model computes. The model leaves one core free by default (--threads): where its threads fill them all, they wait for one another whenever a
worker has a core, and a step takes several times as long.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec import catalogue
from actrec.core import devices, settings
from actrec.core.clip import Preprocess, Sampling
from actrec.lab import recipes, sets
from actrec.lab.train import steps

WARM = 2
"""Steps that are not counted."""

MODELS = {
    "I3D, quarter width, 16×96×96": ({"width": 0.25}, Sampling("dense", 16, 32), Preprocess(110, (96, 96))),
    "I3D, full width, 32×112×112": ({}, Sampling("dense", 32, 64), Preprocess(128, (112, 112))),
}


def clip_windows(sampling: Sampling, preprocess: Preprocess, count: int) -> sets.Windows:
    """Training windows of `count` clips, the samples over and over: none is kept."""
    clips = sets.read_index(settings.assets() / "clips")
    items = [clips.items[i % len(clips.items)] for i in range(count)]
    return sets.open_windows(items, clips, sampling, preprocess, train=True, keep=False)[0]


def measure(model: torch.nn.Module, windows: sets.Windows, batch: int, workers: int) -> tuple[float, float]:
    """Mean seconds of waiting and of computing in a step."""
    device = next(model.parameters()).device
    recipe = recipes.RECIPES["dam"]
    optimizer, scaler = steps.optimizer(model, recipe), torch.amp.GradScaler("cuda", enabled=False)
    precision = steps.precision(recipe, device)
    waited, computed = 0.0, 0.0
    begin = time.perf_counter()
    for number, found in enumerate(sets.batches(windows, batch, workers=workers)):
        got = time.perf_counter()
        frames = windows.inputs(found, device)["rgb"]
        assert frames is not None
        clips = frames.contiguous(memory_format=torch.channels_last_3d)
        with precision():
            logits = model(clips).float()
        steps.losses(logits, windows.targets(found.numbers).to(device)).mean().backward()
        steps.move(model, optimizer, scaler, recipe, recipe.lr, 1.0)
        if device.type == "cuda":
            torch.cuda.synchronize()
        done = time.perf_counter()
        if number >= WARM:
            waited, computed = waited + got - begin, computed + done - got
        begin = done
    count = len(windows) // batch - WARM
    return waited / count, computed / count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=0, help="of the model; 0: all cores but one")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads or max((os.cpu_count() or 2) - 1, 1))
    device = devices.best()
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {device}; batch {asked.batch}, {asked.steps} steps counted")
    print(f"{'model':32} {'workers':>7} {'waiting s':>10} {'computing s':>12} {'share waiting':>14}")
    for name, (arguments, sampling, preprocess) in MODELS.items():
        for workers in asked.workers:
            torch.manual_seed(0)
            model = catalogue.build(catalogue.card("i3d-r50"), 8, **arguments).to(device).to(memory_format=torch.channels_last_3d).train()
            steps.keep_layout(model)
            windows = clip_windows(sampling, preprocess, asked.batch * (asked.steps + WARM))
            waited, computed = measure(model, windows, asked.batch, workers)
            faster = "" if workers else f"   one process decodes {computed / waited:.1f} × as fast as the model takes"
            print(f"{name:32} {workers:7} {waited:10.3f} {computed:12.3f} {waited / (waited + computed):14.1%}{faster}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
