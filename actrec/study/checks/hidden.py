"""What if the model had not been told of a joint, a limb or a person? The class's score, run again without each of them.

Exact: every row is a forward pass of the same model on the same frames with those joints missing, just as if the file had not told them. Hidden
joints take no place in a window, so the others' windows close up; what a row shows is all of that together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.question import Question
from actrec.core.trace import Tap
from actrec.core.words import fixed
from actrec.inputs import pose, streams
from actrec.study import asking
from actrec.study.checks import Check
from actrec.study.checks._followed import Effect, Followed


@dataclass(frozen=True)
class WhatIf(Followed):
    """A class's probability and score with all joints that the question leaves, and without each part of them, the people and limbs first.

    Effects are told, drawn and ordered by the score: probabilities near 0 or 1 hardly move, and then name another part than the one that matters.
    """

    effects: tuple[Effect, ...]

    @property
    def strongest(self) -> Effect | None:
        """The single part whose hiding moves the score most; None where none moves it by 0.001."""
        return self.largest(self.effects[1:])

    @property
    def verdict(self) -> str:
        """One sentence: what matters most, or that nothing does."""
        everything, telling = self.effects[0], self.strongest
        lost = f"Without {everything.name.replace('all ', 'any ')} the {self.measure} goes from {fixed(self.score)} to {self.told(everything)}"
        if telling is None:
            return f"{lost}; no single part moves it by 0.001."
        moved = f"moves it most, by {fixed(self.change(telling), '+')} to {self.told(telling)}"
        return f"{lost}; of the single parts, hiding {telling.name.replace('_', ' ')} {moved}."

    def to_json(self) -> dict[str, Any]:
        rows = [{"hidden": e.name, "probability": e.probability, "score": e.score, "change": self.change(e)} for e in self.effects]
        about = {"label": self.label, "versus": self.versus, "measure": self.measure, "probability": self.probability, "score": self.score}
        strongest = self.strongest
        return about | {"effects": rows, "strongest": None if strongest is None else strongest.name, "verdict": self.verdict}


def what_if(question: Question, progress: Progress = no_progress) -> WhatIf:
    """Run the question's model again without each part of what its streams are given: each person, limb and joint.

    Raises:
        QuestionError: a model that is given nothing of which a part could be hidden.  ActrecError: as `study.answer`.
    """
    asked = asking.asked(question, progress)
    parts = [(stream, name) for stream in asked.streams for name in stream.parts(asked.given[stream.name])]
    if not parts:
        raise QuestionError(
            f"there are no joints to hide: {' '.join(asked.cautions) or pose.VIDEO_ONLY} Give a file of joints for a model that reads them"
        )
    with asked.turn():
        seen = asked.run()
        target = asked.target(seen.logits)
        whole = {stream.name: None for stream, _ in parts}
        effects = [Effect(" and ".join(f"all {stream.title}" for stream in dict.fromkeys(s for s, _ in parts)), *target.score(seen.rerun(whole)))]
        for number, (stream, name) in enumerate(parts):
            progress(number / len(parts), f"hiding {name.replace('_', ' ')}")
            effects.append(Effect(name, *target.score(seen.rerun(asked.without(stream.name, name)))))
        return WhatIf(target.name, target.against, *target.score(seen.logits), tuple(effects))


def lacks(card: Card, taps: Mapping[str, Tap], clip: Clip | None = None) -> str:
    """Why nothing can be hidden from a model, or nothing of what it was given of a clip."""
    optional = [stream for stream in streams.of(card) if stream.optional]
    if not optional:
        return f"{card.title} reads frames only; this check hides no part of them"
    given = clip is None or any(stream.name in clip.beside for stream in optional)
    return "" if given else f"{card.title} was given no {' and no '.join(stream.title for stream in optional)}"


CHECK = Check(
    "hidden",
    "What if a part were hidden from the model?",
    "The class's score without each person, limb and joint that the model is given.",
    "Run it again without each joint and limb",
    lacks,
    what_if,
    passes=30,
)
