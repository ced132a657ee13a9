"""Pruning for real, into this session's own models; and what it changed: the answer, the map, and how often the model is right."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from actrec import catalogue, study
from actrec.core import settings
from actrec.core.answer import Explanation
from actrec.core.errors import ActrecError, Progress
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.lab import prune, results
from actrec.models.twostream import STREAMS
from actrec.ui import compare, own, parts
from actrec.ui.evaluate import shown
from actrec.ui.frame import PAGES, code, look, plain, work

LETTERS = ("A, before", "B, after")


@dataclass(frozen=True)
class Cut:
    """How much of which model goes. percents: of each of its networks, whole numbers.  fc: as in `prune.Whole.plans`."""

    model: str
    percents: tuple[int, ...]
    fc: bool

    @classmethod
    def of(cls, model: str, told: Any, networks: int) -> Cut | None:
        """What the browser told; None where that is nothing that it can tell."""
        if not isinstance(told, dict) or not isinstance(told.get("fc"), bool) or not isinstance(told.get("percents"), list):
            return None
        values = told["percents"]
        if len(values) != networks or not all(isinstance(value, int | float) and 0 <= value <= 99 for value in values):
            return None
        return cls(model, tuple(map(round, values)), told["fc"])

    @property
    def said(self) -> str:
        """The percentages as a link and the command line have them."""
        return ",".join(map(str, self.percents if len(set(self.percents)) > 1 else self.percents[:1]))

    @property
    def name(self) -> str:
        """What the pruned model's file is called."""
        stem = re.sub(r"\W+", "-", self.model.removesuffix(".safetensors")).strip("-")
        return f"{stem}-pruned-{self.said.replace(',', '-')}{'' if self.fc else '-without-fc'}.safetensors"

    def to_query(self) -> dict[str, str]:
        return {"percent": self.said} | ({} if self.fc else {"fc": "0"})

    def to_command(self) -> list[str]:
        """The command that prunes as the page does."""
        words = ["python", "-m", "actrec", "prune", "--model", self.model, "--percent", self.said, *([] if self.fc else ["--no-fc"])]
        return [*words, "--out", f"checkpoints/{self.name}"]


def show(question: Question) -> None:
    """The model that was pruned last from the question's, once there is one."""
    wanted: Cut | None = st.session_state.get("prune-go")
    if wanted is None or wanted.model != question.model:
        return
    known: dict[Cut, str] = st.session_state.setdefault("pruned", {})
    if wanted not in known or known[wanted].partition("@")[2] not in own.belongings().weights:
        link = work(f"prune {wanted}", "Pruning", lambda progress: make(wanted, progress))
        if link is None:
            return
        known[wanted] = link
    _file(wanted, known[wanted], question)
    _before_and_after(question, known[wanted])


def make(wanted: Cut, progress: Progress) -> str:
    """Prune into a file of this session; returns the name that the model has from now on.

    Raises:
        ActrecError, OSError: as `prune.written`; nothing is left behind.
    """
    kept, name = own.belongings(), own.model_name(wanted.model)
    room = kept.room()
    try:
        whole = prune.opened(name, progress)
        plans = whole.plans(dict(zip(prune.networks(whole.card), wanted.percents, strict=True)), wanted.fc)
        card = prune.written(whole, plans, room / wanted.name, fc=wanted.fc, progress=progress)
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
    older = kept.weights.pop(wanted.name, None)
    if older is not None:
        shutil.rmtree(older.parent, ignore_errors=True)
    kept.keep(kept.weights, wanted.name, room / wanted.name)
    st.session_state.setdefault("own-models", {})[card.id] = card
    return card.id


