"""Several answers about one clip, measured against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actrec.core.answer import Explanation
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.question import Question
from actrec.measure import agreement
from actrec.study import answering


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several answers about one clip, and the agreement of each pair of their first maps: {(i, j): numbers}."""

    explanations: tuple[Explanation, ...]
    agreements: dict[tuple[int, int], agreement.Agreement]


def compare(questions: Sequence[Question], progress: Progress = no_progress) -> Comparison:
    """Two to four questions about one clip, answered and measured against each other.

    Raises:
        QuestionError: another number of questions, or about different clips.
    """
    if not 2 <= len(questions) <= 4 or len({q.clip for q in questions}) > 1:
        raise QuestionError(
            f"{len(questions)} questions about {len({q.clip for q in questions})} clips; compare two to four questions about one clip"
        )
    share = 1 / len(questions)
    found = tuple(answering.answer(q, lambda f, text, i=i: progress((i + f) * share, text)) for i, q in enumerate(questions))  # type: ignore[misc]
    pairs = [(i, j) for i in range(len(found)) for j in range(i + 1, len(found))]
    return Comparison(found, {(i, j): agreement.compare(found[i], found[j]) for i, j in pairs})
