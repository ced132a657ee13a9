"""What all charts share: colours, and words made harmless, short and plain.

Labels and titles are somebody's text. Plotly reads HTML in strings and matplotlib reads TeX: `harmless` and `safe` escape the first, a `Sheet` turns
the second off.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

import plotly.graph_objects as go

FOR, AGAINST, OTHER = "#d1441f", "#2f6fd6", "#98a1ab"
"""Bar colours: the class explained, the class it is held against, the rest. The first two are those of signed evidence."""

INK, GREY, PAPER = "#1b1f24", "#667080", "#ffffff"

Align = Literal["left", "center", "right"]


def plain(text: str) -> str:
    """The text on one line, without control characters and direction marks."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(text: str, length: int) -> str:
    """At most `length` characters, the end replaced by … if something is cut."""
    text = plain(text)
    return text if len(text) <= length else text[: max(length - 1, 0)].rstrip() + "…"


def safe(text: str, length: int = 200) -> str:
    """The text for plotly, which reads HTML: on one line, shortened, escaped."""
    return escape(shorten(text, length))


def harmless(labels: Sequence[str], length: int = 24) -> list[str]:
    return [safe(name.replace("_", " "), length) for name in labels]


def page(figure: go.Figure, script: bool, name: str | None = None) -> str:
    """The figure as a piece of an HTML page. script: with plotly's own script, which the first figure of a page must bring along.

    name: the id of its element; without one it gets another each time.
    """
    config = {"displayModeBar": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=script, config=config, div_id=name))


def document(figure: go.Figure, title: str, name: str) -> str:
    """A whole HTML page with nothing but the figure, which needs nothing else; the same every time."""
    style = f"body{{margin:16px;background:{PAPER};color:{INK};font:14px sans-serif}}h1{{font-size:16px}}"
    head = f'<!doctype html><meta charset="utf-8"><title>{safe(title)}</title><style>{style}</style>'
    return f"{head}<h1>{safe(title)}</h1>{page(figure, script=True, name=name)}\n"


def bare(figure: go.Figure, ink: str, height: int) -> None:
    """No paper, no legend: the page is the ground."""
    figure.update_layout(
        height=height,
        showlegend=False,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"color": ink, "size": 11},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(128,128,128,0.08)",
    )
