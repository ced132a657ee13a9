"""What is the shift worth on this clip? The class's score as the network is, rewired in all units, and with the shift off in each unit alone.

Every number is a pass of the same weights on the same input with other wiring (`explain/shift.py`). What it is worth *to this network*: one that was
trained without a shift may do better than this one does with its shift turned off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from actrec.core import trace as traces
from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.question import Question
from actrec.core.trace import Tap, Trace
from actrec.core.words import fixed
from actrec.explain.shift import WAYS, units
from actrec.study import asking
from actrec.study.asking import Target
from actrec.study.checks import Check
from actrec.study.checks._followed import LEAST, Effect, Followed


@dataclass(frozen=True)
class Worth(Followed):
    """A class's probability and score as the network is, with all units rewired in each of `WAYS`, and with one unit's shift turned off at a time."""

    ways: tuple[Effect, ...]
    units: tuple[Effect, ...]

    @property
    def verdict(self) -> str:
        """One sentence on what rewiring changes for this class on this clip."""
        numbers = [self.probability, self.score, *(value for row in (*self.ways, *self.units) for value in (row.probability, row.score))]
        if not all(map(math.isfinite, numbers)):
            return "What the shift is worth is not known here: the model does not give a finite score with every wiring."
        if self.largest((*self.ways, *self.units)) is None:
            ways = f"{', '.join(row.name for row in self.ways)}, or off in any single unit"
            return f"The shift changes nothing here: {ways}, it moves the {self.measure} by less than {LEAST:g}."
        small = max(abs(row.probability - self.probability) for row in self.ways) < 0.05
        then = [f"{row.probability:.2f} {TOLD[row.name]}" for row in self.ways]
        told = f"“{self.label}” goes from {self.probability:.2f} to {', '.join(then[:-1])} and {then[-1]}"
        return f"How the shift is wired {'hardly matters' if small else 'matters'} here: {told}; {self._single}."

    @property
    def _single(self) -> str:
        top = self.largest(self.units)
        if top is None:
            return f"turning it off in any single unit moves the {self.measure} by less than {LEAST:g}"
        return f"of the single units, turning it off in {top.name} moves the {self.measure} most, by {fixed(self.change(top), '+')}"

    def to_json(self) -> dict[str, Any]:
        rows = {name: [{**asdict(row), "change": self.change(row)} for row in getattr(self, name)] for name in ("ways", "units")}
        about = {"label": self.label, "versus": self.versus, "measure": self.measure, "probability": self.probability, "score": self.score}
        return about | rows | {"verdict": self.verdict}


TOLD = {"off": "with it off", "reversed": "reversed", "only forward": "only forward", "only back": "only back"}


def worth(question: Question, progress: Progress = no_progress) -> Worth:
    """Rewire the question's model and follow the class's score.

    Raises:
        QuestionError: a model without a shift.  ActrecError: as `study.answer`.
    """
    asked = asking.asked(question, progress)
    if reason := lacks(asked.card, traces.taps(asked.loaded.model)):
        raise QuestionError(reason)
    with asked.turn():
        seen = asked.run()
        return of_trace(seen, asked.target(seen.logits), progress)


def of_trace(trace: Trace, target: Target, progress: Progress = no_progress) -> Worth:
    """Rerun a model that shifts channels with all its units rewired in each way, then with one of them turned off at a time."""
    every = units(traces.taps(trace.model))
    runs = [(way, dict.fromkeys(every.values(), edit)) for way, edit in WAYS.items()]
    runs += [(name, {tap: WAYS["off"]}) for name, tap in every.items()]
    found = []
    for number, (name, edits) in enumerate(runs):
        progress(number / len(runs), "rewiring the shift")
        found.append(Effect(name, *target.score(trace.rerun(edits=edits))))
    return Worth(target.name, target.against, *target.score(trace.logits), tuple(found[: len(WAYS)]), tuple(found[len(WAYS) :]))


def lacks(card: Card, taps: Mapping[str, Tap], clip: Clip | None = None) -> str:
    """Why there is no shift to rewire."""
    return "" if units(taps) else f"{card.title} shifts no channels from frame to frame"


CHECK = Check(
    "shift",
    "What is the shift worth?",
    "The class's score with the shift as it is, off, reversed, only forward and only back, and off in each unit alone.",
    "Rewire the shift (4 more runs, and one for each unit)",
    lacks,
    worth,
    passes=21,
    unasked=True,
)
