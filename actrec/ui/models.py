"""Choosing a model: one that is ready, one whose weights are fetched when first used, or a checkpoint of the reader's own, examined first."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from actrec.core import files, settings
from actrec.core.card import Card
from actrec.core.errors import ActrecError
from actrec.core.question import Question
from actrec.core.words import data_set
from actrec.ui import own, parts
from actrec.ui.frame import PAGES, begin, code, note, noted, plain, remembered, shows, trouble, work
from actrec.ui.own import belongings
from actrec.ui.parts import Choice

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


PROPOSED = 3
"""Models for filmed actions that are proposed for a clip of the reader's own."""


def groups() -> tuple[list[Card], list[Card]]:
    """Models that can answer at once — demos, the reader's own, this session's — and those whose weights are fetched when first used."""
    from actrec import catalogue  # late: torch

    cards = [card for card in catalogue.cards().values() if card.weights is not None]
    ready = [card for card in cards if not catalogue.ready(card)]
    return [*session_models(), *ready], [card for card in cards if card not in ready]


def session_models() -> list[Card]:
    """Models made from this session's checkpoints, under their names in links, as long as those are there."""
    return [card for card in st.session_state.get("own-models", {}).values() if card.weights is not None and card.weights.file.is_file()]


def default_model(own_clip: bool = False) -> str:
    """The ready model that does best on clips like the samples, or for a clip of the reader's own one for filmed actions; else any, or "" if none.

    One of a single stream, if there is one: then there is one map to begin with.
    """
    ready, _ = groups()

    def worth(card: Card) -> tuple[bool, bool, bool, float]:
        return own_clip and filmed(card), card.trained_on == "mannequin", not card.readouts, card.results.get("accuracy", 0.0)

    best = max(ready, key=worth, default=None)
    return best.id if best else ""


def filmed(card: Card) -> bool:
    """Whether a model was trained on many filmed actions: of those here the ones that their authors published."""
    return card.weights is not None and card.weights.url is not None


def facts(card: Card) -> str:
    """One line on a model: what it knows, how well (by its own test, else by what its authors say of these weights), and what there is to fetch."""
    from actrec import catalogue  # late: torch

    known = f"{len(card.labels)} actions" + (f" ({data_set(card.trained_on)})" if card.trained_on else "; what it was trained on is not known")
    accuracy, told = card.results.get("accuracy"), card.weights
    if accuracy is not None:
        return f"{known}; {100 * accuracy:.0f} % of its own test clips right"
    if told is None or "acc@1" not in told.figures:
        return known
    fetched = f"; {told.megabytes:.0f} MB to fetch" if told.megabytes and catalogue.ready(card) else ""
    return f"{told.figures['acc@1']:.0f} % right by its authors’ test{fetched}"


def propose(chosen: str, query: Mapping[str, str]) -> None:
    """For a clip of the reader's own: models for filmed actions, those first that are here, then the smallest to fetch."""
    ready, later = groups()
    offered = [*filter(filmed, ready), *sorted(filter(filmed, later), key=lambda card: card.weights.megabytes if card.weights else 0)][:PROPOSED]
    if any(card.id == chosen for card in ready if filmed(card)) or not offered:
        return
    with st.container(border=True, key="proposed"):
        st.markdown("**For a filmed clip**, choose a model that was trained on filmed actions. What is not here is fetched once you ask it.")
        rows = [Choice(card.id, card.title, facts(card)) for card in offered]
        parts.choices(rows, chosen, lambda name: take_model(name, query), key="models-filmed", label="Models for filmed actions")


def model_rows(chosen: str, query: Mapping[str, str], own_clip: bool = False) -> None:
    """The models as rows: ready ones first, the others one step away. own_clip: before them, what fits a filmed clip."""
    ready, later = groups()
    if own_clip:
        propose(chosen, query)
    if ready:
        rows = [Choice(card.id, card.title, facts(card)) for card in ready]
        parts.choices(rows, chosen, lambda name: take_model(name, query), key="models", label="Models that are ready")
    else:
        st.info("No trained model here yet. Choose one from the list below, or add a checkpoint of your own.")
    _remarks()
    with st.expander("Models whose weights are fetched when first used", expanded=chosen in [card.id for card in later], icon=":material/download:"):
        st.caption("Trained on Kinetics-400 by their authors. Needs a network connection once.")
        rows = [Choice(card.id, card.title, facts(card)) for card in later]
        parts.choices(rows, chosen, lambda name: take_model(name, query), key="models-later", label="Models that are fetched")
    with st.expander("A checkpoint of your own", icon=":material/upload_file:"):
        own_checkpoint(query)
    _departures(next((card for card in (*ready, *later) if card.id == chosen), None))


def _departures(card: Card | None) -> None:
    """Where the chosen model departs from its paper."""
    from actrec import catalogue  # late: torch

    if card is not None and (found := catalogue.departures(card.family, card.arguments)):
        with st.expander(f"Where {plain(card.title)} departs from its paper", icon=":material/difference:"):
            st.markdown("\n".join(f"- {line}" for line in found))


def _remarks() -> None:
    """Which files of the checkpoints folder are left out, and why, or what they are called."""
    from actrec import catalogue  # late: torch

    remarks = catalogue.remarks()
    for name, remark in list(remarks.items())[:PROPOSED]:
        st.caption(plain(f"{name}: {remark}."))
    if len(remarks) > PROPOSED:
        st.caption(f"{len(remarks) - PROPOSED} more files need a look: `python -m actrec models` lists them.")


