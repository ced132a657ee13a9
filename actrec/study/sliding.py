"""A class's probability over a long clip: the model's window, slid along it."""

from __future__ import annotations

import numpy as np
import torch

from actrec.core import devices
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.evidence import Track
from actrec.core.question import Question
from actrec.inputs import pose, sampling
from actrec.study import answering, loading


def sweep(question: Question, progress: Progress = no_progress) -> Track:
    """The class's probability over a long clip: the model's window slid along it (see `sampling.slid`).

    A value stands at its window's middle. Raises QuestionError for a model that always samples the whole video.
    """
    film, loaded = loading.open_clip(question.clip), loading.load(question.model, progress)
    if loaded.card.sampling.kind != "dense":
        raise QuestionError(f"{loaded.card.title} always reads {loaded.card.sampling}: there is no window to slide")
    label, _ = answering.classes(
        question, answering.answer(question.with_(method=answering.default_method(loaded.card), at=None, knobs=()), progress).predictions
    )
    given = pose.given(question.joints, film, loaded.card, question.hide)
    first = sampling.load(film, loaded.card.sampling, 0.0)
    starts, middles, values = sampling.slid(first), list[int](), list[float]()
    for number, start in enumerate(starts):
        progress(number / len(starts), f"window {number + 1} of {len(starts)}")
        clip, _, inputs = loading.window(loaded, film, float(start), given.joints)
        with torch.no_grad(), devices.turn(loaded.device):
            probabilities = loaded.model(*inputs)[0].float().softmax(0)
        middles.append(int(clip.index[len(clip.index) // 2]))
        values.append(float(probabilities[label]))
    frames = np.asarray(middles)
    return Track(f"p({loaded.card.labels[label]})", "probability", film.seconds[frames], frames, np.asarray(values))
