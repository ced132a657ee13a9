"""Figures of several answers: common time, common scales, and why a number is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from answers_made import FRAMES, HEIGHT, WIDTH, explanation, film, heat, one_hot
from sheets_made import compared, texts

from actrec.core.errors import QuestionError
from actrec.core.look import Look
from actrec.draw.figures import several, strip


def test_the_segment_strip_shows_the_middle_of_each_equal_part_of_the_common_time() -> None:
    a, b = explanation(index=range(0, 31)), explanation(index=range(10, FRAMES))
    words = texts(several.segment_strip([("I3D", a), ("DAM", b)], segments=3))
    assert [text for text in words if text.startswith("#")] == ["#13", "#20", "#27"]  # of frames 10 … 30
    assert {"I3D", "DAM", "frames", "“lift”"} <= set(words)


def test_maps_of_one_unit_share_a_scale_and_maps_of_two_units_do_not() -> None:
    weak, strong = explanation(heat(one_hot(1, 2, 3, value=1.0))), explanation(heat(one_hot(1, 2, 3, value=4.0)))
    words = texts(several.segment_strip([("a", weak), ("b", strong)]))
    assert words.count("4") == 2
    assert "Colours: one scale for all maps." in words
    words = texts(several.segment_strip([("a", weak), ("b", explanation(heat(one_hot(1, 2, 3, value=4.0), unit="cosine")))]))
    assert {"1", "4"} <= set(words)
    assert "Colours: each map has its own scale." in words
    third = explanation(heat(one_hot(1, 2, 3, value=0.1)))
    words = texts(several.segment_strip([("a", weak), ("b", explanation(heat(one_hot(1, 2, 3, value=4.0), unit="cosine"))), ("c", third)]))
    assert {"1", "4"} <= set(words), "as in the player: the maps of a unit have one scale"
    assert "Colours: one scale for all maps of a unit." in words


def test_the_figure_follows_the_look_and_says_which_map_is_hardly_to_be_seen() -> None:
    weak, strong = explanation(heat(one_hot(1, 2, 3, value=0.2))), explanation(heat(one_hot(1, 2, 3, value=4.0)))
    rows = [("a", weak), ("b", strong)]
    for draw in (several.segment_strip, lambda rows, look: several.comparison(rows, {}, look)):
        words = " ".join(texts(draw(rows, look=None)))
        assert "one scale for all maps; a reaches 5.0 % of it." in words
        words = " ".join(texts(draw(rows, look=Look(scale="clip"))))
        assert "each map has its own scale." in words
        assert {"0.2", "4"} <= set(words.split())


def test_the_comparison_shows_numbers_classes_and_difference() -> None:
    a, b = explanation(heat(one_hot(1, 2, 3))), explanation(heat(one_hot(2, 4, 6)))
    words = texts(several.comparison([("first", a), ("second", b)], compared(a, b)))
    assert {"A · first", "B · second", "A and B", "A − B", "put down", "times the"} <= set(words)
    assert "1.00" in words  # all the evidence is elsewhere
    assert words.count("0.00") == 1  # and nothing overlaps


def test_a_row_that_holds_one_of_several_maps_says_which() -> None:
    pictures, flow = (replace(heat(one_hot(1, 2, 3)), title=title) for title in ("CAM of the pictures", "CAM of the flow"))
    both, one = explanation(pictures, flow), explanation(pictures)
    both = replace(both, evidence=replace(both.evidence, together=True))
    for draw in (several.segment_strip, lambda rows: several.comparison(rows, {})):
        words = " ".join(texts(draw([("both", both), ("one", one)])))
        assert words.count("one of 2 maps: CAM of the pictures") == 1


def test_the_comparison_says_why_a_number_is_missing() -> None:
    a, b = explanation(heat(one_hot(1, 2, 3))), explanation(heat(np.zeros((4, 6, 8))))
    words = texts(several.comparison([("first", a), ("second", b)], compared(a, b)))
    assert "the second map is empty (largest magnitude 0 logit per cell)" in words
    assert words.count("no evidence") == 2
    assert "A − B" not in words


def test_what_does_not_belong_in_one_figure_is_refused() -> None:
    one, other = explanation(), explanation(video=film(sha256="c" * 64))
    with pytest.raises(QuestionError, match="different clips"):
        several.segment_strip([("a", one), ("b", other)])
    with pytest.raises(QuestionError, match="at most four"):
        several.comparison([("a", one)] * 5, {})
    with pytest.raises(QuestionError, match="nothing to compare"):
        several.segment_strip([])


def test_evidence_is_drawn_where_and_when_it_is() -> None:
    # On grey frames, the only colour in the figure's pictures must be at the cell's place in the step's columns.
    frames = np.full((16, HEIGHT, WIDTH, 3), 128, np.uint8)
    one = explanation(heat(one_hot(1, 2, 3)), frames=frames)
    pixels = strip.strip(one, most=8).pixels().astype(int)
    sheet = strip.strip(one, most=8)
    colour = np.ptp(pixels, axis=2) > 40
    pictures = colour[:, : sheet.dots(strip.PAGE - strip.RIGHT - 0.05)]
    columns = np.nonzero(pictures)[1]
    wide = (strip.PAGE - strip.LEFT - strip.RIGHT - 7 * strip.GAP) / 8
    shown, _ = strip.frames_of(one.clip, 8)
    expected = {i for i, frame in enumerate(shown) if 8 <= frame.number < 16}
    found = (columns / sheet.dpi - strip.LEFT) / (wide + strip.GAP)
    assert set(found.astype(int)) == expected
    middle = (found % 1 * (wide + strip.GAP) / wide).mean()
    assert middle == pytest.approx(3.5 / 8, abs=0.02)
