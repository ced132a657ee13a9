"""The figure for print of parts that add up to a score: each bar begins where the one above it ended, and the last is the score."""

from __future__ import annotations

from actrec.core.answer import Explanation
from actrec.core.errors import QuestionError
from actrec.core.look import Look
from actrec.core.terms import Terms
from actrec.core.words import fixed
from actrec.draw.figures import Sheet, strip
from actrec.draw.figures.strip import EDGE
from actrec.draw.style import AGAINST, FOR, GREY, INK

WIDE, NAMES, NUMBERS, ROW, TOP = 4.2, 0.95, 0.55, 0.15, 0.5
"""Inches: the page, the room for names and for numbers, a bar's row, and above the first."""

MOST = 16
"""Parts with a bar of their own; the smaller ones share one."""


def adding_up(explanation: Explanation, look: Look | None = None) -> Sheet:
    """Every part of the score as a bar, the bias, and what they add up to. look: nothing of it is needed.

    Raises:
        QuestionError: the explanation has no parts.
    """
    terms = explanation.terms
    if terms is None:
        raise QuestionError("this method takes no score apart; use one that does")
    steps = terms.steps(MOST)
    notes = [explanation.told, "Each bar begins where the one above it ends.", *(finding.sentence for finding in explanation.findings)]
    used = TOP + ROW * (len(steps) + 1) + 0.08
    lines = len(Sheet(1, 1).lines(" ".join(notes), WIDE - 2 * EDGE, 6))
    sheet = Sheet(WIDE, used + 0.125 * lines + 0.1)
    strip.head(sheet, explanation, terms.title)
    low, high = ends(terms)
    across = (WIDE - 2 * EDGE - NAMES - NUMBERS) / (high - low or 1.0)
    left = EDGE + NAMES
    for number, (name, start, end) in enumerate([*steps, (terms.unit, 0.0, terms.total)]):
        y, last = TOP + number * ROW, number == len(steps)
        colour = INK if last else GREY if name == "bias" else FOR if end > start else AGAINST
        sheet.text(left - 0.06, y + ROW / 2, name, size=6, bold=last or number == terms.chosen, align="right", room=NAMES - 0.06)
        sheet.box(left + (min(start, end) - low) * across, y + 0.02, max(abs(end - start) * across, 0.004), ROW - 0.04, colour)
        sheet.text(WIDE - EDGE, y + ROW / 2, fixed(end - start, "" if last else "+"), size=6, align="right", room=NUMBERS)
    zero = left - low * across
    sheet.line([zero, zero], [TOP, TOP + ROW * (len(steps) + 1)], GREY, 0.4)
    sheet.wrap(EDGE, used + 0.06, " ".join(notes), width=WIDE - 2 * EDGE, size=6)
    return sheet


def ends(terms: Terms) -> tuple[float, float]:
    """The least and the greatest number that a bar reaches, 0 among them."""
    reached = [0.0, terms.total, *(end for _, _, end in terms.steps(MOST))]
    return min(reached), max(reached)
