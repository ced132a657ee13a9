"""What the attentions of a deformable transformer look like, on the page: tokens in space and time, frames by frames, joints by frames; and what
hiding a part of a person does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from actrec.core.evidence import Matrix, Points
from actrec.core.look import Look
from actrec.core.words import fixed
from actrec.draw import marks
from actrec.draw.charts.html import bare
from actrec.draw.overlay import PALETTES, ticks
from actrec.draw.style import AGAINST, FOR, GREY, harmless, safe

OUTLINE = "#00b4d8"
"""Of windows: it is in none of the palette's colours and is seen on a light page and on a dark one."""


def tokens_3d(
    points: Points, most: int = 128, threshold: float = 0.0, ink: str = GREY, *, size: tuple[int, int], palette: str = Look.palette
) -> go.Figure:
    """Sampled tokens in space and time: x to the right, time into the picture, y down, as in the video; a source pixel is as long in x as in y.

    most, threshold: only the strongest so many, and none below this share of the largest score.  size: the video's width and height.
    Hollow: outside of what the model saw. customdata of a dot: score, second, x, y, offset in source pixels, offset in frames given.
    """
    kept, top = marks.chosen(points, most, threshold), marks.largest(points.scores)
    places, reference = points.places[kept].astype(np.float64), points.reference[kept].astype(np.float64)
    when, was = marks.seconds_at(points, places[:, 0]), marks.seconds_at(points, reference[:, 0])
    grid = np.unique(np.round(points.reference.astype(np.float64), 3), axis=0)
    moved = places - reference
    numbers = np.stack([points.scores[kept], when, places[:, 1], places[:, 2], np.hypot(moved[:, 1], moved[:, 2]), moved[:, 0]], 1)
    figure = go.Figure()
    figure.add_trace(_lines(_corners(points), "what the model saw", ink, 1.5))
    small = {"size": 1.6, "color": "#8a929b", "opacity": 0.55}
    at = {"x": grid[:, 1], "y": marks.seconds_at(points, grid[:, 0]), "z": grid[:, 2]}
    figure.add_trace(go.Scatter3d(**at, mode="markers", marker=small, name=f"regular grid ({len(grid)} places)", hoverinfo="skip"))
    gaps = [
        (a, b, None)
        for a, b in zip(np.stack([reference[:, 1], was, reference[:, 2]], 1), np.stack([places[:, 1], when, places[:, 2]], 1), strict=True)
    ]
    figure.add_trace(_lines([end for pair in gaps for end in pair], "offsets p → p + Δp", ink, 2))
    share = points.scores[kept] / top if top > 0 else points.scores[kept]
    table = PALETTES[palette]
    edges = [ink if inside else "rgb({},{},{})".format(*table[round(255 * s)]) for inside, s in zip(points.inside[kept], share, strict=True)]
    dots = {
        "size": 3 + 11 * np.sqrt(share),
        "color": points.scores[kept],
        "cmin": 0,
        "cmax": top or 1,
        "colorscale": _colours(palette),
        "symbol": np.where(points.inside[kept], "circle", "circle-open").tolist(),
        "opacity": 1,
        "line": {"width": 1, "color": edges},
        "colorbar": _bar(points.unit, top),
    }
    told = (
        "%{customdata[0]:.3g} " + safe(points.unit, 40) + "<br>%{customdata[1]:.2f} s · x %{customdata[2]:.0f}, y %{customdata[3]:.0f} px"
        "<br>offset %{customdata[4]:.1f} px, %{customdata[5]:+.2f} frames<extra></extra>"
    )
    name = f"tokens p + Δp ({len(kept)} of {len(points.scores)})"
    at = {"x": places[:, 1], "y": when, "z": places[:, 2]}
    figure.add_trace(go.Scatter3d(**at, mode="markers", marker=dots, name=name, customdata=numbers, hovertemplate=told))
    _scene(figure, points, places, (when, was), size, ink)
    return figure


def _scene(
    figure: go.Figure, points: Points, places: NDArray[np.float64], times: Sequence[NDArray[np.float64]], size: tuple[int, int], ink: str
) -> None:
    """Axes that hold all of the frame and all of the tokens, x and y with pixels of one length."""
    x0, y0, x1, y1 = points.seen
    x = _span(0, size[0], x0, x1, *places[:, 1], *points.reference[:, 1])
    y = _span(0, size[1], y0, y1, *places[:, 2], *points.reference[:, 2])
    t = _span(points.seconds[0], points.seconds[-1], *times[0], *times[1])
    longest = max(size)
    axis: dict[str, Any] = {"showbackground": False, "showgrid": False, "zeroline": False, "linecolor": GREY, "showspikes": False}
    figure.update_layout(
        scene={
            "xaxis": axis | {"title": {"text": "x (px)"}, "range": x, "nticks": 6},
            "yaxis": axis | {"title": {"text": "time (s)"}, "range": t if t[1] > t[0] else [t[0] - 0.5, t[0] + 0.5], "nticks": 8},
            "zaxis": axis | {"title": {"text": "y (px)"}, "range": y[::-1], "nticks": 5},
            "aspectmode": "manual",
            "aspectratio": {"x": 1.1 * (x[1] - x[0]) / longest, "y": 1.7, "z": 1.1 * (y[1] - y[0]) / longest},
            "camera": {"eye": {"x": 1.65, "y": -1.65, "z": 0.75}, "center": {"x": 0.05, "y": 0.05, "z": -0.12}},
        }
    )
    bare(figure, ink, 560)
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "itemsizing": "constant", "bgcolor": "rgba(0,0,0,0)"},
        margin={"t": 34},
    )


