"""Figures for print, laid out on a `Sheet`: the strip of the frames a model saw, and the parts that all such figures are made of.

Each comes back as a sheet; `.png()` and `.svg()` give the file. What a figure leaves out or does to the numbers stands in its own caption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.core import words
from actrec.core.answer import Explanation
from actrec.core.clip import Clip
from actrec.core.evidence import NOTHING, Heat, step_at
from actrec.core.look import Look
from actrec.draw import flow, marks, overlay
from actrec.draw.figures import Sheet
from actrec.draw.style import FOR, GREY, INK
from actrec.inputs.pose import VIDEO_ONLY

PAGE = 7.2
"""Inches: the text width of a two-column journal page."""

GAP, LEFT, RIGHT, EDGE = 0.035, 0.26, 0.62, 0.1
"""Inches between pictures, for the row names, for the colour bar, at the page's edge."""


@dataclass(frozen=True)
class Shown:
    """A frame of a figure: its place in the clip, its source number and second, how often the model was given it."""

    place: int
    number: int
    seconds: float
    times: int


def frames_of(clip: Clip, most: int = 16, look: Look | None = None) -> tuple[list[Shown], int]:
    """The distinct frames the model saw, evenly thinned to `most`, and how many there were. The one nearest to the look's moment stays."""
    numbers, first, times = np.unique(clip.index, return_index=True, return_counts=True)
    seen = [Shown(int(i), int(n), float(clip.seconds[i]), int(t)) for n, i, t in zip(numbers, first, times, strict=True)]
    keep = np.unique(np.rint(np.linspace(0, len(seen) - 1, min(most, len(seen)))).astype(int))
    chosen = look and look.frame(np.array([frame.seconds for frame in seen]))
    if chosen is not None:
        keep[np.argmin(np.abs(keep - chosen))] = chosen
    return [seen[i] for i in keep], len(seen)


def strip(explanation: Explanation, look: Look | None = None, most: int = 16) -> Sheet:
    """The frames the model saw, and the same with the evidence, tokens and joints over them, at most eight in a row.

    Maps that belong beside each other have a row each, under their titles, and one colour bar where one scale is theirs.
    """
    maps, clip = overlay.shown(explanation, look or explanation.usual), explanation.clip
    look, several = maps[0][1], len(maps) > 1
    shown, total = frames_of(clip, most, look)
    columns = min(len(shown), 8)
    shape = clip.video.height / clip.video.width
    wide = min((PAGE - LEFT - RIGHT - GAP * (columns - 1)) / columns, 1.5, 2.2 / shape)
    high = wide * shape
    blocks = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    row = high + 0.11 + (0.13 if several else 0.0)  # a map's pictures, its bars, and its title where there are several
    block = 0.17 + high + GAP + len(maps) * row
    width = max(LEFT + columns * (wide + GAP) + RIGHT, 4.2)
    notes = " ".join(_strip_notes(explanation, look, shown, total))
    lines = len(Sheet(1, 1).lines(notes, width - 2 * EDGE, 6))
    told = "" if several else overlay.caption(maps[0][0])
    top = 0.58 if told else 0.46
    sheet = Sheet(width, top + 0.04 + block * len(blocks) + 0.125 * lines + 0.04)
    head(sheet, explanation, ", ".join(heat.title for heat, _ in maps), told)
    for number, frames in enumerate(blocks):
        y = top + number * block
        times(sheet, LEFT, y, wide, frames)
        for column, frame in enumerate(frames):
            cell(sheet, (LEFT + column * (wide + GAP), y + 0.1, wide, high), clip.frames[frame.place])
        _side(sheet, y + 0.1 + high / 2, "frames")
        for place, (heat, how) in enumerate(maps):
            _evidence(sheet, y + 0.1 + high + GAP + place * row, (wide, high), frames, (explanation, heat, how), several)
    _scales(sheet, LEFT + columns * (wide + GAP) + 0.06, top + 0.14, (high, high + GAP, row), maps)
    sheet.wrap(EDGE, top + 0.04 + block * len(blocks), notes, width=width - 2 * EDGE, size=6)
    return sheet


def _side(sheet: Sheet, y: float, words: str) -> None:
    sheet.text(LEFT - 0.09, y, words, size=6, colour=GREY, align="center", turned=True)


