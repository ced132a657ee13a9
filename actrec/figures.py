"""Charts for the page (plotly) and the drawing table for print (matplotlib). No other module imports either library.

`confusion`, `difference` and `reliability` come back as plotly figures. `Sheet` is a page measured in inches, on which `actrec.plates` lays out the
publication figures. Matplotlib is used through its objects only, so that threads do not share a current figure.

Labels and titles are somebody's text: plotly reads HTML and matplotlib reads TeX in strings, so here the first is escaped and the second is off.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import matplotlib
import numpy as np
import plotly.graph_objects as go
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

if TYPE_CHECKING:
    from actrec.measures import Calibration

# Set once for the process, never per figure, because these are global: text stays text in SVG, and equal figures give equal files.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "actrec", "font.family": ["DejaVu Sans"]})

FOR, AGAINST, OTHER = "#d1441f", "#2f6fd6", "#98a1ab"
"""Bar colours: the class explained, the class it is held against, the rest. The first two are those of signed evidence."""

INK, GREY, PAPER = "#1b1f24", "#667080", "#ffffff"

Align = Literal["left", "center", "right"]

Arrow = tuple[int, int, int, bool]
"""Clips that moved in their row of a confusion matrix: the true class, the wrong class, how many, and whether they were corrected or lost."""


def plain(text: str) -> str:
    """The text on one line, without control characters and direction marks."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(text: str, length: int) -> str:
    """At most `length` characters, the end replaced by … if something is cut."""
    text = plain(text)
    return text if len(text) <= length else text[: max(length - 1, 0)].rstrip() + "…"


# ------------------------------------------------------------------------------------------------------------ plotly


def confusion(labels: Sequence[str], counts: NDArray[np.integer], ink: str = GREY, picks: bool = False) -> go.Figure:
    """A confusion matrix as a plotly figure: counts (classes, classes), rows the true classes, coloured by each row's shares, the counts written in.

    ink: the colour of the words, for a light or a dark page. A row without clips stays empty.
    picks: lay something to click over the cells that have clips; its customdata is [row, column].
    """
    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names, step = _names(labels), _cell(len(labels))
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
    if picks:
        figure.add_trace(_picks({(i, j): told[i][j] for i, j in np.argwhere(counts).tolist()}, step))
    _square(figure, names, step, ink)
    return figure


def reliability(calibration: Calibration, ink: str = GREY) -> go.Figure:
    """How often the model is right (bars) where it says how sure it is, with the diagonal of a model that can be taken at its word.

    Bars that fall short of the diagonal are drawn in the colour of what speaks against. A bar's customdata is its bin, its clips and its confidence.
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
            customdata=[[int(i), int(calibration.count[i]), float(calibration.confidence[i])] for i in filled],
            hovertemplate="it says %{customdata[2]:.1%}, is right in %{y:.1%} of %{customdata[1]}<extra></extra>",
        )
    )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": ink, "width": 1, "dash": "dot"}, hoverinfo="skip")
    figure.update_xaxes(title="the model's probability", range=[0, 1], tickformat=".0%", showgrid=False, zeroline=False, fixedrange=True)
    figure.update_yaxes(title="right", range=[0, 1.08], tickformat=".0%", showgrid=False, zeroline=False, fixedrange=True)
    _bare(figure, ink, 320)
    figure.update_layout(margin={"r": 28})
    return figure


def difference(labels: Sequence[str], difference: NDArray[np.integer], arrows: Sequence[Arrow], ink: str = GREY, most: int = 40) -> go.Figure:
    """What a second model does otherwise: b's confusion matrix − a's (classes, classes), and arrows for the clips that moved.

    More clips than before in a cell is teal, fewer brown, no change the page's own colour; the numbers carry their sign. Each arrow is (true class,
    wrong class, clips, corrected): a corrected one runs from the column that the clips were taken for to the diagonal, in blue; a lost one from
    the diagonal to the column that they are now taken for, in red; its width tells how many. Beyond the `most` strongest, arrows are left out, and
    the figure says how many.  A click or a selection gives customdata [row, column], of an arrow those of its wrong cell.
    """
    change = np.asarray(difference)
    names, step = _names(labels), _cell(len(labels))
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


def page(figure: go.Figure, script: bool) -> str:
    """The figure as a piece of an HTML page. script: with plotly's own script, which the first figure of a page must bring along."""
    config = {"displayModeBar": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=script, config=config))


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


def _names(labels: Sequence[str]) -> list[str]:
    return [escape(shorten(name.replace("_", " "), 24)) for name in labels]


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
    _bare(figure, ink, 180 + step * len(names))


def _bare(figure: go.Figure, ink: str, height: int) -> None:
    """No paper, no legend: the page is the ground."""
    figure.update_layout(
        height=height,
        showlegend=False,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"color": ink, "size": 11},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(128,128,128,0.08)",
    )


# -------------------------------------------------------------------------------------------------------- matplotlib


