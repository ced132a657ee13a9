"""The Compare page: up to four answers about one clip, players in step, top classes, agreement in numbers, the segment strip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from actrec import catalogue, study
from actrec.clips import library
from actrec.core.errors import ActrecError, Progress, QuestionError
from actrec.core.kept import Kept
from actrec.core.look import TOGETHER, Look
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.measure.agreement import TITLES
from actrec.measure.strongest import amid
from actrec.study import Comparison
from actrec.ui import parts, save
from actrec.ui.choose import clip_names, clip_title, complete
from actrec.ui.frame import address, dress, look, note, noted, of_the_file, plain, put, remembered, shows, trouble, work, worn
from actrec.ui.models import fitting, groups, model_titles
from actrec.ui.own import clip_path, model_name, private_folder, real
from actrec.ui.player import Media, Pane, player

MOST = 4
LETTERS = "ABCD"
SHARED = ("clip", "start", "at")
"""What all answers have in common, and so stands once in a link."""


def show() -> None:
    """The whole page below its head."""
    questions = _asked()
    if not questions:
        return
    _ask(questions)
    _head(questions)
    for number, column in enumerate(st.columns(len(questions))):
        with column:
            _chooser(questions, number)
    try:
        real_ones = [real(q) for q in questions]
        film = study.open_clip(str(clip_path(questions[0].clip)))
    except ActrecError as error:
        return trouble(error)
    found = work(f"compare {questions}", "Asking the models", lambda progress: study.compare(real_ones, progress))
    private = private_folder(questions[0].clip)
    copy = work(f"copy {film.sha256}", "Preparing the player", lambda progress: library.browser_copy(film, private, progress))
    if found is None or copy is None:
        return
    media = Media(film.sha256, copy.path, copy.fps, film.frames, film.width, film.height, film.seconds)
    body, line = st.container(), st.container()
    with body:
        _below(questions, found, media, line)


def _below(questions: Sequence[Question], found: Comparison, media: Media, line: DeltaGenerator) -> None:
    """What was found out, from the player to the files."""
    _player(questions, found, media, line)
    of_the_file(found.explanations[0].clip.video)
    for number, column in enumerate(st.columns(len(questions))):
        with column:
            _column(questions, found, number)
    agreement(found)
    st.header("Three moments", anchor=False)
    slot = st.container()
    save.several(questions, found, look(TOGETHER))
    with slot:
        segments(found, look(TOGETHER))


# ------------------------------------------------------------------------------------------------------------ the link


def to_query(questions: Sequence[Question]) -> dict[str, str]:
    """A link's text pairs for several questions about one clip: what they share once, the rest with a number before it."""
    query = {name: value for name, value in questions[0].to_query().items() if name in SHARED}
    for number, question in enumerate(questions, 1):
        query |= {f"{number}.{name}": value for name, value in question.to_query().items() if name not in SHARED}
    return query


def from_query(query: Mapping[str, str]) -> list[Question]:
    """The questions a link asks, at most four.

    Raises:
        QuestionError: as `Question.from_query`.
    """
    shared = {name: query[name] for name in SHARED if name in query}
    found = []
    for number in range(1, MOST + 1):
        own = {name.partition(".")[2]: value for name, value in query.items() if name.startswith(f"{number}.")}
        if own:
            found.append(Question.from_query(shared | own))
    return found


def _asked() -> list[Question]:
    """The questions of the address; else those compared last; else the one asked last beside another model's answer."""
    query = address()
    try:
        found = from_query(query or st.session_state.get("compared", {}))
        Look.from_query(query, TOGETHER)
    except QuestionError as error:
        query = {name: query[name] for name in ("clip",) if name in query}
        put(query)
        note("address", error)
        found = []
    noted("address")
    if found:
        return found
    first = complete(query or remembered())
    return [] if first is None else [first, _beside(first)]


def _beside(first: Question) -> Question:
    """Something to compare a question with: another model that knows the same classes, else another model, else another way of explaining."""
    others = [card for card in groups()[0] if card.id != first.model]
    try:
        labels = set(catalogue.card(model_name(first.model)).labels)
    except ActrecError:
        labels = set()
    for card in [card for card in others if set(card.labels) == labels] or others:
        return Question(first.clip, card.id, study.default_method(card), start=first.start)
    card = catalogue.card(model_name(first.model))
    fitting = [m.id for m in catalogue.methods().values() if m.id != first.method and not isinstance(catalogue.layers(card, m), str)]
    return first.with_(method=(fitting or [first.method])[0], knobs=())


