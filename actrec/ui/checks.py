"""Behind the player: the checks that fit, each a question with its answer. Cheap ones are made at once, dear ones when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import streamlit as st

from actrec import catalogue
from actrec.core.answer import Explanation
from actrec.core.card import Card
from actrec.core.clip import Video
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.inputs import pose
from actrec.study import checks
from actrec.study.checks import Check, Checked
from actrec.study.checks.hidden import WhatIf
from actrec.study.checks.order import TimeOrder
from actrec.study.checks.reach import Reach
from actrec.study.checks.shift import Worth
from actrec.study.checks.windows_cost import Cost
from actrec.ui import parts
from actrec.ui.attention import BARE
from actrec.ui.frame import ask, ink, plain, shows, work
from actrec.ui.own import model_name
from actrec.ui.parts import Bar

AT_ONCE = 60.0
"""GFLOPs (about a second on two cores) up to which extra runs of the model are made without being asked for."""

_kept: Kept[Checked] = Kept(96)

Later = Callable[[], bool]
"""What is to be done at the page's end; it says whether the page has to be drawn anew."""


def show(question: Question, asked_for: Question, card: Card, found: Explanation, film: Video) -> list[Later]:
    """Every check that fits the model and what it was given. question: as in the address.  asked_for: the same with real paths."""
    taps, about = catalogue.taps(card), asked_for.with_(label=found.label, versus=found.versus)
    return [_one(check, question, about, card, found, film) for check in checks.every().values() if not check.lacks(card, taps, found.clip)]


def _one(check: Check, question: Question, about: Question, card: Card, found: Explanation, film: Video) -> Later:
    key = f"{check.id} {found.identity}"
    st.header(check.title, anchor=False, help=check.line)
    if check.id == "hidden":
        _hide(question, about, card, film)
    known = _kept.get(key)
    if known is not None:
        return partial(bool, _draw(check, question, known))
    slot = st.container()
    cost = check.passes * gflops(question.model) if check.unasked else float("inf")
    if not wanted(slot, key, cost, check.offer):
        return _nothing

    def do() -> bool:
        with slot:
            made = work(key, check.title.rstrip("?…. "), lambda progress: checks.run(check.id, about, progress))
        if made is not None:
            _kept.get_or(key, lambda: made)
        return made is not None

    return do


def _draw(check: Check, question: Question, known: Checked) -> bool:
    """What a check found, drawn where there is a drawing for it, and its sentence; comes back with whether the question has changed."""
    if isinstance(known, TimeOrder):
        _order(known)
    elif isinstance(known, Cost):
        _cost_table(known)
    elif isinstance(known, Worth):
        _worth(known)
    elif isinstance(known, Reach):
        _reach(known)
    changed = isinstance(known, WhatIf) and _effects(question, known)
    st.markdown(plain(known.verdict))
    if isinstance(known, WhatIf):
        st.caption("Point at a bar for the probability. Click it to hide that part on the whole page.")
    elif isinstance(known, Cost):
        about = f"“{known.label}” gets {percent(known.probability)} with windows and {percent(known.full_probability)} without"
        st.caption(plain(f"{about}; the model was trained with them, so the second figure is that of a network as it was never trained."))
    return changed


def _nothing() -> bool:
    return False


def wanted(slot: st.delta_generator.DeltaGenerator, key: str, gflops: float, offer: str) -> bool:
    """Cheap runs are made at once, dear ones when asked for."""
    if gflops <= AT_ONCE or st.session_state.get("wanted") == key or st.session_state.get("stopped") == key:
        return True
    slot.button(plain(offer), key=f"want {key}", icon=":material/play_arrow:", on_click=lambda: st.session_state.update(wanted=key))
    return False


@st.cache_data(show_spinner=False)
def gflops(model: str) -> float:
    """Of one clip forwards."""
    return catalogue.counts(catalogue.card(model_name(model)))[1]


def _order(known: TimeOrder) -> None:
    what = {"shuffled": f"shuffled ({known.lowest_shuffle:.2f}–{known.highest_shuffle:.2f})"}
    rows = zip((what.get(name, name) for name in known.names), known.probabilities, known.logits, strict=True)
    _scores(rows, "order", "Probability of the class as the clip is, reversed and shuffled")


def _scores(rows: Iterable[tuple[str, float, float]], key: str, label: str) -> None:
    """A bar for each run of the model: its name, and the class's probability and score; the first is the model and the clip as they are."""
    bars = [
        Bar(name, p, percent(p), f"{name}: probability {p:.4f}, score {z:.3f}", "for" if number == 0 else "")
        for number, (name, p, z) in enumerate(rows)
    ]
    parts.bars(bars, key=key, label=label)


def _worth(known: Worth) -> None:
    rows = [("as it is", known.probability, known.score), *((row.name, row.probability, row.score) for row in known.ways)]
    _scores(rows, "shift", "Probability of the class with the shift as it is and rewired")
    from actrec.draw import charts  # late: plotly

    single = [(f"the shift in {row.name}", known.change(row), known.told(row)) for row in known.units]
    st.plotly_chart(charts.effects(single, known.measure, ink()), key="shift-units", config=BARE)


def _reach(known: Reach) -> None:
    from actrec.draw import charts  # late: plotly

    for number, (column, matrix) in enumerate(zip(st.columns(2), known.matrices(), strict=True)):
        column.markdown(f"**{plain(matrix.title)}**")
        column.plotly_chart(charts.matrix(matrix, ink()).update_layout(height=320), key=f"reach{number}", config=BARE)
        column.caption(plain(matrix.line))


def _hide(question: Question, about: Question, card: Card, film: Video) -> None:
    """Leave joints, limbs or people out of what the model is told; everything on the page is then about that."""
    given = pose.given(about.joints, film, card)
    if given.joints is None:
        return
    names = list(given.joints.hideable())
    st.multiselect(
        "Hide from the model",
        names,
        key="hide",
        format_func=lambda name: name.replace("_", " "),
        placeholder="nothing: the model is given all joints",
        help="Joints, limbs or people that the model is not given. Everything on the page is then about a run without them.",
        on_change=shows("hide", [name for name in question.hide if name in names], lambda hidden: ask(question.with_(hide=tuple(hidden)))),
    )


def _effects(question: Question, known: WhatIf) -> bool:
    from actrec.draw import charts  # late: plotly

    rows = [(row.name, known.change(row), known.told(row)) for row in known.effects]
    picked = st.plotly_chart(charts.effects(rows, known.measure, ink()), key="effects", config=BARE, on_select="rerun", selection_mode="points")
    names = [point["customdata"][0] for point in picked["selection"]["points"] if point.get("customdata")]
    if names and names[0] in {row.name for row in known.effects[1:]} - set(question.hide):
        ask(question.with_(hide=(*question.hide, names[0])))
        return True
    return False


def _cost_table(known: Cost) -> None:
    rows = ["| | in windows | pairs | in one window | pairs |", "|---|---|---|---|---|"]
    rows += [f"| {r.name} | {r.windows} × {r.tokens} tokens | {r.pairs:,} | {r.full_tokens:,} tokens | {r.full_pairs:,} |" for r in known.rows]
    one, other = (f"{g:.2f} GFLOPs, {1000 * s:.0f} ms" for g, s in ((known.gflops, known.seconds), (known.full_gflops, known.full_seconds)))
    rows.append(f"| a whole forward pass | {one} | | {other} | |")
    st.markdown("\n".join(rows))