def take_model(name: str, query: Mapping[str, str]) -> None:
    """Another model on the same clip, window, joints and flow; class and settings are the old one's, and the way of explaining must fit the new."""
    kept = {key: value for key, value in query.items() if key in ("clip", "start", "at", "joints", "flow")}
    begin({"method": fitting(name, query.get("method", ""))} | kept | {"model": name})


def fitting(model: str, method: str) -> str:
    """The way of explaining if it fits the model, else the model's default; "" where the model cannot be had."""
    from actrec import catalogue, study  # late: torch

    wanted = catalogue.methods().get(method)
    try:
        card = catalogue.card(own.model_name(model))
        return study.default_method(card) if wanted is None or isinstance(catalogue.layers(card, wanted), str) else method
    except ActrecError:
        return ""


# ----------------------------------------------------------------------------------------------------- own checkpoints


def own_checkpoint(query: Mapping[str, str]) -> None:
    """Bring a checkpoint: say which architecture it is for, read the report, use it if everything fits."""
    turn = st.session_state.setdefault("weights-turn", 0)
    file = st.file_uploader(
        "Checkpoint: safetensors, or a torch file with weights only",
        key=f"weights-upload-{turn}",
        help="It is read as data: a file that wants to run code is refused. It belongs to this session and is deleted when the session ends.",
    )
    noted("weights")
    if file is not None:
        st.session_state["weights-turn"] = turn + 1
        _receive_weights(file)
        own.forget(file)
        st.rerun()
    found = {**_folder_files(), **belongings().weights}
    if not found:
        st.caption(f"Or put files into {code(str(settings.checkpoints()))}.")
        return
    names = list(found)[::-1]
    name = st.selectbox("File", names, placeholder="choose a file", key="weights-file", on_change=lambda: note("weights", ""))
    if name in found:
        _doctor(name, found[name], query)


def _folder_files() -> dict[str, Path]:
    from actrec import catalogue  # late: torch

    known = {card.weights.file for card in catalogue.cards().values() if card.weights is not None}
    return {f.name: f for f in files.inside(settings.checkpoints()) if f.suffix in catalogue.SUFFIXES and f not in known and not files.odd(f)}


def _receive_weights(file: UploadedFile) -> None:
    from actrec.models import weights  # late: torch

    kept = belongings()
    room = kept.room()
    try:
        path = own.receive(file, file.name, room)
        with st.spinner("Reading the checkpoint …"):
            weights.read(path)
    except (ActrecError, OSError) as error:
        shutil.rmtree(room, ignore_errors=True)
        note("weights", error)
        st.session_state["weights-file"] = None  # nothing is said of an older file under what is said of this one
        return
    kept.keep(kept.weights, path.name, path)
    st.session_state["weights-file"] = path.name


def _doctor(name: str, path: Path, query: Mapping[str, str]) -> None:
    """Which architecture the file fits, what is missing or left over, and the way to use it."""
    from actrec import catalogue  # late: torch
    from actrec.catalogue import doctor  # late: torch

    examined = work(f"examine {name}", "trying the architectures", lambda progress: doctor.examine(path, progress))
    if examined is None:
        return
    bases = [found.architecture for found in examined]
    base = st.selectbox("Architecture", bases, key=f"weights-base-{name}", help="The best fit first.")
    found = next(e for e in examined if e.architecture == base)
    lines = (
        st.text_area("Names of the classes, one per line (optional)", key=f"weights-labels-{name}", height=90) if name in belongings().weights else ""
    )
    if not found.report.complete:
        st.warning(plain(f"Not usable as {base}: {found.report}."), icon=":material/rule:")
        return
    st.success(plain(f"Everything fits {base}: {found.report}."), icon=":material/check:")
    if st.button("Use this model", type="primary", key="weights-use"):
        if lines.strip():
            files.write(path.with_suffix(".txt"), lines)
        link = f"{base}@{name}"
        try:
            card = replace(catalogue.card(f"{base}@{path}"), id=link)
        except ActrecError as error:  # names of classes that cannot be read
            trouble(error)
            return
        st.session_state.setdefault("own-models", {})[link] = card
        take_model(link, query)
        st.rerun()
    if query.get("model") == f"{base}@{name}":
        st.markdown("It is in use: its answer is under “3 · What it recognises”.")
        st.page_link(PAGES["Explore"], label="Explore: where did it look?", icon=":material/arrow_forward:", query_params=remembered())


def model_titles(*also: str) -> dict[str, str]:
    """Every model that can be asked, by the name it has in links; those to be fetched say so. also: names of others, such as a model's stream."""
    ready, later = groups()
    listed = {card.id: card.title for card in ready} | {card.id: f"{card.title} (fetched when first used)" for card in later}
    return listed | {name: _title(name) for name in also if name not in listed}


def _title(name: str) -> str:
    from actrec import catalogue  # late: torch

    try:
        return catalogue.card(own.model_name(name)).title
    except ActrecError:
        return name


def model_select(question: Question) -> None:
    """The model, to change it in place."""
    titles = model_titles()
    whole = question.model.rpartition(":")[0]
    chosen = whole if whole in titles else question.model
    st.selectbox(
        "Model",
        list(titles) if chosen in titles else [chosen, *titles],
        key="model-select",
        format_func=lambda name: titles.get(name, name),
        on_change=shows("model-select", chosen, lambda model: take_model(model, question.to_query())),
    )
