"""Charts on the page: the numbers in them, their order and colours, and names that stay text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from answers_made import HEIGHT, WIDTH, attentive, lanes, matrix, points, skeleton
from sheets_made import HOSTILE, shown, texts

from actrec.core import words
from actrec.core.evidence import Matrix, Track
from actrec.draw import charts
from actrec.draw.figures import attention
from actrec.draw.rows import rows_of
from actrec.draw.style import AGAINST, FOR

# ------------------------------------------------------------------------------------------------------------ plotly


def test_a_confusion_matrix_shows_its_counts_and_colours_by_rows() -> None:
    counts = np.array([[3, 1, 0], [0, 0, 0], [0, 2, 2]])
    chart = charts.confusion(("a", "b", "c"), counts).data[0]
    np.testing.assert_allclose(chart.z, [[0.75, 0.25, 0], [0, 0, 0], [0, 0.5, 0.5]])
    assert chart.text[0][0] == "3"
    assert list(chart.text[1]) == ["", "", ""]
    assert "a taken for b: 1 of 4" in str(chart.customdata[0][1])


def test_a_confusion_matrix_escapes_its_labels() -> None:
    figure = charts.confusion((HOSTILE, "<b>bold</b>"), np.eye(2, dtype=int))
    shown = [*figure.layout.yaxis.ticktext, *figure.layout.xaxis.ticktext, *np.asarray(figure.data[0].customdata).ravel()]
    assert not any("<" in text or ">" in text for text in shown)
    assert len(set(figure.data[0].y)) == 2


@pytest.mark.parametrize(("share", "text"), [(0.8312, "83.1 %"), (0.0, "0.0 %"), (1e-5, "< 0.1 %"), (1.0, "100.0 %")])
def test_a_small_probability_is_not_shown_as_none(share: float, text: str) -> None:
    assert words.percent(share) == text


# ------------------------------------------------------------------------------------------------- plotly: attention


def trace(figure: go.Figure, name: str) -> Any:
    """The trace whose name begins so."""
    (found,) = [trace for trace in figure.data if str(trace.name or "").startswith(name)]
    return found


def test_the_tokens_stand_at_their_x_second_and_y_with_score_and_offset() -> None:
    two = points([(3.5, 20, 11), (6, 40, 30)], [0.4, 0.1], reference=[(2, 17, 7), (6, 40, 30)])
    figure = charts.tokens_3d(two, size=(WIDTH, HEIGHT))
    dots = trace(figure, "tokens")
    np.testing.assert_allclose(dots.x, [20, 40])
    np.testing.assert_allclose(dots.y, [0.28, 0.48])
    np.testing.assert_allclose(dots.z, [11, 30])
    np.testing.assert_allclose(dots.marker.color, [0.4, 0.1], rtol=1e-6)
    np.testing.assert_allclose(dots.customdata, [[0.4, 0.28, 20, 11, 5, 1.5], [0.1, 0.48, 40, 30, 0, 0]], rtol=1e-6)
    assert dots.marker.colorbar.title.text == "attention"
    assert list(dots.marker.colorbar.ticktext) == ["0", "0.2", "0.4"]
    np.testing.assert_allclose(dots.marker.colorbar.tickvals, [0, 0.2, 0.4], rtol=1e-6)
    arrows = trace(figure, "offsets")
    assert list(arrows.x) == [17, 20, None, 40, 40, None]
    np.testing.assert_allclose([v for v in arrows.y if v is not None], [0.16, 0.28, 0.48, 0.48])
    assert sorted(zip(trace(figure, "regular grid").x, trace(figure, "regular grid").z, strict=True)) == [(17, 7), (40, 30)]


def test_the_tokens_space_is_honest() -> None:
    figure = charts.tokens_3d(points([(3, 20, 11)], seen=(8, 0, 56, 48)), size=(WIDTH, HEIGHT))
    scene = figure.layout.scene
    assert list(scene.zaxis.range) == [HEIGHT, 0]  # down
    assert list(scene.xaxis.range) == [0, WIDTH]
    assert scene.aspectratio.x / scene.aspectratio.z == pytest.approx(WIDTH / HEIGHT)
    box = trace(figure, "what the model saw")
    assert {v for v in box.x if v is not None} == {8, 56}
    assert {round(v, 6) for v in box.y if v is not None} == {0, 1.2}


def test_only_the_strongest_tokens_above_the_threshold_are_in_the_cloud() -> None:
    three = points([(3, 10, 24), (3, 32, 24), (3, 54, 24)], [0.4, 0.2, 0.1])
    assert list(trace(charts.tokens_3d(three, 2, 0.0, size=(WIDTH, HEIGHT)), "tokens").x) == [10, 32]
    dots = trace(charts.tokens_3d(three, 3, 0.6, size=(WIDTH, HEIGHT)), "tokens")
    assert (list(dots.x), dots.name) == ([10], "tokens p + Δp (1 of 3)")
    assert len(trace(charts.tokens_3d(points([]), size=(WIDTH, HEIGHT)), "tokens").x) == 0


def test_tokens_outside_of_the_clip_are_hollow_and_still_in_the_picture() -> None:
    out = points([(3, 20, 11), (-1, 20, 11), (3, 90, 11)])
    figure = charts.tokens_3d(out, size=(WIDTH, HEIGHT))
    assert list(trace(figure, "tokens").marker.symbol) == ["circle", "circle-open", "circle-open"]
    assert figure.layout.scene.xaxis.range[1] == 90
    assert figure.layout.scene.yaxis.range[0] == pytest.approx(-0.08)


def test_a_matrix_keeps_its_numbers_its_gaps_and_its_windows() -> None:
    found = matrix(16, 8)
    figure = charts.matrix(found)
    chart = figure.data[0]
    np.testing.assert_allclose(np.asarray(chart.z, float), found.values, rtol=1e-6)
    assert np.isnan(np.asarray(chart.z, float)[0, 15])
    assert not chart.hoverongaps
    assert [(s.x0, s.x1, s.y0, s.y1) for s in figure.layout.shapes] == [(a - 0.5, b - 0.5) * 2 for a, b in found.windows]
    assert list(figure.layout.yaxis.range) == [15.5, -0.5]  # the first row on top
    assert (figure.layout.xaxis.ticktext[1], chart.text[2][1]) == ("0.08 s", "0.16 s → 0.08 s")
    assert not charts.matrix(replace(found, windows=())).layout.shapes


def test_names_of_a_large_matrix_are_thinned_and_none_is_lost_for_being_the_same_as_another() -> None:
    large = Matrix("m", "attention", np.ones((50, 50), np.float32), ("0.00 s",) * 50, ("0.00 s",) * 50)
    figure = charts.matrix(large)
    assert len(figure.data[0].z) == len(figure.data[0].y) == 50
    assert len(figure.layout.xaxis.ticktext) <= 20


def test_the_joint_map_has_a_row_for_each_joint_limb_after_limb_and_true_seconds() -> None:
    body = skeleton()
    scores = body.scores.copy()
    scores[3, 9] = np.nan
    uneven = np.array([*np.arange(15) * 0.1, 5.0])
    rows = rows_of([*lanes(replace(body, scores=scores), uneven)[::-1], Track("a mean", "logit", uneven, body.bands[:, 0], uneven)])
    assert rows is not None
    assert [name.replace("_", " ") for name in rows.names[:5]] == ["right ear", "left ear", "right eye", "left eye", "nose"]
    assert len(rows.names) == 17
    row = rows.values[[name.replace("_", " ") for name in rows.names].index("left wrist")]
    np.testing.assert_array_equal(np.isnan(row), np.arange(16) == 3)
    assert row[0] == pytest.approx(0.09)
    np.testing.assert_allclose(np.asarray(rows.edges)[[0, 1, -2, -1]], [-0.05, 0.05, 3.2, 6.8])
    assert list(dict.fromkeys(rows.groups)) == ["head", "left arm", "right arm", "left leg", "right leg"]
    assert rows_of([]) is None


def test_rows_go_person_after_person_and_limb_after_limb() -> None:
    groups = ["2: left arm", "other", "1: right leg", "1: head", "2: head"]
    tracks = [Track(f"joint {i}", "attention", np.arange(2.0), np.arange(2), np.arange(2.0), group) for i, group in enumerate(groups)]
    rows = rows_of(tracks)
    assert rows is not None
    assert rows.groups == ("other", "1: head", "1: right leg", "2: head", "2: left arm")
    assert rows.names == ("joint 1", "joint 3", "joint 2", "joint 4", "joint 0")


def test_the_joints_figure_tells_people_apart() -> None:
    body = skeleton()
    seconds = np.arange(16) / 12.5
    two = [replace(t, title=f"{p}: {t.title}", group=f"{p}: {t.group}") for p in (1, 2) for t in lanes(body, seconds)]
    words = texts(attention.joints(attentive(tracks=tuple(two))))
    assert {"1: left wrist", "2: left wrist", "1: head", "2: head"} <= set(words)
    assert words.count("wrist") == 4


def test_a_second_that_a_curve_has_twice_counts_as_the_mean() -> None:
    held = Track("wrist", "attention", np.array([0.0, 0.1, 0.1]), np.array([0, 2, 2]), np.array([1.0, 2.0, 4.0]), "left arm")
    rows = rows_of([held])
    assert rows is not None
    np.testing.assert_allclose(rows.values, [[1, 3]])
    np.testing.assert_allclose(rows.edges, [-0.05, 0.05, 0.15])


def test_effects_are_sorted_signed_coloured_and_can_be_picked() -> None:
    rows = [("left_wrist", -0.05, "2.45"), ("head", 0.2, "2.7"), ("all joints", -0.4, "2.1 (probability 50 % to 10 %)")]
    figure = charts.effects(rows, "logit of “lift”")
    bars = figure.data[0]
    assert list(bars.customdata) == ["all joints", "head", "left_wrist"]
    np.testing.assert_allclose(bars.x, [-0.4, 0.2, -0.05])
    assert list(bars.marker.color) == [FOR, AGAINST, FOR]
    assert list(bars.text) == ["−0.400", "+0.200", "−0.050"]
    assert bars.hovertext[0] == "without all joints: 2.1 (probability 50 % to 10 %)"
    assert list(figure.layout.yaxis.ticktext) == ["all joints", "head", "left wrist"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first on top


def test_a_hostile_name_or_unit_stays_text_in_every_chart_of_attention() -> None:
    made = [
        charts.tokens_3d(replace(points([(3, 20, 11)]), unit=HOSTILE, title=HOSTILE), size=(WIDTH, HEIGHT)),
        charts.matrix(Matrix(HOSTILE, HOSTILE, np.ones((2, 2), np.float32), (HOSTILE,) * 2, (HOSTILE,) * 2)),
        charts.effects([(HOSTILE, -0.1, HOSTILE)], HOSTILE),
    ]
    for chart in made:
        for text in shown(chart.to_plotly_json()):
            assert "<script" not in text
        assert charts.page(chart, False).count("<script") == charts.page(go.Figure(), False).count("<script")
    assert "<h1>&lt;script&gt;" in charts.document(made[1], HOSTILE, "m")
