"""A plotly figure in an HTML page, and what all charts leave out."""

from __future__ import annotations

import plotly.graph_objects as go

from actrec.draw.style import INK, PAPER, safe


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
