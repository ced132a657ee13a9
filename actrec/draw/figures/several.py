"""Several answers about one clip in one figure for print: the segment strip and the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actrec.core.answer import Explanation
from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat
from actrec.core.look import TOGETHER, Look
from actrec.core.words import percent
from actrec.draw import overlay
from actrec.draw.figures import Sheet, strip
from actrec.draw.figures.strip import EDGE, GAP, PAGE, RIGHT, Shown
from actrec.draw.style import AGAINST, FOR, GREY, INK, OTHER
from actrec.measure.agreement import TITLES, Agreement

Rows = Sequence[tuple[str, Explanation]]
"""(name, explanation) from top to bottom, all about one clip."""

NAMES, TOP = 1.3, 0.5
"""Inches for the names of the rows, and above the first row."""


def segment_strip(rows: Rows, segments: int = 3, look: Look | None = None) -> Sheet:
    """Frames against models, for the middle frame of each of `segments` equal parts of the time that every model saw (the form of DAM fig. 7).

    Raises:
        QuestionError: no rows, or different clips.
    """
    maps = _maps(rows, look)
    grid = _grid(rows, maps, segments, right=RIGHT, below=0.22, most=1.6)
    for number, (name, explanation) in enumerate(rows):
        _row_name(grid, number, name, explanation)
    _note(grid.sheet, _scale_note(rows, maps))
    return grid.sheet


def comparison(rows: Rows, agreements: Mapping[tuple[int, int], Agreement], look: Look | None = None, frames: int = 4) -> Sheet:
    """Up to four answers about one clip: frames, each one's evidence and best classes, how far each pair agrees, and where the first two differ.

    agreements: by pair of row numbers (i < j), as `study.compare` gives them.

    Raises:
        QuestionError: no rows, more than four, or different clips.
    """
    if len(rows) > 4:
        raise QuestionError(f"{len(rows)} answers do not fit one figure; compare at most four")
    maps = _maps(rows, look)
    different = agreements[0, 1].difference if (0, 1) in agreements else None
    if different is not None:
        # One cell that differs much would leave the rest pale: the scale ends where the strongest fiftieth begins, and says so.
        end = float(np.nanquantile(np.abs(different.values), 0.98))
        maps.append((different, replace(look or TOGETHER, scale="shared", top=end or overlay.largest(different), threshold=0.0)))
    table = 0.3 + 0.15 * len(agreements) if agreements else 0.0
    grid = _grid(rows, maps, frames, right=2.05, below=table + 0.22, most=1.1)
    for number, (name, explanation) in enumerate(rows):
        _row_name(grid, number, f"{'ABCD'[number]} · {name}", explanation)
        _bars(grid, number, explanation)
    if different is not None:
        middle = grid.top(len(rows) + 1) + grid.high / 2
        grid.sheet.text(EDGE, middle - 0.07, "A − B", size=7, bold=True)
        grid.sheet.text(EDGE, middle + 0.07, "above zero: more in A", size=6, colour=GREY)
    _table(grid.sheet, grid.top(len(maps) + 1) + 0.1, agreements)
    agreed = (
        " Agreement counts only what both models looked at; A − B is of positive evidence, each map divided by its own mean." if agreements else ""
    )
    _note(grid.sheet, _scale_note(rows, maps[: len(rows)]) + agreed)
    return grid.sheet


@dataclass(frozen=True)
class _Grid:
    """A sheet with rows of pictures: height of a row, and where the pictures end on the right."""

    sheet: Sheet
    high: float
    end: float

    def top(self, row: int) -> float:
        """The upper edge of a row; row 0 holds the plain frames."""
        return TOP + row * (self.high + GAP)


def _grid(rows: Rows, maps: Sequence[tuple[Heat, Look]], count: int, *, right: float, below: float, most: float) -> _Grid:
    """The clip's name, the chosen frames, and a row of pictures with its colour bar for every map. most: the widest or highest picture."""
    chosen = _middles([e for _, e in rows], count, maps[0][1] if maps else Look())
    clip = rows[0][1].clip
    shape = clip.video.height / clip.video.width
    wide = min((PAGE - NAMES - right) / len(chosen) - GAP, most, most / shape)
    high = wide * shape
    end = NAMES + len(chosen) * (wide + GAP)
    grid = _Grid(Sheet(max(end + right, 4.2), TOP + (len(maps) + 1) * (high + GAP) + below), high, end)
    sheet = grid.sheet
    sheet.text(EDGE, 0.16, strip.window(clip), size=8, bold=True, room=sheet.width - 2 * EDGE)
    strip.times(sheet, NAMES, TOP - 0.1, wide, chosen)
    sheet.text(EDGE, TOP + high / 2, "frames", size=7, bold=True)
    for column, frame in enumerate(chosen):
        x, pixels = NAMES + column * (wide + GAP), _pixels(rows, frame.number)
        strip.cell(sheet, (x, TOP, wide, high), pixels)
        for row, (heat, look) in enumerate(maps, 1):
            strip.cell(sheet, (x, grid.top(row), wide, high), pixels, (heat, frame.number, clip), look)
    for row, (heat, look) in enumerate(maps, 1):
        strip.scale(sheet, end + 0.06, grid.top(row) + 0.05, high - 0.09, heat, look)
    return grid


