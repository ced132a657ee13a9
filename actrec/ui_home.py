"""The Home page: a clip, a model, and what the model says, side by side."""

from __future__ import annotations

import streamlit as st

from actrec import ui_choose, ui_own, ui_parts
from actrec.types import ActrecError
from actrec.ui import PAGES, asked, noted, remembered, trouble, work


def show() -> None:
    """The whole page below its head. What needs no torch comes first."""
    query = asked()
    st.title("What did the model see?", anchor=False)
    st.markdown("Choose a clip and a model. Then look at where and when the model found its evidence, and test whether that can be believed.")
    noted("address")
    clip, model, answer = st.columns([5, 4, 4], gap="large")
    with clip:
        st.subheader("1 · Clip", anchor=False)
        chosen = query.get("clip") or ui_choose.default_clip()
        unfinished = ui_choose.gallery(chosen, query)
        ui_choose.upload_clip(query)
    with answer:
        st.subheader("3 · What it recognises", anchor=False)
        place = st.container()
    with model:
        st.subheader("2 · Model", anchor=False)
        ui_choose.model_rows(query.get("model") or ui_choose.default_model(), query)
    with place:
        _answer(query)
    if unfinished:
        ui_choose.await_previews()


def _answer(query: dict[str, str]) -> None:
    """The five most probable classes, and the way on."""
    question = ui_choose.complete(query)
    if question is None:
        return
    from actrec import study
    from actrec.ui_explore import bar_rows

    try:
        asked_for = ui_own.real(question.with_(label=None, versus=None))
    except ActrecError as error:
        return trouble(error)
    found = work(f"predict {question.clip} {question.model} {question.start}", "Asking the model", lambda progress: study.answer(asked_for, progress))
    if found is None:
        return
    ui_parts.bars(bar_rows(found), key="top", label="The five most probable classes")
    if st.button(
        "Explore: where did it look?", type="primary", icon=":material/arrow_forward:", icon_position="right", width="stretch", key="explore"
    ):
        st.switch_page(PAGES["Explore"], query_params=remembered())
