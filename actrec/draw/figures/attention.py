"""Figures for print of what a cross-modal deformable transformer attends to: its tokens, the joints, and matrices of frames or windows.

Each comes back as a sheet, as in `plates`. What it leaves out stands in its caption, with unit, layer, head and query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.core import words
from actrec.core.answer import Explanation
from actrec.core.clip import Clip
from actrec.core.errors import QuestionError
from actrec.core.evidence import Matrix, Points
from actrec.core.look import Look
from actrec.draw import marks, overlay
from actrec.draw.figures import Sheet, strip
from actrec.draw.figures.strip import EDGE, GAP, LEFT, PAGE, RIGHT
from actrec.draw.rows import Rows, rows_of
from actrec.draw.style import GREY, PAPER

BLANK = (226, 229, 233)
"""The colour of what is not known: no palette has it."""

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1b1f24")
"""Colours of a limb's curves (Okabe and Ito 2008); with more curves they come again, dashed."""

OUTLINE = "#00a3c4"
"""Of windows, a colour that the palettes do not have."""

TOP = 0.48
"""Inches above what is drawn."""

Inches = tuple[float, float, float, float]


def tokens(explanation: Explanation, look: Look | None = None, most: int = 128, frames: int = 8) -> Sheet:
    """The frames with the tokens read from them, and below all of them over time and x (the form of kim2023deform fig. 5).

    Raises:
        QuestionError: the explanation has no points.
    """
    points, look, only = explanation.points, look or Look(), explanation.with_evidence(skeleton=None)
    if points is None:
        raise QuestionError("this method chooses no tokens; use one that does")
    row, kept, panel = _Row.of(explanation, frames, look), marks.chosen(points, most, look.threshold), 1.7
    notes = [explanation.told, *row.notes, *strip.mark_notes(only, look, row.shown, most)]
    notes += [f"Dots below {words.percent(look.threshold, 0)} of the largest are left out."] if look.threshold else []
    notes += [
        "Below: the same tokens, whatever frame they are read from, by time and x; ticks: the frames that the model was given; dashed: what it saw."
    ]
    outside = int((~points.inside[kept]).sum())
    notes += [f"{outside} of the {len(kept)} tokens lie outside what the model saw, and are read only in part or not at all."] if outside else []
    top = TOP + row.deep + 0.12
    sheet = _sheet(explanation, points.title, top + panel + 0.36, [*notes, *_asked(explanation)])
    row.draw(sheet, only, look, most)
    _over_time(sheet, (LEFT + 0.16, top, PAGE - LEFT - 0.16 - RIGHT - 0.06, panel), points, kept, look, explanation.clip)
    _bar(sheet, (PAGE - RIGHT + 0.04, top + 0.05, panel - 0.3, RIGHT - 0.06), points.unit, marks.largest(points.scores), look)
    return sheet


def joints(explanation: Explanation, look: Look | None = None, frames: int = 8) -> Sheet:
    """The frames with the joints, their curves limb by limb, and the map of joints and frames, on one axis of time (kim2023deform fig. 6).

    Raises:
        QuestionError: the explanation has no skeleton.
    """
    skeleton, look, only = explanation.skeleton, look or Look(), explanation.with_evidence(points=None)
    if skeleton is None:
        raise QuestionError("this method gives no joints; use one that does")
    row, rows = _Row.of(explanation, frames, look), rows_of(explanation.tracks)
    notes = [explanation.told, *row.notes, *strip.mark_notes(only, look, row.shown)]
    top = TOP + row.deep + 0.1
    if rows is None:
        sheet = _sheet(explanation, skeleton.title, top, [*notes, *_asked(explanation)])
        row.draw(sheet, only, look)
        return sheet
    groups = list(dict.fromkeys(rows.groups))
    step, line = (0.46, 0.105) if len(groups) < 8 else (0.36, 0.09)
    notes.append(f"Curves: {rows.unit} of every joint, limb by limb, all on one scale; map: the same numbers.")
    lost = len(skeleton.names) - len(rows.names)
    notes += ["Grey: not known."] if not np.isfinite(rows.values).all() else []
    notes += [f"{lost} of {len(skeleton.names)} joints have no score at any time and therefore no row."] if lost > 0 else []
    middle = top + len(groups) * step + 0.04
    sheet = _sheet(explanation, skeleton.title, middle + len(rows.names) * line + 0.36, [*notes, *_asked(explanation)])
    row.draw(sheet, only, look)
    left, ticks = 1.0, _second_ticks(rows.edges)
    across = PAGE - left - 1.45
    for number, group in enumerate(groups):
        _limb(sheet, (left, top + number * step, across, step - 0.07), rows, group, ticks)
    _map(sheet, (left, middle, across, len(rows.names) * line), rows, ticks, look)
    return sheet


