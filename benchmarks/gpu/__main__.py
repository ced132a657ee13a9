"""Check this machine's GPU against its processor, and write docs/gpu.md. Run: make gpu, or python -m benchmarks.gpu [--device …] [--quick] [--out …]

Exit status 1 if something is not as it must be; 0 too where there is no GPU, and then nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from actrec.core import files
from benchmarks.gpu import maps, page, precision, processes, times
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.page import Section

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"
SECONDS = 330.0

Part = Callable[[torch.device, Budget, Section, bool], None]

PARTS: tuple[tuple[str, Part], ...] = (
    ("Maps: the same as on the processor", maps.check),
    ("Time and memory of the main views", times.views),
    ("Time and memory of a training step", times.training),
    ("Half precision: answers", precision.forwards),
    ("Half precision: a few training steps by every recipe", precision.recipes),
    ("Two processes, a chip each", processes.check),
    ("Maps at a second layer", partial(maps.check, number=1)),
)
"""In order of importance: the time is spent from the top, and who comes too late is left out by name."""


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 …; cpu tries the program itself: the processor against itself in float64")
    parser.add_argument("--quick", action="store_true", help="a small subset of every part")
    parser.add_argument("--out", type=Path, help="where to write the page; default: docs/gpu.md for cuda, else it is printed")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"what may be spent; default {SECONDS:.0f}")
    parser.add_argument("--blank", action="store_true", help="write the page as it is before any check")
    asked = parser.parse_args(words)
    if asked.blank:
        files.write(asked.out or PAGE, page.blank([title for title, _ in PARTS]))
        return 0
    device = torch.device(asked.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        return _no_gpu()
    budget = Budget(asked.seconds)
    sections = [_made(title, part, device, budget, asked.quick) for title, part in PARTS]
    command = " ".join(["python -m benchmarks.gpu", *(sys.argv[1:] if words is None else words)])
    text = page.page(sections, device, command, budget.spent())
    out = asked.out or (PAGE if device.type == "cuda" and not asked.quick else None)
    if out is None:
        print(text)
    else:
        files.write(out, text)
        print(f"{out} is written", file=sys.stderr)
    return int(any(section.wrong for section in sections))


def _made(title: str, part: Part, device: torch.device, budget: Budget, quick: bool) -> Section:
    """A part's section, whatever becomes of the part."""
    section = Section(title)
    with section.trying("it"):
        part(device, budget, section, quick)
    return section


def _no_gpu() -> int:
    """Say so; a card that is there and cannot be used is a fault, no card is none."""
    driver = page.driver()
    if not driver:
        print(f"No GPU here: torch {torch.__version__} sees no CUDA device; run it on a machine with one, or --device cpu to try the program itself.")
        return 0
    print(f"There is a card (driver {driver}), but torch {torch.__version__} cannot use it; install a torch whose CUDA that driver supports.")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
