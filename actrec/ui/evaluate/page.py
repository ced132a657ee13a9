"""The Evaluate page: one test or two side by side, in numbers, as a matrix to click, class by class — and the clips behind every number."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

import numpy as np
import streamlit as st

from actrec.core.errors import ActrecError
from actrec.core.words import percent
from actrec.lab import results
from actrec.measure import chance
from actrec.ui import parts
from actrec.ui.evaluate import matrix
from actrec.ui.evaluate import words as verdict
from actrec.ui.evaluate.matrix import spaced
from actrec.ui.evaluate.shown import Shown, View, ask, asked, choose, compare, opened
from actrec.ui.frame import ink, plain, shows, trouble
from actrec.ui.parts import Choice


def show() -> None:
    """The whole page below its head."""
    st.title("Which clips does it get right?", anchor=False)
    found = asked()
    if found is None:
        return
    view, folders = found
    choose(view, folders)
    shown = opened(view, folders)
    if not shown:
        return
    change = None
    if len(shown) == 2:
        try:
            change, shown[1] = compare(*shown)
        except ActrecError as error:
            trouble(error)
            shown = shown[:1]
    _table(shown)
    _streams(shown)
    _sentences(shown, change)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _matrix(shown, view, change)
    with right:
        cell = _cell(shown, view)
        if cell is not None:
            with st.spinner("Getting ready …") if "actrec.ui.evaluate.behind" not in sys.modules else nullcontext():
                from actrec.ui.evaluate import behind  # late: torch
            pictures = behind.behind(shown, view, *cell)
        else:
            _largest(shown, view)
    classes, trust = st.columns([3, 2], gap="medium")
    with classes:
        _classes(shown, view)
    with trust:
        _reliability(shown)
    _files(shown, change)
    if cell is not None:
        pictures()


# ------------------------------------------------------------------------------------------------------------- in numbers


def _table(shown: Sequence[Shown]) -> None:
    """One row an evaluation."""
    rows = {}
    for one in shown:
        found = one.measured
        low, high = chance.wilson(round(found.top1 * found.clips), found.clips)
        row = {"Model": spaced(one.title), "Set": f"{one.about.get('set')}, {one.about.get('split')}", "Clips": str(found.clips)}
        if found.mean_ap is not None and found.weighted_ap is not None:
            row |= {"mAP": percent(found.mean_ap), "Weighted mAP": percent(found.weighted_ap)}
        row |= {
            "Top-1": f"{percent(found.top1)} ({100 * low:.1f}–{100 * high:.1f})",
            "Top-5": percent(found.top5),
        }
        row |= {"Mean class": percent(found.mean_class)}
        if found.pairs:
            told = [value for value in found.pairs.values() if not math.isnan(value)]
            row |= {
                "Pairs as one": percent(found.merged),
                "Within pairs": percent(float(np.mean(told)) if told else math.nan),
            }
        rows[one.letter] = row | {"ECE": percent(found.calibration.error)}
    columns = {"Evaluation": list(rows)} | {title: [row[title] for row in rows.values()] for title in next(iter(rows.values()))}
    _lines("measures", columns)
    meanings = [
        "Top-1, top-5: a right class is the first answer, or among the first five; in brackets the 95 % interval (Wilson)",
        "mean class: every class weighs the same",
    ]
    if shown[0].measured.pairs:
        meanings.append("pairs as one: an action and its reverse in time count as one; within pairs: how often the right one of the two is named")
    meanings.append("ECE: how far the probabilities are off on average")
    st.caption("; ".join(meanings) + ".")


def _streams(shown: Sequence[Shown]) -> None:
    """What the streams of each model would have said alone, and together in every way; nothing for models of one stream."""
    rows = [(one.letter, *row) for one in shown for row in results.ways.rows(one.found)]
    if not rows:
        return
    st.header("What the streams say alone and together", anchor=False)
    titles = ("Evaluation", *(f"{title[0].upper()}{title[1:]}" for title in results.ways.COLUMNS))
    _lines("streams", {title: [row[i] for row in rows] for i, title in enumerate(titles)})


def _lines(key: str, columns: Mapping[str, Sequence[str]]) -> None:
    """A table whose cells are not broken into lines."""
    with st.container(key=key):
        st.table({title: [plain(cell).replace(" ", "\u00a0") for cell in column] for title, column in columns.items()}, border="horizontal")


def _sentences(shown: Sequence[Shown], change: results.Difference | None) -> None:
    """What is seen, and what not to conclude."""
    lines = [verdict.alone(shown[0])] if change is None else [verdict.difference(change), *verdict.moved(change)]
    lines += verdict.pairs(shown)
    with st.container(border=True, key="verdict"):
        st.markdown("  \n".join(plain(line) for line in lines))
        st.caption("**What not to conclude**  \n" + "\n".join(f"- {plain(line)}" for line in verdict.cautions(shown)))


# ------------------------------------------------------------------------------------------------------------- the matrix


def _cell(shown: Sequence[Shown], view: View) -> tuple[int, int] | None:
    """The class numbers of the view's cell; None where it names none, or a class that is not here."""
    labels = list(shown[0].found.labels)
    if not view.true:
        return None
    for name in (view.true, view.said):
        if name not in labels:
            trouble(f"no class {name!r} in these evaluations; click a cell of the matrix")
            return None
    return labels.index(view.true), labels.index(view.said)


