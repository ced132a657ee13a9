"""What every page shares: its frame, text that stays text, the question in the address, and work that shows progress and can be stopped.

The address is the state. A page reads the question from it, widgets write the changed question back to it, so every view has a link that restores it.
"""

from __future__ import annotations

import importlib
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from actrec.core import files, settings
from actrec.core.clip import Video
from actrec.core.errors import ActrecError, Cancelled, Progress, QuestionError
from actrec.core.look import MARK, Look
from actrec.core.question import Question
from actrec.ui.skip import skip

Value = TypeVar("Value")

PAGES = {"Home": "app.py"} | {name: f"pages/{i}_{name}.py" for i, name in enumerate(("Explore", "Compare", "Evaluate", "Prune"), 1)}

WITH_PLAYER = ("Explore", "Compare")

SHOWN_AFTER = 0.3
"""Seconds that work may take before its progress is drawn: a bar that only flashes up tells nobody anything."""

MOST_PUT = 32
"""Addresses that are remembered for a run that comes late."""

STYLE = Path(__file__).with_name("page.css")


def page(name: str) -> None:
    """Set the page up: its title, and the way to the other pages."""
    st.set_page_config(page_title=f"{name} · actrec", page_icon=str(settings.assets() / "icon.svg"), layout="wide", initial_sidebar_state="collapsed")
    st.html(STYLE)
    _arrive(name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="topbar"):
        if name in WITH_PLAYER:
            skip()
        st.html('<span class="brand">actrec</span>', width="content")
        for title, file in PAGES.items():
            st.page_link(file, label=title, query_params=remembered() if title in ("Home", "Explore") else None)


def below(module: str) -> None:
    """Show what stands below the head: `ui.module.show()`, imported only now, so that the head is there at once."""
    first = f"actrec.ui.{module}" not in sys.modules
    with st.spinner("Getting ready …") if first else nullcontext():
        loaded = importlib.import_module(f"actrec.ui.{module}")  # also when it is there: another session may be half-way through importing it
    try:
        loaded.show()
    except (ActrecError, OSError) as error:
        failed(error)


def failed(error: Exception) -> bool:
    """Say what went wrong where nobody else did, as far as the reader can mend it; whether that was said."""
    if isinstance(error, OSError):
        error = ActrecError(files.reason(error))
    if isinstance(error, ActrecError):
        trouble(error)
    return isinstance(error, ActrecError)


# ---------------------------------------------------------------------------------------------------------------- text

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$^=&@\"'])")
_PERCENT = re.compile(r"(?<=\d) (?=%)")
_ADDRESS = re.compile(r"(?i)(\b(?:https?|ftp|mailto|www)(?=[:.])|@)")


def plain(text: str) -> str:
    """The text so that Markdown shows it letter for letter, on one line: names from files, links and uploads are nobody's markup.

    A word joiner keeps addresses from turning into links, which Markdown does even where every sign is escaped. A number and its percent sign stay
    on one line.
    """
    line = _PERCENT.sub("\u00a0", " ".join("".join(c if c.isprintable() else " " for c in text).split()))
    return _SIGNS.sub(r"\\\1", _ADDRESS.sub("\\1\u2060", line))


def code(text: str) -> str:
    """The text as Markdown's code, letter for letter, on one line: a path, a command, a name."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"


_OPENERS = {"a", "an", "choose", "it", "its", "no", "not", "that", "the", "there", "these", "this"}


def ink() -> str:
    """The colour of words in a chart, on the page's light or dark ground."""
    return "#e6eaec" if st.context.theme.type == "dark" else "#1d2326"


def trouble(error: ActrecError | str) -> None:
    """One clear sentence about what went wrong; the rest of the page stays."""
    st.error(plain(_sentence(str(error))), icon=":material/error:")


def of_the_file(film: Video) -> None:
    """What the reader must know of a clip's file, small."""
    for line in film.notes:
        st.caption(plain(line))


def note(place: str, error: ActrecError | OSError | str) -> None:
    """Keep a sentence about what went wrong for this place of the page, as long as the address stays what it is now. "" forgets it."""
    sentence = files.reason(error) if isinstance(error, OSError) else str(error)
    st.session_state.setdefault("notes", {})[place] = (sentence, address())


