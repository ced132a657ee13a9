"""How well a model tells its classes apart, on the page: confusion, what another model does otherwise, and how sure it may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from actrec.core.words import percent
from actrec.draw.charts.html import bare
from actrec.draw.style import AGAINST, FOR, GREY, harmless

if TYPE_CHECKING:
    from actrec.measure.accuracy import Calibration

Arrow = tuple[int, int, int, bool]
"""Clips that moved in their row of a confusion matrix: the true class, the wrong class, how many, and whether they were corrected or lost."""


def confusion(labels: Sequence[str], counts: NDArray[np.integer], ink: str = GREY) -> go.Figure:
    """A confusion matrix as a plotly figure: counts (classes, classes), rows the true classes, coloured by each row's shares, the counts written in.

    ink: the colour of the words, for a light or a dark page. A row without clips stays empty.
    """
    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names, step = harmless(labels), _cell(len(labels))
    at = list(range(len(names)))
    every = len(names) <= 60  # beyond, empty cells are so many that their words would weigh megabytes
    told = [[f"{names[i]} taken for {names[j]}: {counts[i, j]} of {counts[i].sum()}" if every or counts[i, j] else "" for j in at] for i in at]
    figure = go.Figure(
        go.Heatmap(
            x=at,
            y=at,
            z=shares,
            zmin=0,
            zmax=1,
            colorscale=[(0, "rgba(11,110,127,0)"), (1, "rgba(11,110,127,1)")],
            text=[[str(n) if n else "" for n in row] for row in counts.tolist()],
            customdata=told,
            hovertemplate="%{customdata}<extra></extra>",
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    figure.add_trace(_numbers({(i, j): str(counts[i, j]) for i, j in np.argwhere(counts).tolist()}, shares, step, ink))
    _square(figure, names, step, ink)
    return figure


def reliability(calibration: Calibration, ink: str = GREY) -> go.Figure:
    """How often the model is right (bars) where it says how sure it is, with the diagonal of a model that can be taken at its word.

    Bars that fall short of the diagonal are drawn in the colour of what speaks against. A bar's customdata is its bin, its clips, its confidence,
    and what is said of it.
    """
    middle = (calibration.edges[1:] + calibration.edges[:-1]) / 2
    wide = float(calibration.edges[1] - calibration.edges[0])
    filled = np.flatnonzero(calibration.count)
    short = calibration.accuracy[filled] < calibration.confidence[filled]
    figure = go.Figure(
        go.Bar(
            x=middle[filled],
            y=calibration.accuracy[filled],
            width=wide * 0.94,
            marker={"color": np.where(short, FOR, AGAINST).tolist(), "line": {"width": 0}},
            text=[str(n) for n in calibration.count[filled]],
            textposition="outside",
            cliponaxis=False,
            customdata=[[int(i), int(calibration.count[i]), float(calibration.confidence[i]), _told(calibration, int(i))] for i in filled],
            hovertemplate="%{customdata[3]}<extra></extra>",
        )
    )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": ink, "width": 1, "dash": "dot"}, hoverinfo="skip")
    fifths = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    axis = {"tickvals": fifths, "ticktext": [percent(v, 0) for v in fifths], "showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(title="the model's probability", range=[0, 1], **axis)
    figure.update_yaxes(title="right", range=[0, 1.08], **axis)
    bare(figure, ink, 320)
    figure.update_layout(margin={"r": 28})
    return figure


def _told(calibration: Calibration, bin: int) -> str:
    sure, right = percent(float(calibration.confidence[bin])), percent(float(calibration.accuracy[bin]))
    return f"it says {sure}, is right in {right} of {calibration.count[bin]}"


def difference(labels: Sequence[str], difference: NDArray[np.integer], arrows: Sequence[Arrow], ink: str = GREY, most: int = 40) -> go.Figure:
    """What a second model does otherwise: b's confusion matrix − a's (classes, classes), and arrows for the clips that moved.

    More clips than before in a cell is teal, fewer brown, no change the page's own colour; the numbers carry their sign. Each arrow is (true class,
    wrong class, clips, corrected): a corrected one runs from the column that the clips were taken for to the diagonal, in blue; a lost one from
    the diagonal to the column that they are now taken for, in red; its width tells how many. Beyond the `most` strongest, arrows are left out, and
    the figure says how many.  A click or a selection gives customdata [row, column], of an arrow those of its wrong cell.
    """
    change = np.asarray(difference)
    names, step = harmless(labels), _cell(len(labels))
    at = list(range(len(names)))
    top = max(int(np.abs(change).max(initial=0)), 1)
    figure = go.Figure(
        go.Heatmap(
            x=at,
            y=at,
            z=change,
            zmin=-top,
            zmax=top,
            colorscale=[(0, "rgba(156,91,20,1)"), (0.5, "rgba(156,91,20,0)"), (0.5, "rgba(11,128,118,0)"), (1, "rgba(11,128,118,1)")],
            hoverinfo="skip",
            colorbar=_marks(top),
            xgap=1,
            ygap=1,
        )
    )
    drawn = sorted(arrows, key=lambda arrow: -arrow[2])[:most]
    lanes: Counter[tuple[int, bool]] = Counter()
    for arrow in sorted(drawn, key=lambda arrow: abs(arrow[0] - arrow[1])):  # the shortest nearest to the middle of the row
        figure.add_trace(_arrow(arrow, names, step, lanes[arrow[0], arrow[3]]))
        lanes[arrow[0], arrow[3]] += 1
    rows, columns = (places.tolist() for places in np.nonzero(change))
    signed = {(i, j): f"{change[i, j]:+d}".replace("-", "−") for i, j in zip(rows, columns, strict=True)}
    figure.add_trace(_numbers(signed, np.abs(change) / top, step, ink))
    told = {(i, j): f"{names[i]} taken for {names[j]}: {change[i, j]:+d}" for i, j in signed}
    told |= {(i, j): f"{names[i]} taken for {names[j]}: as many as before" for i, j, *_ in arrows if not change[i, j]}
    figure.add_trace(_picks(told, step))
    _square(figure, names, step, ink)
    figure.add_shape(type="line", x0=-0.5, y0=-0.5, x1=len(names) - 0.5, y1=len(names) - 0.5, layer="below", line={"color": GREY, "width": 0.7})
    left_out = len(arrows) - len(drawn)
    note = f"arrows for the {len(drawn)} strongest changes; {left_out} weaker ones are left out" if left_out else ""
    figure.update_layout(
        title={"text": note, "font": {"size": 12}, "x": 0, "xref": "paper", "y": 1, "yref": "paper", "yanchor": "bottom", "pad": {"b": 6}}
    )
    figure.update_layout(margin={"t": 34 if note else 8}, plot_bgcolor="rgba(0,0,0,0)")
    return figure


def _arrow(arrow: Arrow, names: Sequence[str], step: int, lane: int) -> go.Scatter:
    """Corrected clips run in the upper half of their row, lost ones in the lower. lane: its number in that half, so that none hides another."""
    row, column, clips, corrected = arrow
    y = row + (-1 if corrected else 1) * (0.24 + 0.08 * (lane % 4))
    inward = 0.3 if column < row else -0.3
    x = [column, row - inward] if corrected else [row, column + inward]
    said = f"{clips} of {names[row]}"
    said += f", taken for {names[column]} before, now right" if corrected else f", right before, now taken for {names[column]}"
    return go.Scatter(
        x=x,
        y=[y, y],
        mode="lines+markers",
        line={"color": AGAINST if corrected else FOR, "width": min(1.0 + 0.5 * clips, step / 6)},
        marker={
            "symbol": ["circle", "arrow"],
            "size": [step / 6 + 1, max(step * 0.45, 6)],
            "angleref": "previous",
            "opacity": 1,
            "line": {"width": 0},
        },
        customdata=[[row, column]] * 2,
        hovertemplate=f"{said}<extra></extra>",
    )


def _numbers(told: Mapping[tuple[int, int], str], depth: NDArray[np.floating], step: int, ink: str) -> go.Scatter:
    """Numbers in cells, in the page's ink, white where the cell's colour is deep (depth 0 … 1). A heat map's own do not know a dark page."""
    return go.Scatter(
        x=[j for _, j in told],
        y=[i for i, _ in told],
        mode="text",
        text=list(told.values()),
        textfont={"size": _letters(step), "color": ["#ffffff" if depth[i, j] > 0.6 else ink for i, j in told]},
        hoverinfo="skip",
    )


