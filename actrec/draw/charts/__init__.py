"""Charts for the page, the only room with plotly. Functions come back with plotly figures."""

from actrec.draw.charts.attention import effects, matrix, tokens_3d
from actrec.draw.charts.classes import Arrow, confusion, difference, reliability
from actrec.draw.charts.html import document, page
from actrec.draw.charts.terms import terms
from actrec.draw.charts.training import curves

__all__ = ["Arrow", "confusion", "curves", "difference", "document", "effects", "matrix", "page", "reliability", "terms", "tokens_3d"]
