"""Charts and figures for print: the numbers in them, real and harmless text, and what a figure must confess."""

from __future__ import annotations

import io
import re
import threading
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import plotly.graph_objects as go
import pytest
from answers_made import FRAMES, HEIGHT, WIDTH, attentive, explanation, film, heat, lanes, matrix, one_hot, points, skeleton

from actrec.core import words
from actrec.core.answer import Explanation
from actrec.core.errors import QuestionError
from actrec.core.evidence import Matrix, Track
from actrec.core.look import Look
from actrec.draw import charts, marks
from actrec.draw.figures import Sheet, attention, several, strip
from actrec.draw.overlay import PALETTES
from actrec.draw.rows import rows_of
from actrec.draw.style import AGAINST, FOR
from actrec.measure import agreement

HOSTILE = "<script>alert(1)</script> & $\\frac{1}{"


def texts(sheet: Sheet) -> list[str]:
    """Every text of a sheet's SVG as a reader would see it, after checking that it is well-formed and holds no script."""
    root = ET.fromstring(sheet.svg())
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    return ["".join(node.itertext()) for node in root.iter() if node.tag.endswith("}text")]


def compared(*explanations: Explanation) -> dict[tuple[int, int], agreement.Agreement]:
    return {(i, j): agreement.compare(explanations[i], explanations[j]) for i in range(len(explanations)) for j in range(i + 1, len(explanations))}


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
    figure = charts.effects([("left_wrist", 0.5, 0.45), ("head", 0.5, 0.7), ("all joints", 0.5, 0.1)])
    bars = figure.data[0]
    assert list(bars.customdata) == ["all joints", "head", "left_wrist"]
    np.testing.assert_allclose(bars.x, [-0.4, 0.2, -0.05])
    assert list(bars.marker.color) == [FOR, AGAINST, FOR]
    assert list(bars.text) == ["−40.0", "+20.0", "−5.0"]
    assert list(figure.layout.yaxis.ticktext) == ["all joints", "head", "left wrist"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first on top


def test_a_hostile_name_or_unit_stays_text_in_every_chart_of_attention() -> None:
    made = [
        charts.tokens_3d(replace(points([(3, 20, 11)]), unit=HOSTILE, title=HOSTILE), size=(WIDTH, HEIGHT)),
        charts.matrix(Matrix(HOSTILE, HOSTILE, np.ones((2, 2), np.float32), (HOSTILE,) * 2, (HOSTILE,) * 2)),
        charts.effects([(HOSTILE, 0.5, 0.4)]),
    ]
    for chart in made:
        for text in shown(chart.to_plotly_json()):
            assert "<script" not in text
        assert charts.page(chart, False).count("<script") == charts.page(go.Figure(), False).count("<script")
    assert "<h1>&lt;script&gt;" in charts.document(made[1], HOSTILE, "m")


def shown(part: Any, key: str = "") -> list[str]:
    """Every text of a plotly figure that is put on the page, so not the data that a click gives back."""
    if isinstance(part, dict):
        return [text for name, inner in part.items() for text in shown(inner, name)]
    if isinstance(part, (list, tuple)):
        return [text for inner in part for text in shown(inner, key)]
    return [part] if isinstance(part, str) and key != "customdata" else []


# ------------------------------------------------------------------------------------------------------------- sheets


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


# -------------------------------------------------------------------------------------------------------------- strip


def test_the_strip_says_what_was_predicted_by_whom_when_and_in_which_unit() -> None:
    words = texts(strip.strip(explanation(heat(one_hot(1, 2, 3, value=3.2)))))
    assert "“lift”" in words
    assert any(text.startswith("p = 0.75") for text in words)
    assert any("CAM · A toy · made.mp4, 0.00–1.20 s" in text for text in words)
    assert {"0", "1.6", "3.2"} <= set(words)
    assert "logit per" in " ".join(words)
    assert any("All 16 frames the model saw." in text for text in [" ".join(words)])


def test_the_strip_shows_exactly_the_frames_the_model_saw_with_second_and_number() -> None:
    words = texts(strip.strip(explanation()))
    assert [text for text in words if re.fullmatch(r"#\d+", text)] == [f"#{n}" for n in range(0, 32, 2)]
    assert [text for text in words if re.fullmatch(r"\d\.\d\d s", text)] == [f"{n / 25:.2f} s" for n in range(0, 32, 2)]


def test_a_long_clip_is_thinned_evenly_and_the_strip_says_so() -> None:
    long = explanation(index=range(32))
    shown, total = strip.frames_of(long.clip, 8)
    assert (shown[0].number, shown[-1].number, total) == (0, 31, 32)
    assert set(np.diff([frame.number for frame in shown])) <= {4, 5}
    words = texts(strip.strip(long, most=8))
    assert "8 of 32 frames shown." in " ".join(words)
    assert len([text for text in words if text.startswith("#")]) == 8


def test_padding_is_shown_once_counted_and_said() -> None:
    short = explanation(index=[0, 1, 2, 2, 2, 2])
    short = replace(short, clip=replace(short.clip, padding="the clip has 3 frames, the model reads 6: the last frame is held 3 times"))
    words = texts(strip.strip(short))
    assert [text for text in words if text.startswith("#")] == ["#0", "#1", "#2 ×4"]
    assert "The clip has 3 frames, the model reads 6: the last frame is held 3 times." in " ".join(words)


def test_empty_and_constant_maps_say_so_in_the_figure_and_have_no_false_scale() -> None:
    words = texts(strip.strip(explanation(heat(np.full((4, 6, 8), 3.1e-7)))))
    assert "no evidence (largest value 3.1e-07 logit per cell)" in words
    assert not {"0", "3.1e-07", "1.55e-07"} & set(words)
    words = texts(strip.strip(explanation(heat(np.ones((4, 6, 8))))))
    assert "the same map at every step: it does not tell when" in words


def test_the_strip_confesses_scale_threshold_and_what_was_not_seen() -> None:
    words = " ".join(texts(strip.strip(explanation(heat(one_hot(1, 2, 3), seen=(8, 0, 56, 48))), Look(scale="frame", threshold=0.25))))
    assert "Each step by its own largest value." in words
    assert "Evidence below 25 % of the scale’s end is left out." in words
    assert "Dark borders: the model did not see them." in words


def test_frames_that_share_a_step_share_a_bar() -> None:
    words = " ".join(texts(strip.strip(explanation(heat(one_hot(0, 1, 1, (2, 6, 8)))))))
    assert "frames that share one of the map’s 2 steps in time" in words


def test_a_hostile_label_and_model_name_stay_text_in_every_figure() -> None:
    bad = replace(explanation(), label=HOSTILE, model=HOSTILE, claim=HOSTILE, versus=HOSTILE)
    sheets = [
        strip.strip(bad),
        several.segment_strip([(HOSTILE, bad)]),
        several.comparison([(HOSTILE, bad), ("b", bad)], compared(bad, bad)),
    ]
    for sheet in sheets:
        assert any("<script>" in text for text in texts(sheet))
        assert b"<script" not in sheet.svg()
        assert cv2.imdecode(np.frombuffer(sheet.png(), np.uint8), cv2.IMREAD_COLOR) is not None


@pytest.mark.parametrize("size", [(16, 300), (300, 16), (1, 1)])
def test_odd_shapes_of_video_still_give_a_figure(size: tuple[int, int]) -> None:
    video = replace(film(), height=size[0], width=size[1])
    one = explanation(heat(one_hot(1, 2, 3), box=(0, 0, size[1], size[0])), video=video)
    for sheet in (strip.strip(one), several.comparison([("a", one), ("b", one)], compared(one, one))):
        assert max(sheet.width, sheet.height) < 12
        assert io.BytesIO(sheet.png()).getbuffer().nbytes > 1000


def test_the_strip_draws_tokens_and_joints_and_says_what_they_are_and_how_many() -> None:
    grey = np.full((16, HEIGHT, WIDTH, 3), 128, np.uint8)
    one = explanation(
        heat(np.zeros((4, 6, 8))), frames=grey, points=points([(3, 20, 11), (3, 40, 30), (3, 8, 8)], [0.4, 0.2, 0.01]), skeleton=skeleton()
    )
    bare, sheet = (strip.strip(e, Look(threshold=0.1)) for e in (one.with_evidence(points=None, skeleton=None), one))
    words = " ".join(texts(sheet))
    assert "Dots: 2 of 3 sampled tokens at p + Δp, area and colour by score (largest 0.4 attention)" in words
    assert "arrows: from its place p on the regular grid" in words
    assert "Joints: coloured by attention (largest 0.16)" in words
    assert "Dots" not in " ".join(texts(bare))
    assert np.ptp(sheet.pixels()[150:700].astype(int), axis=2).max() > 100
    assert "Read from none of the frames shown: 2 of them." in " ".join(
        texts(strip.strip(one.with_evidence(points=points([(3, 9, 9), (9, 9, 9)])), most=4))
    )


# -------------------------------------------------------------------------------------------------------- attention


def test_the_tokens_figure_says_claim_unit_findings_layer_query_and_what_is_left_out() -> None:
    words = " ".join(texts(attention.tokens(attentive(), Look(threshold=0.2), most=20)))
    assert "Tokens chosen by block 2 · A toy · made.mp4" in words
    kept = len(marks.chosen(attentive().points, 20, 0.2))
    assert f"Dots: {kept} of 48 sampled tokens" in words
    assert "Dots below 20 % of the largest are left out." in words
    assert "8 of 16 frames shown." in words
    assert "The evidence is where it was put." in words
    assert "A quarter goes to the tokens. That cannot be told: nothing moves." in words
    assert "Asked: layer blocks.1.deform, query cls, head mean." in words
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
    assert "Grey: not known. 1 of 17 joints have no score at any time and no row." in words


def test_joints_without_scores_or_curves_still_give_a_figure_that_says_so() -> None:
    body = replace(skeleton(), scores=np.full((16, 17), np.nan, np.float32))
    assert "Joints: hollow: no scores" in " ".join(texts(attention.joints(attentive(skeleton=body, tracks=()))))


def test_the_matrix_figure_shows_windows_names_and_gaps() -> None:
    one = attentive()
    words = texts(attention.matrix(one, one.matrices[0]))
    assert {"asks", "is read", "attention"} <= set(words)
    assert words.count("0.08 s") == 2
    assert "Outlined: 3 windows of 8 frames. Grey is blank: no such pair." in " ".join(words)
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
        assert len(sheet.png()) > 1000


def test_hostile_names_stay_text_in_the_figures_of_attention() -> None:
    body = replace(skeleton(), names=(HOSTILE,) * 17, title=HOSTILE, unit=HOSTILE)
    wild = Matrix(HOSTILE, HOSTILE, np.ones((2, 3), np.float32), (HOSTILE,) * 2, (HOSTILE,) * 3, line=HOSTILE)
    bad = attentive(skeleton=body, tracks=lanes(body, np.arange(16) / 25), points=replace(points([(3, 20, 11)]), title=HOSTILE, unit=HOSTILE))
    for sheet in (attention.tokens(bad), attention.joints(bad), attention.matrix(bad, wild)):
        assert any("<script>" in text for text in texts(sheet))
        assert sheet.png() == sheet.png()


# ------------------------------------------------------------------------------------------------------- side by side


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


def test_the_comparison_shows_numbers_classes_and_difference() -> None:
    a, b = explanation(heat(one_hot(1, 2, 3))), explanation(heat(one_hot(2, 4, 6)))
    words = texts(several.comparison([("first", a), ("second", b)], compared(a, b)))
    assert {"A · first", "B · second", "A and B", "A − B", "put down", "times the"} <= set(words)
    assert "1.00" in words  # all the evidence is elsewhere
    assert words.count("0.00") == 1  # and nothing overlaps


def test_the_comparison_says_why_a_number_is_missing() -> None:
    a, b = explanation(heat(one_hot(1, 2, 3))), explanation(heat(np.zeros((4, 6, 8))))
    words = texts(several.comparison([("first", a), ("second", b)], compared(a, b)))
    assert "the second map is empty (largest value 0 logit per cell)" in words
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
