"""Sheets for print: dot for dot, safe text, equal files, and marks where the axes say."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from answers_made import explanation
from sheets_made import HOSTILE, texts

from actrec.draw.figures import Sheet, strip


def test_a_picture_of_its_places_size_is_put_down_dot_for_dot() -> None:
    sheet = Sheet(1.0, 1.0, dpi=100)
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    sheet.image(0.25, 0.35, 0.3, 0.4, picture)
    np.testing.assert_array_equal(sheet.pixels()[35:75, 25:55], picture)


def test_text_is_text_safe_and_never_wider_than_its_room() -> None:
    sheet = Sheet(3, 1)
    sheet.text(0.1, 0.3, HOSTILE + "\x00\x1b[31m\u202e end")
    assert texts(sheet) == [HOSTILE + " [31m end"]
    sheet = Sheet(3, 1)
    sheet.text(0.1, 0.3, "a label that is much longer than the room it is given", room=1.0, bold=True)
    (cut,) = texts(sheet)
    assert cut.endswith("…")
    assert 0.8 < sheet.measure(cut, 7.0, True) <= 1.0


def test_equal_sheets_give_equal_files_and_the_svg_carries_no_date() -> None:
    one, two = (strip.strip(explanation()) for _ in range(2))
    before = one.png()
    assert one.svg() == two.svg()
    assert b"dc:date" not in one.svg()
    assert before == one.png() == two.png()  # and drawing the SVG in between changes nothing
    height, width = one.pixels().shape[:2]
    assert (round(one.height * 300), round(one.width * 300)) == (height, width)


def test_figures_can_be_drawn_by_several_threads_at_once() -> None:
    expected, found = strip.strip(explanation()).png(), {}
    threads = [threading.Thread(target=lambda n=n: found.__setitem__(n, strip.strip(explanation()).png())) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[n] == expected for n in range(4))


def test_a_charts_marks_lie_where_its_axes_say() -> None:
    sheet = Sheet(2.0, 1.0, dpi=100)
    chart = sheet.chart((0.5, 0.2, 1.0, 0.5), (0, 10), (0, 1))
    chart.spots([5.0], [0.5], [40], np.array([[255, 0, 0]], np.uint8))
    y, x = np.nonzero((sheet.pixels()[..., 0] > 200) & (sheet.pixels()[..., 1] < 60))
    assert (x.mean(), y.mean()) == pytest.approx((99.5, 44.5), abs=0.6)
    assert len(x) / 100**2 * 72**2 == pytest.approx(40, rel=0.25)
    sheet = Sheet(2.0, 1.0, dpi=100)
    colours = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
    sheet.chart((0.5, 0.2, 1.0, 0.5), (0, 10), (2, 0)).cells(np.array([0, 8, 10]), np.array([0, 1, 2]), colours)
    pixels = sheet.pixels()
    for (row, column), at in {(0, 0): (30, 60), (0, 1): (30, 140), (1, 0): (60, 125), (1, 1): (60, 135)}.items():
        assert tuple(pixels[at]) == tuple(colours[row, column])
