"""Which evaluations the page shows: the view in the address, those it names, and which of them can be set beside each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from actrec.core import settings
from actrec.core.errors import ActrecError, QuestionError
from actrec.lab import results
from actrec.ui.frame import address, code, noted, plain, put, shows, trouble

HOW = "python -m actrec evaluate --model c2d-mannequin --data mannequin"
"""A command that makes an evaluation, where there is none yet."""


@dataclass(frozen=True)
class View:
    """What the page shows, as the address says it: one evaluation or two, a cell by its class names, all classes or some, the page of clips."""

    first: str
    second: str = ""
    true: str = ""
    said: str = ""
    everything: bool = False
    page: int = 1

    def to_query(self) -> dict[str, str]:
        told = {"a": self.first, "b": self.second, "true": self.true, "said": self.said}
        told |= {"all": "1" if self.everything else "", "page": str(self.page) if self.page > 1 else ""}
        return {name: value for name, value in told.items() if value}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> View:
        page = query.get("page", "1")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 9 else 1
        both = bool(query.get("true") and query.get("said"))
        true, said = (query["true"], query["said"]) if both else ("", "")
        return cls(query.get("a", ""), query.get("b", ""), true, said, query.get("all") == "1", max(number, 1))

    def with_(self, **changes: Any) -> View:
        """Another view; one that changes what is behind the cell begins at the first page of its clips."""
        return replace(self, **({"page": 1} | changes))


@dataclass(frozen=True, eq=False)
class Shown:
    """An evaluation and what was counted from it; letter A or B on the page."""

    letter: str
    name: str
    folder: Path
    found: results.Evaluation
    measured: results.Measures

    @property
    def about(self) -> Mapping[str, Any]:
        return self.found.about

    def answers(self, true: int) -> dict[int, int]:
        """The answer to every clip of a class, by the clip's number."""
        places = self.found.counted
        return {int(clip): int(said) for clip, _, said in places[places[:, 1] == true]}

    @property
    def title(self) -> str:
        return str(self.about.get("title") or self.about.get("model") or self.name)


Stamp = tuple[Path, int, int]
"""A folder and what changes when its evaluation does."""


def load(letter: str, name: str, folder: Path) -> Shown:
    """The evaluation in a folder, read and counted once.

    Raises:
        ActrecError: files that are missing or damaged.
    """
    return Shown(letter, name, folder, *_read(_stamp(folder)))


@st.cache_resource(show_spinner=False, max_entries=8)
def _read(stamp: Stamp) -> tuple[results.Evaluation, results.Measures]:
    found = results.load(stamp[0])
    return found, results.measure(found)


def _stamp(folder: Path) -> Stamp:
    try:
        about, result = ((folder / name).stat() for name in ("about.json", "result.npz"))
    except OSError:
        return folder, 0, 0
    return folder, about.st_mtime_ns, result.st_mtime_ns


def compare(a: Shown, b: Shown) -> tuple[results.Difference, Shown]:
    """What B does otherwise than A, and B with its clips and classes in A's order.

    Raises:
        ActrecError: not the same set, split, classes or clips.
    """
    change, measured = _compared(_stamp(a.folder), _stamp(b.folder))
    return change, replace(b, found=change.b, measured=measured)


@st.cache_resource(show_spinner=False, max_entries=4)
def _compared(first: Stamp, second: Stamp) -> tuple[results.Difference, results.Measures]:
    change = results.compare(_read(first)[0], _read(second)[0])
    return change, results.measure(change.b)


