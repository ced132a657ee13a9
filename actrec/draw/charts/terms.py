"""Parts that add up to a score, on the page: each bar begins where the one above it ended, and the last is the score."""

from __future__ import annotations

import plotly.graph_objects as go

from actrec.core.terms import Terms
from actrec.core.words import fixed
from actrec.draw.charts.html import bare
from actrec.draw.style import AGAINST, FOR, GREY, OTHER, safe


def terms(found: Terms, ink: str = GREY, most: int = 16) -> go.Figure:
    """The parts, those beyond `most` together, the bias and the total. customdata of a bar: the part's name, "" for what is no part."""
    steps = [*found.steps(most), (found.unit, 0.0, found.total)]
    notes = dict(zip(found.names, found.notes, strict=True))
    at, moves = list(range(len(steps))), [end - start for _, start, end in steps]
    kinds = ["part" if name in notes else "total" if number == len(steps) - 1 else "rest" for number, (name, *_) in enumerate(steps)]
    colours = [ink if kind == "total" else OTHER if kind == "rest" else FOR if move > 0 else AGAINST for kind, move in zip(kinds, moves, strict=True)]
    names = [f"<b>{safe(name)}</b>" if number == found.chosen or kinds[number] == "total" else safe(name) for number, (name, *_) in enumerate(steps)]
    figure = go.Figure(
        go.Bar(
            x=moves,
            y=at,
            base=[start for _, start, _ in steps],
            orientation="h",
            width=0.72,
            marker={"color": colours, "line": {"width": 0}},
            text=[fixed(move, "" if kind == "total" else "+") for kind, move in zip(kinds, moves, strict=True)],
            textposition="outside",
            cliponaxis=False,
            customdata=[name if kind == "part" else "" for kind, (name, *_) in zip(kinds, steps, strict=True)],
            hovertext=[f"{safe(name)}: {safe(notes.get(name, fixed(end - start, '+')))}" for name, start, end in steps],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    low, high = min(0.0, *(end for _, _, end in steps)), max(0.0, *(end for _, _, end in steps))
    room = 0.16 * (high - low or 1.0)
    axis = {"showgrid": False, "fixedrange": True}
    figure.update_xaxes(title=safe(found.unit), zerolinecolor=ink, range=[low - room, high + room], **axis)
    figure.update_yaxes(tickvals=at, ticktext=names, range=[len(steps) - 0.5, -0.5], zeroline=False, **axis)
    bare(figure, ink, 90 + 22 * len(steps))
    return figure