def _matrix(shown: Sequence[Shown], view: View, change: results.Difference | None) -> None:
    labels, counts = shown[0].found.labels, [one.measured.confusion for one in shown]

    def take(true: int, said: int) -> None:
        ask(view.with_(true=labels[true], said=labels[said]))

    mistakes = counts[0] - np.diag(counts[0].diagonal()) if change is None else counts[1] - counts[0]
    cell = (labels.index(view.true), labels.index(view.said)) if view.true in labels and view.said in labels else None
    chosen = matrix.chosen_classes(mistakes, view.everything, cell or ())
    title = "What B changes against A" if change is not None else "What was answered for which class"
    st.header(title, anchor=False)
    if change is None:
        cells, arrows = matrix.cells_of_one(labels, counts[0]), []
    else:
        cells, arrows = (
            matrix.cells_of_two(labels, *counts),
            matrix.arrows_of(m for m in change.strongest(10**9) if m[0] in chosen and m[1] in chosen),
        )
    matrix.matrix(labels, cells, arrows, chosen, cell, take, key="matrix", label=f"{title}: rows are true classes, columns answers; click a cell")
    if len(labels) > matrix.MANY:
        what = "mistakes" if change is None else "changes"
        st.toggle(
            f"All {len(labels)} classes, not only the {matrix.FEW} with the most {what}",
            key="all-classes",
            on_change=shows("all-classes", view.everything, lambda everything: ask(view.with_(everything=everything, page=view.page))),
        )
    if shown[0].found.multilabel:
        st.caption(
            "A clip with m classes counts once for each of them: as recognised if the class is among the m most probable ones, otherwise as taken "
            "for the most probable class that the clip does not have."
        )
    if change is None:
        st.caption(
            "Green: recognised. Orange: taken for another class. The fuller the colour, the larger the share of the class’s clips. "
            "Click a cell to see its clips."
        )
    else:
        largest = max(int(np.abs(counts[1] - counts[0]).max()), 1)
        st.caption(
            "Numbers: clips in B minus clips in A. Green: B does better there, more on the diagonal or fewer beside it. Orange: A does. "
            f"Full colour: {largest} clips. A dot: as many in both. A green arrow leads from a wrong answer of A to the right class, for clips that "
            "B puts right; an orange one from the right class to the wrong answer of B, for clips that B loses. Click a cell to see its clips."
        )


def _largest(shown: Sequence[Shown], view: View) -> None:
    """Before a cell is chosen: the mistakes, or the changes, that weigh most."""
    labels, counts = shown[0].found.labels, [one.measured.confusion for one in shown]
    off = counts[-1] - (counts[0] if len(shown) == 2 else 0)
    off = off - np.diag(off.diagonal())
    order = np.argsort(-np.abs(off), axis=None, kind="stable")[:6]
    rows = []
    for r, c in [divmod(int(n), len(labels)) for n in order]:
        if not off[r, c]:
            continue
        clips = int(counts[0][r].sum())
        line = f"{off[r, c]} of {clips} clips" if len(shown) == 1 else f"A {counts[0][r, c]}, B {counts[1][r, c]} of {clips} clips"
        rows.append(Choice(f"{r},{c}", f"{spaced(labels[r])} taken for {spaced(labels[c])}", line))
    st.header("Where most changes" if len(shown) == 2 else "The most frequent mistakes", anchor=False)
    if not rows:
        st.markdown("There is no difference." if len(shown) == 2 else "There is no mistake.")
        return

    def take(told: str) -> None:
        r, c = map(int, told.split(","))
        ask(view.with_(true=labels[r], said=labels[c]))

    parts.choices(rows, None, take, key="largest", label="Cells of the matrix")
    st.caption("Choose one, or click any cell of the matrix, to see the clips.")


