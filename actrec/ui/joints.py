"""The joints of the people in the clip: what the model is given of them, bringing a file, mending how it lies on the clip, estimating them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import streamlit as st

from actrec.clips import mannequin
from actrec.core.card import Card
from actrec.core.clip import Video
from actrec.core.errors import ActrecError
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.inputs.streams.pose import reads as reads_joints
from actrec.ui import own
from actrec.ui.frame import ask, note, noted, plain, shows, work
from actrec.ui.laid import Laid, laid
from actrec.ui.own import belongings

MOST_OFFSET = 999_999_999
"""What a name can say (see `pose.Named`): a link's number must not break the field that shows it."""

OWN = "the sample clip’s own, known because the clip was rendered"


def panel(question: Question, asked_for: Question, card: Card, film: Video) -> Laid | None:
    """What the model is given, and the ways to change it; comes back with the joints to draw.

    question: as in the address.  asked_for: the same with real paths.
    """
    if not reads_joints(card):
        if question.joints not in (None, pose.NONE):
            st.caption(pose.UNREAD)
        return None
    found, error = None, ""
    try:
        found = laid(asked_for, card, film)
    except ActrecError as caught:
        error = str(caught)
    # The label stays the same and open stays open, or else the panel would close under the reader's hands.
    still = st.session_state["joints-open"] = bool(error) or st.session_state.get("joints-open", False)
    with st.expander("Joints of the people in the clip", icon=":material/accessibility_new:", expanded=still, key="joints-panel"):
        now, bring = st.columns(2, gap="large")
        with now:
            _choose(question, film)
            _report(card, found, error)
            if question.joints not in (None, pose.NONE):
                _mend(question, found, film)
            if found is not None:
                _keep(film, found)
        with bring:
            _bring(question, card, film)
            _estimate(question, film)
    st.caption(plain(_summary(question, found, error)))
    if found is not None and found.fit.doubtful:  # with the panel closed too: the answer may be to joints that are not this clip's
        st.warning(plain(f"The joints are doubtful: {'; '.join(found.fit.doubts)}. Look at the skeleton on the frames."), icon=":material/rule:")
    return found


def _summary(question: Question, found: Laid | None, error: str) -> str:
    """What the model is given, in a line that is there with the panel closed too."""
    if error or found is None:
        return "The joints cannot be used: the panel says why." if error else pose.VIDEO_ONLY
    source = "the sample clip’s own joints" if question.joints is None else f"the joints of {pose.Named.of(question.joints).file}"
    return f"Besides the frames the model is given {source}{', which are doubtful' if found.fit.doubtful else ''}."


def _take(question: Question, joints: str | None) -> None:
    """Other joints, or the same laid otherwise; what was hidden of the old ones is not of these."""
    st.session_state["joints-open"] = True
    ask(question.with_(joints=joints, hide=()))


def _choose(question: Question, film: Video) -> None:
    """What is used now, and another choice among what there is."""
    own = mannequin.truth_beside(film.path).is_file()
    names: list[str | None] = [None] * own + [*belongings().joints, pose.NONE]
    try:
        chosen = pose.Named.of(question.joints).file if question.joints is not None else None if own else pose.NONE
    except ActrecError:  # choices that there are none of
        chosen = question.joints

    def take(name: str | None) -> None:
        if name in belongings().joints:
            name = str(pose.Named(name))
        _take(question, None if name == pose.NONE and not own else name)

    st.selectbox(
        "The model is given",
        names if chosen in names else [chosen, *names],
        key="joints-choice",
        format_func=lambda name: {None: OWN, pose.NONE: "none: video only"}.get(name, str(name)),
        placeholder=OWN,  # what is shown for None, which is a choice here
        on_change=shows("joints-choice", chosen, take),
    )


def _report(card: Card, found: Laid | None, error: str) -> None:
    """How they lie on the clip, in words, with what to doubt."""
    if error:
        st.markdown(plain(f"They cannot be used: {error}"))
    elif found is None:
        st.caption(f"{pose.VIDEO_ONLY} The model’s pose stream is off; it answers from the frames alone.")
    else:
        layout, others = found.whole.layout, found.people - found.given.people
        lines = [f"{layout.title}" + (f", given to the model as {found.given.layout.name}" if layout != found.given.layout else "")]
        lines += [*found.fit.lines, *([found.whole.note] if found.whole.note else [])]
        first = "the first" if card.people == 1 else f"the first {card.people}"
        lines += [f"{found.people} people, of whom the model is given only {first}"] if others > 0 else []
        st.markdown("\n".join(f"- {plain(line)}" for line in lines))


