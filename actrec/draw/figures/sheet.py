"""The drawing table for print: a page measured in inches. Matplotlib is used through its objects only, so that threads share no current figure."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

from actrec.draw.figures import letters
from actrec.draw.style import GREY, INK, PAPER, Align, plain, shorten

# Set once for the process, never per figure, because these are global: text stays text in SVG, and equal figures give equal files.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "actrec", "font.family": list(letters.FAMILIES)})

Numbers = Sequence[float] | NDArray[np.floating]

Marks = Sequence[tuple[float, str]]
"""Places on an axis and the words there."""


class Chart:
    """A plot on a sheet, in its data's own units: `Sheet.chart` makes it. Nothing is drawn outside of it."""

    def __init__(self, axes: Axes, size: tuple[int, int]) -> None:
        self._axes, self._size = axes, size

    def curve(self, xs: Numbers, ys: Numbers, colour: str, points: float = 0.9, dash: str = "-") -> None:
        """A line with a small dot on every value, broken where there is none."""
        self._axes.plot(xs, ys, color=colour, linewidth=points, linestyle=dash, marker="o", markersize=1.6, markeredgewidth=0)

    def stroke(self, xs: Numbers, ys: Numbers, colour: str = GREY, points: float = 0.5) -> None:
        """A plain line."""
        self._axes.plot(xs, ys, color=colour, linewidth=points, zorder=1)

    def spots(self, xs: Numbers, ys: Numbers, areas: Numbers, colours: NDArray[np.uint8], edge: str = INK) -> None:
        """Round spots of the given areas in square points; colours uint8 (n, 3)."""
        found = PathCollection(
            [Path.unit_circle()],
            np.asarray(areas, float) / np.pi,  # matplotlib counts the square of the radius of a unit circle
            offsets=np.stack([xs, ys], 1),
            offset_transform=self._axes.transData,
            facecolors=np.asarray(colours) / 255,
            edgecolors=edge,
            linewidths=0.4,
            zorder=3,
        )
        found.set_transform(IdentityTransform())
        self._axes.add_collection(found, autolim=False)

    def arrows(self, starts: NDArray[np.floating], ends: NDArray[np.floating], colour: str = GREY) -> None:
        """Thin arrows between places (n, 2)."""
        along = np.asarray(ends) - np.asarray(starts)
        how: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "inches", "width": 0.006}
        head: dict[str, Any] = {"headwidth": 5, "headlength": 6, "headaxislength": 5}
        places = (starts[:, 0], starts[:, 1], along[:, 0], along[:, 1])
        self._axes.quiver(*places, **how, **head, color=colour, zorder=2)

    def cells(self, xs: NDArray[np.floating], ys: NDArray[np.floating], colours: NDArray[np.uint8]) -> None:
        """Filled cells between edges xs (n + 1) and ys (m + 1), both increasing; colours uint8 (m, n, 3). Made at the page's own dots."""
        (x0, x1), (y0, y1) = self._axes.get_xlim(), self._axes.get_ylim()
        x, y = (a + (np.arange(n) + 0.5) / n * (b - a) for a, b, n in ((x0, x1, self._size[0]), (y1, y0, self._size[1])))
        column, row = (np.searchsorted(edges, at, "right") - 1 for edges, at in ((xs, x), (ys, y)))
        inside = ((row >= 0) & (row < len(ys) - 1))[:, None] & ((column >= 0) & (column < len(xs) - 1))
        picture = np.where(inside[..., None], colours[np.clip(row, 0, len(ys) - 2)][:, np.clip(column, 0, len(xs) - 2)], np.uint8(255))
        self._axes.imshow(picture, extent=(x0, x1, y0, y1), aspect="auto", interpolation="none", zorder=0)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: str, points: float = 0.8, dash: str = "-") -> None:
        """The outline of a rectangle."""
        self._axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=points, linestyle=dash, zorder=4))


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
        self._pictures: list[tuple[Text, Axes]] = []  # lines that matplotlib has no letters for: the text for SVG, the picture for PNG

    def dots(self, inches: float) -> int:
        return max(round(inches * self.dpi), 1)

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

    def chart(
        self,
        place: tuple[float, float, float, float],
        x: tuple[float, float],
        y: tuple[float, float],
        xmarks: Marks = (),
        ymarks: Marks = (),
        size: float = 5.5,
    ) -> Chart:
        """An empty plot filling a rectangle (x, y, width, height): the ends of its axes, left to right and bottom to top, and the marks on them."""
        axes = self.figure.add_axes(self._place(*place))
        axes.set_facecolor("none")
        axes.set_xlim(*x)
        axes.set_ylim(*y)
        axes.set_autoscale_on(False)
        how: dict[str, Any] = {"fontsize": size, "color": INK, "parse_math": False}
        axes.set_xticks([at for at, _ in xmarks], [plain(text) for _, text in xmarks], **how)
        named = [letters.drawable(plain(text)) for _, text in ymarks]
        axes.set_yticks([at for at, _ in ymarks], ["" if letters.as_picture(text) else text for text in named], **how)
        for (at, _), text in zip(ymarks, named, strict=True):
            if letters.as_picture(text):
                self.text(place[0] - 0.05, place[1] + (y[1] - at) / (y[1] - y[0]) * place[3], text, size=size, align="right")
        axes.tick_params(width=0.4, length=1.8, pad=1.5, color=GREY)
        for spine in axes.spines.values():
            spine.set(linewidth=0.4, edgecolor=GREY)
        return Chart(axes, (self.dots(place[2]), self.dots(place[3])))

    def measure(self, words: str, size: float, bold: bool = False) -> float:
        """The width of a text in inches."""
        words = letters.drawable(words)
        if letters.as_picture(words):
            return letters.width(words, size * self.dpi / 72, bold) / self.dpi
        style = FontProperties(size=size, weight="bold" if bold else "normal")
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
        artist = self.figure.text(
            x / self.width,
            1 - y / self.height,
            letters.drawable(words),
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color=colour,
            ha=align,
            va="center_baseline" if not turned else "center",
            rotation=90 if turned else 0,
            rotation_mode="anchor",
            parse_math=False,
        )
        if letters.as_picture(artist.get_text()):
            self._pictures.append((artist, self._picture(x, y, artist, size, bold, colour, align, turned)))
            artist.set_visible(False)

    def _picture(self, x: float, y: float, text: Text, size: float, bold: bool, colour: str, align: Align, turned: bool) -> Axes:
        """A line of text as a picture, at the place where `text` would put it."""
        pixels = letters.picture(text.get_text(), size * self.dpi / 72, bold, colour)
        high, wide = (side / self.dpi for side in pixels.shape[:2])
        along = {"left": 0.0, "center": wide / 2, "right": wide}[align]
        place = (x - along, y - 0.56 * high, wide, high) if not turned else (x - 0.56 * high, y - wide + along, high, wide)
        axes = self.figure.add_axes(self._place(*place), zorder=3)
        axes.set_axis_off()
        axes.imshow(np.rot90(pixels) if turned else pixels, aspect="auto", interpolation="none")
        return axes

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
        self._as_text(True)
        with warnings.catch_warnings():  # letters stay text, and the reader's program finds them: none is missing
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            FigureCanvasSVG(self.figure).print_svg(out, metadata={"Date": None})
        self._as_text(False)
        self._canvas = FigureCanvasAgg(self.figure)
        self.figure.dpi = self.dpi  # the SVG drawer leaves its own behind
        return out.getvalue().encode()

    def _as_text(self, text: bool) -> None:
        for words, picture in self._pictures:
            words.set_visible(text)
            picture.set_visible(not text)
