"""Where and when a map is strongest: places, seconds and shares worked out by hand, and what holds for every map."""

from __future__ import annotations

import numpy as np
import pytest
from answers_made import HEIGHT, WIDTH, film, heat, one_hot
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actrec.core.clip import Clip, Video
from actrec.measure import strongest

MAPS = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5)), elements=st.floats(0.0625, 9, width=32))


def clip_of(video: Video) -> Clip:
    index = np.arange(0, min(video.frames, 32), 2)
    return Clip(video, np.zeros((len(index), 1, 1, 3), np.uint8), index, video.seconds[index])


def test_a_hot_cell_is_told_with_the_middle_of_its_step_and_of_its_share_of_the_box() -> None:
    found = heat(one_hot(1, 2, 3))  # four steps of eight frames at 25 a second; cells of 8 × 8 pixels
    assert strongest.peak_place(found, clip_of(film())) == pytest.approx((11 / 25, 28.0, 20.0))
    assert strongest.strongest(found, clip_of(film())) == "0.44 s, in the middle of the picture"
    assert strongest.strongest_step(found, clip_of(film())) == pytest.approx((1.0, 8 / 25, 15 / 25, 0.25))
    assert strongest.amid(found) == 11


def test_cells_that_say_nothing_are_never_the_strongest_and_weigh_nothing() -> None:
    values = np.full((2, 2, 2), np.nan, np.float32)
    values[0, 0, 0], values[1, 1, 1], values[1, 0, 1] = 1, 3, -7
    found = heat(values)
    assert strongest.peak_place(found, clip_of(film()))[1:] == (WIDTH * 0.75, HEIGHT * 0.75)
    assert strongest.strongest_step(found, clip_of(film()))[0] == pytest.approx(1.5 / (1 + 1.5))  # 3 and nothing for two cells, against 1 for one


def test_an_even_map_has_no_step_above_an_even_share() -> None:
    share, begin, until, even = strongest.strongest_step(heat(np.ones((4, 2, 2))), clip_of(film()))
    assert (share, even) == (0.25, 0.25)
    assert (begin, until) == pytest.approx((0, 7 / 25)), "the first of equals"


def test_a_step_over_held_frames_ends_where_the_video_ends() -> None:
    video = film(frames=20)
    found = heat(one_hot(3, 0, 0))  # frames 24 … 31 of a video that has 20
    assert strongest.strongest_step(found, clip_of(video))[1:3] == pytest.approx((19 / 25, 19 / 25))
    assert strongest.peak_place(found, clip_of(video))[0] == pytest.approx(19 / 25)


@pytest.mark.parametrize(("bands", "frame"), [((5, 6), 5), ((4, 6), 4), ((4, 7), 5), ((0, 32), 15)])
def test_the_clip_opens_in_the_middle_of_the_strongest_step(bands: tuple[int, int], frame: int) -> None:
    assert strongest.amid(heat(np.ones((1, 1, 1)), bands=[bands])) == frame


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (0, 0, "on the left, at the top"),
        (32, 0, "in the middle, at the top"),
        (63, 24, "on the right, half-way up"),
        (32, 24, "in the middle of the picture"),
        (-5, 99, "on the left, at the bottom"),  # a cell of a box that sticks out
    ],
)
def test_a_place_is_told_by_thirds_of_what_was_seen(x: float, y: float, words: str) -> None:
    assert strongest.side(x, y, heat(np.ones((1, 1, 1)))) == words
    assert strongest.side(x + 100, y, heat(np.ones((1, 1, 1)), seen=(100, 0, 100 + WIDTH, HEIGHT))) == words


def test_attention_is_told_with_its_moment_and_an_empty_map_as_empty() -> None:
    said = strongest.attention(heat(one_hot(1, 0, 0)), clip_of(film()), "block 2 attends most")
    assert said.startswith("Block 2 attends most at 0.44 s, on the left, at the top; 0.32–0.60 s gets the largest share of all moments, 100")
    assert "0.12 s gets the largest share of all moments" in strongest.attention(heat(np.ones((1, 1, 1)), bands=[(3, 4)]), clip_of(film()), "it")
    nothing = "This map shows no attention: its largest value is 0.0e+00, which is drawn as nothing."
    assert strongest.attention(heat(np.zeros((2, 2, 2))), clip_of(film()), "it") == nothing


@given(MAPS)
def test_the_strongest_place_lies_in_the_picture_and_in_time_and_its_step_has_at_least_an_even_share(values: np.ndarray) -> None:
    found, clip = heat(values), clip_of(film())
    second, x, y = strongest.peak_place(found, clip)
    k = found.step_at(round(second * 25))
    assert k is not None
    row, column = int(y / HEIGHT * values.shape[1]), int(x / WIDTH * values.shape[2])
    assert values[k, row, column] == values.max()
    share, begin, until, even = strongest.strongest_step(found, clip)
    assert even - 1e-6 <= share <= 1
    assert 0 <= begin <= until <= 31 / 25
