"""A class's probability over a long clip: the model's window, slid along it."""

from __future__ import annotations

import numpy as np

from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.evidence import Track
from actrec.core.question import Question
from actrec.inputs import sampling
from actrec.study import answering, asking


def sweep(question: Question, progress: Progress = no_progress) -> Track:
    """The class's probability over a long clip: the model's window slid along it (see `sampling.slid`).

    A value stands at its window's middle. Raises QuestionError for a model that always samples the whole video.
    """
    asked = asking.asked(question.with_(start=0.0), progress)
    card, film, starts = asked.card, asked.film, sampling.slid(asked.clip)
    if card.sampling.kind != "dense":
        raise QuestionError(f"{card.title} always reads {card.sampling}: there is no window to slide")
    shown = question.with_(method=answering.default_method(card), at=None, knobs=())
    target = asking.target(question, answering.answer(shown, progress).predictions)
    middles, values = list[int](), list[float]()
    for number, start in enumerate(starts):
        progress(number / len(starts), f"window {number + 1} of {len(starts)}")
        window = asked.at(float(start))
        with window.turn():
            values.append(target.score(window.run().logits)[0])
        middles.append(int(window.clip.index[len(window.clip.index) // 2]))
    frames = np.asarray(middles)
    return Track(f"p({target.name})", "probability", film.seconds[frames], frames, np.asarray(values))
