"""Saving: the files of what is on the page, and the command that makes the same ones."""

from __future__ import annotations

import mimetypes
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from actrec.core.answer import Explanation
from actrec.core.errors import Progress
from actrec.core.look import TOGETHER, Look
from actrec.core.question import Question
from actrec.study import Comparison
from actrec.ui.frame import work
from actrec.ui.own import belongings, is_own_joints, is_upload

TITLES = {
    "video": "Video",
    "figure": "Figure (PNG)",
    "figure_svg": "Figure (SVG)",
    "tokens": "Tokens (PNG)",
    "tokens_svg": "Tokens (SVG)",
    "tokens_html": "Tokens to turn (HTML)",
    "joints": "Joints (PNG)",
    "joints_svg": "Joints (SVG)",
    "flow": "Optical flow (PNG)",
    "flow_svg": "Optical flow (SVG)",
    "terms": "Parts of the score (PNG)",
    "terms_svg": "Parts of the score (SVG)",
    "matrix": "Matrix (PNG)",
    "matrix_svg": "Matrix (SVG)",
    "arrays": "Numbers (npz)",
    "curves": "Curves (csv)",
    "provenance": "Provenance (json)",
}

TITLES_OF_SEVERAL = {
    "figure": "Comparison (PNG)",
    "figure_svg": "Comparison (SVG)",
    "segments": "Three moments (PNG)",
    "segments_svg": "Three moments (SVG)",
    "provenance": "Numbers (json)",
}


def one(question: Question, found: Explanation, look: Look) -> None:
    """Save an explanation as it looks on the page. The files name the clip as the reader does, not where this session keeps it."""
    st.header("Keep it", anchor=False)
    named = replace(found, question=question)

    def make(progress: Progress) -> dict[str, Path]:
        from actrec.draw import export  # late: matplotlib

        files = export.write(named, belongings().room(), look=look, progress=progress)
        return {
            name: Path(files.more[name] if name in files.more else getattr(files, name))
            for name in TITLES
            if hasattr(files, name) or name in files.more
        }

    _files(f"save {question} {look} {found.provenance['weights_sha256']}", "Make the files", make, TITLES)
    _restored([question])


def said(question: Question, look: Look, usual: Look, line: DeltaGenerator) -> None:
    """Write the command that makes the same files into its place. usual: the look that needs no words."""
    line.code(question.to_command(look, usual), language="bash", wrap_lines=True)


def several(questions: Sequence[Question], found: Comparison, look: Look) -> None:
    """Save a comparison as it looks on the page: the figure, the segment strip, the numbers."""
    st.header("Keep it", anchor=False)
    named = [replace(e, question=q) for e, q in zip(found.explanations, questions, strict=True)]
    weights = [e.provenance["weights_sha256"] for e in named]

    def make(progress: Progress) -> Mapping[str, Path]:
        from actrec.draw import export  # late: matplotlib

        progress(0.2, "drawing")
        return export.write_comparison(named, found.agreements, belongings().room(), look=look)

    _files(f"save {questions} {look} {weights}", "Make the files", make, TITLES_OF_SEVERAL)
    _restored(questions, "" if compare_command(questions) else "The command line compares one class for all answers, with the methods' own settings.")


def said_of_several(questions: Sequence[Question], look: Look, line: DeltaGenerator) -> None:
    """The same for a comparison, where the command line can say it."""
    if words := compare_command(questions, look):
        line.code(words, language="bash", wrap_lines=True)


def compare_command(questions: Sequence[Question], look: Look = TOGETHER) -> str:
    """The shell command of a comparison; "" where the command line cannot say it."""
    first = questions[0]
    if len({(q.label, q.joints, q.flow) for q in questions}) > 1 or any(q.knobs or q.versus or q.at or q.hide for q in questions):
        return ""
    words = ["python", "-m", "actrec", "compare", first.clip]
    for question in questions:
        words += ["--model", question.model, "--method", question.method]
    words += ["--label", first.label] if first.label is not None else []
    words += ["--start", repr(float(first.start))] if first.start else []
    words += ["--joints", first.joints] if first.joints is not None else []
    words += ["--flow", first.flow] if first.flow is not None else []
    return shlex.join([*words, *look.to_words(TOGETHER)])


def _restored(questions: Sequence[Question], instead: str = "") -> None:
    """What the address restores, and what the command line below is for; instead: why there is none."""
    own = is_upload(questions[0].clip)
    where = " (run it where the clip is)" if own else ""
    restores = "The address of this page restores this view."
    if own or any("@" in q.model or is_own_joints(q.joints) for q in questions):
        restores = (
            "The address of this page restores this view, but carries no uploaded file: elsewhere, or later, upload it again under the same name."
        )
    st.caption(f"{restores} {instead or f'The same from the command line{where}:'}")


def _files(key: str, offer: str, make: Callable[[Progress], Mapping[str, Path]], titles: Mapping[str, str]) -> None:
    """A button that makes the files, then one to download each."""
    kept: dict[str, Mapping[str, Path]] = st.session_state.setdefault("saved", {})
    slot = st.container(horizontal=True, vertical_alignment="center")
    if key not in kept:
        wanted = slot.button(offer, key=f"make {key}", icon=":material/save:") or st.session_state.get("stopped") == key
        if not wanted:
            return
        found = work(key, "Writing the files", make)
        if found is None:
            return
        kept.clear()  # the files of the view before are not offered any more
        kept[key] = found
        st.rerun()
    for name, path in kept[key].items():
        if path.is_file():
            slot.download_button(
                titles.get(name, name),
                data=path.read_bytes(),
                file_name=path.name,
                mime=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
                key=f"get {name}",
                on_click="ignore",
                icon=":material/download:",
            )