class Sheet:
    """A page for print, measured in inches from its top left corner (x right, y down), text sizes in points.

    Pictures are placed on whole dots of `dpi`, so that a picture made for its place is not resampled.
    """

    def __init__(self, width: float, height: float, dpi: int = 300, paper: str = PAPER) -> None:
        self.width, self.height, self.dpi = width, height, dpi
        # Whole dots: a page of 2160.4 dots would shift every picture by a fraction of one.
        size = (round(width * dpi) / dpi, round(height * dpi) / dpi)
        self.figure = Figure(figsize=size, dpi=dpi, facecolor=paper)
        self._canvas = FigureCanvasAgg(self.figure)

    def dots(self, inches: float) -> int:
        return round(inches * self.dpi)

    def _place(self, x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        """Left, bottom, width, height as shares of the page, on whole dots."""
        page = (self.dots(self.width), self.dots(self.height))
        left, top, right, bottom = (self.dots(v) for v in (x, y, x + w, y + h))
        return left / page[0], 1 - bottom / page[1], (right - left) / page[0], (bottom - top) / page[1]

    def image(self, x: float, y: float, w: float, h: float, pixels: NDArray[np.uint8]) -> None:
        """A picture uint8 (H, W, 3) filling the rectangle."""
        axes = self.figure.add_axes(self._place(x, y, w, h))
        axes.set_axis_off()
        axes.imshow(pixels, aspect="auto", interpolation="none")

    def box(self, x: float, y: float, w: float, h: float, colour: str, edge: str = "none") -> None:
        """A filled rectangle."""
        left, bottom, width, height = self._place(x, y, w, h)
        thin = 0.0 if edge == "none" else 0.5
        shape = Rectangle((left, bottom), width, height, facecolor=colour, edgecolor=edge, linewidth=thin, transform=self.figure.transFigure)
        self.figure.add_artist(shape)

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str = INK, points: float = 0.6) -> None:
        """A line through places in inches."""
        x, y = np.asarray(xs) / self.width, 1 - np.asarray(ys) / self.height
        self.figure.add_artist(Line2D(x, y, color=colour, linewidth=points, transform=self.figure.transFigure, solid_capstyle="butt"))

    def measure(self, words: str, size: float, bold: bool = False) -> float:
        """The width of a text in inches."""
        style = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
        return float(self._canvas.get_renderer().get_text_width_height_descent(words, style, False)[0]) / self.dpi

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 7.0,
        bold: bool = False,
        colour: str = INK,
        align: Align = "left",
        room: float | None = None,
        turned: bool = False,
    ) -> None:
        """One line of text with its middle at height y; cut with … if it is wider than `room` inches. Turned: reads upwards."""
        words = plain(words)
        if room is not None and self.measure(words, size, bold) > room:
            keep = len(words)
            while keep > 1 and self.measure(shorten(words, keep), size, bold) > room:
                keep -= 1
            words = shorten(words, keep)
        self.figure.text(
            x / self.width,
            1 - y / self.height,
            words,
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color=colour,
            ha=align,
            va="center_baseline" if not turned else "center",
            rotation=90 if turned else 0,
            rotation_mode="anchor",
            parse_math=False,
        )

    def wrap(self, x: float, y: float, words: str, *, width: float, size: float = 6.5, colour: str = GREY) -> float:
        """Text broken into lines of at most `width` inches, the first line's middle at y; returns the height it took."""
        lines = self.lines(words, width, size)
        step = 1.45 * size / 72
        for i, line in enumerate(lines):
            self.text(x, y + i * step, line, size=size, colour=colour, room=width)
        return step * len(lines)

    def lines(self, words: str, width: float, size: float, bold: bool = False) -> list[str]:
        """The words broken into lines no wider than `width` inches."""
        lines: list[str] = []
        for word in plain(words).split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.measure(longer, size, bold) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def scale(self, x: float, y: float, high: float, room: float, colours: NDArray[np.uint8], marks: Sequence[tuple[float, str]], unit: str) -> None:
        """A numeric colour bar standing upright below its unit, together `high`; its numbers on the right.

        colours: uint8 (n, 3) from the low end to the top.  marks: place along the bar, 0 … 1, and text.  room: inches from x to the right.
        """
        for line in self.lines(unit, room, 5.5):
            self.text(x, y, line, size=5.5, colour=GREY, room=room)
            y, high = y + 0.085, high - 0.085
        y, high, wide = y + 0.02, max(high - 0.02, 0.15), 0.09
        self.image(x, y, wide, high, np.ascontiguousarray(colours[::-1, None]))
        self.box(x, y, wide, high, "none", edge=GREY)
        for place, number in marks:
            at = y + high * (1 - place)
            self.line([x + wide, x + wide + 0.03], [at, at], GREY)
            self.text(x + wide + 0.05, at, number, size=6, room=room - wide - 0.05)

    def pixels(self) -> NDArray[np.uint8]:
        """The page as uint8 RGB (H, W, 3)."""
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def png(self) -> bytes:
        out = io.BytesIO()
        self._canvas.print_png(out, pil_kwargs={"compress_level": 4})
        return out.getvalue()

    def svg(self) -> bytes:
        """The page as SVG with real text; without a date, so that equal pages give equal files."""
        out = io.StringIO()
        FigureCanvasSVG(self.figure).print_svg(out, metadata={"Date": None})
        self._canvas = FigureCanvasAgg(self.figure)
        self.figure.dpi = self.dpi  # the SVG drawer leaves its own behind
        return out.getvalue().encode()


# ---------------------------------------------------------------------------------------------------- plotly: training


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