def _evidence(sheet: Sheet, y: float, size: tuple[float, float], shown: Sequence[Shown], drawn: tuple[Explanation, Heat, Look], titled: bool) -> None:
    """Some frames in a row with one map over them, the bars of its steps below, and above, where it is not the only one, its title."""
    (wide, high), (explanation, heat, look) = size, drawn
    if titled:
        told = overlay.caption(heat)
        sheet.text(LEFT, y + 0.07, f"{heat.title}{': ' if told else ''}{told}", size=6, colour=FOR if told else INK, room=sheet.width - LEFT - RIGHT)
        y += 0.13
    clip = explanation.clip
    for column, frame in enumerate(shown):
        cell(sheet, (LEFT + column * (wide + GAP), y, wide, high), clip.frames[frame.place], (heat, frame.number, clip), look, explanation)
    _side(sheet, y + high / 2, "evidence")
    bands(sheet, LEFT, y + high + 0.04, wide, [heat.step_at(frame.number) for frame in shown])


def _scales(sheet: Sheet, x: float, y: float, sizes: tuple[float, float, float], maps: Sequence[tuple[Heat, Look]]) -> None:
    """The maps' colour bars: one where all have the same, else one beside each. sizes: of a picture, of the frames' row, of a map's row."""
    high, frames, row = sizes
    if one_scale(maps):
        return scale(sheet, x, y, min(2 * high + GAP, 1.6), *maps[0])
    for place, (heat, look) in enumerate(maps):
        scale(sheet, x, y + frames + place * row, min(row - 0.1, 1.6), heat, look)
    return None


def one_scale(maps: Sequence[tuple[Heat, Look]]) -> bool:
    """Whether the same colours mean the same numbers, or the same shares of a step's largest, in all these maps."""
    (first, look), *others = maps
    alike = all((heat.unit, heat.signed) == (first.unit, first.signed) for heat, _ in others)
    return not others or (alike and look.scale in ("shared", "frame"))


