"""Where a map has one step for all the frames that a model was given: the same question at an earlier layer, which still has several steps."""

from __future__ import annotations

import numpy as np

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.evidence import Heat
from actrec.core.question import Question
from actrec.core.reach import field
from actrec.core.trace import Tap
from actrec.explain import Method

INSTEAD = "gradcam"
"""What explains any layer, where a way of explaining knows the last one alone."""


def earlier(question: Question, card: Card, method: Method, layer: str, heat: Heat, clip: Clip) -> tuple[Question, str] | None:
    """The question at the last layer before this one that still has a time axis, and what to say of it; None where nothing is to be said or gained.

    The way of explaining stays if it fits that layer. One that knows a class gives way to Grad-CAM; no other is asked the same.
    """
    if len(heat.values) > 1 or len(np.unique(clip.index)) < 2:
        return None
    taps = catalogue.taps(card)
    names, first = list(taps), next(iter(method.watch(layer)), "")  # a view of the input watches no tap
    before = names[: names.index(first)] if first in taps else []
    for way in (method, *([catalogue.methods()[INSTEAD]] if method.by_class else [])):
        fitting = catalogue.layers(card, way)
        for name in reversed(before):
            if name in fitting and not isinstance(fitting, str) and (steps := _steps(taps[name], len(clip.index))) > 1:
                knobs = {key: value for key, value in question.knobs if way is method and key != "layer"}
                asked = question.with_(method=way.id, knobs=(*knobs.items(), ("layer", name)))
                return asked, f"{way.title} at the earlier layer {name} still has {steps} steps in time."
    return None


def _steps(tap: Tap, frames: int) -> int:
    """How many steps a tap's features have for so many frames given; 0 where that is not known."""
    return 0 if tap.past is None else len(field(tap.past, frames))
