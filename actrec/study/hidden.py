"""What if the model had not been told of a joint, a limb or a person? The class's score, run again without each of them.

Exact: every row is a forward pass of the same model on the same frames with those joints missing, just as if the file had not told them. Hidden
joints take no place in a window, so the others' windows close up; what a row shows is all of that together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from actrec import study
from actrec.core import devices, trace
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.question import Question
from actrec.inputs import pose


@dataclass(frozen=True)
class Effect:
    """Without something: its name, and the class's probability and score (logit, or lead over another class) then."""

    name: str
    probability: float
    score: float


@dataclass(frozen=True)
class WhatIf:
    """A class's probability and score with all joints that the question leaves, and without each part of them, the people and limbs first."""

    label: str
    versus: str | None
    probability: float
    score: float
    effects: tuple[Effect, ...]

    @property
    def verdict(self) -> str:
        """One sentence: what matters most, or that nothing does."""
        about = f"“{self.label}”" + (f" rather than “{self.versus}”" if self.versus else "")
        everything, *parts = self.effects
        telling = max(parts, key=lambda effect: abs(effect.score - self.score), default=everything)
        lost = f"Without any joints the probability of {about} goes from {self.probability:.3f} to {everything.probability:.3f}"
        if abs(telling.score - self.score) < 1e-3:
            return f"{lost}; no single part moves it."
        change = f"{telling.score - self.score:+.2f}".replace("-", "−")
        return f"{lost}; of the single parts, hiding {telling.name.replace('_', ' ')} moves the score most, by {change}."

    def to_json(self) -> dict[str, Any]:
        rows = [{"hidden": e.name, "probability": e.probability, "score": e.score, "change": e.score - self.score} for e in self.effects]
        about = {"label": self.label, "versus": self.versus, "probability": self.probability, "score": self.score}
        return about | {"effects": rows, "verdict": self.verdict}


def what_if(question: Question, progress: Progress = no_progress) -> WhatIf:
    """Run the question's model again without each person, limb and joint that it is given.

    Raises:
        QuestionError: a model that reads no joints, or a clip that comes without.  ActrecError: as `study.answer`.
    """
    film, loaded = study.open_clip(question.clip), study.load(question.model, progress)
    given = pose.given(question.joints, film, loaded.card, question.hide)
    if given.joints is None:
        raise QuestionError(
            f"there are no joints to hide: {' '.join(given.cautions) or pose.VIDEO_ONLY} Bring a file of joints for a model that reads them"
        )
    clip, geometry, inputs = study.window(loaded, film, question.start, given.joints)
    parts = given.joints.hideable()
    with devices.turn(loaded.device):
        seen = trace.run(loaded.model, inputs, clip, geometry)
        before = study.predictions_of(loaded.card, seen.logits)
        label, versus = study.classes(question, before)

        def measured(logits: Tensor) -> tuple[float, float]:
            found = study.predictions_of(loaded.card, logits)
            return float(found.probabilities[label]), float(found.logits[label] - (found.logits[versus] if versus is not None else 0))

        effects = [Effect("all joints", *measured(seen.rerun((seen.inputs,))))]
        for number, name in enumerate(parts):
            progress(number / len(parts), f"hiding {name.replace('_', ' ')}")
            places = study.placed(given.joints.without((name,)), clip, geometry, loaded.device)
            effects.append(Effect(name, *measured(seen.rerun((seen.inputs, places)))))
        names = loaded.card.labels
        return WhatIf(names[label], None if versus is None else names[versus], *measured(seen.logits), tuple(effects))