def picture(frame: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The frame at another size: averaged when it shrinks, cubic when it grows."""
    shrinks = height * width <= frame.shape[0] * frame.shape[1]
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8)


def cell(
    sheet: Sheet,
    place: tuple[float, float, float, float],
    frame: NDArray[np.uint8],
    evidence: tuple[Heat, int, Clip] | None = None,
    look: Look | None = None,
    marked: Explanation | None = None,
) -> None:
    """One picture at its final size, with a map's step for a source frame over it. marked: and with the tokens and joints of that frame."""
    pixels = picture(frame, sheet.dots(place[3]), sheet.dots(place[2]))
    if evidence is not None:
        heat, number, clip = evidence
        source = (clip.video.height, clip.video.width)
        pixels = overlay.draw(pixels, heat, heat.step_at(number), source, look)
        pixels = pixels if marked is None else marks.draw(pixels, marked, number, source, look)
    sheet.image(*place, pixels)


def times(sheet: Sheet, x: float, y: float, wide: float, shown: Sequence[Shown]) -> None:
    """Second and source frame number above each column; y is the text's middle."""
    for column, frame in enumerate(shown):
        left = x + column * (wide + GAP)
        sheet.text(left, y + 0.03, f"{frame.seconds:.2f} s", size=5.5)
        often = f" ×{frame.times}" if frame.times > 1 else ""
        number = left + sheet.measure(f"{frame.seconds:.2f} s ", 5.5) + 0.02
        sheet.text(number, y + 0.03, f"#{frame.number}{often}", size=5.5, colour=GREY, room=left + wide - number)


def bands(sheet: Sheet, x: float, y: float, wide: float, steps: Sequence[int | None]) -> None:
    """A bar under the frames that share one step of the map."""
    first = 0
    for column in range(1, len(steps) + 1):
        if column == len(steps) or steps[column] != steps[first]:
            step = steps[first]
            if step is not None:
                sheet.box(x + first * (wide + GAP), y, (column - first) * (wide + GAP) - GAP, 0.03, GREY if step % 2 else "#c3c9d0")
            first = column


def scale(sheet: Sheet, x: float, y: float, high: float, heat: Heat, look: Look) -> None:
    """The numeric colour bar of a map; words instead where nothing is drawn."""
    top = overlay.largest(heat) if look.scale == "frame" else overlay.top_of(look, heat)
    if min(top, overlay.largest(heat)) < NOTHING:
        sheet.text(x, y, "no evidence", size=6, colour=FOR)
        return
    ticks = overlay.ticks(top, heat.signed, beyond=overlay.largest(heat) > 1.001 * top)
    if look.scale == "frame":
        ticks = [(at, text) for at, text in zip((0.0, 0.5, 1.0), ("−max", "0", "max") if heat.signed else ("0", "½", "max"), strict=True)]
    unit = "per step" if look.scale == "frame" else words.short_unit(heat)
    sheet.scale(x, y, high, RIGHT - 0.08, overlay.bar(heat.signed, look, backdrop=205), ticks, unit)


def head(sheet: Sheet, explanation: Explanation, title: str, told: str = "") -> None:
    """Label and probability; under it what is shown, model and clip; under that what must be known before reading it."""
    chance = f"p = {explanation.probability:.3f}"
    room = sheet.width - 3 * EDGE - sheet.measure(chance, 8.5)
    sheet.text(EDGE, 0.15, about(explanation), size=9, bold=True, room=room)
    sheet.text(sheet.width - EDGE, 0.15, chance, size=8.5, align="right")
    sheet.text(EDGE, 0.32, f"{title} · {explanation.model} · {window(explanation.clip)}", size=6.5, colour=GREY, room=sheet.width - 2 * EDGE)
    sheet.text(EDGE, 0.45, told, size=6.5, colour=FOR, room=sheet.width - 2 * EDGE)


def about(explanation: Explanation) -> str:
    return f"“{explanation.label}”" + (f" rather than “{explanation.versus}”" if explanation.versus else "")


def window(clip: Clip) -> str:
    return f"{clip.video.path.name}, {clip.seconds[0]:.2f}–{clip.seconds[-1]:.2f} s"


def frame_notes(explanation: Explanation, shown: int, total: int) -> list[str]:
    """Which of the frames are shown, and what else was given to the model."""
    clip = explanation.clip
    all_of_them = f"All {total} frames the model saw." if total > 1 else "The one frame the model saw."
    notes = [f"{shown} of {total} frames shown." if shown < total else all_of_them]
    if clip.padding:
        notes.append(clip.padding[0].upper() + clip.padding[1:] + ".")
    elif total < len(clip.index):
        notes.append(f"The model was given {len(clip.index)} frames; ×n marks those it was given n times.")
    return [*notes, VIDEO_ONLY] if explanation.video_only else notes


def mark_notes(explanation: Explanation, look: Look, shown: Sequence[Shown], most: int = marks.MOST) -> list[str]:
    """What the marks on some frames are, how many of how many, and what is left out of them; nothing if there are none."""
    points, skeleton, notes = explanation.points, explanation.skeleton, []
    if points is not None:
        kept = marks.chosen(points, most, look.threshold)
        steps = {step for frame in shown if (step := step_at(points.bands, frame.number)) is not None}
        read = np.max([points.weights(step)[kept] for step in steps], 0) > 0 if steps else np.zeros(len(kept), np.bool_)
        notes.append(marks.say(points, len(kept)))
        if read.sum() < len(kept):
            notes.append(f"{len(kept) - int(read.sum())} of these tokens are read from none of the frames shown.")
    if skeleton is not None:
        top = marks.largest(skeleton.scores)
        coloured = f"coloured by {skeleton.unit or 'score'} (largest {words.number(top)}), hollow where there is none"
        known = coloured if top >= NOTHING else "hollow: no scores"
        notes.append(f"Joints: {known}; faint below a confidence of {marks.UNSURE}; bones in their limb’s colour.")
    return [*notes, *flow_notes(explanation, look)]


def flow_notes(explanation: Explanation, look: Look) -> list[str]:
    """What the arrows of flow are, and how much longer than it they are drawn; nothing if there are none."""
    field = explanation.flow
    if field is None or overlay.largest(field.lengths) < NOTHING:
        return []
    long = flow.factor(field, overlay.top_of(look, field.lengths)) if look.scale != "frame" else 0
    drawn = f"drawn {words.number(long)} times as long" if long else "scaled by each step’s own largest"
    return [f"Arrows: from a place towards where what is there goes until the model’s next frame, {drawn}; short ones are left out."]


def _strip_notes(explanation: Explanation, look: Look, shown: Sequence[Shown], total: int) -> list[str]:
    """The caption: the claim, what is shown, and what was done to it."""
    clip = explanation.clip
    notes = [explanation.told, *frame_notes(explanation, len(shown), total), *mark_notes(explanation, look, shown)]
    notes += dict.fromkeys(_steps(heat, total) for heat in explanation.shown)
    notes.append(_scale_said(explanation, look))
    if look.threshold:
        notes.append(f"Evidence below {words.percent(look.threshold, 0)} of the scale’s end is left out.")
    x0, y0, x1, y1 = explanation.heat.seen
    if x0 > 0 or y0 > 0 or x1 < clip.video.width or y1 < clip.video.height:
        notes.append("Dark borders: what the model did not see.")
    return [note for note in notes if note]


def _steps(heat: Heat, total: int) -> str:
    steps = len(heat.values)
    return f"Bars: frames that share one of the map’s {steps} steps in time." if 1 < steps < total else ""


def _scale_said(explanation: Explanation, look: Look) -> str:
    """What the colours' end is."""
    if look.scale == "frame":
        return "Each step is scaled by its own largest value."
    if look.scale == "clip":
        return "One colour scale for the clip." if len(explanation.shown) == 1 else "Each map has its own colour scale."
    return "A colour scale shared with other maps." if len(explanation.shown) == 1 else "One colour scale for all maps of a unit."