def _corners(points: Points) -> list[tuple[float, float, float] | None]:
    """The box of what the model saw, at the first and the last second, as one line with gaps: (x, second, y)."""
    x0, y0, x1, y1 = points.seen
    first, last = float(points.seconds[0]), float(points.seconds[-1])
    around = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    path: list[tuple[float, float, float] | None] = []
    for second in (first, last):
        path += [*((x, second, y) for x, y in around), None]
    for x, y in around[:4]:
        path += [(x, first, y), (x, last, y), None]
    return path


def _lines(path: Sequence[Any], name: str, ink: str, width: float) -> go.Scatter3d:
    """Straight lines through (x, second, y); None breaks them."""
    x, y, z = ([None if place is None else float(place[i]) for place in path] for i in range(3))
    return go.Scatter3d(x=x, y=y, z=z, mode="lines", line={"color": ink, "width": width}, opacity=0.55, name=name, hoverinfo="skip")


def matrix(found: Matrix, ink: str = GREY, palette: str = Look.palette) -> go.Figure:
    """What each row gives to each column, as a heat map from 0 on, blank where nothing is known, with each window and what it reads as a box."""
    rows, columns = harmless(found.rows), harmless(found.columns)
    top = marks.largest(found.values)
    told = [[f"{row} → {column}" for column in columns] for row in rows]
    x, y = list(range(len(columns))), list(range(len(rows)))
    shown = found.values.astype(np.float64)
    figure = go.Figure(_heat(x, y, shown, told, found.unit, top, palette))
    square = len(rows) == len(columns)
    for edges in found.boxes() if square else ():
        box = {name: edge - 0.5 for name, edge in zip(("x0", "y0", "x1", "y1"), edges, strict=True)}
        figure.add_shape(type="rect", **box, line={"color": OUTLINE, "width": 2})
    high = int(np.clip(560 if square else 30 * len(rows) + 140, 200, 700))
    fixed = {"showgrid": False, "zeroline": False, "fixedrange": True, "tickfont": {"size": 10}}
    figure.update_xaxes(range=[-0.5, len(columns) - 0.5], tickangle=-60, **_thinned(columns, 20), **fixed)
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5], **_thinned(rows, 20), **fixed)
    bare(figure, ink, high)
    if square:
        figure.update_xaxes(title="is read", constrain="domain")
        figure.update_yaxes(title="asks", scaleanchor="x", constrain="domain")
    return figure


def effects(rows: Sequence[tuple[str, float, str]], measure: str, ink: str = GREY) -> go.Figure:
    """How a class's score moves when a part is hidden, the largest move on top. rows: name, after − before, what is said under the pointer.

    measure: what moves, with its unit.  Red: it falls without that part, which therefore spoke for the class; blue: it rises. customdata of a bar:
    the part's name.
    """
    order = sorted(rows, key=lambda row: -abs(row[1]))
    moves = [move for _, move, _ in order]
    names = harmless([name for name, *_ in order], 32)
    told = [f"without {name}: {safe(words)}" for name, (_, _, words) in zip(names, order, strict=True)]
    at = list(range(len(order)))
    figure = go.Figure(
        go.Bar(
            x=moves,
            y=at,
            orientation="h",
            width=0.72,
            marker={"color": [FOR if move < 0 else AGAINST for move in moves], "line": {"width": 0}},
            text=[fixed(move, "+") for move in moves],
            textposition="outside",
            cliponaxis=False,
            customdata=[name for name, *_ in order],
            hovertext=told,
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    reach = max([abs(move) for move in moves] + [0.005])
    low, high = min([*moves, 0.0]), max([*moves, 0.0])
    axis = {"showgrid": False, "fixedrange": True}
    figure.update_xaxes(
        title=f"change of the {safe(measure, 80)}",
        showticklabels=False,
        zerolinecolor=ink,
        range=[low - 0.16 * reach, high + 0.16 * reach],
        **axis,
    )
    figure.update_yaxes(tickvals=at, ticktext=names, range=[len(order) - 0.5, -0.5], zeroline=False, **axis)
    bare(figure, ink, 90 + 22 * len(order))
    return figure


def _heat(x: Any, y: Any, values: NDArray[np.float64], told: Sequence[Sequence[str]], unit: str, top: float, palette: str) -> go.Heatmap:
    """Values on a palette of unsigned evidence from 0 on; NaN leaves the page to be seen, and says nothing."""
    return go.Heatmap(
        x=x,
        y=y,
        z=values,
        zmin=min(0.0, float(np.nanmin(values)) if np.isfinite(values).any() else 0.0),
        zmax=top or 1.0,
        colorscale=_colours(palette),
        text=told,
        hovertemplate="%{text}: %{z:.3g} " + safe(unit, 40) + "<extra></extra>",
        hoverongaps=False,
        colorbar=_bar(unit, top),
    )


def _bar(unit: str, top: float) -> dict[str, Any]:
    """A colour bar with three numbers and the unit."""
    found = ticks(top, signed=False)
    at = {"tickvals": [place * top for place, _ in found], "ticktext": [text for _, text in found]}
    return {"title": {"text": safe(unit.split(" (")[0], 40)}, "thickness": 10, "lenmode": "pixels", "len": 170, **at}


def _colours(palette: str) -> list[tuple[float, str]]:
    """A palette of unsigned evidence in plotly's words."""
    return [(i / 15, "rgb({},{},{})".format(*PALETTES[palette][17 * i])) for i in range(16)]


def _thinned(names: Sequence[str], most: int) -> dict[str, Any]:
    """At most so many of the names, evenly."""
    every = -(-len(names) // most) or 1
    return {"tickvals": list(range(0, len(names), every)), "ticktext": list(names[::every])}


def _span(*values: float) -> list[float]:
    finite = [float(v) for v in values if np.isfinite(v)]
    return [min(finite), max(finite)]
