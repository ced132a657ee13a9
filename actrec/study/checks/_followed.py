"""A class's score that is followed through several runs of a model: as it is, and with something changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actrec.core.words import fixed, percent

LEAST = 1e-3
"""Of a score: what moves it by less does not move it."""


@dataclass(frozen=True)
class Effect:
    """With something changed or missing: its name, and the class's probability and score (logit, or lead over another class) then."""

    name: str
    probability: float
    score: float


@dataclass(frozen=True)
class Followed:
    """A class's probability and score as the model is, against which effects are told."""

    label: str
    versus: str | None
    probability: float
    score: float

    @property
    def measure(self) -> str:
        """What the score is, in which its changes are told too."""
        return f"logit of “{self.label}”" if self.versus is None else f"logit lead of “{self.label}” over “{self.versus}”"

    def change(self, effect: Effect) -> float:
        """How the score moves."""
        return effect.score - self.score

    def largest(self, effects: Sequence[Effect]) -> Effect | None:
        """The one that moves the score most; None where none moves it by `LEAST`."""
        return max((effect for effect in effects if abs(self.change(effect)) >= LEAST), key=lambda e: abs(self.change(e)), default=None)

    def told(self, effect: Effect) -> str:
        """The score then, and the probability before and then."""
        of = "" if self.versus is None else f" of “{self.label}”"  # a lead is of two classes, a probability of one
        return f"{fixed(effect.score)} (probability{of} {percent(self.probability)} to {percent(effect.probability)})"