def matrix(explanation: Explanation, found: Matrix, look: Look | None = None) -> Sheet:
    """What each row gives to each column, with the windows as outlined squares."""
    look, square = look or Look(), len(found.rows) == len(found.columns)
    rows, columns = ([name.replace("_", " ") for name in side] for side in (found.rows, found.columns))
    longest = [min(max((Sheet(1, 1).measure(name, 5.5) for name in side), default=0.3), 1.0) for side in (rows, columns)]
    left = EDGE + 0.24 + longest[0]
    across = min(PAGE - left - RIGHT - 0.1, 3.4) if square else PAGE - left - RIGHT - 0.1
    deep = across if square else float(np.clip(0.16 * len(rows), 0.5, 3.6))
    notes = [explanation.told, found.line]
    notes += [f"Outlined: {len(found.windows)} windows of {_lengths(found)} frames."] if square and found.windows else []
    notes += ["Grey: no such pair."] if not np.isfinite(found.values).all() else []
    foot = 0.12 + longest[1] + (0.2 if square else 0.0)
    wide = left + across + RIGHT + 0.1
    sheet = _sheet(explanation, found.title, TOP + deep + foot + 0.04, [*notes, *_asked(explanation)], wide)
    every = [max(int(np.ceil(len(side) * 0.1 / room)), 1) for side, room in ((rows, deep), (columns, across))]  # a word needs 0.1
    ticks = [(float(i), rows[i]) for i in range(0, len(rows), every[0])]
    chart = sheet.chart((left, TOP, across, deep), (-0.5, len(columns) - 0.5), (len(rows) - 0.5, -0.5), [], ticks)
    chart.cells(np.arange(len(columns) + 1) - 0.5, np.arange(len(rows) + 1) - 0.5, _painted(found.values, look))
    for x0, y0, x1, y1 in found.boxes() if square else ():
        chart.box(x0 - 0.5, y0 - 0.5, x1 - 0.5, y1 - 0.5, OUTLINE)
    for i in range(0, len(columns), every[1]):
        sheet.text(left + (i + 0.5) / len(columns) * across, TOP + deep + 0.05, columns[i], size=5.5, align="right", turned=True, room=1.0)
    if square:
        sheet.text(left + across / 2, TOP + deep + foot - 0.1, "is read", size=6, colour=GREY, align="center")
        sheet.text(EDGE + 0.05, TOP + deep / 2, "asks", size=6, colour=GREY, align="center", turned=True)
    _bar(sheet, (left + across + 0.1, TOP + 0.04, min(deep - 0.08, 1.5), RIGHT - 0.06), found.unit, marks.largest(found.values), look)
    return sheet


# ----------------------------------------------------------------------------------------------------------- parts


def _sheet(explanation: Explanation, title: str, used: float, notes: Sequence[str], width: float = PAGE) -> Sheet:
    """A sheet with its head, `used` inches down to the end of what is drawn, and the caption below."""
    words = " ".join(note for note in notes if note)
    lines = len(Sheet(1, 1).lines(words, width - 2 * EDGE, 6))
    sheet = Sheet(width, used + 0.125 * lines + 0.1)
    strip.head(sheet, explanation, title)
    sheet.wrap(EDGE, used + 0.06, words, width=width - 2 * EDGE, size=6)
    return sheet


