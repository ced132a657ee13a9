"""Behind the player, for models with NetVLAD: what every visual word adds to the score, and what a word means."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import streamlit as st

from actrec import study
from actrec.clips import library
from actrec.core.answer import Explanation
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.study.meaning import AROUND, Place, Vocabulary
from actrec.ui import parts
from actrec.ui.attention import BARE
from actrec.ui.frame import ask, ink, plain, work

SIDE = 132
"""Pixels of a piece of picture."""

SHOWN = 3
"""Words whose meaning is shown where none is chosen: those that add or take most."""

_kept: Kept[Vocabulary] = Kept(8)

Later = Callable[[], bool]


def show(question: Question, asked_for: Question, found: Explanation) -> Later:
    """The words' parts as bars to click, and below what they mean; comes back with what is to be done at the page's end."""
    if found.terms is None:
        return lambda: False
    changed = _bars(question, found)
    later = _meaning(question, asked_for, found)
    return lambda: later() or changed


def _bars(question: Question, found: Explanation) -> bool:
    """Every part of the score; whether the question has changed by a click."""
    terms = found.terms
    assert terms is not None
    st.header(plain(terms.title), anchor=False)
    from actrec.draw import charts  # late: plotly

    picked = st.plotly_chart(
        charts.terms(terms, ink()),
        key=f"terms-{'all' if terms.chosen is None else terms.chosen}",
        config=BARE,
        on_select="rerun",
        selection_mode="points",
    )
    st.caption("Each bar begins where the one above it ends. Click a word for its own map; click it again for the map of all words.")
    names = [point["customdata"] for point in picked["selection"]["points"]]
    names = [name[0] if isinstance(name, list) else name for name in names]
    if not names or names[0] not in terms.names:
        return False
    number = names[0].removeprefix("word ")
    again = terms.chosen is not None and terms.names[terms.chosen] == names[0]
    rest = tuple(pair for pair in question.knobs if pair[0] != "word")
    ask(question.with_(knobs=rest if again else (*rest, ("word", number))))
    return True


def _meaning(question: Question, asked_for: Question, found: Explanation) -> Later:
    """The places nearest to the chosen word, or to those that count most; looked for when asked."""
    terms = found.terms
    assert terms is not None
    chosen = [int(name.removeprefix("word ")) - 1 for name in (terms.names[:SHOWN] if terms.chosen is None else [terms.names[terms.chosen]])]
    st.header("What this word means" if terms.chosen is not None else "What these words mean", anchor=False)
    clips = list(library.samples())
    key = f"words {found.provenance['weights_sha256']} {found.provenance['stream']} {hash(tuple(clips))}"
    known = _kept.get(key)
    if known is not None:
        _places(question, known, chosen)
        return lambda: False
    slot = st.container()
    if not (st.session_state.get("wanted") == key or st.session_state.get("stopped") == key):
        offer = f"Look for each word’s places in the {len(clips)} sample clips"
        slot.button(offer, key=f"want {key}", icon=":material/search:", on_click=lambda: st.session_state.update(wanted=key))
        return lambda: False

    def do() -> bool:
        with slot:
            made = work(key, "Looking for places", lambda progress: study.vocabulary(asked_for.model, clips, progress))
        if made is not None:
            _kept.get_or(key, lambda: made)
        return made is not None

    return do


def _places(question: Question, known: Vocabulary, chosen: Sequence[int]) -> None:
    for word in chosen:
        places = known.words[word]
        if len(chosen) > 1:
            st.subheader(f"Word {word + 1}", anchor=False)
        if places:
            _strip(question, word, places)
        st.caption(plain(known.line(word)))
    for line in known.left_out:
        st.caption(plain(f"Left out: {line}"))
    st.caption(f"A piece is {AROUND:g} cells wide; the features of its place have seen more. Click one to go to its clip.")


def _strip(question: Question, word: int, places: Sequence[Place]) -> None:
    """The pieces of one word side by side."""
    squares = np.stack([cv2.resize(place.picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for place in places]).astype(np.uint8)
    told = [f"{place.clip}, {place.seconds:.2f}\u00a0s" for place in places]
    hints = [
        f"{where}: {place.distance:.2f} from the word; {percent(place.share)} of it goes there" for where, place in zip(told, places, strict=True)
    ]

    def go(number: int) -> None:
        ask(question.with_(clip=places[number].clip, start=0.0, at=None))

    parts.strip(library.side_by_side(squares, SIDE), 1.0, told, hints, go, key=f"word{word}", label=f"Places nearest to word {word + 1}")