def noted(place: str) -> None:
    """Show what was noted for this place, if the address is still the same."""
    sentence, where = st.session_state.get("notes", {}).get(place, ("", {}))
    if sentence and where == address():
        trouble(sentence)


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a name, and a full stop."""
    text = text.strip()
    head = text[:1].upper() + text[1:] if text.split(" ", 1)[0] in _OPENERS else text
    return head + ("" if text.endswith((".", "!", "?", "…")) else ".")


# ------------------------------------------------------------------------------------------------------- the address


def asked() -> dict[str, str]:
    """What the address asks, else what this session asked last, as flat text pairs. What cannot be read is noted for "address" and left out."""
    query = address() or remembered()
    try:
        Question.from_query({"clip": "-", "model": "-"} | query)
    except QuestionError as error:
        query = {name: query[name] for name in ("clip", "model") if query.get(name)}
        put(query)
        note("address", error)
    try:
        Look.from_query(query)
    except QuestionError as error:
        query = {name: value for name, value in query.items() if not name.startswith(MARK)}
        put(query)
        note("address", error)
    return query


def address() -> dict[str, str]:
    """All that the address says, as flat text pairs.

    A run brings along the address that the browser had when it asked for the run. If that is one we have changed since, the browser had not heard
    of it yet, and the later one counts; unless the reader went back to it, which the browser says. The player writes a moment into whatever address
    it finds, and tells it besides: with another moment an old address is as old.
    """
    said = {name: value for name, value in st.query_params.to_dict().items() if not name.startswith("embed")}
    *older, last = st.session_state.get("put") or [said]
    old = said in older or (_timeless(said) != _timeless(last) and _timeless(said) in map(_timeless, older))
    return dict(last) if old else said


def _timeless(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name != f"{MARK}moment"}


def _arrive(name: str) -> None:
    """On another page, and where the reader went back or forward in the browser, nothing of what was put counts any more."""
    run = get_script_run_ctx()
    if st.session_state.get("page") != name or (run is not None and run.is_history_navigation):
        st.session_state.update(page=name, put=[])


def remembered() -> dict[str, str]:
    """The question this session asked last, and the look of its answer."""
    return dict(st.session_state.get("asked", {}))


def ask(question: Question) -> None:
    """Put a question into the address, beside the look that is there; the page shows it from the next run on."""
    begin(question.to_query())


def begin(query: Mapping[str, str]) -> None:
    """As `ask`, for what is known of a question so far: before the first answer an address may name no model. The page fills in the rest."""
    st.session_state["asked"] = {**query} | worn(query, address() or remembered())
    put(remembered())


def worn(query: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """The look of an earlier address, for the one that a new question makes. A moment belongs to its clip and its window, and goes with them."""
    stays = query.get("clip") == before.get("clip") and float(query.get("start", 0)) == float(before.get("start") or 0)
    return {name: value for name, value in before.items() if name.startswith(MARK) and (stays or name != f"{MARK}moment")}


def look(usual: Look | None = None) -> Look:
    """The look that the address asks for; what it does not say is as usual."""
    return Look.from_query(address(), usual)


def dress(look: Look, usual: Look | None = None, kept: str = "asked") -> None:
    """Put a look into the address, beside the question that is there. kept: where this session remembers it."""
    query = {name: value for name, value in address().items() if not name.startswith(MARK)} | look.to_query(usual)
    st.session_state[kept] = query
    put(query)


def shows(key: str, value: object, taken: Callable[[Any], None]) -> Callable[[], None]:
    """Make the widget of this key show a value; the widget's `on_change`, which hands on what the reader chooses instead.

    A run also brings along what the browser's widgets said when it asked for the run. Where the page has changed since, that is an old value or that
    of a widget which is gone, and nobody's choice: it is what the widget showed, or comes with a run of the player alone.
    """
    st.session_state[key] = value

    def changed() -> None:
        run, now = get_script_run_ctx(), st.session_state[key]
        if now != value and not (run is not None and run.fragment_ids_this_run):
            taken(now)

    return changed


def put(query: dict[str, str]) -> None:
    """Make the address say this, and leave it alone if it does already."""
    if st.query_params.to_dict() != query:
        st.session_state["put"] = [*st.session_state.get("put", []), address(), dict(query)][-MOST_PUT:]
        st.query_params.from_dict(query)


# -------------------------------------------------------------------------------------------------------------- work


def work(key: str, what: str, do: Callable[[Progress], Value]) -> Value | None:
    """The result of slow work, with progress and a button that stops it; None if it was stopped or failed (then the page says so).

    key: the work's identity. Stopped work is not begun again by itself, only when the reader asks for it, or for something else.
    """
    stopped = st.session_state.get("stopped") == key
    place = st.empty()
    if stopped:
        with place.container(horizontal=True, vertical_alignment="center", key=f"again {key}"):
            st.markdown(f"Stopped: {plain(what)}.")
            st.button("Go on", key=f"go {key}", on_click=_stop, args=(None,))
        return None
    bar = _Bar(place, key, what)
    try:
        found = do(bar)
    except Cancelled:
        found = None
    except (ActrecError, OSError) as error:
        place.empty()
        failed(error)
        return None
    place.empty()
    return found


class _Bar:
    """Progress on the page. Every report goes through Streamlit, which is where a rerun — the stop button, another choice — ends the work."""

    def __init__(self, place: st.delta_generator.DeltaGenerator, key: str, what: str) -> None:
        self.place, self.key, self.what = place, key, what
        self.started = self.drawn = time.monotonic()
        self.bar: st.delta_generator.DeltaGenerator | None = None

    def __call__(self, fraction: float, text: str) -> None:
        now = time.monotonic()
        if now - self.started < SHOWN_AFTER or (self.bar is not None and now - self.drawn < 0.1):
            return
        self.drawn = now
        share, line = min(max(fraction, 0.0), 1.0), plain(_sentence(f"{self.what}: {text}" if text else self.what).removesuffix("."))
        if self.bar is None:
            with self.place.container(horizontal=True, vertical_alignment="bottom"):
                self.bar = st.progress(share, line)
                st.button("Stop", key=f"stop {self.key}", on_click=_stop, args=(self.key,))
        else:
            self.bar.progress(share, line)


def _stop(key: str | None) -> None:
    st.session_state["stopped"] = key