def _file(wanted: Cut, link: str, question: Question) -> None:
    """That it is there, where, and for how long."""
    file = own.belongings().weights[link.partition("@")[2]]
    title = st.session_state["own-models"][link].title
    st.success(plain(f"{title}: it is now among the models on all pages of this session, and goes when the session ends."), icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Download ({file.stat().st_size / 1e6:.2f} MB)"
        st.download_button(
            label, file.read_bytes, file.name, "application/octet-stream", key="prune-file", on_click="ignore", icon=":material/download:"
        )
        query = question.with_(model=link).to_query()
        st.page_link(PAGES["Explore"], label="Explore it", icon=":material/arrow_forward:", query_params=query)
    st.caption(f"To keep it, put the file into {code(str(settings.checkpoints()))}. The paper trains on after pruning: `train --init {wanted.name}`.")


# ------------------------------------------------------------------------------------------------------ before and after


def _before_and_after(question: Question, link: str) -> None:
    """Both answers on this clip, their maps of one class, and how far those agree."""
    st.header("Before and after, on this clip", anchor=False)
    question = by_class(question)

    def ask(progress: Progress) -> tuple[list[Question], study.Comparison]:
        first = study.answer(own.real(question), progress)
        pair = [question.with_(label=first.label), question.with_(label=first.label, model=link)]
        return pair, study.compare([own.real(each) for each in pair], progress)

    found = work(f"before and after {question} {link}", "Asking both models", ask)
    if found is None:
        return
    questions, both = found
    for column, title, answer in zip(st.columns(2), LETTERS, both.explanations, strict=True):
        with column:
            st.markdown(f"**{title}** · {plain(answer.model)}")
            parts.doubts(answer)
            parts.bars(parts.class_bars(answer), key=f"prune-bars-{title[0]}", label=f"Most probable classes of {title}")
    st.markdown(plain(changed(*both.explanations)))
    compare.agreement(both)
    compare.segments(both, look(), LETTERS)
    st.page_link(PAGES["Compare"], label="Compare both over the clip", icon=":material/arrow_forward:", query_params=compare.to_query(questions))
    _accuracy(question, link, both)


def by_class(question: Question) -> Question:
    """The question by a way of explaining that knows classes: what is said of both maps speaks of the evidence for one."""
    method = catalogue.methods().get(question.method)
    if method is None or method.by_class:
        return question
    return question.with_(method=study.default_method(catalogue.card(own.model_name(question.model))), knobs=(), at=None)


def changed(before: Explanation, after: Explanation) -> str:
    """What the answers have in common."""
    (one, was), (other, now) = before.predictions.top(1)[0], after.predictions.top(1)[0]
    if one == other:
        return f"Both say {one}: {percent(was)} before, {percent(now)} after. Both maps show the evidence for {before.label}."
    return f"Before it says {one} ({percent(was)}), after {other} ({percent(now)}). Both maps show the evidence for {before.label}."


def _accuracy(question: Question, link: str, both: study.Comparison) -> None:
    """How often each is right, where there are evaluations of it; else how to make one."""
    st.header("How often it is right", anchor=False)
    rows: dict[str, list[str]] = {}
    folders = results.found()
    for i, (model, answer) in enumerate(zip((question.model, link), both.explanations, strict=True)):
        for name, about in shown.abouts(folders).items():
            if about.get("weights_sha256") == answer.provenance["weights_sha256"] and _stream(str(about.get("model"))) == _stream(model):
                test = f"{about.get('set')}, {about.get('split')}"
                rows.setdefault(test, ["–", "–"])[i] = _right(name, folders[name])
    if rows:
        columns = {title: [plain(row[i]) for row in rows.values()] for i, title in enumerate(("Before", "After"))}
        st.table({"Test": [plain(test) for test in rows]} | columns, border="horizontal")
    names = (question.model, link.partition("@")[2].removesuffix(".safetensors"))
    missing = [name for i, name in enumerate(names) if all(row[i] == "–" for row in rows.values())]
    if missing:
        st.caption("What was not evaluated has no number. This does it, for a model in the checkpoints folder:")
        data = catalogue.card(own.model_name(question.model)).trained_on or "SET"
        st.code("\n".join(shlex.join(["python", "-m", "actrec", "evaluate", "--model", name, "--data", data]) for name in missing), language="bash")


def _stream(model: str) -> str:
    """Which of a model's streams its name names, "" for all of it."""
    last = model.rpartition(":")[2]
    return last if last in STREAMS else ""


def _right(name: str, folder: Path) -> str:
    try:
        found = shown.load("", name, folder).measured
    except ActrecError:
        return "–"
    return f"{percent(found.top1)} of {found.clips} clips"