# ------------------------------------------------------------------------------------------------- classes, trust, files


def _classes(shown: Sequence[Shown], view: View) -> None:
    """Class by class, to be sorted by any column; a chosen row shows the class's clips."""
    st.header("Class by class", anchor=False)
    tables = [one.measured.per_class for one in shown]
    columns: dict[str, list[object]] = {"Class": [spaced(row.label) for row in tables[0]], "Clips": [row.clips for row in tables[0]]}
    for one, table in zip(shown, tables, strict=True):
        letter = f" {one.letter}" if len(shown) > 1 else ""
        if table and table[0].ap is not None:
            columns[f"AP{letter}"] = [None if row.ap is None or math.isnan(row.ap) else 100 * row.ap for row in table]
        columns[f"Recall{letter}"] = [None if math.isnan(row.recall) else 100 * row.recall for row in table]
        columns[f"Precision{letter}"] = [None if math.isnan(row.precision) else 100 * row.precision for row in table]
    if len(shown) == 2:
        change = (shown[1].measured.confusion - shown[0].measured.confusion).diagonal()
        columns["Right, B − A"] = [int(n) for n in change]
    else:
        columns["Taken for"] = [f"{spaced(row.taken_for)} ({row.mistaken})" if row.mistaken else "" for row in tables[0]]
    numbers = {name: st.column_config.NumberColumn(format="%.0f %%") for name in columns if name.split()[0] in ("AP", "Recall", "Precision")}

    def take() -> None:
        rows = st.session_state["classes"].get("selection", {}).get("rows", [])
        if rows:
            label = shown[0].found.labels[rows[0]]
            ask(view.with_(true=label, said=label))

    st.dataframe(
        columns,
        key="classes",
        hide_index=True,
        column_config=numbers,
        on_select=take,
        selection_mode="single-row",
        height=min(38 + 35 * len(tables[0]), 420),
    )
    st.caption("Recall: the share of the class’s clips that is recognised. Precision: the share of the clips answered with the class that are of it.")


def _reliability(shown: Sequence[Shown]) -> None:
    """Whether the probabilities can be taken at their word."""
    st.header("Can its probabilities be believed?", anchor=False)
    from actrec.draw import charts  # late: plotly

    for one, column in zip(shown, st.columns(len(shown)), strict=True):
        with column:
            st.plotly_chart(charts.reliability(one.measured.calibration, ink()), key=f"reliability-{one.letter}", config={"displayModeBar": False})
            st.caption(plain(verdict.trust(one, len(shown) > 1)))


FILES = {"report.html": "text/html", "per_class.csv": "text/csv", "clips.csv": "text/csv", "summary.json": "application/json"}
"""What an evaluation leaves in its folder for people and other programs; those that ship have the summary alone."""


def _files(shown: Sequence[Shown], change: results.Difference | None) -> None:
    """The files of each evaluation, a report where there is none yet, and the command that makes them all."""
    from actrec.lab.results import report  # late: plotly

    with st.expander("Files, and how these numbers were made", icon=":material/download:"):
        for one in shown:
            st.markdown(f"**{one.letter}** · {plain(one.title)}")
            made: dict[str, Callable[[], bytes | str]] = {"report.html": partial(report.html, one.found)}
            made |= {name: (one.folder / name).read_bytes for name in FILES if (one.folder / name).is_file()}
            with st.container(horizontal=True):
                for name, make in made.items():
                    st.download_button(name, make, f"{one.name}-{name}", FILES[name], key=f"file-{one.letter}-{name}", on_click="ignore")
            if one.about.get("command"):
                st.code(str(one.about["command"]), language="bash", wrap_lines=True)
        if change is not None:
            name = f"{shown[1].name}-against-{shown[0].name}.html"
            make = partial(report.difference_html, change)
            st.download_button("B against A: report", make, name, "text/html", key="file-difference", on_click="ignore")