def _row_name(grid: _Grid, number: int, name: str, explanation: Explanation) -> None:
    """Name, class and probability beside a row, and what must be known before reading its map."""
    sheet, room = grid.sheet, NAMES - 2 * EDGE
    words = [(line, 7.0, True, INK) for line in _two(sheet.lines(name, room, 7, bold=True))]
    words += [(line, 6.0, False, INK) for line in _two(sheet.lines(strip.about(explanation), room, 6))]
    words.append((f"p = {explanation.probability:.3f}", 6.0, False, GREY))
    if len(explanation.shown) > 1:  # a row has room for one
        words += [(line, 5.5, False, FOR) for line in _two(sheet.lines(f"one of {len(explanation.shown)} maps: {explanation.heat.title}", room, 5.5))]
    told = overlay.caption(explanation.heat).split(":")[0].split(" (")[0]
    words += [(line, 5.5, False, FOR) for line in _two(sheet.lines(told, room, 5.5))]
    y = grid.top(number + 1) + grid.high / 2 - 0.055 * (len(words) - 1)
    for place, (line, size, bold, colour) in enumerate(words):
        sheet.text(EDGE, y + 0.11 * place, line, size=size, bold=bold, colour=colour, room=room)


def _two(lines: list[str]) -> list[str]:
    """At most two lines; what is too much is left in the second, to be cut."""
    return lines if len(lines) < 3 else [lines[0], " ".join(lines[1:])]


def _bars(grid: _Grid, number: int, explanation: Explanation) -> None:
    """The most probable classes as bars under their names, five if there is room."""
    sheet, x, y = grid.sheet, grid.end + RIGHT + 0.1, grid.top(number + 1)
    wide = sheet.width - EDGE - x
    step = max(grid.high / 5, 0.125)
    for place, (label, probability) in enumerate(explanation.predictions.top(int(grid.high / step + 1e-6))):
        at = y + (place + 0.5) * step
        colour = FOR if label == explanation.label else AGAINST if label == explanation.versus else OTHER
        sheet.text(x, at - 0.025, label, size=5.5, room=wide - 0.4)
        sheet.text(x + wide, at - 0.025, percent(probability), size=5.5, colour=GREY, align="right")
        sheet.box(x, at + 0.035, max(wide * probability, 0.005), 0.022, colour)


