"""What one DA-NL-1 block in Res1 costs beside its backbone: multiplications, seconds and memory, side by side in one run.

    python benchmarks/da_nl_cost.py [--frames 32] [--size 256] [--repeats 5] [--threads 0]

The place is table 4's: before the last unit of Res1, where there are most positions (N = 8·64·64 = 32 768 at 32×256×256). The paper's form multiplies
an N×N matrix, 0.77·C·N² multiply–accumulates; ours contracts K̂ᵀV first. Bars: FLOPs ≤ 1.15 ×, time ≤ 1.3 ×, memory ≤ 1.15 ×; exit status 1 if one
is missed. Time is processor time, all threads together, so that other programs do not decide: the median of alternating runs, the clock's own beside
it. Memory (Linux only) is how far one forward pass lifts the resident set of a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec.models import dam

BARS = {"FLOPs": 1.15, "time": 1.3, "memory": 1.15}
Modules = tuple[dam.Place, ...]
BLOCK: Modules = ((1, 2, "da-nl-1"),)


def gflops(model: nn.Module, shape: tuple[int, ...]) -> float:
    """Matmul multiply–accumulates / 1e9 of one forward pass."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.to("meta").eval()(torch.empty(shape, device="meta"))
    return counter.get_total_flops() / 2e9


def seconds(models: list[nn.Module], shape: tuple[int, ...], repeats: int) -> list[tuple[float, float]]:
    """Median (processor, clock) seconds of a forward pass of each model; they take turns, every other round backwards."""
    clip = torch.randn(shape)
    taken: list[list[tuple[float, float]]] = [[] for _ in models]
    with torch.inference_mode():
        for turn in range(repeats + 1):  # the first warms up
            for model, times in list(zip(models, taken, strict=True))[:: -1 if turn % 2 else 1]:
                begin = time.process_time(), time.perf_counter()
                model(clip)
                times += [(time.process_time() - begin[0], time.perf_counter() - begin[1])] if turn else []
    return [(statistics.median(one for one, _ in times), statistics.median(two for _, two in times)) for times in taken]


def _resident(line: str) -> float:
    """MiB from /proc/self/status: VmRSS, what is resident now; VmHWM, the most there ever was."""
    text = Path("/proc/self/status").read_text()
    return float(next(row for row in text.splitlines() if row.startswith(line)).split()[1]) / 1024


def _peak(modules: Modules, shape: tuple[int, ...], answer: SimpleQueue[float]) -> None:
    model, clip = dam.build(modules=modules).eval(), torch.randn(shape)
    before = _resident("VmRSS")
    with torch.inference_mode():
        model(clip)
    answer.put(_resident("VmHWM") - before)


def peak_mib(modules: Modules, shape: tuple[int, ...]) -> float:
    """MiB that one forward pass needs on top of the weights and the clip, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer: SimpleQueue[float] = context.SimpleQueue()
    process = context.Process(target=_peak, args=(modules, shape, answer))
    process.start()
    process.join()
    return answer.get()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    shape = (1, 3, asked.frames, asked.size, asked.size)
    cells = asked.frames // 4 * (asked.size // 4) ** 2

    base, ours = gflops(dam.build(), shape), gflops(dam.build(modules=BLOCK), shape)
    paper = base + 0.77 * 256 * cells**2 / 1e9
    plain, blocked = (dam.build(modules=modules).eval() for modules in ((), BLOCK))
    (one, one_clock), (two, two_clock) = seconds([plain, blocked], shape, asked.repeats)
    memory = [peak_mib(modules, shape) for modules in ((), BLOCK)]

    print(
        f"one clip of {asked.frames}×{asked.size}×{asked.size}, ResNet50-C2D, DA-NL-1 before the last unit of Res1, {torch.get_num_threads()} threads"
    )
    print(f"{'':8} {'backbone':>12} {'with DA-NL-1':>14} {'ratio':>7} {'bar':>6}")
    ratios = {}
    for name, unit, (without, with_it) in (("FLOPs", "GMAC", (base, ours)), ("time", "s", (one, two)), ("memory", "MiB", memory)):
        ratios[name] = with_it / without
        print(f"{name:8} {without:8.2f} {unit:4} {with_it:9.2f} {unit:4} {ratios[name]:7.3f} {BARS[name]:6.2f}")
    print(f"by the clock {one_clock:.2f} s and {two_clock:.2f} s, {two_clock / one_clock:.3f} ×")
    print(f"the paper's form, by its own cost 0.77·C·N²: {paper:.1f} GMAC, {paper / base:.2f} × the backbone")
    missed = [name for name, ratio in ratios.items() if ratio > BARS[name]]
    print(f"missed: {', '.join(missed)}" if missed else "all bars held")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
