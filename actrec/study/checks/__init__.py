"""A model run again on a changed clip, one check a file: does the order of the frames matter, what if a joint were missing, what do windows save?

A file in this folder that has CHECK offers one. The page and the command line list them, with the reason where one does not fit, and show a check's
sentence and its numbers; so a new check is a new file.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.question import Question
from actrec.core.trace import Tap


class Checked(Protocol):
    """What a check found: one sentence, and the numbers behind it."""

    @property
    def verdict(self) -> str: ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Check:
    """A check, as data. title: as a question.  line: what it does, in a sentence.  offer: what the button says that runs it.

    lacks(card, taps, clip): why it does not fit a model, or what the model was given of a clip; "" if it fits.  run: the question's model, run again.
    passes: about how many forward passes.  unasked: whether it is worth making before it is asked for, where the passes are cheap.
    """

    id: str
    title: str
    line: str
    offer: str
    lacks: Callable[[Card, Mapping[str, Tap], Clip | None], str]
    run: Callable[[Question, Progress], Checked]
    passes: int = 1
    unasked: bool = False


@functools.cache
def every() -> dict[str, Check]:
    """The checks there are, by id: every file of this folder."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    found = [importlib.import_module(f"{__name__}.{name}").CHECK for name in names]
    return {check.id: check for check in found}


def run(name: str, question: Question, progress: Progress = no_progress) -> Checked:
    """One check by its id.

    Raises:
        QuestionError: no such check.  ActrecError: as the check itself.
    """
    known = every()
    if name not in known:
        raise QuestionError(f"no check {name!r}; there are {', '.join(known)}")
    return known[name].run(question, progress)
