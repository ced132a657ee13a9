"""How a training run went, on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from actrec.draw.style import AGAINST, FOR, GREY, INK, OTHER


def curves(rows: Sequence[Mapping[str, float]], ink: str = GREY) -> go.Figure:
    """A training run's log as a plotly figure: loss, accuracies and learning rate over the epochs, one above the other.

    rows: one for each epoch: epoch, loss, lr, and any number of …_accuracy and …_mean_ap. Clips that broke are marked on the loss.
    """
    epochs = [int(row["epoch"]) for row in rows]
    names = [name for name in rows[-1] if name.endswith(("_accuracy", "_mean_ap"))]
    figure = go.Figure()
    for number, name in enumerate(["loss", *names, "lr"]):
        axis = {"loss": "y", "lr": "y3"}.get(name, "y2")
        colour = (AGAINST, FOR, "#0b6e7f", OTHER)[number % 4]
        line = {"x": epochs, "y": [float(row[name]) for row in rows], "name": name.replace("_", " "), "yaxis": axis, "xaxis": "x"}
        figure.add_trace(go.Scatter(**line, mode="lines+markers", line={"color": colour}, marker={"size": 4}))
    broken = [(int(row["epoch"]), float(row["loss"]), int(row["broken"])) for row in rows if row.get("broken")]
    if broken:
        x, y, counts = zip(*broken, strict=True)
        marks = {"mode": "markers", "marker": {"symbol": "x", "color": INK, "size": 8}, "text": [f"{n} clips broken" for n in counts]}
        figure.add_trace(go.Scatter(x=x, y=y, name="broken clips", **marks))
    figure.update_layout(
        xaxis={"title": "epoch", "anchor": "y3"},
        yaxis={"title": "loss", "domain": [0.68, 1.0], "rangemode": "tozero"},
        yaxis2={"title": "accuracy", "domain": [0.26, 0.62], "range": [0, 1.02]},
        yaxis3={"title": "learning rate", "domain": [0.0, 0.2], "exponentformat": "power", "rangemode": "tozero"},
        height=720,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        font={"color": ink, "size": 12},
        hovermode="x unified",
    )
    return figure
