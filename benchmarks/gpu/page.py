"""The page that is written: docs/gpu.md, whether or not there was a GPU to check."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

COMMAND = "make gpu"


@dataclass
class Section:
    """A part's findings. lines: sentences above the table.  wrong: what is not as it must be, by name.  left_out: by name, with the reason."""

    title: str
    lines: list[str] = field(default_factory=list)
    header: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """A fault in this is a finding too: it is named, and the rest goes on."""
        try:
            yield
        except Exception as error:
            self.wrong.append(f"{what} stopped: {type(error).__name__}: {' '.join(str(error).split())[:300]}")

    def __str__(self) -> str:
        table = [_row(self.header), _row("---" for _ in self.header), *map(_row, self.rows)] if self.rows else []
        wrong = ["**Failed:**", "", *(f"- {line}" for line in self.wrong)] if self.wrong else []
        left = [f"Left out: {'; '.join(self.left_out)}."] if self.left_out else []
        blocks = [[f"## {self.title}"], self.lines, table, wrong, left]
        return "\n\n".join("\n".join(block) for block in blocks if block)


def _row(cells: Sequence[str] | object) -> str:
    return f"| {' | '.join(cells)} |"  # type: ignore[arg-type]


def blank(titles: Sequence[str]) -> str:
    """The page before anything was checked."""
    waiting = "\n".join(f"- {title}" for title in titles)
    return f"# On a GPU\n\nNot checked on a GPU yet; `{COMMAND}` writes this page. It will hold:\n\n{waiting}\n"


def page(sections: Sequence[Section], device: torch.device, command: str, seconds: float) -> str:
    """The page of a finished run."""
    wrong, left = sum(len(s.wrong) for s in sections), sum(len(s.left_out) for s in sections)
    verdict = "Every check holds" if not wrong else f"**{wrong} check{'s' * (wrong != 1)} failed**"
    told = f"{verdict}{f'; {left} things were left out, each named below' if left else ''}. The run took {seconds:.0f} s."
    title = "On a GPU" if device.type == "cuda" else f"No GPU: the program of `{COMMAND}`, tried on {device.type}"
    head = [f"# {title}", "\n".join([f"`{COMMAND}` writes this page. {told}", "", *(f"- {fact}" for fact in facts(device, command))])]
    return "\n\n".join([*head, *map(str, sections)]) + "\n"


def facts(device: torch.device, command: str) -> list[str]:
    """On what, with what, when and how."""
    found = [f"device: {name(device)}", f"processor: {processor()}, {torch.get_num_threads()} threads"]
    if device.type == "cuda":
        found.append(f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, driver {driver()}, {torch.cuda.device_count()} chips seen")
    found.append(f"torch {torch.__version__}, Python {platform.python_version()}")
    return [*found, f"{datetime.date.today().isoformat()}, by `{command}`"]


def name(device: torch.device) -> str:
    """The card's own name and memory."""
    if device.type != "cuda":
        return "the processor itself, its maps in float64 beside float32" if device.type == "cpu" else device.type
    about = torch.cuda.get_device_properties(device)
    return f"{about.name}, {about.total_memory / 2**30:.0f} GiB"


def processor() -> str:
    """The processor's own name, as far as the machine tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def driver() -> str:
    """The version of NVIDIA's driver, "" where there is none."""
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return ""
