"""Choosing a clip, from the gallery or of the reader's own; and the question made whole where a link leaves something open."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import streamlit as st

from actrec.clips import library
from actrec.core import settings
from actrec.core.errors import ActrecError
from actrec.core.question import Question
from actrec.ui import own, parts
from actrec.ui.frame import address, ask, begin, note, noted, shows
from actrec.ui.models import default_model, fitting
from actrec.ui.own import belongings, receive_clip
from actrec.ui.parts import Choice

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
            image=parts.image_url(data or b"", f"clip.{name}"),
            frames=library.PREVIEW_FRAMES,
        )
        for name, data in pictures.items()
    ]
    parts.choices(items, chosen, lambda name: _take_clip(name, query), key="gallery", label="Clips", layout="tiles")
    return None in pictures.values()


def _preview(path: Path, private: bool) -> bytes | None:
    """The clip's preview, None while it is being made."""
    if private:
        return library.preview(path, path.parent)
    if library.preview_file(path).is_file():
        return library.preview(path)
    started: dict[Path, Future[bytes] | None] = st.session_state.setdefault("previews", {})
    future = started.setdefault(path, None)
    return future.result() if future is not None and future.done() else None


def await_previews(seconds: float = 20.0) -> None:
    """At a page's end, where they take nothing from the answer: make the missing previews and show them, unless the reader does something first."""
    pulse, end = st.empty(), time.monotonic() + seconds
    started: dict[Path, Future[bytes] | None] = st.session_state.get("previews", {})
    futures = {path: started[path] or _painter().submit(library.preview, path) for path in started}
    started.update(futures)
    time.sleep(0.2)
    while not all(f.done() for f in futures.values()) and time.monotonic() < end:
        time.sleep(0.2)
        pulse.empty()  # a rerun can cut in here
    st.rerun()


def _take_clip(name: str, query: Mapping[str, str]) -> None:
    """Another clip: keep the model and the way of explaining; a place and a second belong to the old clip, and a class perhaps too."""
    kept = {key: value for key, value in query.items() if key in ("model", "method") or key.startswith("knob.")}
    begin(kept | {"clip": name})


def upload_clip(query: Mapping[str, str]) -> None:
    """Take a clip of the reader's own. A file that cannot be used gets one sentence and changes nothing."""
    limits = settings.limits()
    turn = st.session_state.setdefault("clip-turn", 0)
    file = st.file_uploader(
        "A clip of your own",
        key=f"clip-upload-{turn}",
        max_upload_size=own.most_mb(),
        help=f"Up to {own.most_mb()} MB and {limits.max_seconds / 60:g} minutes. It belongs to this session and is deleted when the session ends.",
    )
    noted("clip")
    if file is None:
        return
    st.session_state["clip-turn"] = turn + 1  # a fresh uploader: the old one's memory is given back
    try:
        with st.spinner("Reading the clip …"):
            _take_clip(receive_clip(file, file.name, file.size), query)
    except (ActrecError, OSError) as error:
        note("clip", error)
    own.forget(file)
    st.rerun()


# --------------------------------------------------------------------------------------------------- the question whole


def complete(query: Mapping[str, str]) -> Question | None:
    """The question with what it leaves open filled in, put into the address; None where there is nothing to ask about yet."""
    clip = query.get("clip") or default_clip()
    model = query.get("model") or default_model(own_clip=not library.ships(clip))
    if not clip or not model:
        missing = "There is no clip to look at yet: add one" if not clip else "There is no trained model here yet: choose or add one"
        st.info(f"{missing} on the Home page.")
        return None
    question = Question.from_query({**query, "clip": clip, "model": model})
    if not query.get("method"):
        question = question.with_(method=fitting(model, "") or question.method)
    unread = st.session_state.get("notes", {}).get("address", ("", {}))
    stays = unread[0] and unread[1] == address()
    ask(question)
    if stays:
        note("address", unread[0])
    return question


def clip_select(question: Question) -> None:
    """The clip, to change it in place."""
    names = clip_names()
    options = names if question.clip in names else [question.clip, *names]
    changed = shows("clip-select", question.clip, lambda clip: _take_clip(clip, question.to_query()))
    st.selectbox("Clip", options, key="clip-select", format_func=clip_title, on_change=changed)
