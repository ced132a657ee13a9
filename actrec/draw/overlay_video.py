"""The overlay video: every source frame of the window with its evidence, tokens and joints; below, a panel with numbers, time line, colour bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.clips import video
from actrec.core import words
from actrec.core.answer import Explanation
from actrec.core.clip import Clip
from actrec.core.errors import Progress, no_progress
from actrec.core.evidence import NOTHING, Flow, Heat
from actrec.core.look import Look
from actrec.draw import flow, marks, overlay
from actrec.draw.figures import Sheet, strip

SECONDS = 10.0
"""A longer window is shown with every n-th frame, at the source's rate, so that the film lasts about this long."""

WIDE, HIGH, NARROW = 1280, 720, 600
"""Pixels: the largest film, and the least width that its panel needs."""

DPI = 144
PANEL, INK, SOFT, FAINT = "#14171c", "#f2f4f7", "#9aa5b1", "#39424e"
PANEL_HIGH = 0.72
"""Inches at DPI."""


@dataclass(frozen=True)
class _Panel:
    """The panel's still part, uint8 (h, w, 3), and where its time line runs: left, right, top, bottom in its pixels."""

    pixels: NDArray[np.uint8]
    line: tuple[int, int, int, int]


def write(explanation: Explanation, path: Path, *, look: Look | None = None, progress: Progress = no_progress) -> None:
    """Write the overlay video, H.264, of the source frames from the first to the last sampled one; maps that belong together side by side.

    Raises:
        ClipError: a source frame that does not decode.  Cancelled: from `progress`; no file is left.
    """
    numbers, _ = frames_of(explanation.clip)
    drawn = [_Drawn(explanation, *each) for each in overlay.shown(explanation, look or explanation.usual)]
    video.write(path, _pictures(drawn, explanation.clip, numbers, progress), explanation.clip.video.fps)


def frames_of(clip: Clip) -> tuple[NDArray[np.int64], int]:
    """Source frames of the film, and how many source frames lie between two of them (1: every frame)."""
    first, last = int(clip.index[0]), int(clip.index[-1])
    stride = max(int(np.ceil((last - first + 1) / max(SECONDS * clip.video.fps, 1))), 1)
    return np.arange(first, last + 1, stride), stride


