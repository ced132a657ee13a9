"""The class over time: its curve over the whole clip, and whether the order of the frames matters. Both are runs of the model of their own."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from actrec import catalogue, study
from actrec.core.answer import Explanation
from actrec.core.card import Card
from actrec.core.evidence import Track
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.inputs import sampling
from actrec.study.order import TimeOrder
from actrec.ui import parts
from actrec.ui.frame import plain, work
from actrec.ui.own import model_name
from actrec.ui.parts import Bar

AT_ONCE = 60.0
"""GFLOPs (about a second on two cores) up to which extra runs of the model are made without being asked for."""

_curves: Kept[Track] = Kept(64)
_orders: Kept[TimeOrder] = Kept(64)


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
    if not _wanted(slot, key, windows * _gflops(question.model), f"Follow “{found.label}” over the whole clip ({windows} windows)"):
        return lambda: False

    def do() -> bool:
        with slot:
            label = asked_for.with_(label=found.label, versus=None)
            track = work(key, "Following the class over the clip", lambda progress: study.sweep(label, progress))
        if track is not None:
            _curves.get_or(_over_the_clip(found), lambda: track)
        return track is not None

    return do


def order(question: Question, asked_for: Question, found: Explanation) -> Callable[[], bool]:
    """Does the order of the frames matter: the clip as it is, reversed, shuffled; comes back with what is to be done at the page's end."""
    identity = found.identity
    key, known = f"order {identity}", _orders.get(identity)
    st.subheader("Does the order of the frames matter?", anchor=False)
    if known is not None:
        what = {"as it is": "as it is", "reversed": "reversed", "shuffled": f"shuffled ({known.lowest_shuffle:.2f}–{known.highest_shuffle:.2f})"}
        rows = [
            Bar(what.get(name, name), p, percent(p), f"{name}: probability {p:.4f}, score {z:.3f}", "for" if i == 0 else "")
            for i, (name, p, z) in enumerate(zip(known.names, known.probabilities, known.logits, strict=True))
        ]
        parts.bars(rows, key="order", label="Probability of the class as the clip is, reversed and shuffled")
        st.markdown(plain(known.verdict))
        return lambda: False
    slot = st.container()
    if not _wanted(slot, key, 6 * _gflops(question.model), "Reverse and shuffle the frames (5 more runs)"):
        return lambda: False

    def do() -> bool:
        with slot:
            told = work(key, "Reversing and shuffling", lambda progress: study.time_order(asked_for, progress))
        if told is not None:
            _orders.get_or(identity, lambda: told)
        return told is not None

    return do


def _wanted(slot: st.delta_generator.DeltaGenerator, key: str, gflops: float, offer: str) -> bool:
    """Cheap runs are made at once, dear ones when asked for."""
    if gflops <= AT_ONCE or st.session_state.get("wanted") == key or st.session_state.get("stopped") == key:
        return True
    slot.button(plain(offer), key=f"want {key}", icon=":material/play_arrow:", on_click=lambda: st.session_state.update(wanted=key))
    return False


@st.cache_data(show_spinner=False)
def _gflops(model: str) -> float:
    return catalogue.counts(catalogue.card(model_name(model)))[1]