def _marks(top: int) -> dict[str, Any]:
    """A colour bar of whole clips with signs."""
    values = sorted({-top, -(top // 2), 0, top // 2, top})
    texts = [f"{v:+d}".replace("-", "−") if v else "0" for v in values]
    return {"title": {"text": "clips"}, "thickness": 10, "lenmode": "pixels", "len": 150, "tickvals": values, "ticktext": texts}


def _picks(told: Mapping[tuple[int, int], str], step: int) -> go.Scatter:
    """Squares that cannot be seen but clicked: plotly does not tell of clicks on a heat map."""
    cells = list(told)
    return go.Scatter(
        x=[j for _, j in cells],
        y=[i for i, _ in cells],
        mode="markers",
        marker={"symbol": "square", "size": max(step - 3, 4), "opacity": 0},
        customdata=[[i, j] for i, j in cells],
        text=list(told.values()),
        hovertemplate="%{text}<extra></extra>",
    )


def _cell(classes: int) -> int:
    """A cell's side in pixels: 24 for few classes, down to 9 for hundreds."""
    return int(np.clip(1150 / max(classes, 1), 9, 24))


def _letters(step: int) -> int:
    return int(np.clip(step - 5, 7, 11))


def _square(figure: go.Figure, names: Sequence[str], step: int, ink: str) -> None:
    """Square cells, the classes by name on both sides, rows from the top."""
    at = list(range(len(names)))
    size = min(_letters(step) + 1, 11)
    edge = [-0.5, len(names) - 0.5]
    how = {"tickvals": at, "ticktext": list(names), "showgrid": False, "zeroline": False, "fixedrange": True, "tickfont": {"size": size}}
    figure.update_xaxes(tickangle=-60 if step > 14 else -90, side="bottom", title="answered", range=edge, **how)
    figure.update_yaxes(range=edge[::-1], title="true class", **how)
    bare(figure, ink, 180 + step * len(names))
