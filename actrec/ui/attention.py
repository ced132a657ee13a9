"""Behind the player, for models that choose their tokens and read joints: the tokens in space and time, matrices, what if, and what windows save."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from actrec.core.answer import Explanation
from actrec.core.card import Card
from actrec.core.clip import Video
from actrec.core.errors import Progress
from actrec.core.evidence import Matrix, Points
from actrec.core.kept import Kept
from actrec.core.look import Look
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.inputs import pose
from actrec.study import hidden, windows_cost
from actrec.ui.frame import ask, plain, work

_effects: Kept[hidden.WhatIf] = Kept(32)
_costs: Kept[windows_cost.Cost] = Kept(32)

Value = TypeVar("Value")

BARE: dict[str, Any] = {"displayModeBar": False}


def findings(found: Explanation) -> None:
    """What the numbers say, a sentence each."""
    if found.findings:
        st.markdown("\n".join(f"- {plain(finding.sentence)}" for finding in found.findings))


def pictures(found: Explanation, look: Look) -> None:
    """What does not fit on the player: the tokens as a cloud that turns, and the matrices."""
    if found.points is not None:
        _cloud(found.points, found.clip.video, look)
    for number, matrix in enumerate(found.matrices):
        _matrix(matrix, number, look)


@st.fragment
def _cloud(points: Points, film: Video, look: Look) -> None:
    st.subheader("The tokens in space and time", anchor=False)
    most, least = st.columns(2)
    count = len(points.scores)
    steps = [n for n in (16, 32, 64, 128, 256, 512) if n < count] + [count]
    shown = most.select_slider("Strongest", steps, value=min(128, steps[-1]) if 128 in steps else steps[-1], key="cloud-most")
    threshold = least.slider("Threshold (share of the largest)", 0.0, 0.95, 0.0, 0.05, key="cloud-threshold")
    from actrec.draw import charts  # late: the drawing libraries are slow to load

    figure = charts.tokens_3d(points, most=int(shown), threshold=threshold, ink=_ink(), size=(film.width, film.height), palette=look.palette)
    st.plotly_chart(figure, key="cloud", config=BARE)
    st.caption(
        "Drag to turn it. A dot is a token at p + Δp, a line runs to it from its place p on the regular grid; the time axis runs into the picture. "
        "Time stands between frames because a token is read from two of them."
    )


def _matrix(matrix: Matrix, number: int, look: Look) -> None:
    st.subheader(plain(matrix.title), anchor=False)
    from actrec.draw import charts

    st.plotly_chart(charts.matrix(matrix, _ink(), look.palette), key=f"matrix{number}", config=BARE)
    if matrix.line:
        st.caption(plain(matrix.line))


def _ink() -> str:
    return "#e6eaec" if st.context.theme.type == "dark" else "#1d2326"


def _hide(question: Question, asked_for: Question, card: Card, film: Video) -> None:
    """Leave joints, limbs or people out of what the model is told; everything on the page is then about that."""
    given = pose.given(asked_for.joints, film, card)
    if given.joints is None:
        return
    names = list(given.joints.hideable())
    st.session_state["hide"] = [name for name in question.hide if name in names]
    st.multiselect(
        "Hide from the model",
        names,
        key="hide",
        format_func=lambda name: name.replace("_", " "),
        placeholder="nothing: it is told of all joints",
        help="Joints, limbs or people that the model is not told of. Everything on the page is then about that run.",
        on_change=lambda: ask(question.with_(hide=tuple(st.session_state["hide"]))),
    )


def what_if(question: Question, asked_for: Question, card: Card, found: Explanation, film: Video) -> Callable[[], bool]:
    """The class's score without each person, limb and joint; comes back with what is to be done at the page's end."""
    if "pose" not in card.inputs or not found.provenance.get("joints"):
        return _nothing
    st.subheader("What if it had not been told of …?", anchor=False)
    _hide(question, asked_for, card, film)
    key = f"what-if {found.identity}"
    about = asked_for.with_(label=found.label, versus=found.versus)
    known = _effects.get(key)
    if known is None:
        return _on_demand(_effects, key, "Run it again without each joint and limb", "Hiding joints", partial(hidden.what_if, about))
    from actrec.draw import charts

    rows = [(row.name, known.probability, row.probability) for row in known.effects]
    picked = st.plotly_chart(charts.effects(rows, _ink()), key="effects", config=BARE, on_select="rerun", selection_mode="points")
    st.markdown(plain(known.verdict))
    st.caption("How the class’s probability changes. Click a bar to hide that part on the whole page.")
    names = [point["customdata"][0] for point in picked["selection"]["points"] if point.get("customdata")]
    if names and names[0] in {row.name for row in known.effects[1:]} - set(question.hide):
        ask(question.with_(hide=(*question.hide, names[0])))
        return lambda: True
    return _nothing


def saved(asked_for: Question, card: Card, found: Explanation) -> Callable[[], bool]:
    """What attention in windows saves on this clip; comes back with what is to be done at the page's end."""
    if card.family != "deform":
        return _nothing
    st.subheader("What do the windows save?", anchor=False)
    key = f"cost {found.identity}"
    known = _costs.get(key)
    if known is None:
        return _on_demand(_costs, key, "Count and measure it on this clip", "Measuring", partial(windows_cost.cost, asked_for))
    _cost_table(known)
    return _nothing


def _nothing() -> bool:
    return False


def _on_demand(kept: Kept[Value], key: str, offer: str, what: str, make: Callable[[Progress], Value]) -> Callable[[], bool]:
    """A button for a result that is dear; comes back with what is to be done at the page's end, which says whether the result is there now."""
    slot = st.container()
    wanted = slot.button(offer, key=f"want {key}", icon=":material/play_arrow:")
    if not wanted and st.session_state.get("stopped") != key:
        return _nothing

    def do() -> bool:
        with slot:
            made = work(key, what, make)
        if made is not None:
            kept.get_or(key, lambda: made)
        return made is not None

    return do


def _cost_table(known: windows_cost.Cost) -> None:
    rows = ["| | in windows | pairs | in one window | pairs |", "|---|---|---|---|---|"]
    rows += [f"| {r.name} | {r.windows} × {r.tokens} tokens | {r.pairs:,} | {r.full_tokens:,} tokens | {r.full_pairs:,} |" for r in known.rows]
    one, other = (f"{g:.2f} GFLOPs, {1000 * s:.0f} ms" for g, s in ((known.gflops, known.seconds), (known.full_gflops, known.full_seconds)))
    rows.append(f"| a whole forward pass | {one} | | {other} | |")
    st.markdown("\n".join(rows))
    st.markdown(plain(known.verdict))
    about = f"“{known.label}” gets {percent(known.probability)} with windows and {percent(known.full_probability)} without"
    st.caption(plain(f"{about}; the model was trained with them, so the second figure is of a network it never was."))