@dataclass(frozen=True)
class _Row:
    """The frames of a figure, four in a row. wide, high: of a picture.  notes: which of the frames the model saw they are."""

    shown: Sequence[strip.Shown]
    wide: float
    high: float
    notes: Sequence[str]

    @classmethod
    def of(cls, explanation: Explanation, frames: int, look: Look) -> _Row:
        shown, total = strip.frames_of(explanation.clip, frames, look)
        shape = explanation.clip.video.height / explanation.clip.video.width
        wide = min((PAGE - 2 * EDGE - 3 * GAP) / 4, 2.0 / shape)
        return cls(shown, wide, wide * shape, strip.frame_notes(explanation, len(shown), total))

    @property
    def deep(self) -> float:
        return -(-len(self.shown) // 4) * (self.high + 0.17)

    def draw(self, sheet: Sheet, explanation: Explanation, look: Look, most: int = marks.MOST) -> None:
        """The frames with an explanation's marks, and nothing else on them."""
        clip = explanation.clip
        for first in range(0, len(self.shown), 4):
            y, some = TOP + first // 4 * (self.high + 0.17), self.shown[first : first + 4]
            strip.times(sheet, EDGE, y, self.wide, some)
            for column, frame in enumerate(some):
                pixels = strip.picture(clip.frames[frame.place], sheet.dots(self.high), sheet.dots(self.wide))
                pixels = marks.draw(pixels, explanation, frame.number, (clip.video.height, clip.video.width), look, most)
                sheet.image(EDGE + column * (self.wide + GAP), y + 0.1, self.wide, self.high, pixels)


def _over_time(sheet: Sheet, place: Inches, points: Points, kept: NDArray[np.int64], look: Look, clip: Clip) -> None:
    """Tokens over their second and x, with arrows from where they would have been."""
    when, was = (marks.seconds_at(points, found[kept, 0]) for found in (points.places, points.reference))
    x, came = (found[kept, 1].astype(float) for found in (points.places, points.reference))
    gone = points.seconds[[0, -1]]
    reach = max(float(gone[1] - gone[0]), 0.04) * 0.03
    ends = (min(gone[0], *when, *was) - reach, max(gone[1], *when, *was) + reach) if len(kept) else (gone[0] - reach, gone[1] + reach)
    low, high = min(0.0, points.seen[0], *x, *came), max(float(clip.video.width), points.seen[2], *x, *came)
    chart = sheet.chart(place, ends, (low, high), _second_ticks(np.array(ends)), _round_ticks(low, high))
    chart.box(float(gone[0]), points.seen[0], float(gone[1]), points.seen[2], GREY, 0.5, "--")
    for second in np.unique(points.seconds):
        chart.stroke([second, second], [low, low + 0.03 * (high - low)])
    order = np.arange(len(kept))[::-1]  # the strongest on top
    share = points.scores[kept] / max(marks.largest(points.scores), 1e-12)
    chart.arrows(np.stack([was, came], 1)[order], np.stack([when, x], 1)[order])
    colours = overlay.table(look, signed=False)[np.rint(255 * np.clip(share, 0, 1)).astype(int)]
    chart.spots(when[order], x[order], (3 + 34 * share)[order], colours[order])
    sheet.text(place[0] + place[2] / 2, place[1] + place[3] + 0.22, "seconds", size=6, colour=GREY, align="center")
    sheet.text(EDGE + 0.02, place[1] + place[3] / 2, "x in source pixels", size=6, colour=GREY, align="center", turned=True)


def _limb(sheet: Sheet, place: Inches, rows: Rows, group: str, ticks: list[tuple[float, str]]) -> None:
    """The curves of one limb's joints, its name on the left and theirs on the right."""
    x, y, across, high = place
    top = marks.largest(rows.values) or 1.0
    middles = (rows.edges[1:] + rows.edges[:-1]) / 2
    limits = (0.0, 1.06 * top)
    chart = sheet.chart(place, (rows.edges[0], rows.edges[-1]), limits, [(at, "") for at, _ in ticks], [(0, "0"), (top, words.number(top))])
    members = [i for i, name in enumerate(rows.groups) if name == group]
    sheet.box(EDGE, y + 0.03, 0.05, high - 0.06, marks.colour_of(group))
    lines = sheet.lines(group, x - EDGE - 0.42, 6.5, bold=True)[:2]
    for number, line in enumerate(lines):
        sheet.text(EDGE + 0.1, y + high / 2 + 0.11 * (number - (len(lines) - 1) / 2), line, size=6.5, bold=True, room=x - EDGE - 0.42)
    columns = 1 if len(members) <= 4 else 2
    room, step = 1.35 / columns, min(0.095, (high + 0.05) / -(-len(members) // columns))
    for number, i in enumerate(members):
        colour, dash = LINES[number % len(LINES)], "-" if number < len(LINES) else "--"
        chart.curve(middles, rows.values[i], colour, dash=dash)
        at = (x + across + 0.06 + number % columns * room, y + 0.035 + number // columns * step)
        sheet.line([at[0], at[0] + 0.1], [at[1], at[1]], colour, 1.1)
        sheet.text(at[0] + 0.13, at[1], _of_limb(rows.names[i], group), size=5.2, room=room - 0.16)


def _map(sheet: Sheet, place: Inches, rows: Rows, ticks: list[tuple[float, str]], look: Look) -> None:
    """Joints and frames, limb after limb, and the colour bar."""
    count = len(rows.names)
    named = [(i, name.replace("_", " ")) for i, name in enumerate(rows.names)]
    chart = sheet.chart(place, (rows.edges[0], rows.edges[-1]), (count - 0.5, -0.5), ticks, named, 5.2)
    chart.cells(rows.edges, np.arange(count + 1) - 0.5, _painted(rows.values, look))
    for i in range(1, count):
        if rows.groups[i] != rows.groups[i - 1]:
            chart.stroke(rows.edges[[0, -1]].tolist(), [i - 0.5] * 2, PAPER, 0.8)
    for group in dict.fromkeys(rows.groups):
        first, many = rows.groups.index(group), rows.groups.count(group)
        high = place[3] / count
        sheet.box(EDGE, place[1] + first * high + 0.01, 0.05, many * high - 0.02, marks.colour_of(group))
    sheet.text(place[0] + place[2] / 2, place[1] + place[3] + 0.22, "seconds", size=6, colour=GREY, align="center")
    bar = (place[0] + place[2] + 0.1, place[1] + 0.03, min(place[3] - 0.06, 1.3), 1.2)
    _bar(sheet, bar, rows.unit, marks.largest(rows.values), look)


def _bar(sheet: Sheet, place: Inches, unit: str, top: float, look: Look) -> None:
    """The numeric colour bar of scores. place: its left and top, its height, and the room from there to the right."""
    x, y, high, room = place
    sheet.scale(x, y, high, room, overlay.table(look, signed=False), overlay.ticks(top, signed=False), unit.split(" (")[0])


def _painted(values: NDArray[np.floating], look: Look) -> NDArray[np.uint8]:
    """Values on the palette from 0 to the largest, grey where not known: uint8 (…, 3)."""
    share = np.clip(np.nan_to_num(values) / max(marks.largest(values), 1e-12), 0, 1)
    return np.where(np.isfinite(values)[..., None], overlay.table(look, signed=False)[np.rint(255 * share).astype(int)], np.array(BLANK, np.uint8))


def _asked(explanation: Explanation) -> list[str]:
    """What was found out, and of which layer, head and query all this is."""
    notes = [finding.sentence for finding in explanation.findings]
    layer, knobs = explanation.provenance.get("layer"), explanation.provenance.get("knobs") or {}
    words = [f"layer {layer}"] if layer else []
    words += [f"{name} {value}" for name, value in dict(knobs).items()]
    return [*notes, f"Settings: {', '.join(words)}."] if words else notes


def _second_ticks(ends: NDArray[np.floating]) -> list[tuple[float, str]]:
    return _round_ticks(float(ends[0]), float(ends[-1]), 9)


def _round_ticks(low: float, high: float, most: int = 5) -> list[tuple[float, str]]:
    """At most so many round numbers between two."""
    steps = [m * 10.0**e for e in range(-3, 6) for m in (1, 2, 5)]
    step = next((s for s in steps if (high - low) / s < most), steps[-1])
    places = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    return [(float(at), f"{at + 0.0:.6g}".replace("-", "−")) for at in places]


def _of_limb(name: str, group: str) -> str:
    """A joint's name beside its limb's: without the person and the side that the limb's says."""
    person, _, limb = group.rpartition(": ")
    side = limb.split(" ")[0]
    name = name.removeprefix(f"{person}: ").removeprefix(f"{side}_" if side in ("left", "right") else "")
    return name.replace("_", " ")


def _lengths(found: Matrix) -> str:
    lengths = sorted({last - first for first, last in found.windows})
    return str(lengths[0]) if len(lengths) == 1 else f"{lengths[0]}–{lengths[-1]}"
