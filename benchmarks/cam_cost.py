"""What an explanation costs beside the bare prediction and beside the grad-cam library. Exit status 1 if a bound is broken.

One process, the same network and clip, the contestants in turn in every round (every other round backwards):

    prediction + exact CAM              ≤ 1.1 × one forward pass
    prediction + Grad-CAM, last stage   ≤ 0.6 × grad-cam library, same layer

The ratios are those of the median times. Time is processor time of this process, all threads together, so that other programs on the machine do not
decide; the clock's own ratios stand beside it.

Run: python benchmarks/cam_cost.py [rounds]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torchvision.models.video import r3d_18

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec.core.card import Readout
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.evidence import Evidence, Heat
from actrec.core.trace import Tap, attach, run
from actrec.explain import Ask, cam, gradcam

FRAMES, SIDE, LABEL = 16, 112, 7
BOUNDS = {"exact CAM / forward": 1.1, "Grad-CAM / grad-cam library": 0.6}


def watched() -> nn.Module:
    """R3D-18 as the study keeps it: a tap behind the last stage, evaluation mode, no parameter asks for gradients."""
    torch.manual_seed(0)
    model = r3d_18(weights=None)
    attach(model.layer4, Tap(stride=(8, 16, 16)))
    return model.eval().requires_grad_(False)


def bare() -> nn.Module:
    """The same network as torchvision gives it."""
    torch.manual_seed(0)
    return r3d_18(weights=None).eval()


def contestants() -> dict[str, Callable[[], object]]:
    seconds = np.arange(FRAMES) / 25
    clip = Clip(Video(Path("noise.mp4"), "", seconds, SIDE, SIDE, 0, "none"), np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8), np.arange(FRAMES), seconds)
    geometry = Geometry((SIDE, SIDE), (SIDE, SIDE), (SIDE, SIDE), (0, 0))
    inputs = torch.randn(1, 3, FRAMES, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    ours, theirs = watched(), bare()
    ask = Ask(LABEL, layer="layer4.tap", readout=Readout("layer4.tap", "fc"))
    ways = {method.id: method for method in (*cam.METHODS, *gradcam.METHODS)}

    def explained(way: str) -> Evidence | tuple[Heat, ...]:
        method = ways[way]
        return method.explain(run(ours, {"rgb": inputs}, clip, geometry, watch=["layer4.tap"], grad=method.grad), ask)

    def forward() -> torch.Tensor:
        with torch.no_grad():
            return theirs(inputs)

    def library() -> np.ndarray:
        with GradCAM(model=theirs, target_layers=[theirs.layer4]) as tool:
            return tool(inputs, [ClassifierOutputTarget(LABEL)])

    return {"forward": forward, "exact CAM": lambda: explained("cam"), "Grad-CAM": lambda: explained("gradcam"), "grad-cam library": library}


def measure(rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Processor and clock seconds of every contestant in every round, after one round that does not count."""
    runs = contestants()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name in list(runs) if number % 2 else list(reversed(runs)):
            processor, clock = time.process_time(), time.perf_counter()
            runs[name]()
            if number:
                times[name].append((time.process_time() - processor, time.perf_counter() - clock))
    return times


def main(rounds: int = 15) -> int:
    times = measure(rounds)
    processor, clock = ({name: statistics.median(pair[i] for pair in pairs) for name, pairs in times.items()} for i in (0, 1))
    for name in times:
        print(f"{name:18} {1000 * processor[name]:8.1f} ms processor {1000 * clock[name]:8.1f} ms clock")
    broken = []
    for name, bound in BOUNDS.items():
        above, below = name.split(" / ")
        ratio = processor[above] / processor[below]
        broken += [name] if ratio > bound else []
        print(f"{name:28} {ratio:.3f} (clock {clock[above] / clock[below]:.3f}), at most {bound}: {'BROKEN' if ratio > bound else 'holds'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
