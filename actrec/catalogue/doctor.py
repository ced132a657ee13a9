"""Which architecture a checkpoint is for, and what is missing or left over: the reader's file examined before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actrec import catalogue
from actrec.core.errors import Progress, WeightsError, no_progress
from actrec.models import weights


@dataclass(frozen=True)
class Examined:
    """How a checkpoint meets one architecture."""

    architecture: str
    report: weights.Report

    @property
    def share(self) -> float:
        """The part of all names, the model's and the file's, that meet."""
        r = self.report
        return len(r.matched) / max(len(r.matched) + len(r.missing) + len(r.unexpected) + len(r.wrong_shape), 1)


def examine(path: Path, progress: Progress = no_progress, most: int = 5) -> list[Examined]:
    """The architectures that a checkpoint fits best, the best first.

    Raises:
        WeightsError: a file that cannot be read, or one of which no tensor is known here.
    """
    state, _ = weights.read(path)
    found, bases = [], catalogue.architectures()
    for number, (name, base) in enumerate(bases.items()):
        progress(number / len(bases), base.title)
        rough = weights.fit(catalogue.without_numbers(base), state)
        if len(rough.matched) + len(rough.wrong_shape) > 0:
            found.append(Examined(name, weights.fit(catalogue.without_numbers(catalogue.with_weights(base, path)), state)))
    if not any(e.report.matched for e in found):
        first = ", ".join(list(state)[:3])
        raise WeightsError(
            f"{path.name} fits no architecture here: its tensors are called {first} …; see `python -m actrec models` for those that are known"
        )
    return sorted(found, key=lambda e: -e.share)[:most]
