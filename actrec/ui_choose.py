"""Choosing: a clip from the gallery or of the reader's own, a model that is ready, fetched when first used, or brought along."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from actrec import library, settings, ui_own, ui_parts
from actrec.types import ActrecError, Card, Question
from actrec.ui import ask, note, noted, plain, work
from actrec.ui_own import belongings, receive_clip
from actrec.ui_parts import Choice

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

PAGE_OF_CLIPS = 12


# --------------------------------------------------------------------------------------------------------------- clips


def clip_names() -> list[str]:
    """Every clip this session may open: its uploads, the newest first, then the samples and the reader's own folders."""
    return [*reversed(belongings().clips), *library.samples()]


def clip_title(name: str) -> str:
    """A clip's name for reading."""
    return name if name in belongings().clips else name.replace("_", " ")


def default_clip() -> str:
    """The first sample; "" where there is none."""
    return next(iter(library.samples()), "")


@st.cache_resource(show_spinner=False)
def _painter() -> ThreadPoolExecutor:
    """One worker that makes previews beside the page."""
    return ThreadPoolExecutor(1, "preview")


def gallery(chosen: str | None, query: Mapping[str, str]) -> bool:
    """The clips as tiles, uploads first; returns whether some previews are still being made."""
    own, samples = belongings().clips, library.samples()
    names = clip_names()
    if not names:
        st.info("No sample clips here. Add one of your own below.")
        return False
    shown, pages = names, -(-len(names) // PAGE_OF_CLIPS)
    if pages > 1:
        at = names.index(chosen) // PAGE_OF_CLIPS + 1 if chosen in names else 1
        number = st.pagination(pages, default=at, key="clips-page")
        shown = names[(number - 1) * PAGE_OF_CLIPS : number * PAGE_OF_CLIPS]
    pictures = {name: _preview(own.get(name) or samples[name], name in own) for name in shown}
    items = [
        Choice(
            name,
            clip_title(name),
            image=ui_parts.image_url(data or b"", f"clip.{name}"),
            frames=library.PREVIEW_FRAMES,
        )
        for name, data in pictures.items()
    ]
    ui_parts.choices(items, chosen, lambda name: _take_clip(name, query), key="gallery", label="Clips", layout="tiles")
    return None in pictures.values()


def _preview(path: Path, private: bool) -> bytes | None:
    """The clip's preview, None while it is being made."""
    if private:
        return library.preview(path, path.parent)
    if library.preview_file(path).is_file():
        return library.preview(path)
    started: dict[Path, object] = st.session_state.setdefault("previews", {})
    future = started.get(path) or _painter().submit(library.preview, path)
    started[path] = future
    return future.result() if future.done() else None  # type: ignore[attr-defined]


def await_previews(seconds: float = 20.0) -> None:
    """At a page's end: wait for the next previews and show them, unless the reader does something first."""
    pulse, end = st.empty(), time.monotonic() + seconds
    futures = st.session_state.get("previews", {})
    time.sleep(0.2)
    while not all(f.done() for f in futures.values()) and time.monotonic() < end:
        time.sleep(0.2)
        pulse.empty()  # a rerun can cut in here
    st.rerun()


def _take_clip(name: str, query: Mapping[str, str]) -> None:
    """Another clip: keep the model and the way of explaining; a place and a second belong to the old clip, and a class perhaps too."""
    kept = {key: value for key, value in query.items() if key in ("model", "method") or key.startswith("knob.")}
    ask(Question.from_query({"model": "-"} | kept | {"clip": name}))


def upload_clip(query: Mapping[str, str]) -> None:
    """Take a clip of the reader's own. A file that cannot be used gets one sentence and changes nothing."""
    limits = settings.limits()
    turn = st.session_state.setdefault("clip-turn", 0)
    file = st.file_uploader(
        "A clip of your own",
        key=f"clip-upload-{turn}",
        max_upload_size=max(int(limits.max_mb), 1),
        help=f"Up to {limits.max_mb:g} MB and {limits.max_seconds / 60:g} minutes. It belongs to this session and goes when it ends.",
    )
    noted("clip")
    if file is None:
        return
    st.session_state["clip-turn"] = turn + 1  # a fresh uploader: the old one's memory is given back
    try:
        with st.spinner("Reading the clip …"):
            _take_clip(receive_clip(file, file.name, file.size), query)
    except ActrecError as error:
        note("clip", error)
    ui_own.forget(file)
    st.rerun()


# -------------------------------------------------------------------------------------------------------------- models


def groups() -> tuple[list[Card], list[Card]]:
    """Models that can answer at once — demos, the reader's own, this session's — and those whose weights are fetched when first used."""
    from actrec import catalogue

    cards = [card for card in catalogue.cards().values() if card.weights is not None]
    ready = [card for card in cards if not catalogue.ready(card)]
    return [*session_models(), *ready], [card for card in cards if card not in ready]


def session_models() -> list[Card]:
    """Models made from this session's checkpoints, under their names in links."""
    return list(st.session_state.get("own-models", {}).values())


def default_model() -> str:
    """The first model that is ready; "" where there is none."""
    ready, _ = groups()
    return ready[0].id if ready else ""


def facts(card: Card) -> str:
    """One line on a model: what it knows, and how well by its own test."""
    known = f"{len(card.labels)} actions" + (f" of {card.trained_on}" if card.trained_on else "")
    accuracy = card.results.get("accuracy")
    return known if accuracy is None else f"{known}; {100 * accuracy:.0f} % right on its own test clips"


def model_rows(chosen: str, query: Mapping[str, str]) -> None:
    """The models as rows: ready ones first, the others one step away."""
    ready, later = groups()
    if ready:
        rows = [Choice(card.id, card.title, facts(card)) for card in ready]
        ui_parts.choices(rows, chosen, lambda name: take_model(name, query), key="models", label="Models that are ready")
    else:
        st.info("No trained model here yet. Take one from the list below, or bring a checkpoint of your own.")
    with st.expander("Models whose weights are fetched when first used", expanded=chosen in [card.id for card in later], icon=":material/download:"):
        st.caption("Trained on Kinetics-400 by their authors. Needs a network once.")
        rows = [Choice(card.id, card.title, facts(card)) for card in later]
        ui_parts.choices(rows, chosen, lambda name: take_model(name, query), key="models-later", label="Models that are fetched")
    with st.expander("A checkpoint of your own", icon=":material/upload_file:"):
        own_checkpoint(query)


def take_model(name: str, query: Mapping[str, str]) -> None:
    """Another model on the same clip and window; class and settings belong to the old one, and the way of explaining must fit the new one."""
    kept = {key: value for key, value in query.items() if key in ("clip", "start", "at")}
    ask(Question.from_query({"clip": "-", "method": fitting(name, query.get("method", ""))} | kept | {"model": name}))


def fitting(model: str, method: str) -> str:
    """The way of explaining if it fits the model, else the model's default; "" where the model cannot be had."""
    from actrec import catalogue, study

    try:
        card = catalogue.card(ui_own.model_name(model))
    except ActrecError:
        return ""
    wanted = catalogue.methods().get(method)
    return study.default_method(card) if wanted is None or isinstance(catalogue.layers(card, wanted), str) else method


# ----------------------------------------------------------------------------------------------------- own checkpoints


def own_checkpoint(query: Mapping[str, str]) -> None:
    """Bring a checkpoint: say which architecture it is for, read the report, use it if everything fits."""
    turn = st.session_state.setdefault("weights-turn", 0)
    file = st.file_uploader(
        "Checkpoint: safetensors, or a torch file with weights only",
        key=f"weights-upload-{turn}",
        help="It is read as data: a file that wants to run code is refused. It belongs to this session and goes when it ends.",
    )
    noted("weights")
    if file is not None:
        st.session_state["weights-turn"] = turn + 1
        _receive_weights(file)
        ui_own.forget(file)
        st.rerun()
    found = {**_folder_files(), **belongings().weights}
    if not found:
        st.caption(f"Or put files into `{plain(str(settings.checkpoints()))}`.")
        return
    names = list(found)[::-1]
    name = st.selectbox("File", names, key="weights-file")
    if name in found:
        _doctor(name, found[name], query)


def _folder_files() -> dict[str, Path]:
    from actrec import catalogue

    folder = settings.checkpoints()
    known = {card.weights.file for card in catalogue.cards().values() if card.weights is not None}
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {f.name: f for f in files if f.suffix in catalogue.SUFFIXES and f not in known and f.is_file()}


def _receive_weights(file: UploadedFile) -> None:
    from actrec import weights

    own = belongings()
    room = own.room()
    try:
        path = ui_own.receive(file, file.name, room)
        with st.spinner("Reading the checkpoint …"):
            weights.read(path)
    except ActrecError as error:
        import shutil

        shutil.rmtree(room, ignore_errors=True)
        note("weights", error)
        return
    own.keep(own.weights, path.name, path)
    st.session_state["weights-file"] = path.name


def _doctor(name: str, path: Path, query: Mapping[str, str]) -> None:
    """Which architecture the file fits, what is missing or left over, and the way to use it."""
    from actrec import catalogue, doctor

    examined = work(f"examine {name}", "trying the architectures", lambda progress: doctor.examine(path, progress))
    if examined is None:
        return
    bases = [found.architecture for found in examined]
    base = st.selectbox("Architecture", bases, key=f"weights-base-{name}", help="The best fit first.")
    found = next(e for e in examined if e.architecture == base)
    lines = (
        st.text_area("Names of the classes, one a line (optional)", key=f"weights-labels-{name}", height=90) if name in belongings().weights else ""
    )
    if not found.report.complete:
        st.warning(plain(f"Not usable as {base}: {found.report}."), icon=":material/rule:")
        return
    st.success(plain(f"Everything fits {base}: {found.report}."), icon=":material/check:")
    if st.button("Use this model", type="primary", key="weights-use"):
        if lines.strip():
            path.with_suffix(".txt").write_text(lines, encoding="utf-8")
        link = f"{base}@{name}"
        from dataclasses import replace

        card = replace(catalogue.card(f"{base}@{path}"), id=link)
        st.session_state.setdefault("own-models", {})[link] = card
        take_model(link, query)
        st.rerun()


# --------------------------------------------------------------------------------------------------- the question whole


def complete(query: Mapping[str, str]) -> Question | None:
    """The question with what it leaves open filled in, put into the address; None where there is nothing to ask about yet."""
    clip, model = query.get("clip") or default_clip(), query.get("model") or default_model()
    if not clip or not model:
        missing = "There is no clip to look at yet: add one" if not clip else "There is no trained model here yet: choose or bring one"
        st.info(f"{missing} on the Home page.")
        return None
    question = Question.from_query({**query, "clip": clip, "model": model})
    if not query.get("method"):
        question = question.with_(method=fitting(model, "") or question.method)
    unread = st.session_state.get("notes", {}).get("address", ("", {}))
    stays = unread[0] and unread[1] == st.query_params.to_dict()
    ask(question)
    if stays:
        note("address", unread[0])
    return question


def clip_select(question: Question) -> None:
    """The clip, to change it in place."""
    names = clip_names()
    options = names if question.clip in names else [question.clip, *names]
    st.session_state["clip-select"] = question.clip
    st.selectbox(
        "Clip", options, key="clip-select", format_func=clip_title, on_change=lambda: _take_clip(st.session_state["clip-select"], question.to_query())
    )


def model_titles() -> dict[str, str]:
    """Every model that can be asked, by the name it has in links; those to be fetched say so."""
    ready, later = groups()
    return {card.id: card.title for card in ready} | {card.id: f"{card.title} (fetched when first used)" for card in later}


def model_select(question: Question) -> None:
    """The model, to change it in place."""
    titles = model_titles()
    options = list(titles) if question.model in titles else [question.model, *titles]
    st.session_state["model-select"] = question.model
    st.selectbox(
        "Model",
        options,
        key="model-select",
        format_func=lambda name: titles.get(name, name),
        on_change=lambda: take_model(st.session_state["model-select"], question.to_query()),
    )