@st.cache_data(show_spinner=False, max_entries=2000)
def _about(folder: Path, _stamp: int) -> dict[str, Any]:
    """What an evaluation says of itself; empty where it cannot be read."""
    try:
        told = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def abouts(folders: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """What every evaluation says of itself, by name; those that cannot be read are empty."""
    found = {}
    for name, folder in folders.items():
        file = folder / "about.json"
        found[name] = _about(folder, file.stat().st_mtime_ns) if file.is_file() else {}
    return found


def why_not(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Why two evaluations cannot be compared clip by clip, as far as they say it of themselves; "" if nothing speaks against it."""
    for what, name in (("set", "set"), ("split", "split")):
        if first.get(name) != second.get(name):
            return f"another {what}: {second.get(name)} instead of {first.get(name)}"
    if set(first.get("labels", ())) != set(second.get("labels", ())):
        return "other classes"
    if first.get("clips") != second.get("clips"):
        return f"other clips: {second.get('clips')} instead of {first.get('clips')}"
    return ""


def lines(told: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Evaluations for a list: model, set and split; the own name too where several read the same."""
    read = {name: _line(about) if about else f"{name} (cannot be read)" for name, about in told.items()}
    count = Counter(read.values())
    return {name: f"{text} · {name}" if count[text] > 1 else text for name, text in read.items()}


def _line(about: Mapping[str, Any]) -> str:
    views = tuple(about.get("views") or (1, 1))
    line = f"{about.get('title') or about.get('model')} · {about.get('set')}, {about.get('split')}"
    return line if views == (1, 1) else f"{line}, {' × '.join(map(str, views))} views"


def ask(view: View) -> None:
    """Put the view into the address; the page shows it from the next run on."""
    st.session_state["evaluated"] = view.to_query()
    put(view.to_query())


def asked() -> tuple[View, dict[str, Path]] | None:
    """The view of the address, else the last one, else the first two evaluations that fit together; and all evaluations. None where there is none."""
    folders = results.found()
    if not folders:
        st.info("There is no evaluation here yet. This command makes one (without `--model c2d-mannequin`, name a model of your own):")
        st.code(HOW, language="bash")
        st.caption(f"Evaluations are looked for in {code(str(settings.results()))} (the variable ACTREC_RESULTS names another folder).")
        return None
    noted("address")
    view = View.from_query(address() or st.session_state.get("evaluated", {}))
    missing = [name for name in (view.first, view.second) if name and name not in folders]
    if missing:
        trouble(QuestionError(f"no evaluation {missing[0]!r} here; choose one from the list"))
        view = View(view.first if view.first in folders else "")
    if not view.first:
        told = abouts(folders)
        first = next((name for name in told if told[name]), next(iter(folders)))
        beside = next((name for name in told if told[name] and name != first and not why_not(told[first], told[name])), "")
        view = View(first, beside)
    if not missing:  # a link that leads nowhere stays readable in the address
        ask(view)
    return view, folders


def choose(view: View, folders: Mapping[str, Path]) -> None:
    """One evaluation, and one beside it; those that cannot be compared with the first are named with the reason."""
    told = abouts(folders)
    reasons = {name: why_not(told[view.first], told[name]) if told[name] else "it cannot be read" for name in folders if name != view.first}
    named = lines(told)

    def take_first(first: str) -> None:
        stays = view.second and view.second != first and told[view.second] and not why_not(told[first], told[view.second])
        same = told[first].get("labels") == told[view.first].get("labels")
        ask(view.with_(first=first, second=view.second if stays else "", **({} if same else {"true": "", "said": ""})))

    def take_second(second: str | None) -> None:
        ask(view.with_(second=second or ""))

    left, right = st.columns(2)
    left.selectbox("A", list(folders), key="run-a", format_func=lambda n: named.get(n, n), on_change=shows("run-a", view.first, take_first))
    fitting = [None, *(name for name, reason in reasons.items() if not reason or name == view.second)]
    right.selectbox(
        "B, on the same clips",
        fitting,
        key="run-b",
        format_func=lambda n: "none" if n is None else named.get(n, n),
        placeholder="none: look at A alone",
        on_change=shows("run-b", view.second or None, take_second),
    )
    unfit = {name: reason for name, reason in reasons.items() if reason}
    if unfit:
        with right.expander(f"{len(unfit)} that cannot be compared with A" if len(unfit) > 1 else "One that cannot be compared with A"):
            st.markdown("\n".join(f"- {plain(named[name])}: {plain(reason)}" for name, reason in unfit.items()))


def opened(view: View, folders: Mapping[str, Path]) -> list[Shown]:
    """The evaluations of the view, as far as they can be read; what cannot is told."""
    shown = []
    for letter, name in (("A", view.first), ("B", view.second)):
        if not name:
            continue
        try:
            shown.append(load(letter, name, folders[name]))
        except ActrecError as error:
            trouble(error)
            return shown
    return shown
