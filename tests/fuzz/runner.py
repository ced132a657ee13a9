"""Cases run in processes of their own, which are watched: whoever hangs or swells is stopped, and the next case goes on."""

from __future__ import annotations

import importlib
import json
import os
import selectors
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from actrec.core.errors import ActrecError

KINDS = ("videos", "checkpoints", "joints", "labels", "links")

MOST_SECONDS, MOST_MB, MOST_WORDS = 20.0, 1000.0, 700
"""What a case may take, and how long the line may be that refuses it."""

CANARY = "ACTREC_FUZZ_CANARY"
"""Names a file that does not exist; code hidden in a case makes it."""

BLOCK = 100
"""Cases a process runs before it makes room for a fresh one."""

BAD = ("traceback", "no clear line", "hang", "over 1 GB", "code run")

Make = Callable[[Path], object] | bytes


@dataclass
class Tally:
    """What came of the cases of a kind. bad: (case, outcome, what was said)."""

    kind: str
    seed: int
    outcomes: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0
    largest: float = 0.0
    bad: list[tuple[str, str, str]] = field(default_factory=list)
    one: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def cases(self) -> int:
        return sum(self.outcomes.values())

    def add(self, case: str, outcome: str, said: str, seconds: float, megabytes: float) -> None:
        with self.one:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
            self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, megabytes)
            if outcome in BAD:
                self.bad.append((case, outcome, said))


def run(kind: str, seed: int, count: int, seconds: float = float("inf"), keep: Path | None = None, jobs: int = 1) -> Tally:
    """Run so many cases of a kind, or as many as there is time for. keep: a folder for the files that went wrong.  jobs: processes at once."""
    tally, until = Tally(kind, seed), time.monotonic() + seconds

    def some(first: int) -> None:
        number, end = first, min(first + BLOCK, count)
        while number < end and time.monotonic() < until:
            number += _block(tally, number, end - number, until, keep)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(some, range(0, count, BLOCK)))
    return tally


def _block(tally: Tally, first: int, count: int, until: float, keep: Path | None) -> int:
    """Cases first … first + count − 1 in one process; how many of them were run before it ended."""
    ran = 0
    with TemporaryDirectory(prefix="actrec-fuzz-") as folder:
        command = [sys.executable, "-m", "fuzz.runner", tally.kind, str(tally.seed), str(first), str(count), folder]
        env = os.environ | {"PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{Path(__file__).parents[1]}", "OMP_NUM_THREADS": "1"}
        env |= {"HOME": folder, "ACTREC_CACHE": f"{folder}/cache", CANARY: f"{folder}/canary"}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                for found in _reports(process):
                    tally.add(**found)
                    ran += 1
                    if keep and found["outcome"] in BAD:
                        _keep(keep, Path(folder), tally, found)
                    if time.monotonic() > until:
                        break
            finally:
                process.kill()
    if not ran:
        raise RuntimeError(f"the process for {tally.kind}, case {first}, ended without a word; run: {' '.join(command)}")
    return ran


def _reports(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """What the process says of its cases; what the watch finds out, where a case hangs or swells, is the last."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    text, began, case, base = "", time.monotonic() + 60, "", 0.0  # a minute to import
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None
            if selector.select(0.05):
                text += process.stdout.read() or ""
            while "\n" in text:
                line, text = text.split("\n", 1)
                said = json.loads(line)
                if "begins" in said:
                    case, began, base = said["begins"], time.monotonic(), resident(process.pid)
                else:
                    yield said
                    case, began = "", time.monotonic() + 60
            seconds, grown = time.monotonic() - began, resident(process.pid) - base
            if case and (seconds > MOST_SECONDS or grown > 1.5 * MOST_MB or ended):
                outcome = "hang" if seconds > MOST_SECONDS else "over 1 GB" if grown > MOST_MB else "traceback"
                said = {"hang": "", "over 1 GB": "", "traceback": f"the process ended with {process.returncode}"}[outcome]
                yield {"case": case, "outcome": outcome, "said": said, "seconds": seconds, "megabytes": max(grown, 0.0)}
                return
            if ended:
                return


def _keep(keep: Path, folder: Path, tally: Tally, found: dict[str, Any]) -> None:
    keep.mkdir(parents=True, exist_ok=True)
    name = f"{tally.kind}-{tally.seed}-{found['case']}"
    for file in (folder / "case").glob("*"):
        (keep / f"{name}{file.suffix}").write_bytes(file.read_bytes())
    (keep / f"{name}.said").write_text(f"{found['outcome']}\n{found['said']}\n")


def resident(process: int | str, which: str = "VmRSS") -> float:
    """Megabytes of memory that a process holds now, or (VmHWM) held at most; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith(which)), 0.0)


def work(kind: str, seed: int, first: int, count: int, folder: Path) -> None:
    """In the process of its own: one line of JSON before each case and one after."""
    module = importlib.import_module(f"fuzz.{kind}")
    out, room, canary = os.fdopen(os.dup(1), "w", buffering=1), folder / "case", Path(os.environ[CANARY])
    os.dup2(2, 1)  # whatever else prints does not get in between
    for number, (name, make) in enumerate(islice(module.cases(seed), first, first + count), first):
        for file in room.glob("*"):
            file.unlink()
        room.mkdir(exist_ok=True)
        path = room / Path(name).name
        path.write_bytes(make) if isinstance(make, bytes) else make(path)
        print(json.dumps({"begins": f"{number:05d}"}), file=out)
        print(json.dumps({"case": f"{number:05d}", **_one(module.use, path, canary)}), file=out)


def _one(use: Callable[[Path], object], path: Path, canary: Path) -> dict[str, Any]:
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins again from what is held now
    before, began = resident("self"), time.monotonic()
    outcome, said = "read", ""
    try:
        use(path)
    except ActrecError as error:
        said = str(error)
        outcome = "refused" if "\n" not in said and 10 < len(said) <= MOST_WORDS else "no clear line"
    except BaseException:
        outcome, said = "traceback", traceback.format_exc()[-3000:]
    seconds, megabytes = time.monotonic() - began, max(resident("self", "VmHWM") - before, 0.0)
    outcome = "hang" if seconds > MOST_SECONDS else "over 1 GB" if megabytes > MOST_MB else outcome
    if canary.exists():
        canary.unlink()
        outcome = "code run"
    return {"outcome": outcome, "said": said[:3000], "seconds": seconds, "megabytes": megabytes}


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