def _mend(question: Question, found: Laid | None, film: Video) -> None:
    """The offset, the layout, the units, the sides and the person, for a file; also where it cannot be used as it is."""
    try:
        chosen = pose.Named.of(str(question.joints))
    except ActrecError:
        return

    def change(**changes: object) -> None:
        _take(question, str(replace(chosen, **changes)))  # type: ignore[arg-type]

    offset, layout = st.columns(2)
    offset.number_input(
        "Offset in frames",
        key="joints-offset",
        min_value=-MOST_OFFSET,
        max_value=MOST_OFFSET,
        step=1,
        on_change=shows("joints-offset", chosen.offset, lambda offset: change(offset=int(offset))),
    )
    layout.selectbox(
        "Layout",
        ["", *pose.LAYOUTS],
        key="joints-layout",
        format_func=lambda name: pose.LAYOUTS[name].title if name else "as the file says",
        help="For files that do not say which joints they have, or say it wrongly.",
        on_change=shows("joints-layout", chosen.layout, lambda layout: change(layout=layout)),
    )
    st.caption("An offset of 3 puts the file’s first frame on the clip’s fourth. The skeleton in the player shows whether it fits.")
    offered = ["", *pose.UNITS, f"{film.width // 2}x{film.height // 2}", f"{film.width // 4}x{film.height // 4}"]
    st.selectbox(
        "Places are measured in",
        list(dict.fromkeys([*offered, chosen.units])),
        key="joints-units",
        format_func=lambda name: pose.unit_told(name) if name else "what the file says",
        help="Fractions, and pixels of a copy of the clip in another size, are scaled to the clip's pixels.",
        on_change=shows("joints-units", chosen.units, lambda units: change(units=units)),
    )
    st.toggle(
        "Left and right are swapped in the file",
        key="joints-swap",
        help="The person's own left is meant: blue limbs are left, orange ones right.",
        on_change=shows("joints-swap", chosen.swapped, lambda swapped: change(swapped=bool(swapped))),
    )
    people = chosen.person if found is None else found.people + chosen.person - 1
    if people > 1:
        st.selectbox(
            "The person who comes first",
            range(1, people + 1),
            key="joints-person",
            format_func=lambda number: f"person {number}",
            on_change=shows("joints-person", chosen.person, lambda person: change(person=int(person))),
        )


def _keep(film: Video, found: Laid) -> None:
    """The joints as they lie on the clip now, in the file's own layout, to take along."""
    st.download_button(
        "Keep as npz",
        data=lambda: pose.packed(found.whole),  # made when it is asked for
        file_name=f"{film.path.stem}-joints.npz",
        mime="application/octet-stream",
        key="joints-keep",
        on_click="ignore",
        icon=":material/download:",
    )


def _bring(question: Question, card: Card, film: Video) -> None:
    """Take a file of the reader's own. One that cannot be used gets one sentence and changes nothing."""
    turn = st.session_state.setdefault("joints-turn", 0)
    file = st.file_uploader(
        "A file of joints",
        key=f"joints-upload-{turn}",
        max_upload_size=own.most_mb(),
        help="; ".join(pose.FORMATS.values()) + ". It belongs to this session and is deleted when the session ends.",
    )
    noted("joints")
    if file is None:
        return
    st.session_state.update({"joints-turn": turn + 1, "joints-open": True})  # a fresh uploader: the old one's memory is given back
    try:
        with st.spinner("Reading the joints …"):
            _take(question, own.receive_joints(file, file.name, file.size, film, card))
    except ActrecError as error:
        note("joints", error)
    own.forget(file)
    st.rerun()


def _estimate(question: Question, film: Video) -> None:
    """Have the joints found in the pictures, where that can run here; otherwise what is missing."""
    name = st.selectbox(
        "Or estimate them from the frames",
        list(pose.ESTIMATORS),
        key="estimator",
        format_func=lambda name: pose.ESTIMATORS[name].title,
        index=None,
        placeholder="choose a way",
    )
    if name is None:
        return
    st.session_state["joints-open"] = True
    way, model = pose.ESTIMATORS[name], _model_file() if name == "mediapipe" else None
    lacks = way.lacks(model)
    st.caption(plain(lacks or way.note))
    key = f"estimate {name} {model} {film.sha256}"

    def begin() -> None:
        again = {"stopped": None} if st.session_state.get("stopped") == key else {}
        st.session_state.update({"estimating": key} | again)

    st.button(
        f"Estimate with {way.title} ({film.frames} frames)",
        key=f"want {key}",
        icon=":material/play_arrow:",
        disabled=bool(lacks),
        on_click=begin,
    )
    if lacks or st.session_state.get("estimating") != key:
        return
    found = work(key, "Estimating the joints", lambda progress: pose.estimate(film, name, progress, model=model))
    if found is not None:
        _take(question, own.keep_joints(found, f"{film.path.stem} · {way.title} (estimated)"))
    if found is not None or st.session_state.get("stopped") != key:  # done, or failed; what was stopped can go on
        st.session_state["estimating"] = None
    if found is not None:
        st.rerun()


def _model_file() -> Path | None:
    """MediaPipe's model file, which is the reader's own; the last one uploaded stays."""
    turn, kept = st.session_state.setdefault("task-turn", 0), st.session_state.get("task-file")
    label = f"Another model file than {kept.name}" if kept is not None else "MediaPipe’s model file (pose_landmarker….task)"
    file = st.file_uploader(plain(label), type=["task"], key=f"task-upload-{turn}")
    if file is None:
        return kept
    if kept is not None:
        shutil.rmtree(kept.parent, ignore_errors=True)
    st.session_state.update({"task-turn": turn + 1, "task-file": own.receive(file, file.name, belongings().room())})
    own.forget(file)
    st.rerun()
