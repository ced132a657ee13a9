"""Which stream of a model that has several is asked, all together or one as a model of its own; and how the flow is found that one of them reads."""

from __future__ import annotations

import streamlit as st

from actrec.core.card import Card
from actrec.core.errors import ActrecError
from actrec.core.question import Question
from actrec.inputs import flow
from actrec.ui import own
from actrec.ui.frame import ask, plain, shows
from actrec.ui.models import take_model

FUSED = "fused"
TITLES = {FUSED: "Both together", "rgb": "Pictures alone", "flow": "Flow alone", "difference": "Differences alone"}


def whole(model: str) -> tuple[str, str]:
    """A model's name without its stream, and the stream, FUSED where the name has none."""
    from actrec import catalogue  # late: torch

    name, _, stream = model.rpartition(":")
    try:
        return (name, stream) if name and stream in catalogue.parts(catalogue.card(own.model_name(name))) else (model, FUSED)
    except ActrecError:
        return model, FUSED


def stream_select(question: Question) -> bool:
    """The streams of the question's model, to choose one of; whether there are any: nothing for a model of one stream."""
    from actrec import catalogue  # late: torch

    name, stream = whole(question.model)
    known = [FUSED, *catalogue.parts(catalogue.card(own.model_name(name)))]
    if len(known) == 1:
        return False

    def take(chosen: str | None) -> None:
        take_model(name if chosen in (None, FUSED) else f"{name}:{chosen}", question.to_query())

    changed = shows("stream", stream, take)
    st.segmented_control("What is asked", known, key="stream", format_func=lambda each: TITLES.get(each, each), on_change=changed)
    return True


def selects(question: Question, card: Card) -> None:
    """The streams to choose among, and how flow is found, beside each other; nothing for a model that has neither."""
    from actrec.inputs.streams.flow import NAME  # late: torch

    if NAME not in card.inputs:
        stream_select(question)
        return
    left, right = st.columns(2)
    with left:
        several = stream_select(question)
    with right if several else left:
        flow_select(question)


def flow_select(question: Question) -> None:
    """How optical flow is found."""
    from actrec.inputs.streams.flow import USUAL  # late: torch

    def take(name: str) -> None:
        ask(question.with_(flow=None if name == USUAL else name))

    chosen = question.flow or USUAL
    st.selectbox(
        "Optical flow",
        list(flow.BACKENDS) if chosen in flow.BACKENDS else [chosen, *flow.BACKENDS],
        key="flow",
        format_func=lambda name: flow.BACKENDS[name].title if name in flow.BACKENDS else name,
        help=plain("; ".join(f"{way.title}: {way.note}" for way in flow.BACKENDS.values())) + ".",
        on_change=shows("flow", chosen, take),
    )
