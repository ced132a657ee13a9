"""The ways of explaining, and what can be set about the chosen one."""

from __future__ import annotations

import streamlit as st

from actrec import catalogue, study
from actrec.core.card import Card
from actrec.core.question import Question
from actrec.explain import Method
from actrec.ui import parts
from actrec.ui.frame import ask, plain, shows
from actrec.ui.parts import Choice


def ways(question: Question, card: Card) -> None:
    """The ways of explaining, those that do not fit with the reason; then the layer and the settings of the chosen one."""
    st.header("Methods", anchor=False)
    methods = catalogue.methods()
    fits = {name: catalogue.layers(card, method) for name, method in methods.items()}
    first = study.default_method(card)
    rows = [Choice(m.id, m.title, m.line) for m in methods.values() if not isinstance(fits[m.id], str)]
    rows.sort(key=lambda row: row.id != first)
    rows += [Choice(m.id, m.title, reason=f"Does not fit: {fits[m.id]}") for m in methods.values() if isinstance(fits[m.id], str)]
    parts.choices(rows, question.method, lambda name: ask(question.with_(method=name, knobs=())), key="ways", label="Methods")
    chosen = methods.get(question.method)
    if chosen is not None and not isinstance(fits[chosen.id], str):
        _settings(question, card, chosen, tuple(fits[chosen.id]))


def _settings(question: Question, card: Card, method: Method, layers: tuple[str, ...]) -> None:
    given = dict(question.knobs)
    offered = [("layer", "Layer", layers, "Early layers are sharp in place and time, late ones in meaning.")] if len(layers) > 1 else []
    offered += [(knob.name, knob.title, knob.choices, knob.line) for knob in catalogue.knobs(card, method)]
    for start in range(0, len(offered), 2):
        for column, (name, title, choices, line) in zip(st.columns(2), offered[start : start + 2], strict=False):
            key = f"knob-{method.id}-{name}"

            def take(value: str, name: str = name, first: str = choices[0]) -> None:
                rest = {k: v for k, v in given.items() if k != name}
                ask(question.with_(knobs=tuple((rest if value == first else rest | {name: value}).items())))

            changed = shows(key, given.get(name) if given.get(name) in choices else choices[0], take)
            column.selectbox(
                title, choices, key=key, help=plain(line) or None, format_func=method.called if name == "layer" else str, on_change=changed
            )
