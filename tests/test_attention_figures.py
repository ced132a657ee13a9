"""Figures of tokens, joints and matrices: claim, unit, scale and what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from answers_made import attentive, explanation, film, heat, lanes, one_hot, points, skeleton
from sheets_made import HOSTILE, dots, picture, texts

from actrec.core.errors import QuestionError
from actrec.core.evidence import Matrix
from actrec.core.look import Look
from actrec.draw import marks
from actrec.draw.figures import attention, strip
from actrec.draw.overlay import PALETTES


def test_the_tokens_figure_says_claim_unit_findings_layer_query_and_what_is_left_out() -> None:
    words = " ".join(texts(attention.tokens(attentive(), Look(threshold=0.2), most=20)))
    assert "Tokens chosen by block 2 · A toy · made.mp4" in words
    kept = len(marks.chosen(attentive().points, 20, 0.2))
    assert f"Dots: {kept} of 48 sampled tokens" in words
    assert "Dots below 20 % of the largest are left out." in words
    assert "8 of 16 frames shown." in words
    assert "The evidence is where it was put." in words
    assert "A quarter goes to the tokens. That cannot be told: nothing moves." in words
    assert "Settings: layer blocks.1.deform, query cls, head mean." in words
    assert {"seconds", "x in source pixels", "attention", "0", "0.4"} <= set(texts(attention.tokens(attentive())))


def test_the_joints_figure_has_curves_limb_by_limb_and_a_map_with_a_scale() -> None:
    words = texts(attention.joints(attentive()))
    assert {"head", "left arm", "right arm", "left leg", "right leg", "seconds"} <= set(words)
    assert words.count("wrist") == 2  # one legend for each arm
    assert {"left wrist", "0.16", "0.08"} <= set(words)
    assert "Grey: not known" not in " ".join(words)
    body = skeleton()
    gap = body.scores.copy()
    gap[2, 2] = np.nan
    gap[:, 4] = np.nan
    body = replace(body, scores=gap)
    tracks = tuple(track for track in lanes(body, np.arange(16) / 12.5) if np.isfinite(track.values).any())
    words = " ".join(texts(attention.joints(attentive(skeleton=body, tracks=tracks))))
    assert "Grey: not known. 1 of 17 joints have no score at any time and therefore no row." in words


def test_joints_without_scores_or_curves_still_give_a_figure_that_says_so() -> None:
    body = replace(skeleton(), scores=np.full((16, 17), np.nan, np.float32))
    assert "Joints: hollow: no scores" in " ".join(texts(attention.joints(attentive(skeleton=body, tracks=()))))


def test_the_matrix_figure_shows_windows_names_and_gaps() -> None:
    one = attentive()
    words = texts(attention.matrix(one, one.matrices[0]))
    assert {"asks", "is read", "attention"} <= set(words)
    assert words.count("0.08 s") == 2
    assert "Outlined: 3 windows of 8 frames. Grey: no such pair." in " ".join(words)
    words = texts(attention.matrix(one, one.matrices[1]))
    assert {"window 1", "left wrist"} <= set(words)
    assert not {"asks", "Outlined"} & set(" ".join(words).split())


def test_the_matrix_figures_colours_are_its_numbers() -> None:
    one = attentive()
    sheet = attention.matrix(one, one.matrices[0])
    axes = sheet.figure.axes[0].get_position()
    pixels = sheet.pixels()
    high, wide = pixels.shape[:2]

    def at(row: int, column: int) -> tuple[int, ...]:
        x, y = axes.x0 + (column + 0.5) / 16 * axes.width, 1 - axes.y1 + (row + 0.5) / 16 * axes.height
        return tuple(int(v) for v in pixels[int(y * high), int(x * wide)])

    values = one.matrices[0].values
    table = PALETTES["inferno"]
    for row, column in ((0, 0), (5, 2), (10, 13)):
        assert at(row, column) == tuple(table[round(255 * float(values[row, column] / np.nanmax(values)))])
    assert at(0, 12) == attention.BLANK


def test_what_an_explanation_does_not_have_is_refused_in_words() -> None:
    with pytest.raises(QuestionError, match="chooses no tokens"):
        attention.tokens(explanation())
    with pytest.raises(QuestionError, match="gives no joints"):
        attention.joints(explanation())


@pytest.mark.parametrize("size", [(16, 300), (300, 16), (1, 1)])
def test_odd_shapes_few_frames_and_no_tokens_still_give_figures(size: tuple[int, int]) -> None:
    video = replace(film(), height=size[0], width=size[1])
    one = explanation(heat(one_hot(1, 2, 3), box=(0, 0, size[1], size[0])), video=video, index=[0], points=points([], steps=1), skeleton=skeleton())
    single = Matrix("m", "attention", np.full((1, 1), np.nan, np.float32), ("a",), ("b",), ((0, 1),))
    for sheet in (strip.strip(one), attention.tokens(one), attention.joints(one), attention.matrix(one, single)):
        assert max(sheet.width, sheet.height) < 14
        assert picture(sheet).shape == dots(sheet)


def test_hostile_names_stay_text_in_the_figures_of_attention() -> None:
    body = replace(skeleton(), names=(HOSTILE,) * 17, title=HOSTILE, unit=HOSTILE)
    wild = Matrix(HOSTILE, HOSTILE, np.ones((2, 3), np.float32), (HOSTILE,) * 2, (HOSTILE,) * 3, line=HOSTILE)
    bad = attentive(skeleton=body, tracks=lanes(body, np.arange(16) / 25), points=replace(points([(3, 20, 11)]), title=HOSTILE, unit=HOSTILE))
    for sheet in (attention.tokens(bad), attention.joints(bad), attention.matrix(bad, wild)):
        assert any("<script>" in text for text in texts(sheet))
        assert sheet.png() == sheet.png()
