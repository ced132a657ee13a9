"""A run's folder: config.json, log.csv, curves.html, broken.txt, TensorBoard's events, last.pt to go on from, last and best.safetensors.

last.pt is the one place that decides how far the run is: it is replaced in one move at the end of an epoch and holds the log's rows too. All else is
written from it, so a run killed at any moment goes on as if the epoch in which it was killed had never begun.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from actrec.core import files
from actrec.core.errors import ActrecError

Row = dict[str, float]

CURVES_EVERY = 20.0
"""Seconds between two drawings of the curves: the file carries plotly, 4.6 MB."""


@dataclass
class Folder:
    """A run's files. rows: the log, one for each epoch.  broken: a line for every clip that could not be read, in the order they were met."""

    path: Path
    tensorboard: bool = False
    rows: list[Row] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    _events: Any = None
    _drawn: float = float("-inf")

    def __post_init__(self) -> None:
        if self.tensorboard:
            _writer()

    def write(self, name: str, text: str) -> None:
        """A text file, replaced in one move."""
        files.write(self.path / name, text)

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        self.write(name, json.dumps(value, indent=1))

    def read(self, settings: Mapping[str, Any], device: torch.device) -> dict[str, Any] | None:
        """The last state, None before the first epoch's end.

        Raises:
            ActrecError: it is damaged, or that of a run with other settings.
        """
        if not (self.path / "last.pt").is_file():
            return None
        state = _state(self.path / "last.pt", device)
        before = {**state.get("settings", {}), **state["recipe"]}
        other = [f"{name} {value!r}, now {settings.get(name)!r}" for name, value in before.items() if not _same(name, value, settings)]
        if other:
            raise ActrecError(
                f"{self.path} holds a run with other settings ({'; '.join(other)}); give another --out, or the same settings to go on with it"
            )
        self.rows, self.broken = list(state.get("rows", [])), list(state.get("broken", []))
        self._log()
        return state

    def save(self, state: Mapping[str, Any], row: Row) -> None:
        """End an epoch: the state first, in one move, then what is written from it."""
        self.rows.append(row)
        with files.whole(self.path / "last.pt") as part:
            torch.save({**state, "rows": self.rows, "broken": self.broken}, part)
        self._log()
        if self.tensorboard:
            self._note(row)
        if time.monotonic() - self._drawn > CURVES_EVERY:
            self.draw()

    def met(self, lines: Sequence[str]) -> list[str]:
        """Those of the lines that were not met before; they are kept."""
        new = [line for line in dict.fromkeys(lines) if line not in self.broken]
        self.broken += new
        return new

    def draw(self) -> None:
        """curves.html, which carries its own program and opens without a network."""
        from actrec.draw import charts  # late: plotly

        if self.rows:
            self.write("curves.html", charts.curves(self.rows).to_html(include_plotlyjs=True, full_html=True))
            self._drawn = time.monotonic()

    def close(self) -> None:
        """Write what is still to be written."""
        self.draw()
        if self._events is not None:
            self._events.close()

    def _log(self) -> None:
        if self.broken:
            self.write("broken.txt", "\n".join(self.broken) + "\n")
        if not self.rows:
            return
        with files.whole(self.path / "log.csv") as part, part.open("w", newline="") as lines:
            writer = csv.DictWriter(lines, list(self.rows[-1]))
            writer.writeheader()
            writer.writerows(self.rows)

    def _note(self, row: Row) -> None:
        epoch = int(row["epoch"])
        if self._events is None:  # what a killed run noted of later epochs is dropped
            self._events = _writer()(str(self.path / "tensorboard"), purge_step=epoch)
        for name, value in row.items():
            if name != "epoch":
                self._events.add_scalar(name, value, epoch)
        self._events.flush()


def _state(path: Path, device: torch.device) -> dict[str, Any]:
    """What stands in last.pt. A copy cut short, or another program's file, is no state: torch has many errors for that."""
    with path.open("rb") as file:  # what the system refuses it refuses here
        try:
            state = torch.load(file, map_location=device, weights_only=True)
        except Exception:
            state = None
    if not isinstance(state, dict) or not isinstance(state.get("recipe"), dict):
        raise ActrecError(f"{path} is damaged, or no state of a run; delete it to begin this run again, or give another --out")
    return state


def _same(name: str, value: object, settings: Mapping[str, Any]) -> bool:
    """Whether a setting is as it was; how many processes decode does not matter to the numbers."""
    return name in ("workers", "name") or name not in settings or settings[name] == value


def _writer() -> Callable[..., Any]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ActrecError(
            "--tensorboard needs a package that is not installed: pip install tensorboard; log.csv and curves.html hold the same numbers"
        ) from None
    return SummaryWriter
