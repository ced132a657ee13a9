"""Charts for the page (plotly) and the drawing table for print (matplotlib). No other module imports either library.

`confusion` comes back as a plotly figure. `Sheet` is a page measured in inches, on which `actrec.plates` lays out the
publication figures. Matplotlib is used through its objects only, so that threads do not share a current figure.

Labels and titles are somebody's text: plotly reads HTML and matplotlib reads TeX in strings, so here the first is escaped and the second is off.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import Literal

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

# Set once for the process, never per figure, because these are global: text stays text in SVG, and equal figures give equal files.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "actrec", "font.family": ["DejaVu Sans"]})

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


def percent(share: float) -> str:
    """A probability for reading: 83.1 %, 0.4 %, < 0.1 %."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


# ------------------------------------------------------------------------------------------------------------ plotly


def confusion(labels: Sequence[str], counts: NDArray[np.integer], ink: str = GREY) -> go.Figure:
    """A confusion matrix as a plotly figure: counts (classes, classes), rows the true classes, coloured by each row's shares, the counts written in.

    ink: the colour of the words, for a light or a dark page. A row without clips stays empty.
    """
    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [escape(shorten(name.replace("_", " "), 24)) for name in labels]
    at = list(range(len(names)))
    figure = go.Figure(
        go.Heatmap(
            x=at,
            y=at,
            z=shares,
            zmin=0,
            zmax=1,
            colorscale=[(0, "rgba(11,110,127,0)"), (1, "rgba(11,110,127,1)")],
            text=[[str(n) if n else "" for n in row] for row in counts.tolist()],
            texttemplate="%{text}",
            customdata=[[f"{names[i]} taken for {names[j]}: {counts[i, j]} of {counts[i].sum()}" for j in at] for i in at],
            hovertemplate="%{customdata}<extra></extra>",
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    figure.update_xaxes(tickvals=at, ticktext=names, tickangle=-60, side="bottom", title="answered", showgrid=False, zeroline=False, fixedrange=True)
    figure.update_yaxes(tickvals=at, ticktext=names, autorange="reversed", title="true class", showgrid=False, zeroline=False, fixedrange=True)
    figure.update_layout(
        height=180 + 22 * len(names),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"color": ink, "size": 11},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(128,128,128,0.08)",
    )
    return figure


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