def _table(sheet: Sheet, y: float, agreements: Mapping[tuple[int, int], Agreement]) -> None:
    """A row of numbers for each pair, and the reason where one is missing."""
    if not agreements:
        return
    step = (sheet.width - NAMES - EDGE) / len(TITLES)
    for place, title in enumerate(TITLES.values()):
        sheet.text(NAMES + place * step, y, title, size=5.5, colour=GREY, room=step - 0.05)
    sheet.line([EDGE, sheet.width - EDGE], [y + 0.08, y + 0.08], GREY)
    for row, ((i, j), found) in enumerate(agreements.items()):
        at = y + 0.18 + 0.15 * row
        sheet.text(EDGE, at, f"{'ABCD'[i]} and {'ABCD'[j]}", size=6.5, bold=True)
        if len(set(found.reasons.values())) == 1 and len(found.reasons) == len(TITLES):
            sheet.text(NAMES, at, next(iter(found.reasons.values())), size=6, colour=FOR, room=5 * step)
            continue
        for place, (name, value) in enumerate(found.numbers.items()):
            known = not np.isnan(value)
            words = f"{value:.2f}".replace("-", "−") if known else found.reasons.get(name, "unknown")
            sheet.text(NAMES + place * step, at, words, size=6.5 if known else 5, colour=INK if known else FOR, room=step - 0.05)


def _note(sheet: Sheet, words: str) -> None:
    sheet.text(EDGE, sheet.height - 0.1, words, size=6, colour=GREY, room=sheet.width - 2 * EDGE)


def _pixels(rows: Rows, number: int) -> NDArray[np.uint8]:
    """A source frame that one of the models saw."""
    for _, explanation in rows:
        hit = np.flatnonzero(explanation.clip.index == number)
        if hit.size:
            return explanation.clip.frames[hit[0]]
    raise ValueError(f"no clip holds frame {number}")


def _middles(explanations: Sequence[Explanation], count: int, look: Look) -> list[Shown]:
    """The sampled frames nearest to the middles of `count` equal parts of the time all models saw (or any, if they share none).

    In the part that the look's moment is nearest to the middle of, it takes the middle's place.
    """
    if not explanations:
        raise QuestionError("nothing to compare; give at least one answer")
    clips = [e.clip for e in explanations]
    if len({clip.video.sha256 for clip in clips}) > 1:
        raise QuestionError(f"{', '.join(sorted({c.video.path.name for c in clips}))} are different clips; compare answers about one clip")
    first, last = max(int(clip.index[0]) for clip in clips), min(int(clip.index[-1]) for clip in clips)
    numbers = np.unique(np.concatenate([clip.index for clip in clips]))
    if first <= last:
        numbers = numbers[(numbers >= first) & (numbers <= last)]
    seconds = clips[0].video.seconds
    begin, end = seconds[numbers[0]], seconds[numbers[-1]]
    middles = begin + (np.arange(count) + 0.5) / count * (end - begin)
    if (part := look.frame(middles)) is not None:
        middles[part] = look.moment
    chosen = sorted({int(numbers[np.argmin(np.abs(seconds[numbers] - middle))]) for middle in middles})
    return [Shown(-1, number, float(seconds[number]), 1) for number in chosen]


def _maps(rows: Rows, look: Look | None) -> list[tuple[Heat, Look]]:
    """Every row's map and how it is drawn, as in the player: a shared scale is one for all maps of a unit. None: so, and else as usual."""
    heats = [e.heat for _, e in rows]
    return [(heat, overlay.settled(look or TOGETHER, heat, heats)) for heat in heats]


PALE = 0.1
"""Share of its scale's end below which a map's largest value is hardly to be seen, so that the figure says it."""


def _scale_note(rows: Rows, maps: Sequence[tuple[Heat, Look]]) -> str:
    scale, units = maps[0][1].scale, {heat.unit for heat, _ in maps}
    if scale == "frame":
        return "Colours: each step scaled by its own largest value."
    if scale == "clip" or 1 < len(units) == len(rows):
        return "Colours: each map has its own scale." if len(rows) > 1 else "Colours: one scale."
    shares = {name: overlay.largest(heat) / look.top for (name, _), (heat, look) in zip(rows, maps, strict=True) if look.top}
    pale = [f"; {name} reaches {percent(share)} of it" for name, share in shares.items() if share < PALE]
    return f"Colours: one scale for all maps{' of a unit' if len(units) > 1 else ''}{''.join(pale)}."
