"""The figure for print of optical flow: the frames coloured by direction, with arrows, beside the colour wheel that reads them."""

from __future__ import annotations

from actrec.core import words
from actrec.core.answer import Explanation
from actrec.core.errors import QuestionError
from actrec.core.evidence import NOTHING
from actrec.core.look import Look
from actrec.draw import flow, marks, overlay
from actrec.draw.figures import Sheet, strip
from actrec.draw.figures.strip import EDGE, GAP, PAGE
from actrec.draw.style import FOR, GREY

ROW, SIDE = 0.17, 0.9
"""Inches for the words over a row of them, and for the wheel beside them."""


def flowing(explanation: Explanation, look: Look | None = None, frames: int = 8) -> Sheet:
    """The frames with their flow, four in a row, and the wheel.

    Raises:
        QuestionError: the explanation has no flow.
    """
    field, look, clip = explanation.flow, look or Look(), explanation.clip
    if field is None:
        raise QuestionError("this method shows no optical flow; use one that does")
    shown, total = strip.frames_of(clip, frames, look)
    shape = clip.video.height / clip.video.width
    wide = min((PAGE - 2 * EDGE - 4 * GAP - SIDE) / 4, 2.0 / shape)
    rows = [shown[first : first + 4] for first in range(0, len(shown), 4)]
    notes = " ".join([explanation.told, *strip.frame_notes(explanation, len(shown), total), *_notes(explanation, look)])
    lines = len(Sheet(1, 1).lines(notes, PAGE - 2 * EDGE, 6))
    told = overlay.caption(field.lengths)
    top = 0.58 if told else 0.46
    used = max(top + len(rows) * (wide * shape + ROW), top + SIDE + 0.45)
    sheet = Sheet(PAGE, used + 0.125 * lines + 0.1)
    strip.head(sheet, explanation, "Optical flow", told)
    source = (clip.video.height, clip.video.width)
    for number, row in enumerate(rows):
        y = top + number * (wide * shape + ROW)
        strip.times(sheet, EDGE, y, wide, row)
        for column, frame in enumerate(row):
            pixels = strip.picture(clip.frames[frame.place], sheet.dots(wide * shape), sheet.dots(wide))
            step = field.lengths.step_at(frame.number)
            pixels = flow.layer(field, step, source, (pixels.shape[0], pixels.shape[1]), look).over(pixels)
            sheet.image(EDGE + column * (wide + GAP), y + 0.1, wide, wide * shape, marks.draw(pixels, explanation, frame.number, source, look))
    _wheel(sheet, explanation, look, EDGE + 4 * (wide + GAP) + 0.05, top)
    sheet.wrap(EDGE, used + 0.06, notes, width=PAGE - 2 * EDGE, size=6)
    return sheet


def _wheel(sheet: Sheet, explanation: Explanation, look: Look, x: float, y: float) -> None:
    """The wheel with the length at its rim; words instead where nothing moves."""
    heat = explanation.heat
    top = overlay.top_of(look, heat)
    if min(top, overlay.largest(heat)) < NOTHING:
        sheet.text(x, y + 0.14, "no flow", size=6, colour=FOR)
        return
    side = SIDE - 0.15
    sheet.image(x, y + 0.1, side, side, flow.disc(sheet.dots(side), look, 205, (255, 255, 255)))
    rim = "largest of the step" if look.scale == "frame" else words.number(top)
    for line, text in enumerate((f"rim: {rim}", words.short_unit(heat))):
        sheet.text(x + side / 2, y + side + 0.2 + 0.12 * line, text, size=6, colour=GREY, align="center", room=SIDE)


def _notes(explanation: Explanation, look: Look) -> list[str]:
    """How to read the colours and the arrows, what was found out, and how the flow was found."""
    notes = ["Hue: the direction (wheel of Baker et al. 2011); the longer, the more of the frame is covered.", *strip.flow_notes(explanation, look)]
    notes += [f"Flow below {words.percent(look.threshold, 0)} of the rim is left out."] if look.threshold else []
    notes += [finding.sentence for finding in explanation.findings]
    found = explanation.provenance.get("flow")
    return [*notes, f"Found by {found['backend']} ({found['made_by']})."] if found else notes
