"""The class over the whole clip: its curve, for which the model is run window by window."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from actrec import study
from actrec.core.answer import Explanation
from actrec.core.card import Card
from actrec.core.evidence import Track
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.inputs import sampling
from actrec.ui.checks import gflops, wanted
from actrec.ui.frame import work

_curves: Kept[Track] = Kept(64)


def _over_the_clip(found: Explanation) -> tuple[object, ...]:
    """What a class's curve over the whole clip hangs on: not where the window stands now, nor another class."""
    clip, weights, _, joints, label, _ = found.identity
    return clip, weights, joints, label


def known_curve(found: Explanation) -> list[Track]:
    """The class over the whole clip, where it has been followed already."""
    known = _curves.get(_over_the_clip(found))
    return [] if known is None else [known]


def curve(question: Question, asked_for: Question, card: Card, found: Explanation) -> Callable[[], bool]:
    """The class over the whole clip: offers it where it is dear; comes back with what is to be done at the page's end."""
    key, windows = f"curve {_over_the_clip(found)}", len(sampling.slid(found.clip))
    if card.sampling.kind != "dense" or windows < 2 or _over_the_clip(found) in _curves:
        return lambda: False
    slot = st.container()
    if not wanted(slot, key, windows * gflops(question.model), f"Follow “{found.label}” over the whole clip ({windows} windows)"):
        return lambda: False

    def do() -> bool:
        with slot:
            label = asked_for.with_(label=found.label, versus=None)
            track = work(key, "Following the class over the clip", lambda progress: study.sweep(label, progress))
        if track is not None:
            _curves.get_or(_over_the_clip(found), lambda: track)
        return track is not None

    return do
