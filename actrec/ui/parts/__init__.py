"""The page's own small parts, as Streamlit components without a build step: choices, probability bars, the strip of frames.

They exist because the stock widgets cannot disable a single option and give the reason, cannot tell a shift-click, and cannot show many small
pictures cheaply. Every text goes to the browser as data and is put in as text; the data goes in a list, because Streamlit searches a dict for
tables and loads pandas for that, which takes as long as the whole first page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.runtime import get_instance

from actrec.core.answer import Explanation
from actrec.core.words import percent
from actrec.ui.frame import plain

HERE = Path(__file__).parent
_CSS = (HERE / "parts.css").read_text(encoding="utf-8")


def _part(name: str) -> Callable[..., object]:
    return st.components.v2.component(
        f"actrec_{name}", html='<div class="part"></div>', css=_CSS, js=(HERE / f"{name}.js").read_text(encoding="utf-8")
    )


_choices, _bars, _strip = _part("choices"), _part("bars"), _part("strip")


@dataclass(frozen=True)
class Choice:
    """Something to choose: image is a URL of `frames` pictures side by side; with a `reason` it cannot be chosen, and the reason is shown."""

    id: str
    title: str
    line: str = ""
    image: str = ""
    frames: int = 1
    reason: str = ""


@dataclass(frozen=True)
class Bar:
    """A probability bar. role "for" or "against" colours it; hint is what the pointer shows."""

    label: str
    share: float
    text: str
    hint: str
    role: str = ""


def image_url(data: bytes, key: str) -> str:
    """An address in the browser for a picture, good as long as this page shows it."""
    return get_instance().media_file_mgr.add(data, "image/webp", f"actrec.{key}") if data else ""


def choices(
    items: Sequence[Choice], chosen: str | None, picked: Callable[[str], None], *, key: str, label: str, layout: Literal["rows", "tiles"] = "rows"
) -> None:
    """Offer choices; `picked` is called with the id of the one taken, before the page runs again."""
    data = {"items": [asdict(item) for item in items], "chosen": chosen, "layout": layout, "label": label}
    legal = {item.id for item in items if not item.reason}

    def take() -> None:
        told = st.session_state[key].get("pick")
        if told in legal:
            picked(told)

    _choices(key=key, data=[data], on_pick_change=take)


def bars(rows: Sequence[Bar], picked: Callable[[str, bool], None] | None = None, *, key: str, label: str) -> None:
    """Show probabilities; `picked` is called with a class and whether shift was held."""
    data = {"rows": [asdict(row) for row in rows], "clickable": picked is not None, "label": label}
    legal = {row.label for row in rows}

    def take() -> None:
        told = st.session_state[key].get("pick")
        if picked is not None and isinstance(told, dict) and told.get("label") in legal:
            picked(told["label"], bool(told.get("versus")))

    _bars(key=key, data=[data], on_pick_change=take)


def doubts(found: Explanation) -> None:
    """What must be said before anything else about an answer, if there is any."""
    if found.doubts:
        st.warning("  \n".join(plain(line) for line in found.doubts), icon=":material/report:")


def class_bars(found: Explanation) -> list[Bar]:
    """The five most probable classes; the class explained and its rival are added if they are not among them."""
    known = found.predictions
    names = [name for name, _ in known.top(5)]
    names += [name for name in (found.label, found.versus) if name is not None and name not in names]
    rows = []
    for name in names:
        at = known.labels.index(name)
        share = float(known.probabilities[at])
        role = "for" if name == found.label else "against" if name == found.versus else ""
        rows.append(Bar(name, share, percent(share), f"{name}: probability {share:.4f}, logit {float(known.logits[at]):.3f}", role))
    return rows


def strip(image: bytes, aspect: float, times: Sequence[str], hints: Sequence[str], picked: Callable[[int], None], *, key: str, label: str) -> None:
    """Show pictures that lie side by side in one image, each with a line under it; `picked` is called with the number of the one clicked."""
    data = {"image": image_url(image, key), "aspect": aspect, "times": list(times), "hints": list(hints), "label": label}

    def take() -> None:
        told = st.session_state[key].get("pick")
        if isinstance(told, int | float) and 0 <= told < len(times):
            picked(int(told))

    _strip(key=key, data=[data], on_pick_change=take)
