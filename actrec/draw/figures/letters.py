"""Letters of any script on a figure for print.

Matplotlib draws with the fonts of this machine, first its own DejaVu Sans (Latin, Greek, Cyrillic, Arabic, Hebrew …). What these lack, above all
Chinese, Japanese and Korean, OpenCV's built-in font draws as a picture. What nobody has is written as its code point, ‹U+0E19›: no box stands for a
letter. In SVG all text stays text, and the reader's program finds the fonts.
"""

from __future__ import annotations

import functools
import logging
import unicodedata

import cv2
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from numpy.typing import NDArray

_MORE = [
    *("Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "Droid Sans Fallback", "Arial Unicode MS"),
    *("Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Ethiopic", "Nirmala UI", "Leelawadee UI"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Kohinoor Devanagari", "Thonburi", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic"),
]

FAMILIES = ("DejaVu Sans", *sorted(set(_MORE) & set(fontManager.get_font_names()), key=_MORE.index))
"""Fonts in the order in which a letter is looked for in them; those that are not installed are left out."""

BOLD, REGULAR = 700, 400
log = logging.getLogger(__name__)


def drawable(text: str) -> str:
    """The text with code points in place of the letters that nobody here can draw."""
    return "".join(letter if known(letter) or in_opencv(letter) else _code_point(letter) for letter in text)


def as_picture(text: str) -> bool:
    """Whether matplotlib lacks one of the letters."""
    return not all(map(known, text))


@functools.lru_cache(10_000)
def known(letter: str) -> bool:
    """Whether one of matplotlib's fonts has a letter."""
    if letter.isspace() or unicodedata.category(letter) == "Cf":
        return True
    return any(get_font(findfont(FontProperties(family=family))).get_char_index(ord(letter)) for family in FAMILIES)


@functools.lru_cache(10_000)
def in_opencv(letter: str) -> bool:
    """Whether OpenCV's font has a letter: it draws those that it lacks as question marks."""
    return not np.array_equal(mask(letter, 24, False), mask("?", 24, False))


def width(text: str, size: float, bold: bool) -> float:
    """Dots that OpenCV's font takes for a text of `size` dots."""
    canvas = np.zeros((1, 1, 3), np.uint8)
    end, _ = cv2.putText(canvas, text, (0, 0), (0, 0, 0), _face(), round(size), BOLD if bold else REGULAR, cv2.PUT_TEXT_ALIGN_LEFT, (0, 1 << 20))
    return float(end[0])


def mask(text: str, size: float, bold: bool) -> NDArray[np.uint8]:
    """How dark each dot of a line of text is, uint8 (2 · size, width): its baseline stands at three quarters."""
    high = 2 * round(size)
    canvas = np.zeros((high, max(round(width(text, size, bold)), 1) + 2, 3), np.uint8)
    cv2.putText(canvas, text, (1, 3 * high // 4), (255, 255, 255), _face(), round(size), BOLD if bold else REGULAR)
    return canvas[..., 0]


def picture(text: str, size: float, bold: bool, colour: str) -> NDArray[np.float32]:
    """A line of text in a colour on nothing, float32 RGBA (2 · size, width, 4)."""
    dark = mask(text, size, bold).astype(np.float32) / 255
    return np.dstack([*(np.full_like(dark, part) for part in to_rgb(colour)), dark])


@functools.cache
def _face() -> cv2.FontFace:
    return cv2.FontFace("uni")


@functools.cache
def _code_point(letter: str) -> str:
    """‹U+0E19›, and once a line in the log."""
    log.warning("no font here has %r (U+%04X), so figures show its code point; install one that has it, such as Noto Sans", letter, ord(letter))
    return f"‹U+{ord(letter):04X}›"
