"""The matrix to click: counts of answers by true class, or what a second model changed in them, as a part of the page.

A part of our own, because plotly's heat maps tell no page which cell was clicked, and know no keyboard. Which cells it shows, and how strongly, is
decided here, in numbers; `parts/matrix.js` only draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from actrec.ui.parts import HERE

_part = st.components.v2.component(
    "actrec_matrix",
    html='<div class="part"></div>',
    css="".join((HERE / name).read_text(encoding="utf-8") for name in ("parts.css", "matrix.css")),
    js=(HERE / "matrix.js").read_text(encoding="utf-8"),
)

MANY, FEW = 30, 24
"""Classes from which on only some are shown unless all are asked for, and how many."""

MOST_ARROWS = 24
"""Arrows that are drawn, the strongest: more would hide the cells. Where several clips moved together, single ones have none."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """A cell that holds clips. share: how strongly it is coloured, 0 … 1; tone "good", "bad" or "same"; hint: the whole fact as a sentence."""

    row: int
    column: int
    text: str
    share: float
    tone: str
    hint: str


@dataclass(frozen=True)
class Arrow:
    """Clips of the row's class that changed between it and the column's: corrected, or lost; share of the largest such number."""

    row: int
    column: int
    share: float
    corrected: bool


def spaced(label: str) -> str:
    """A class name for reading."""
    return label.replace("_", " ")


def chosen_classes(counts: Counts, everything: bool, kept: Sequence[int] = ()) -> list[int]:
    """Which classes to show, in their order: all, or of many those with the most in their row and column besides the diagonal.

    counts (K, K): mistakes, or changes of either sign.  kept: classes that are shown in any case.
    """
    classes = len(counts)
    if everything or classes <= MANY:
        return list(range(classes))
    size = np.abs(counts)
    weight = size.sum(0) + size.sum(1) - size.diagonal()
    order = [*dict.fromkeys([*kept, *np.argsort(-weight, kind="stable").tolist()])]
    return sorted(order[:FEW])


def cells_of_one(labels: Sequence[str], counts: Counts) -> list[Cell]:
    """Every cell with clips: what was right good, what was wrong bad, as strong as its share of the row."""
    clips = counts.sum(1)
    found = []
    for r, c in np.argwhere(counts > 0).tolist():
        said = "recognised" if r == c else f"taken for {spaced(labels[c])}"
        hint = f"{spaced(labels[r])} {said}: {counts[r, c]} of {clips[r]} clips"
        found.append(Cell(r, c, str(counts[r, c]), float(counts[r, c] / clips[r]), "good" if r == c else "bad", hint))
    return found


def cells_of_two(labels: Sequence[str], first: Counts, second: Counts) -> list[Cell]:
    """Every cell in which either model has clips: second − first, good where the second does better, as strong as its share of the largest change."""
    change, clips = second - first, first.sum(1)
    largest = max(int(np.abs(change).max(initial=0)), 1)
    found = []
    for r, c in np.argwhere((first > 0) | (second > 0)).tolist():
        d = int(change[r, c])
        said = "recognised" if r == c else f"taken for {spaced(labels[c])}"
        hint = f"{spaced(labels[r])} {said}: A {first[r, c]}, B {second[r, c]} of {clips[r]} clips"
        tone = "same" if d == 0 else "good" if (d > 0) == (r == c) else "bad"
        found.append(Cell(r, c, signed(d) if d else "·", abs(d) / largest, tone, hint))
    return found


def signed(number: int) -> str:
    """A change for reading: +3, −2, 0."""
    return f"+{number}" if number > 0 else f"−{-number}" if number else "0"


def arrows_of(moves: Iterable[tuple[int, int, int, bool]]) -> list[Arrow]:
    """The strongest arrows of (true class, wrong class, clips, corrected)."""
    strongest = sorted(moves, key=lambda move: -move[2])[:MOST_ARROWS]
    largest = max((clips for _, _, clips, _ in strongest), default=1)
    strongest = [move for move in strongest if move[2] > 1 or largest == 1]
    return [Arrow(row, column, clips / largest, corrected) for row, column, clips, corrected in strongest]


def matrix(
    labels: Sequence[str],
    cells: Sequence[Cell],
    arrows: Sequence[Arrow],
    shown: Sequence[int],
    chosen: tuple[int, int] | None,
    picked: Callable[[int, int], None],
    *,
    key: str,
    label: str,
) -> None:
    """Show the cells among the classes `shown`; `picked` is called with a clicked cell's class numbers (true, answered)."""
    place = {number: i for i, number in enumerate(shown)}
    inside = [c for c in cells if c.row in place and c.column in place]
    data = {
        "labels": [spaced(labels[n]) for n in shown],
        "cells": [asdict(c) | {"row": place[c.row], "column": place[c.column]} for c in inside],
        "arrows": [asdict(a) | {"row": place[a.row], "column": place[a.column]} for a in arrows if a.row in place and a.column in place],
        "chosen": f"{place[chosen[0]]},{place[chosen[1]]}" if chosen and chosen[0] in place and chosen[1] in place else None,
        "rows": "true class",
        "columns": "answered",
        "label": label,
    }
    legal = {(place[c.row], place[c.column]) for c in inside}

    def take() -> None:
        told = st.session_state[key].get("pick")
        if isinstance(told, list) and len(told) == 2 and tuple(told) in legal:
            picked(shown[int(told[0])], shown[int(told[1])])

    _part(key=key, data=[data], on_pick_change=take)