def size_of(height: int, width: int, beside: int = 1) -> tuple[int, int, int]:
    """Height and width of a picture, and width of the film, in even pixels: fits WIDE × HIGH with the panel, small clips grow to NARROW.

    beside: how many pictures share the film; the width is then that of each one's part, which is never less than NARROW.
    """
    room = HIGH - 2 * round(PANEL_HIGH * DPI / 2)
    scale = min(max(WIDE // beside, NARROW) / width, room / height, max(NARROW / width, 1.0))
    h, w = (max(2 * round(side * scale / 2), 2) for side in (height, width))
    return h, w, max(w, NARROW)


def _pictures(drawn: Sequence[_Drawn], clip: Clip, numbers: NDArray[np.int64], progress: Progress) -> Iterator[NDArray[np.uint8]]:
    size = size_of(clip.video.height, clip.video.width, len(drawn))
    for count, (number, frame) in enumerate(video.stream(clip.video, numbers)):
        progress(count / len(numbers), f"drawing frame {count + 1} of {len(numbers)}")
        small = strip.picture(frame, *size[:2])
        yield np.hstack([each.picture(small, number, numbers, size[2]) for each in drawn])
    progress(1.0, "the overlay video is written")


class _Drawn:
    """One map's part of the film: the picture with the map over it, and its panel. Frames come in order: the last layer and panel are kept."""

    def __init__(self, explanation: Explanation, heat: Heat, look: Look) -> None:
        self.explanation, self.heat, self.look = explanation, heat, look
        self.panels: dict[float, _Panel] = {}
        self.layers: dict[int | None, overlay.Layer] = {}

    def picture(self, small: NDArray[np.uint8], number: int, numbers: NDArray[np.int64], full: int) -> NDArray[np.uint8]:
        """A source frame, given at its final size, uint8 (h, w, 3): (h + panel, full, 3)."""
        clip, heat, look = self.explanation.clip, self.heat, self.look
        source, (high, wide) = (clip.video.height, clip.video.width), small.shape[:2]
        step = heat.step_at(number)
        if step not in self.layers:
            self.layers = {step: _layer(self.explanation, heat, step, (high, wide), look)}
        top = overlay.top_of(look, heat, step if step is not None else 0)
        if top not in self.panels:
            self.panels[top] = _panel(self.explanation, heat, look, top, full)
        out = np.empty((high + self.panels[top].pixels.shape[0], full, 3), np.uint8)
        out[:high] = _rgb(PANEL)
        left = (full - wide) // 2
        out[:high, left : left + wide] = marks.draw(self.layers[step].over(small), self.explanation, number, source, look)
        out[high:] = _at(self.panels[top], clip, numbers, number)
        return out


def _layer(explanation: Explanation, heat: Heat, step: int | None, size: tuple[int, int], look: Look) -> overlay.Layer:
    """One step of a map, coloured by direction if it is the length of a flow."""
    source = (explanation.clip.video.height, explanation.clip.video.width)
    if (field := _field(explanation, heat)) is not None:
        return flow.layer(field, step, source, size, look)
    return overlay.layer(heat, step, source, size, look)


def _field(explanation: Explanation, heat: Heat) -> Flow | None:
    return explanation.flow if explanation.flow is not None and explanation.flow.lengths is heat else None


def _panel(explanation: Explanation, heat: Heat, look: Look, top: float, width: int) -> _Panel:
    """Label, map and model on the left, colour bar on the right, under both the time line with the map's steps and its mass."""
    clip, wide = explanation.clip, width / DPI
    sheet = Sheet(wide, 2 * round(PANEL_HIGH * DPI / 2) / DPI, DPI, PANEL)
    bar = min(1.5, 0.3 * wide)
    chance = f"p = {explanation.probability:.3f}"
    room = wide - bar - 0.45
    used = sheet.measure(chance, 7) + 0.12
    what = strip.about(explanation)
    sheet.text(0.1, 0.14, what, size=8, bold=True, colour=INK, room=room - used)
    sheet.text(0.1 + min(sheet.measure(what, 8, True), room - used) + 0.1, 0.14, chance, size=7, colour=INK)
    _, stride = frames_of(clip)
    pace = f" · one frame in {stride}" if stride > 1 else ""
    told = overlay.caption(heat)
    told = f"{heat.title}: {told}" if told and len(explanation.shown) > 1 else told
    marked = _marked(explanation, look)
    if marked:
        sheet.text(0.1, 0.405, marked, size=5.5, colour=SOFT, room=wide - 1.1)
    sheet.text(
        0.1, 0.28 if marked else 0.31, told or f"{heat.title} · {explanation.model}{pace}", size=6, colour="#ff9d73" if told else SOFT, room=room
    )
    x = wide - bar - 0.15
    if top >= NOTHING and _field(explanation, heat) is not None:
        _wheel(sheet, x + bar, words.number(top), words.short_unit(heat), look)
    elif top >= NOTHING:
        sheet.image(x, 0.09, bar, 0.07, overlay.bar(heat.signed, look, backdrop=60)[None])
        for place, number in overlay.ticks(top, heat.signed, beyond=overlay.largest(heat) > 1.001 * top and look.scale == "shared"):
            align = "left" if place == 0 else "right" if place == 1 else "center"
            sheet.text(x + place * bar, 0.22, number, size=5.5, colour=INK, align=align)  # type: ignore[arg-type]
        unit = words.short_unit(heat) + (", this step" if look.scale == "frame" else "")
        sheet.text(x + bar, 0.33, unit, size=5.5, colour=SOFT, align="right", room=bar + 0.3)
    else:
        sheet.text(x + bar, 0.14, "no evidence", size=6, colour="#ff9d73", align="right")
    line = (0.1, wide - 1.05, 0.49 if marked else 0.45, 0.66 if marked else 0.65)
    _curve(sheet, line, heat, clip)
    return _Panel(sheet.pixels(), tuple(sheet.dots(v) for v in line))  # type: ignore[arg-type]


def _wheel(sheet: Sheet, right: float, top: str, unit: str, look: Look) -> None:
    """The colour wheel up to its right edge, and before it the length at its rim."""
    side = 0.32
    sheet.image(right - side, 0.05, side, side, flow.disc(sheet.dots(side), look, 60, _rgb(PANEL)))
    sheet.text(right - side - 0.07, 0.15, f"rim: {top}", size=5.5, colour=INK, align="right")
    sheet.text(right - side - 0.07, 0.27, unit + (", this step" if look.scale == "frame" else ""), size=5.5, colour=SOFT, align="right")


def _marked(explanation: Explanation, look: Look) -> str:
    """What the marks are and where the ends of their colours lie; the map's colour bar is not theirs."""
    points, skeleton, said = explanation.points, explanation.skeleton, []
    if points is not None:
        kept = len(marks.chosen(points, threshold=look.threshold))
        said.append(f"dots: {kept} of {len(points.scores)} tokens, up to {words.number(marks.largest(points.scores))}")
    if skeleton is not None and marks.largest(skeleton.scores) >= NOTHING:
        said.append(f"joints: up to {words.number(marks.largest(skeleton.scores))}")
    if explanation.flow is not None and marks.largest(explanation.flow.lengths.values) >= NOTHING:
        said.append("arrows: where it goes")
    return " · ".join(said)


def _curve(sheet: Sheet, line: tuple[float, float, float, float], heat: Heat, clip: Clip) -> None:
    """The map's steps as alternating bands, with the positive evidence of each as a bar in them, and a tick for every sampled frame."""
    left, right, top, bottom = line
    first, last = int(clip.index[0]), int(clip.index[-1]) + 1
    mass = heat.mass if not heat.empty else np.zeros(len(heat.values))
    share = mass / mass.max() if mass.max() >= NOTHING else np.zeros(len(mass))
    for step, (begin, end) in enumerate(heat.bands):
        a, b = (left + (right - left) * (min(max(int(v), first), last) - first) / (last - first) for v in (begin, end))
        if b > a:
            sheet.box(a, top, b - a, bottom - top, "#1e242c" if step % 2 else "#2a313b")
            sheet.box(
                a, bottom - float(share[step]) * (bottom - top), b - a, float(share[step]) * (bottom - top), "#5c6b7c" if step % 2 else "#6b7b8d"
            )
    for number in np.unique(clip.index):
        x = left + (right - left) * (number - first + 0.5) / (last - first)
        sheet.line([x, x], [bottom, bottom + 0.03], SOFT, 0.5)


def _at(panel: _Panel, clip: Clip, numbers: NDArray[np.int64], number: int) -> NDArray[np.uint8]:
    """The panel with the playhead at a source frame, its second and its number."""
    pixels = panel.pixels.copy()
    left, right, top, bottom = panel.line
    first, last = int(clip.index[0]), int(clip.index[-1]) + 1
    x = left + (right - left) * (number - first + 0.5) / (last - first)
    cv2.rectangle(pixels, (round(x) - 1, top - 3), (round(x), bottom), (255, 255, 255), -1)
    words = Sheet(0.95, 0.3, DPI, PANEL)
    words.text(0.85, 0.09, f"{clip.video.seconds[number]:.2f} s", size=6.5, bold=True, colour=INK, align="right")
    words.text(0.85, 0.23, f"frame {number}", size=5.5, colour=SOFT, align="right")
    text = words.pixels()
    y = words.dots(0.41)
    pixels[y : y + text.shape[0], -text.shape[1] :] = text[: pixels.shape[0] - y]
    return pixels


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue
