"""The Home page: a clip, a model, and what the model says, side by side."""

from __future__ import annotations

import streamlit as st

from actrec.clips import library
from actrec.core.answer import Explanation
from actrec.core.card import Card
from actrec.core.errors import ActrecError
from actrec.core.question import Question
from actrec.core.words import data_set, percent
from actrec.inputs import pose
from actrec.ui import choose, models, own, parts
from actrec.ui.frame import PAGES, asked, ink, noted, of_the_file, plain, remembered, trouble, work


def show() -> None:
    """The whole page below its head. What needs no torch comes first."""
    query = asked()
    noted("address")
    own_clip = not library.ships(query.get("clip") or choose.default_clip())
    clip, model, answer = st.columns([5, 4, 4], gap="large")
    with clip:
        st.header("1 · Clip", anchor=False)
        chosen = query.get("clip") or choose.default_clip()
        unfinished = choose.gallery(chosen, query)
        choose.upload_clip(query)
    with answer:
        st.header("3 · What it recognises", anchor=False)
        place = st.container()
    with model:
        st.header("2 · Model", anchor=False)
        models.model_rows(query.get("model") or models.default_model(own_clip), query, own_clip)
        about = st.container()
    with place:
        question = choose.complete(query)
        if question is not None:
            _answer(question)
    with about:
        if question is not None:
            _record(question)
    if unfinished:
        choose.await_previews()


def _answer(question: Question) -> None:
    """The five most probable classes, and the way on."""
    from actrec import study  # late: torch

    try:
        asked_for = own.real(question.with_(label=None, versus=None))
    except ActrecError as error:
        return trouble(error)
    said, onward = st.container(), st.empty()
    with onward.container(key="onward"):  # there before the answer: whoever knows where to go need not wait for it
        st.page_link(
            PAGES["Explore"], label="Explore: where did it look?", icon=":material/arrow_forward:", width="stretch", query_params=remembered()
        )
    with said:
        found = work(
            f"predict {question.clip} {question.model} {question.start}", "Asking the model", lambda progress: study.answer(asked_for, progress)
        )
        if found is None:
            onward.empty()
        else:
            _said(question, found)


def _said(question: Question, found: Explanation) -> None:
    parts.doubts(found)
    parts.bars(parts.class_bars(found), key="top", label="The five most probable classes")
    _of_how_many(question, found)
    if found.video_only:
        st.caption(plain(f"{pose.VIDEO_ONLY} Give a file of joints on the next page."))
    of_the_file(found.clip.video)


def _of_how_many(question: Question, found: Explanation) -> None:
    """For a clip of the reader's own: that the answer is the closest of the actions that the model knows, and how much of the picture it saw."""
    from actrec import study  # late: torch
    from actrec.study import claim  # late: torch

    if library.ships(question.clip):
        return
    card = study.load(own.model_name(question.model)).card
    source = f"trained on {data_set(card.trained_on)}" if card.trained_on else "what it was trained on is not known"
    lines = [f"“{found.label}” is the closest of the {len(card.labels)} actions that this model knows ({source}); it has no answer for any other."]
    lines += filter(None, [claim.cut(found.geometry)])
    st.caption(plain(" ".join(lines)))


def _record(question: Question) -> None:
    """How well the chosen model does on its own test clips: what its card says, nothing else."""
    from actrec import catalogue  # late: torch

    card = catalogue.cards().get(question.model)
    if card is None or not card.results.get("confusion"):
        return
    with st.expander("How well does it do?", icon=":material/fact_check:"):
        _in_words(card)
        if st.toggle("Which actions it mixes up", key="confusion"):
            from actrec.draw import charts  # late: plotly

            st.plotly_chart(charts.confusion(card.labels, card.results["confusion"], ink()), key="confused", config={"displayModeBar": False})


def _in_words(card: Card) -> None:
    """Accuracy, and how well actions are told from their own reverse."""
    found = card.results
    pairs = found.get("accuracy_within_reversed_pairs") or {}
    line = f"{percent(found['accuracy'])} of {found['clips']} test clips of {data_set(card.trained_on)}"
    if pairs:
        line += f"; {percent(found['accuracy_reversed_pairs_merged'])} when both actions of a time-reversed pair count as one"
    st.markdown(plain(line + "."))
    for pair, share in pairs.items():
        st.caption(plain(f"{pair.replace('_', ' ')}: told apart in {percent(share, 0)} (guessing: 50 %)"))
