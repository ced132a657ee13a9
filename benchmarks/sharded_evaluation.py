"""What sharding an evaluation wins: two processes with a thread each, against one process with a thread, and one with all that torch takes.

Each evaluates the same generated clips with a demo model from empty caches, painting and three crops included; the numbers must be equal to the bit.
The time of starting Python, torch and the model is measured by running the finished evaluation again, and taken off. Prints the ratios; where one is
below 1.6, why. The processor seconds stand beside: they hardly depend on what else the machine does. Less than three minutes on two idle cores.

    python benchmarks/sharded_evaluation.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODEL, CLIPS, WANTED = "dam-12-mannequin", 3, 1.6


def main() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: Path(folder) / name for name in ("one thread", "torch's threads", "two processes")}
        seconds = {
            "one thread": timed(homes["one thread"], 1, "1"),
            "torch's threads": timed(homes["torch's threads"], 1, ""),
            "two processes": timed(homes["two processes"], 2, "1"),
        }
        results = {(home / "results" / "it" / "result.npz").read_bytes() for home in homes.values()}
    for name, (work, processor, start) in seconds.items():
        print(f"{name:16} {work:6.1f} s of work, {processor:6.1f} processor seconds, and {start:.1f} s to start")
    print(f"the same bits: {'yes' if len(results) == 1 else 'NO'}")
    two, processor, _ = seconds["two processes"]
    for name in ("one thread", "torch's threads"):
        ratio = seconds[name][0] / two
        print(f"two processes are {ratio:.2f} × one with {name}{'' if ratio >= WANTED else f' (below {WANTED}: {why(name, cores, before)})'}")
    if cores > 1:
        print(f"by processor seconds, two idle cores would give {2 * seconds['one thread'][1] / processor:.2f} × one thread")
    return int(len(results) != 1)


def timed(home: Path, processes: int, threads: str) -> tuple[float, float, float]:
    """Seconds and processor seconds that the clips take, and seconds that a run takes without them."""
    whole, work = run(home, processes, threads)
    start, rest = run(home, processes, threads)
    return whole - start, work - rest, start


def run(home: Path, processes: int, threads: str) -> tuple[float, float]:
    """Seconds until the last process has ended, and processor seconds of all of them."""
    command = [sys.executable, "-m", "actrec", "evaluate", "--model", MODEL, "--data", "mannequin"]
    command += ["--test-clips", str(CLIPS), "--views", "1x3", "--name", "it"]
    surroundings = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "RANK", "WORLD_SIZE")}
    surroundings |= {"ACTREC_CACHE": str(home), "ACTREC_RESULTS": str(home / "results"), "ACTREC_DEVICE": "cpu"}
    surroundings |= {"OMP_NUM_THREADS": threads} if threads else {}
    started, before = time.monotonic(), os.times()
    parts = [surroundings | {"RANK": str(rank), "WORLD_SIZE": str(processes)} for rank in range(processes)]
    running = [subprocess.Popen(command, cwd=ROOT, env=part, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for part in parts]
    said = [process.communicate()[1] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("".join(said))
    after = os.times()
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - started, worked


def why(name: str, cores: int, load: float) -> str:
    """The reason for a small ratio."""
    if cores < 2:
        return "there is one core, and two processes share it"
    if load > 0.5:
        return f"the {cores} cores were not idle before, load {load:.1f}"
    if name == "torch's threads":
        return f"one process already takes {cores} clips side by side, one to a core; a second one finds no core free"
    return "the two share the memory and the painting of the clips' frames"


if __name__ == "__main__":
    raise SystemExit(main())
