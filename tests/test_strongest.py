"""Where and when a map is strongest: places, seconds and shares worked out by hand, and what holds for every map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from answers_made import HEIGHT, WIDTH, film, heat, one_hot
from claims_made import CLIP, maps, nothing_there, opens_there
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actrec.core.clip import Clip, Video
from actrec.core.evidence import Heat
from actrec.measure import strongest

MAPS = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5)), elements=st.floats(0.0625, 9, width=32))


def clip_of(video: Video) -> Clip:
    index = np.arange(0, min(video.frames, 32), 2)
    return Clip(video, np.zeros((len(index), 1, 1, 3), np.uint8), index, video.seconds[index])


def test_a_hot_cell_is_told_with_its_step_and_the_middle_of_its_share_of_the_box() -> None:
    found = heat(one_hot(1, 2, 3))  # four steps of eight frames at 25 a second; cells of 8 × 8 pixels
    assert strongest.peak(found) == strongest.Peak(1, 2, 3, 1.0, 28.0, 20.0)
    assert strongest.place(found, strongest.peak(found), clip_of(film())) == "between 0.32 and 0.60 s, in the middle of the picture"
    np.testing.assert_array_equal(strongest.shares(found), [0, 1, 0, 0])
    np.testing.assert_array_equal(strongest.spread(found), [0.25] * 4)
    assert strongest.amid(found) == 11


def test_cells_that_say_nothing_are_never_the_strongest_and_weigh_nothing() -> None:
    values = np.full((2, 2, 2), np.nan, np.float32)
    values[0, 0, 0], values[1, 1, 1], values[1, 0, 1] = 1, 3, -7
    found = heat(values, signed=True)
    assert (strongest.peak(found).x, strongest.peak(found).y) == (WIDTH * 0.75, HEIGHT * 0.75)
    np.testing.assert_allclose(strongest.shares(found), [1 / 4, 3 / 4])
    np.testing.assert_allclose(strongest.spread(found), [1 / 3, 2 / 3])
    assert strongest.peak(found, towards=-1).value == -7


def test_an_even_map_has_no_step_above_an_even_share() -> None:
    found = heat(np.ones((4, 2, 2)))
    np.testing.assert_allclose(strongest.shares(found), strongest.spread(found))
    assert strongest.step(found) == 0, "the first of equals"


def test_where_nothing_speaks_for_it_the_shares_are_of_what_speaks_against() -> None:
    found = heat(-one_hot(2, 0, 0) + 1e-7, signed=True)
    assert strongest.sign(found) == -1
    assert strongest.step(found) == 2
    assert strongest.sign(heat(one_hot(2, 0, 0) - 0.5, signed=True)) == 1


def test_a_step_over_held_frames_ends_where_the_video_ends() -> None:
    video = film(frames=20)
    found = heat(one_hot(2, 0, 0))  # frames 16 … 23 and 24 … 31 of a video that has 20
    assert strongest.moment(found, 2, clip_of(video)) == "between 0.64 and 0.76 s"
    assert strongest.moment(found, 3, clip_of(video)) == "in a step that only repeats the frame at 0.76 s"
    repeats = heat(one_hot(1, 0, 0), bands=[(0, 3), (3, 3), (3, 4), (4, 9)])
    assert strongest.moment(repeats, 1, clip_of(video)) == "in a step that only repeats the frame at 0.08 s"
    assert strongest.moment(repeats, 2, clip_of(video)) == "at 0.12 s"


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
    assert said.startswith("Block 2 attends most between 0.32 and 0.60 s, on the left, at the top: the step drawn there has 100")
    assert "(an even spread would give 7" in strongest.attention(heat(one_hot(1, 0, 0)), clip_of(film()), "it is", [0.1, 0.07, 0.5, 0.33])
    nothing = "This map shows no attention: its largest magnitude is 0.0e+00 logit per cell (mean + bias = logit), which is drawn as nothing."
    assert strongest.attention(heat(np.zeros((2, 2, 2))), clip_of(film()), "it") == nothing


@given(maps(), st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_every_sentence_about_attention_follows_from_the_maps_numbers(found: Heat, even: list[float]) -> None:
    found, given_even = replace(found, values=np.abs(found.values)), even[: len(found.values)]
    sentence = strongest.attention(found, CLIP, "CLS attends most", given_even)
    if not nothing_there(found, sentence):
        assert sentence.startswith("CLS attends most ")
        opens_there(found, sentence, 1, given_even)


@given(MAPS)
def test_the_strongest_cell_lies_in_the_picture_and_its_step_has_at_least_an_even_share(values: np.ndarray) -> None:
    found = heat(values)
    top = strongest.step(found)
    cell = strongest.peak(found, top)
    assert values[top, int(cell.y / HEIGHT * values.shape[1]), int(cell.x / WIDTH * values.shape[2])] == values[top].max() == cell.value
    assert strongest.shares(found)[top] >= strongest.spread(found)[top] - 1e-6
    assert strongest.shares(found).sum() == pytest.approx(1)
