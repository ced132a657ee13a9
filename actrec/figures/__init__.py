"""Charts for the page (plotly) and the drawing table for print (matplotlib). No other room imports either library.

Functions come back with plotly figures. `Sheet` is a page measured in inches, on which `plates`, `attention_plates` and `side_by_side` lay out the
publication figures.
"""

from actrec.figures.attention import effects, matrix, tokens_3d
from actrec.figures.classes import Arrow, confusion, difference, reliability
from actrec.figures.rows import Rows, rows_of
from actrec.figures.sheet import Chart, Sheet
from actrec.figures.training import curves
from actrec.figures.words import AGAINST, FOR, GREY, INK, OTHER, PAPER, Align, document, page, plain, shorten

__all__ = [
    "AGAINST",
    "FOR",
    "GREY",
    "INK",
    "OTHER",
    "PAPER",
    "Align",
    "Arrow",
    "Chart",
    "Rows",
    "Sheet",
    "confusion",
    "curves",
    "difference",
    "document",
    "effects",
    "matrix",
    "page",
    "plain",
    "reliability",
    "rows_of",
    "shorten",
    "tokens_3d",
]
