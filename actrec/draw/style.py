"""What charts and figures share: colours, and words made harmless, short and plain.

Labels and titles are somebody's text. Plotly reads HTML in strings and matplotlib reads TeX: `harmless` and `safe` escape the first, a `Sheet` turns
the second off.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

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
