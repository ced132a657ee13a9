"""The strip of frames: real numbers, and what a figure must confess."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from answers_made import HEIGHT, WIDTH, explanation, film, heat, one_hot, points, skeleton
from sheets_made import HOSTILE, compared, dots, picture, read, texts

from actrec.core.look import Look
from actrec.draw.figures import several, strip


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
    assert "no evidence (largest magnitude 3.1e-07 logit per cell)" in words
    assert not {"0", "3.1e-07", "1.55e-07"} & set(words)
    words = texts(strip.strip(explanation(heat(np.ones((4, 6, 8))))))
    assert "the map is the same at all times, so it does not say when" in words


def test_the_strip_confesses_scale_threshold_and_what_was_not_seen() -> None:
    words = " ".join(texts(strip.strip(explanation(heat(one_hot(1, 2, 3), seen=(8, 0, 56, 48))), Look(scale="frame", threshold=0.25))))
    assert "Each step is scaled by its own largest value." in words
    assert "Evidence below 25 % of the scale’s end is left out." in words
    assert "Dark borders: what the model did not see." in words


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
        svg = sheet.svg()
        assert any("<script>" in text for text in read(svg))
        assert b"<script" not in svg
        assert picture(sheet).shape == dots(sheet)


@pytest.mark.parametrize("size", [(16, 300), (300, 16), (1, 1)])
def test_odd_shapes_of_video_still_give_a_figure(size: tuple[int, int]) -> None:
    video = replace(film(), height=size[0], width=size[1])
    one = explanation(heat(one_hot(1, 2, 3), box=(0, 0, size[1], size[0])), video=video)
    for sheet in (strip.strip(one), several.comparison([("a", one), ("b", one)], compared(one, one))):
        assert max(sheet.width, sheet.height) < 12
        assert picture(sheet).shape == dots(sheet)


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
    assert "2 of these tokens are read from none of the frames shown." in " ".join(
        texts(strip.strip(one.with_evidence(points=points([(3, 9, 9), (9, 9, 9)])), most=4))
    )