def _ask(questions: Sequence[Question]) -> None:
    """Put the questions into the address, beside the one look that all of them have."""
    query = to_query(questions)
    st.session_state["compared"] = query | worn(query, address() or st.session_state.get("compared", {}))
    put(st.session_state["compared"])


# ------------------------------------------------------------------------------------------------------------ choosing


def _head(questions: Sequence[Question]) -> None:
    """The clip they are all about, and room for one more."""
    clip, add = st.columns([3, 1], vertical_alignment="bottom")
    names = clip_names()
    options = names if questions[0].clip in names else [questions[0].clip, *names]

    def take(clip: str) -> None:
        _ask([q.with_(clip=clip, start=0.0, at=None, joints=None, hide=()) for q in questions])

    clip.selectbox("Clip", options, key="compare-clip", format_func=clip_title, on_change=shows("compare-clip", questions[0].clip, take))
    if len(questions) < MOST:
        add.button("Add an answer", icon=":material/add:", width="stretch", on_click=lambda: _ask([*questions, _another(questions)]))


def _another(questions: Sequence[Question]) -> Question:
    """A further answer: a model that is not among them yet, or the last one again to be changed."""
    ready, _ = groups()
    taken = {q.model for q in questions}
    fresh = next((card for card in ready if card.id not in taken), None)
    return questions[-1] if fresh is None else Question(questions[0].clip, fresh.id, study.default_method(fresh), start=questions[0].start)


def _chooser(questions: Sequence[Question], number: int) -> None:
    """Model, way and class of one answer."""
    question = questions[number]

    def change(**changes: object) -> None:
        _ask([q.with_(**changes) if i == number else q for i, q in enumerate(questions)])

    def take_model(model: str) -> None:
        change(model=model, method=fitting(model, question.method) or question.method, label=None, versus=None, knobs=(), hide=())

    titles = model_titles(question.model)
    _select(LETTERS[number], f"model-{number}", question.model, list(titles), titles, take_model)
    try:
        card = catalogue.card(model_name(question.model))
    except ActrecError:
        card = None
    ways = {m.id: m.title for m in catalogue.methods().values() if card is None or not isinstance(catalogue.layers(card, m), str)}
    _select("Method", f"way-{number}", question.method, list(ways), ways, lambda way: change(method=way, knobs=()))
    labels = [None, *(card.labels if card else ())]
    _select("Class", f"class-{number}", question.label, labels, {None: "the model’s first choice"}, lambda label: change(label=label, versus=None))
    if len(questions) > 2:
        rest = [q for i, q in enumerate(questions) if i != number]
        st.button("Remove", key=f"remove-{number}", type="tertiary", icon=":material/close:", on_click=lambda: _ask(rest))


def _select(label: str, key: str, value: Any, options: list[Any], titles: Mapping[Any, str], taken: Callable[[Any], None]) -> None:
    """A select box that shows the question's value, also one that is no legal choice (the page says elsewhere what is wrong with it)."""
    st.selectbox(
        label,
        options if value in options else [value, *options],
        key=key,
        format_func=lambda v: titles.get(v, str(v)),
        placeholder=titles.get(None, ""),
        label_visibility="visible" if label in LETTERS else "collapsed",
        on_change=shows(key, value, taken),
    )


# ------------------------------------------------------------------------------------------------------------- showing


