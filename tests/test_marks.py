"""Tokens and joints on frames: in their place, at their moment, as strong as they are read, and nothing anywhere else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from answers_made import HEIGHT, WIDTH, attentive, points, skeleton

from actrec.core.evidence import Points, Skeleton
from actrec.core.look import Look
from actrec.draw import marks
from actrec.draw.overlay import PALETTES
from actrec.inputs.pose.body import COLOURS, limb

SOURCE = (HEIGHT, WIDTH)
SIZE = (480, 640)
FRAME = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
GREY = np.full((*SIZE, 3), 128, np.uint8)
FULL = Look(opacity=1.0)


def change(of: tuple[Points | None, Skeleton | None], frame: int, look: Look = FULL, size: tuple[int, int] = SIZE, most: int = 64) -> np.ndarray:
    """How much each pixel of a grey picture changes: (H, W)."""
    ground = np.full((*size, 3), 128, np.uint8)
    return np.abs(marks.draw(ground, of, frame, SOURCE, look, most).astype(int) - 128).sum(-1)


def middle(changed: np.ndarray) -> tuple[float, float]:
    """The middle of what changed, in source pixels (x, y)."""
    y, x = np.nonzero(changed)
    return (x.mean() + 0.5) / changed.shape[1] * WIDTH, (y.mean() + 0.5) / changed.shape[0] * HEIGHT


@pytest.mark.parametrize("size", [(480, 640), (240, 320), (333, 417)])
@pytest.mark.parametrize("place", [(20.0, 11.0), (40.5, 30.25), (32.0, 24.0)])
def test_a_token_lands_on_its_own_pixels_at_any_size(place: tuple[float, float], size: tuple[int, int]) -> None:
    assert middle(change((points([(3, *place)]), None), 6, size=size)) == pytest.approx(place, abs=0.15)


def test_a_dot_has_the_colour_of_its_score_in_its_middle() -> None:
    both = points([(3, 20, 20), (3, 44, 20)], [0.4, 0.1])
    drawn = marks.draw(GREY, (both, None), 6, SOURCE, Look(palette="viridis", opacity=1.0))
    assert tuple(drawn[200, 200]) == tuple(PALETTES["viridis"][255])
    assert tuple(drawn[200, 440]) == tuple(PALETTES["viridis"][64])


def test_a_dots_area_goes_with_its_score() -> None:
    assert marks.radius_of(0.25, 1.0) == pytest.approx(marks.radius_of(1.0, 1.0) / 2)
    both = change((points([(3, 16, 24), (3, 48, 24)], [0.4, 0.1]), None), 6) > 0
    edge = 2 * 1.6 * marks.unit_of(SIZE)
    wide = [np.count_nonzero(part.any(0)) - edge for part in (both[:, :320], both[:, 320:])]
    assert wide[0] / wide[1] == pytest.approx(2, abs=0.2)


def test_marks_grow_with_the_picture() -> None:
    of = (points([(3, 40, 30)], reference=[(3, 12, 10)]), skeleton())
    small, large = (change(of, 6, size=size).sum() for size in ((480, 640), (960, 1280)))
    assert large / small == pytest.approx(4, rel=0.12)  # edges are smooth over a pixel, whatever the size


def test_a_token_between_two_frames_is_half_as_strong_on_each_and_nowhere_else() -> None:
    on, between = points([(3, 20, 20)]), points([(3.5, 20, 20)])
    full = marks.draw(GREY, (on, None), 6, SOURCE, FULL).astype(int) - 128
    for frame in (6, 7, 8, 9):
        half = marks.draw(GREY, (between, None), frame, SOURCE, FULL).astype(int) - 128
        np.testing.assert_allclose(half, full / 2, atol=1)
    for frame in (5, 10):
        np.testing.assert_array_equal(marks.draw(FRAME, (between, None), frame, SOURCE, FULL), FRAME)
    np.testing.assert_array_equal(marks.draw(FRAME, (on, None), 8, SOURCE, FULL), FRAME)


def test_the_looks_opacity_thins_marks() -> None:
    one = points([(3, 20, 20)])
    full, half = (marks.draw(GREY, (one, None), 6, SOURCE, Look(opacity=o)).astype(int) - 128 for o in (1.0, 0.5))
    np.testing.assert_allclose(half, full / 2, atol=1)


def test_what_is_below_the_threshold_or_beyond_the_most_is_left_out() -> None:
    three = points([(3, 10, 24), (3, 32, 24), (3, 54, 24)], [0.4, 0.2, 0.1])
    thirds = [slice(0, 210), slice(210, 430), slice(430, 640)]

    def there(look: Look = FULL, most: int = 64) -> list[bool]:
        changed = change((three, None), 6, look, most=most)
        return [bool(changed[:, third].any()) for third in thirds]

    assert there() == [True, True, True]
    assert there(Look(threshold=0.5)) == [True, True, False]
    assert there(Look(threshold=0.51)) == [True, False, False]
    assert there(most=2) == [True, True, False]
    assert there(most=0) == [False, False, False]
    assert marks.chosen(three, 2, 0.0).tolist() == [0, 1]
    assert marks.chosen(replace(three, scores=np.array([0.1, 0.4, 0], np.float32))).tolist() == [1, 0]


def test_scores_of_rounding_noise_draw_nothing() -> None:
    noise = points([(3, 20, 20), (3, 40, 20)], [1e-6, 1e-7])
    np.testing.assert_array_equal(marks.draw(FRAME, (noise, None), 6, SOURCE), FRAME)


def test_the_strongest_lies_on_top() -> None:
    two = points([(3, 20, 20), (3, 20, 20)], [0.1, 0.4])
    assert tuple(marks.draw(GREY, (two, None), 6, SOURCE, FULL)[200, 200]) == tuple(PALETTES["inferno"][255])


def test_an_arrow_runs_from_the_reference_to_the_dot_and_is_light_in_a_dark_casing() -> None:
    moved = points([(3, 50, 24)], reference=[(3, 10, 24)])
    drawn = marks.draw(GREY, (moved, None), 6, SOURCE, FULL)
    along = drawn[236:244, 110:380].astype(int).sum(-1).max(0)
    assert (along > 3 * 190).all()
    for ground in (0, 128, 255):  # legible on any: somewhere across it there is both light and dark
        across = marks.draw(np.full((*SIZE, 3), ground, np.uint8), (moved, None), 6, SOURCE, FULL)[228:252, 300].mean(-1)
        assert np.ptp(across) > 120
    assert not change((moved, None), 6)[:, :90].any()
    stayed = points([(3, 50, 24)])
    assert not change((stayed, None), 6)[:, :460].any()


def test_frames_in_no_band_and_empty_evidence_leave_the_picture_to_the_bit() -> None:
    body = skeleton()
    for frame in (-1, 32, 99):
        np.testing.assert_array_equal(marks.draw(FRAME, (points([(0, 20, 20), (15, 30, 20)]), body), frame, SOURCE), FRAME)
    for of in ((None, None), (points([]), None), (None, replace(body, joints=np.full_like(body.joints, np.nan)))):
        np.testing.assert_array_equal(marks.draw(FRAME, of, 6, SOURCE), FRAME)


def test_drawing_does_not_touch_the_picture_it_is_given() -> None:
    before = FRAME.copy()
    marks.draw(FRAME, attentive(), 6, SOURCE)
    np.testing.assert_array_equal(FRAME, before)


def test_places_outside_of_the_picture_or_unknown_harm_nothing() -> None:
    wild = points([(3, -400, 24), (3, 9e3, -9e3), (3, np.nan, 5), (-2, 20, 20), (99, 20, 20)], reference=[(3, 10, 10)] * 5)
    assert marks.draw(GREY, (wild, None), 6, SOURCE).shape == GREY.shape
    body = skeleton()
    joints = body.joints.copy()
    joints[:, 3:] += 1e4
    marks.draw(GREY, (None, replace(body, joints=joints)), 6, SOURCE)


def test_bones_have_their_limbs_colour_and_joints_their_scores() -> None:
    drawn = marks.draw(GREY, (None, skeleton()), 0, SOURCE, FULL)
    forearm = drawn[230, 405]  # half way from the left elbow (40, 20) to the left wrist (41, 26)
    colour = tuple(int(COLOURS["left arm"][i : i + 2], 16) for i in (1, 3, 5))
    np.testing.assert_allclose(forearm, 128 + 0.85 * (np.array(colour) - 128), atol=2)
    assert tuple(drawn[440, 280]) == tuple(PALETTES["inferno"][255])  # the right ankle, number 16
    assert tuple(drawn[360, 280]) == tuple(PALETTES["inferno"][round(255 * 14 / 16)])


def test_a_joint_without_a_score_is_hollow_and_one_without_a_place_is_not_there() -> None:
    body = skeleton()
    scores, joints = body.scores.copy(), body.joints.copy()
    scores[:, 16] = np.nan
    joints[:, :16] = np.nan
    changed = change((None, replace(body, scores=scores, joints=joints)), 0)
    assert middle(changed) == pytest.approx((28, 44), abs=0.1)
    assert changed[440, 280] == 0
    assert changed.max() > 100
    drawn = marks.draw(GREY, (None, replace(body, scores=scores, joints=joints)), 0, SOURCE).astype(int)
    assert np.ptp(drawn, axis=2).max() == 0  # grey


def test_a_doubtful_joint_is_faint_and_so_are_joints_between_the_frames_they_are_known_on() -> None:
    body = skeleton()
    joints = body.joints.copy()
    joints[:, :16] = np.nan
    lonely = replace(body, joints=joints)
    sure = change((None, lonely), 0).sum()
    assert change((None, lonely), 1).sum() / sure == pytest.approx(marks.BETWEEN, rel=0.02)
    joints = joints.copy()
    joints[:, 16, 2] = 0.2
    assert change((None, replace(body, joints=joints)), 0).sum() / sure == pytest.approx(marks.FAINT, rel=0.02)


def test_an_explanation_says_which_frames_its_joints_are_known_on() -> None:
    late = attentive(points=None)
    late = replace(late, clip=replace(late.clip, index=late.clip.index + 1))  # the second frame of every band was given
    ground = np.full((*SIZE, 3), 128, np.uint8)
    first, second = (np.abs(marks.draw(ground, late, frame, SOURCE).astype(int) - 128).sum() for frame in (6, 7))
    assert first < 0.6 * second


def test_seconds_run_on_outside_of_the_clip() -> None:
    one = points([(0, 1, 1)])
    np.testing.assert_allclose(marks.seconds_at(one, np.array([-1, 0, 0.5, 15, 16.5])), [-0.08, 0, 0.04, 1.2, 1.32])


def test_limbs_of_bones_follow_their_joints() -> None:
    assert [limb(*pair) for pair in (("left arm", "left arm"), ("head", "torso"), ("left leg", "torso"), ("left arm", "right arm"))] == [
        "left arm",
        "head",
        "torso",
        "torso",
    ]


def test_a_persons_limb_has_the_limbs_colour() -> None:
    assert limb("2: left arm", "2: left arm") == "left arm"
    assert limb("1: head", "1: torso") == "head"
    assert marks.colour_of("2: left arm") == COLOURS["left arm"]
    assert marks.colour_of("a tail") == COLOURS["other"]


def test_drawing_marks_needs_no_network_and_no_chart() -> None:
    code = "import sys, actrec.draw.marks; print({'torch', 'matplotlib', 'plotly'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
