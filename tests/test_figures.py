"""Charts and figures for print: the numbers in them, real and harmless text, and what a figure must confess."""

from __future__ import annotations

import io
import re
import threading
import xml.etree.ElementTree as ET
from dataclasses import replace

import cv2
import numpy as np
import pytest
from answers_made import FRAMES, HEIGHT, WIDTH, explanation, film, heat, one_hot

from actrec import agreement, claim, figures, plates, side_by_side
from actrec.figures import Sheet
from actrec.overlay import Look
from actrec.types import Explanation, QuestionError

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
    chart = figures.confusion(("a", "b", "c"), counts).data[0]
    np.testing.assert_allclose(chart.z, [[0.75, 0.25, 0], [0, 0, 0], [0, 0.5, 0.5]])
    assert chart.text[0][0] == "3"
    assert list(chart.text[1]) == ["", "", ""]
    assert "a taken for b: 1 of 4" in str(chart.customdata[0][1])


def test_a_confusion_matrix_escapes_its_labels() -> None:
    figure = figures.confusion((HOSTILE, "<b>bold</b>"), np.eye(2, dtype=int))
    shown = [*figure.layout.yaxis.ticktext, *figure.layout.xaxis.ticktext, *np.asarray(figure.data[0].customdata).ravel()]
    assert not any("<" in text or ">" in text for text in shown)
    assert len(set(figure.data[0].y)) == 2


@pytest.mark.parametrize(("share", "text"), [(0.8312, "83.1 %"), (0.0, "0.0 %"), (1e-5, "< 0.1 %"), (1.0, "100.0 %")])
def test_a_small_probability_is_not_shown_as_none(share: float, text: str) -> None:
    assert claim.percent(share) == text


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
    one, two = (plates.strip(explanation()) for _ in range(2))
    before = one.png()
    assert one.svg() == two.svg()
    assert b"dc:date" not in one.svg()
    assert before == one.png() == two.png()  # and drawing the SVG in between changes nothing
    height, width = one.pixels().shape[:2]
    assert (round(one.height * 300), round(one.width * 300)) == (height, width)


def test_figures_can_be_drawn_by_several_threads_at_once() -> None:
    expected, found = plates.strip(explanation()).png(), {}
    threads = [threading.Thread(target=lambda n=n: found.__setitem__(n, plates.strip(explanation()).png())) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[n] == expected for n in range(4))


# -------------------------------------------------------------------------------------------------------------- strip


def test_the_strip_says_what_was_predicted_by_whom_when_and_in_which_unit() -> None:
    words = texts(plates.strip(explanation(heat(one_hot(1, 2, 3, value=3.2)))))
    assert "“lift”" in words
    assert any(text.startswith("p = 0.75") for text in words)
    assert any("CAM · A toy · made.mp4, 0.00–1.20 s" in text for text in words)
    assert {"0", "1.6", "3.2"} <= set(words)
    assert "logit per" in " ".join(words)
    assert any("All 16 frames the model saw." in text for text in [" ".join(words)])


def test_the_strip_shows_exactly_the_frames_the_model_saw_with_second_and_number() -> None:
    words = texts(plates.strip(explanation()))
    assert [text for text in words if re.fullmatch(r"#\d+", text)] == [f"#{n}" for n in range(0, 32, 2)]
    assert [text for text in words if re.fullmatch(r"\d\.\d\d s", text)] == [f"{n / 25:.2f} s" for n in range(0, 32, 2)]


def test_a_long_clip_is_thinned_evenly_and_the_strip_says_so() -> None:
    long = explanation(index=range(32))
    shown, total = plates.frames_of(long.clip, 8)
    assert (shown[0].number, shown[-1].number, total) == (0, 31, 32)
    assert set(np.diff([frame.number for frame in shown])) <= {4, 5}
    words = texts(plates.strip(long, most=8))
    assert "8 of 32 frames shown." in " ".join(words)
    assert len([text for text in words if text.startswith("#")]) == 8


def test_padding_is_shown_once_counted_and_said() -> None:
    short = explanation(index=[0, 1, 2, 2, 2, 2])
    short = replace(short, clip=replace(short.clip, padding="the clip has 3 frames, the model reads 6: the last frame is held 3 times"))
    words = texts(plates.strip(short))
    assert [text for text in words if text.startswith("#")] == ["#0", "#1", "#2 ×4"]
    assert "The clip has 3 frames, the model reads 6: the last frame is held 3 times." in " ".join(words)


def test_empty_and_constant_maps_say_so_in_the_figure_and_have_no_false_scale() -> None:
    words = texts(plates.strip(explanation(heat(np.full((4, 6, 8), 3.1e-7)))))
    assert "no evidence (largest value 3.1e-07 logit per cell)" in words
    assert not {"0", "3.1e-07", "1.55e-07"} & set(words)
    words = texts(plates.strip(explanation(heat(np.ones((4, 6, 8))))))
    assert "the same map at every step: it does not tell when" in words


def test_the_strip_confesses_scale_threshold_and_what_was_not_seen() -> None:
    words = " ".join(texts(plates.strip(explanation(heat(one_hot(1, 2, 3), seen=(8, 0, 56, 48))), Look(scale="frame", threshold=0.25))))
    assert "Each step by its own largest value." in words
    assert "Evidence below 25% of the scale’s end is left out." in words
    assert "Dark borders: the model did not see them." in words