@st.fragment
def _player(questions: Sequence[Question], found: Comparison, media: Media, line: DeltaGenerator) -> None:
    """All answers over one clip, in step; the difference of a pair on demand."""
    answers, now = found.explanations, look(TOGETHER)
    pairs = {pair: f"{LETTERS[pair[0]]} − {LETTERS[pair[1]]}" for pair, a in found.agreements.items() if a.difference is not None}
    pair = st.segmented_control("Difference", list(pairs), format_func=lambda p: pairs[p], key="difference") if pairs else None
    shown = range(len(answers)) if pair is None or len(answers) < MOST else pair
    panes = [
        Pane(f"pane{i}", e.model, f"{e.label} · {e.heat.title}", e.heats, e.points, e.skeleton, flow=e.flow)
        for i, e in enumerate(answers)
        if i in shown
    ]
    if pair is not None:
        difference = found.agreements[pair].difference
        assert difference is not None
        panes.append(Pane("difference", f"Difference {pairs[pair]}", f"red: more in {LETTERS[pair[0]]}", (difference,)))
    window = (min(int(e.heat.bands[:, 0].min()) for e in answers), max(int(e.heat.bands[:, 1].max()) for e in answers))
    state = player(
        key="compare-player",
        media=media,
        panes=panes,
        tracks=[replace(e.tracks[0], title=f"{LETTERS[i]}: {e.tracks[0].title}") for i, e in enumerate(answers)],
        window=window,
        sampled=np.unique(np.concatenate([e.clip.index for e in answers])),
        movable=window[1] - window[0] < media.frames,
        picks=False,
        start_frame=amid(answers[0].heat),
        look=now,
        wear=partial(dress, usual=TOGETHER, kept="compared"),
    )
    save.said_of_several(questions, state.look or now, line)  # in every run, as in `explore`
    if state.look is not None and replace(state.look, moment=now.moment) != now:
        st.rerun()
    if state.window is not None and abs(state.window - questions[0].start) > 0.01:
        _ask([q.with_(start=round(max(state.window, 0.0), 4)) for q in questions])
        st.rerun()


def _column(questions: Sequence[Question], found: Comparison, number: int) -> None:
    """One answer's classes and claim."""
    answer = found.explanations[number]

    def take(label: str, versus: bool) -> None:
        rather = versus and label != answer.label
        new = questions[number].with_(label=answer.label if rather else label, versus=label if rather else None)
        _ask([new if i == number else q for i, q in enumerate(questions)])

    st.markdown(f"**{LETTERS[number]}** · {plain(answer.model)}")
    parts.doubts(answer)
    parts.bars(parts.class_bars(answer), take, key=f"bars-{number}", label=f"Most probable classes of {LETTERS[number]}")
    st.caption(plain(f"{answer.claim} {pose.VIDEO_ONLY}" if answer.video_only else answer.claim))


def agreement(found: Comparison) -> None:
    """How far each pair agrees, in numbers that do not depend on either map's unit."""
    st.header("Do they agree?", anchor=False)
    rows = {f"{LETTERS[i]} and {LETTERS[j]}": {TITLES[n]: _number(v) for n, v in a.numbers.items()} for (i, j), a in found.agreements.items()}
    st.table(rows_to_columns(rows), border="horizontal")
    reasons = sorted({f"{LETTERS[i]} and {LETTERS[j]}: {why}" for (i, j), a in found.agreements.items() for why in a.reasons.values()})
    st.caption(
        "Measured where both models looked, on source pixels and frames. 1 is full agreement, 0 none; for “evidence elsewhere” 0 is full agreement. "
        "Two maps that agree can both be wrong." + "".join(f"  \n{plain(line)}" for line in reasons)
    )


def rows_to_columns(rows: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """{row: {column: cell}} as a table whose first column names the rows."""
    titles = list(next(iter(rows.values())))
    return {"Pair": list(rows)} | {title: [row[title] for row in rows.values()] for title in titles}


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−")


_drawn: Kept[bytes] = Kept(16)


def segments(found: Comparison, look: Look, names: Sequence[str] = ()) -> None:
    """The segment strip: the middle frame of each third of the time that every model saw, frames above, answers below. names: else the models'."""
    identity = look, *names, *((e.question, e.provenance["clip_sha256"], e.provenance["weights_sha256"]) for e in found.explanations)

    def draw(progress: Progress) -> bytes:
        progress(0.1, "drawing")
        from actrec.draw import export  # late: matplotlib
        from actrec.draw.figures import several  # late: matplotlib

        return several.segment_strip(list(zip(names or export.names(found.explanations), found.explanations, strict=True)), 3, look).png()

    data = work(f"segments {identity}", "Three moments", lambda progress: _drawn.get_or(identity, lambda: draw(progress)))
    if data is not None:
        st.image(data, width=900, alt="Frames and evidence at three moments")
