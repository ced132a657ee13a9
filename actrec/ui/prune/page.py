"""Choosing a model and how much of it goes; the sliders themselves are `parts/prune.js`, and a drag tells the server nothing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.errors import ActrecError, Progress, QuestionError
from actrec.core.kept import Kept
from actrec.core.look import MARK
from actrec.core.question import Question
from actrec.lab import prune
from actrec.models import weights
from actrec.ui import own, parts
from actrec.ui.choose import clip_select, complete
from actrec.ui.frame import address, asked, noted, put, shows, trouble, work
from actrec.ui.models import facts, groups, model_titles, take_model
from actrec.ui.parts import Choice
from actrec.ui.prune import made, words
from actrec.ui.prune.made import Cut
from actrec.ui.streams import TITLES, stream_select, whole

USUAL = "40"
"""How much goes where a link does not say it, in per cent."""

OF_ONE = "All channels"
"""What a network is called that is all of its model."""

WHAT = (
    "Every channel of a network looks for one pattern, and a learnt number **γ** says how loudly it passes on what it finds. Where |γ| is near 0, "
    "the layers behind hear almost nothing of the channel, so it can go. Drag the slider: channels with the smallest |γ| go first, whatever layer "
    "they are in; every layer keeps at least one."
)

_part = st.components.v2.component(
    "actrec_prune",
    html='<div class="part"></div>',
    css="".join((parts.HERE / name).read_text(encoding="utf-8") for name in ("parts.css", "prune.css")),
    js=(parts.HERE / "prune.js").read_text(encoding="utf-8"),
)


def show() -> None:
    """The whole page below its head."""
    st.title("What can a network do without?", anchor=False)
    st.markdown(WHAT)
    found = _question()
    noted("address")
    if found is None:
        return
    clip, model = st.columns(2)
    with clip:
        clip_select(found)
    with model:
        _model(found)
    try:
        card = catalogue.card(own.model_name(found.model))
        prune.networks(card)
    except ActrecError as error:
        return _others(found, error)
    stream_select(found)
    if card.weights is None:
        return _others(found, QuestionError(f"{card.title} cannot be pruned: {catalogue.ready(card)}"))
    sizes = work(f"sizes {found.model}", "Reading the model", lambda progress: _sizes(own.model_name(found.model), card, progress))
    if sizes is not None:
        _sliders(found, card, sizes)
        made.show(found)


# ------------------------------------------------------------------------------------------------------------- choosing


def can(card: Card) -> bool:
    """Whether a model can be pruned."""
    try:
        return bool(prune.networks(card))
    except QuestionError:
        return False


def _known() -> list[Card]:
    """The models here that can be pruned."""
    return [card for group in groups() for card in group if can(card)]


def _question() -> Question | None:
    """The question of the address, else the last one, about a model that can be pruned if there is any; put back with how much goes."""
    query, told = asked(), address()
    if not told.get("model") and (known := _known()):
        last = catalogue.cards().get(query.get("model", ""))
        if query.get("model", "") not in [card.id for card in known] and (last is None or not can(last)):
            query = {name: query[name] for name in ("clip", "start") if name in query} | {"model": known[0].id}
    found = Question.from_query(query) if all(query.get(name) for name in ("clip", "model", "method")) else complete(query)
    if found is None:
        return None
    beside = {name: value for name, value in query.items() if name.startswith(MARK)}
    st.session_state["asked"] = found.to_query() | beside
    how = told if told else st.session_state.get("prune-chosen", {})
    put(found.to_query() | beside | {name: how[name] for name in ("percent", "fc") if name in how})
    return found


def _model(question: Question) -> None:
    """The models that can be pruned, and the one that is asked."""
    known = [card.id for card in _known()]
    chosen = question.model if question.model in known else whole(question.model)[0]
    titles = model_titles(chosen)
    st.selectbox(
        "Model",
        known if chosen in known else [chosen, *known],
        key="prune-model",
        format_func=lambda name: titles.get(name, name),
        on_change=shows("prune-model", chosen, lambda model: take_model(model, question.to_query())),
    )


def _others(question: Question, error: ActrecError) -> None:
    """Why a model cannot be pruned, and which can."""
    trouble(error)
    known = _known()
    if not known:
        st.markdown("No model here can be pruned yet. This trains one, with scales that are small where a channel is not needed:")
        st.code("python -m actrec train --model st-rescnn-a --data mannequin --recipe tpnlst-sparse --out runs/small", language="bash")
        return
    st.markdown("These can be pruned:")
    rows = [Choice(card.id, card.title, facts(card)) for card in known]
    parts.choices(rows, None, lambda name: take_model(name, question.to_query()), key="prunable", label="Models that can be pruned")


def cut(question: Question, card: Card) -> Cut:
    """How much goes, as the address says it; what it says wrong is noted there, and the usual taken."""
    told = address()
    try:
        percents = prune.percents(card, told.get("percent", USUAL))
        if not all(0 <= value < 100 for value in percents.values()):
            raise QuestionError(f"{told['percent']} % cannot be pruned; give percentages from 0 to below 100")
    except QuestionError as error:
        trouble(error)
        percents = prune.percents(card, USUAL)
    return Cut(question.model, tuple(min(round(value), 99) for value in percents.values()), told.get("fc") != "0")


# -------------------------------------------------------------------------------------------------------------- sliders

_counted: Kept[dict[str, Any]] = Kept(8)


def _sizes(name: str, card: Card, progress: Progress) -> dict[str, Any]:
    """What the browser needs to know of a model (`prune.sizes`); the last few are kept."""
    assert card.weights is not None
    file: Path = weights.fetch(card.weights, progress)
    facts = file.stat()

    def count() -> dict[str, Any]:
        opened = prune.opened(name, progress)
        progress(0.5, "counting")
        return prune.sizes(opened)

    return _counted.get_or((name, file, facts.st_mtime_ns, facts.st_size), count)


def data(sizes: Mapping[str, Any], chosen: Cut) -> dict[str, Any]:
    """The sizes with each network's name for reading, the paper's percentages for its stream, and what is chosen now."""
    several = len(sizes["networks"]) > 1

    def named(network: Mapping[str, Any]) -> dict[str, Any]:
        stream = network["stream"]
        title = TITLES.get(stream, stream).removesuffix(" alone") if several else OF_ONE
        presets = {name.upper(): round(of[stream]) for name, of in prune.PAPER.items() if stream in of}
        about = words.scales([value for layer in network["layers"] for value in layer["worths"]])
        return {**network, "title": title, "presets": presets, "about": about}

    return {**sizes, "networks": [named(each) for each in sizes["networks"]], "chosen": {"percents": list(chosen.percents), "fc": chosen.fc}}


@st.fragment
def _sliders(question: Question, card: Card, sizes: Mapping[str, Any]) -> None:
    """The sliders and all that follows them; the address takes what is chosen once it is let go, and the page what is to be pruned for real."""
    chosen = cut(question, card)

    def take() -> None:
        told = st.session_state["prune"].get("chosen")
        wanted = Cut.of(question.model, told, len(chosen.percents))
        if wanted is None:
            return
        st.session_state["prune-chosen"] = wanted.to_query()
        put({name: value for name, value in address().items() if name not in ("percent", "fc")} | wanted.to_query())
        if told.get("go"):
            st.session_state["prune-go"] = wanted
            st.session_state["stopped"] = None

    _part(key="prune", data=[data(sizes, chosen)], on_chosen_change=take)
    st.code(shlex.join(chosen.to_command()), language="bash", wrap_lines=True)
    if st.session_state.get("prune-go") not in (None, st.session_state.get("prune-begun")):
        st.session_state["prune-begun"] = st.session_state["prune-go"]
        st.rerun()
