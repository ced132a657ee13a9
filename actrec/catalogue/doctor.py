"""Which architecture a checkpoint is for, and what is missing or left over: the reader's file examined before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from actrec import catalogue
from actrec.core import labels
from actrec.core.card import Card
from actrec.core.errors import Progress, WeightsError, no_progress
from actrec.core.words import few
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
        return len(r.matched) / max(len(r.matched) + len(r.missing) + len(r.unexpected) + len(r.wrong_shape) + len(r.integers), 1)


def examine(path: Path, progress: Progress = no_progress, most: int = 5) -> list[Examined]:
    """The architectures that a checkpoint fits best, the best first.

    Raises:
        WeightsError: a file that cannot be read, of which no tensor is known here, or of a family that fits no architecture here.
    """
    state, _ = weights.read(path)
    found, bases = [], _bases()
    for number, (name, base) in enumerate(bases.items()):
        progress(number / len(bases), base.title)
        rough = weights.fit(catalogue.without_numbers(base), state)
        if len(rough.matched) + len(rough.wrong_shape) + len(rough.integers) > 0:
            fitted = replace(catalogue.implied(base, state), labels=labels.numbered(catalogue.classes(base, state)))
            found.append(Examined(name, weights.fit(catalogue.without_numbers(fitted), state)))
    _check(path, state, found)
    return sorted(found, key=lambda e: -e.share)[:most]


def _bases() -> dict[str, Card]:
    """The architectures, and of the networks inside them those that see what no architecture sees alone."""
    wholes = catalogue.architectures()
    seen = {whole.inputs for whole in wholes.values()}
    return wholes | {inner.id: inner for whole in wholes.values() for inner in catalogue.parts(whole).values() if inner.inputs not in seen}


def _check(path: Path, state: Mapping[str, Tensor], found: Sequence[Examined]) -> None:
    """Refuse what fits nothing, in one line that says what it is."""
    if any(e.report.complete for e in found):
        return
    family = weights.recognise(state)
    if family is not None:
        raise WeightsError(f"{path.name} fits no architecture here: it is of {family}; `python -m actrec models` lists those that can be used")
    if not any(e.report.matched or e.report.integers for e in found):
        way = "`python -m actrec models` lists those that are known"
        raise WeightsError(f"{path.name} fits no architecture here: its tensors are called {few(list(state), 3)}; {way}")