def test_frames_that_share_a_step_share_a_bar() -> None:
    words = " ".join(texts(plates.strip(explanation(heat(one_hot(0, 1, 1, (2, 6, 8)))))))
    assert "frames that share one of the map’s 2 steps in time" in words


def test_a_hostile_label_and_model_name_stay_text_in_every_figure() -> None:
    bad = replace(explanation(), label=HOSTILE, model=HOSTILE, claim=HOSTILE, versus=HOSTILE)
    sheets = [
        plates.strip(bad),
        side_by_side.segment_strip([(HOSTILE, bad)]),
        side_by_side.comparison([(HOSTILE, bad), ("b", bad)], compared(bad, bad)),
    ]
    for sheet in sheets:
        assert any("<script>" in text for text in texts(sheet))
        assert b"<script" not in sheet.svg()
        assert cv2.imdecode(np.frombuffer(sheet.png(), np.uint8), cv2.IMREAD_COLOR) is not None


@pytest.mark.parametrize("size", [(16, 300), (300, 16), (1, 1)])
def test_odd_shapes_of_video_still_give_a_figure(size: tuple[int, int]) -> None:
    video = replace(film(), height=size[0], width=size[1])
    one = explanation(heat(one_hot(1, 2, 3), box=(0, 0, size[1], size[0])), video=video)
    for sheet in (plates.strip(one), side_by_side.comparison([("a", one), ("b", one)], compared(one, one))):
        assert max(sheet.width, sheet.height) < 12
        assert io.BytesIO(sheet.png()).getbuffer().nbytes > 1000


# ------------------------------------------------------------------------------------------------------- side by side


def test_the_segment_strip_shows_the_middle_of_each_equal_part_of_the_common_time() -> None:
    a, b = explanation(index=range(0, 31)), explanation(index=range(10, FRAMES))
    words = texts(side_by_side.segment_strip([("I3D", a), ("DAM", b)], segments=3))
    assert [text for text in words if text.startswith("#")] == ["#13", "#20", "#27"]  # of frames 10 … 30
    assert {"I3D", "DAM", "frames", "“lift”"} <= set(words)


def test_maps_of_one_unit_share_a_scale_and_maps_of_two_units_do_not() -> None:
    weak, strong = explanation(heat(one_hot(1, 2, 3, value=1.0))), explanation(heat(one_hot(1, 2, 3, value=4.0)))
    words = texts(side_by_side.segment_strip([("a", weak), ("b", strong)]))
    assert words.count("4") == 2
    assert "Colours: one scale for all maps." in words
    words = texts(side_by_side.segment_strip([("a", weak), ("b", explanation(heat(one_hot(1, 2, 3, value=4.0), unit="cosine")))]))
    assert {"1", "4"} <= set(words)
    assert "Colours: each map has its own scale." in words


def test_the_comparison_shows_numbers_classes_and_difference() -> None:
    a, b = explanation(heat(one_hot(1, 2, 3))), explanation(heat(one_hot(2, 4, 6)))
    words = texts(side_by_side.comparison([("first", a), ("second", b)], compared(a, b)))
    assert {"A · first", "B · second", "A and B", "A − B", "put down", "times the"} <= set(words)
    assert "1.00" in words  # all the evidence is elsewhere
    assert words.count("0.00") == 1  # and nothing overlaps


def test_the_comparison_says_why_a_number_is_missing() -> None:
    a, b = explanation(heat(one_hot(1, 2, 3))), explanation(heat(np.zeros((4, 6, 8))))
    words = texts(side_by_side.comparison([("first", a), ("second", b)], compared(a, b)))
    assert "the second map is empty (largest value 0 logit per cell)" in words
    assert words.count("no evidence") == 2
    assert "A − B" not in words


def test_what_does_not_belong_in_one_figure_is_refused() -> None:
    one, other = explanation(), explanation(video=film(sha256="c" * 64))
    with pytest.raises(QuestionError, match="different clips"):
        side_by_side.segment_strip([("a", one), ("b", other)])
    with pytest.raises(QuestionError, match="at most four"):
        side_by_side.comparison([("a", one)] * 5, {})
    with pytest.raises(QuestionError, match="nothing to compare"):
        side_by_side.segment_strip([])


def test_evidence_is_drawn_where_and_when_it_is() -> None:
    # On grey frames, the only colour in the figure's pictures must be at the cell's place in the step's columns.
    frames = np.full((16, HEIGHT, WIDTH, 3), 128, np.uint8)
    one = explanation(heat(one_hot(1, 2, 3)), frames=frames)
    pixels = plates.strip(one, most=8).pixels().astype(int)
    sheet = plates.strip(one, most=8)
    colour = np.ptp(pixels, axis=2) > 40
    pictures = colour[:, : sheet.dots(plates.PAGE - plates.RIGHT - 0.05)]
    columns = np.nonzero(pictures)[1]
    wide = (plates.PAGE - plates.LEFT - plates.RIGHT - 7 * plates.GAP) / 8
    shown, _ = plates.frames_of(one.clip, 8)
    expected = {i for i, frame in enumerate(shown) if 8 <= frame.number < 16}
    found = (columns / sheet.dpi - plates.LEFT) / (wide + plates.GAP)
    assert set(found.astype(int)) == expected
    middle = (found % 1 * (wide + plates.GAP) / wide).mean()
    assert middle == pytest.approx(3.5 / 8, abs=0.02)
