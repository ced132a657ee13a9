"""The figure for print of visual words: for each the pieces of pictures that lie nearest to it, with their clips and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.draw.figures import Sheet
from actrec.draw.figures.strip import EDGE, PAGE, picture
from actrec.draw.style import GREY

SIDE, NAME, TOP, LINE = 0.78, 0.55, 0.4, 0.11
"""Inches: of a piece of picture, of the room for a word's name, above the first row, and of a line of text."""


@dataclass(frozen=True, eq=False)
class Row:
    """A word's name, a line about it, and its pieces: uint8 (h, w, 3) each, with a line below it."""

    name: str
    line: str
    pieces: Sequence[tuple[NDArray[np.uint8], str]]


def vocabulary(title: str, rows: Sequence[Row], notes: str) -> Sheet:
    """A row of pieces for each word, at most eight. notes: what stands below all."""
    high = SIDE + 3 * LINE
    lines = len(Sheet(1, 1).lines(notes, PAGE - 2 * EDGE, 6))
    sheet = Sheet(PAGE, TOP + high * len(rows) + 0.125 * lines + 0.12)
    sheet.text(EDGE, 0.18, title, size=8, bold=True, room=PAGE - 2 * EDGE)
    for number, row in enumerate(rows):
        y = TOP + number * high
        sheet.text(EDGE, y + SIDE / 2, row.name, size=7, bold=True, room=NAME)
        for column, (pixels, line) in enumerate(row.pieces[:8]):
            x = EDGE + NAME + column * (SIDE + 0.04)
            tall, wide = pixels.shape[0], pixels.shape[1]
            size = (SIDE * min(tall / wide, 1.0), SIDE * min(wide / tall, 1.0))
            pixels = picture(pixels, sheet.dots(size[0]), sheet.dots(size[1]))
            sheet.image(x + (SIDE - size[1]) / 2, y + (SIDE - size[0]) / 2, size[1], size[0], pixels)
            sheet.text(x, y + SIDE + LINE / 2 + 0.02, line, size=5, colour=GREY, room=SIDE)
        sheet.text(EDGE + NAME, y + SIDE + 1.5 * LINE + 0.02, row.line, size=5.5, colour=GREY, room=PAGE - 2 * EDGE - NAME)
    sheet.wrap(EDGE, TOP + high * len(rows) + 0.06, notes, width=PAGE - 2 * EDGE, size=6)
    return sheet
