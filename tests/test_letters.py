"""Names in any script on figures for print: drawn, or written as code points; never boxes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actrec.draw.figures import Sheet, letters

NAMES = {"chinese": "坐下 椅子", "japanese": "座る", "korean": "앉다", "arabic": "جلس", "hebrew": "לשבת", "russian": "сидеть", "greek": "Κάθομαι"}


def sheet(words: str, **how: object) -> Sheet:
    found = Sheet(2, 1, 150)
    found.text(1.0, 0.5, words, size=12, **how)  # type: ignore[arg-type]
    return found


def dark(found: Sheet) -> np.ndarray:
    return np.argwhere(found.pixels().min(-1) < 128) / 150


@pytest.mark.parametrize("script", NAMES)
def test_a_name_in_any_script_is_drawn_at_its_place_and_stays_text_in_svg(script: str, caplog: pytest.LogCaptureFixture) -> None:
    words = NAMES[script]
    assert letters.drawable(words) == words
    assert not caplog.records
    for align, middle in (("left", 1.0), ("center", 1.0), ("right", 1.0)):
        found = sheet(words, align=align)
        wide = found.measure(words, 12)
        left = middle - {"left": 0, "center": wide / 2, "right": wide}[align]
        (top, first), (bottom, last) = dark(found).min(0), dark(found).max(0)
        assert first == pytest.approx(left, abs=0.05)
        assert last == pytest.approx(left + wide, abs=0.06)
        assert (top + bottom) / 2 == pytest.approx(0.5, abs=0.05)
    assert words in found.svg().decode()
    assert found.svg().decode().count("<image") == 0
    assert found.png() == sheet(words, align="right").png(), "the SVG leaves nothing behind"


def test_two_names_never_look_alike() -> None:
    drawn = {script: sheet(words).png() for script, words in NAMES.items()}
    assert len(set(drawn.values())) == len(drawn)
    assert sheet("坐下").png() != sheet("坐上").png()


def test_turned_names_read_upwards_from_their_place() -> None:
    places = dark(sheet("坐下", turned=True))
    wide = sheet("").measure("坐下", 12)
    assert places[:, 0].max() == pytest.approx(0.5, abs=0.05)
    assert places[:, 0].min() == pytest.approx(0.5 - wide, abs=0.06)


def test_what_no_font_has_is_written_as_its_code_point_and_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(letters, "FAMILIES", ("DejaVu Sans",))
    letters.known.cache_clear()
    letters._code_point.cache_clear()
    try:
        assert letters.drawable("นั walk") == "‹U+0E19›‹U+0E31› walk"
        assert "U+0E19" in caplog.records[0].getMessage()
        assert "install one" in caplog.records[0].getMessage()
        assert sheet("นั").png() == sheet("‹U+0E19›‹U+0E31›").png()
    finally:
        letters.known.cache_clear()


@given(st.text(max_size=6))
@settings(max_examples=25)
def test_no_text_makes_matplotlib_draw_a_letter_that_it_lacks(words: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sheet(words)
        found.chart((0.8, 0.1, 1, 0.8), (0, 1), (1.5, -0.5), (), [(0, words), (1, words)])
        found.png()
        found.svg()


def test_the_names_of_rows_are_drawn_beside_their_rows() -> None:
    found = Sheet(2, 1, 150)
    found.chart((1.0, 0.1, 0.9, 0.8), (0, 1), (1.5, -0.5), (), [(0, "坐下"), (1, "")], size=8)
    places = dark(found)
    places = places[places[:, 1] < 0.96]
    assert places[:, 0].mean() == pytest.approx(0.3, abs=0.05)
    assert places[:, 1].max() == pytest.approx(0.95, abs=0.03)
    assert "坐下" in found.svg().decode()
