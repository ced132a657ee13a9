"""On what the chosen places lie: shares of points on people, limbs and objects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import clip_of
from views_made import COCO

from actrec.clips import mannequin
from actrec.core.evidence import Points, Skeleton
from actrec.inputs import pose
from actrec.measure import regions

pytestmark = pytest.mark.usefixtures("one_seed")


def spots(*places: tuple[float, float, float]) -> Points:
    at = np.array(places, np.float32)
    bands = np.stack([np.arange(4), np.arange(1, 5)], -1)
    scores = np.linspace(2, 1, len(at)).astype(np.float32)
    return Points("", "attention", at, np.zeros_like(at), scores, bands, np.arange(4) / 10, (0, 0, 32, 32), (8, 8))


def test_shares_on_a_region_follow_the_trilinear_weights_in_time() -> None:
    masks = np.zeros((4, 16, 16), bool)
    masks[1, 4:8, 4:8] = True  # source pixels 8 … 15, at step 1 alone
    region = regions.Region("it", masks, 2, "made")
    points = spots((1, 9, 9), (1.25, 15.9, 8.1), (2, 9, 9), (1, 16.1, 9), (1, -5, 9))
    np.testing.assert_allclose(region.covers(points.places), [1, 0.75, 0, 0, 0], atol=1e-6)
    told = regions.shares(points, region)
    assert told.attention == pytest.approx((2 + 0.75 * 1.75) / points.scores.sum())
    assert told.places == pytest.approx(1.75 / 5)
    assert told.grid == told.attention_on_grid == 0
    assert "35 % of the chosen places" in regions.findings(points, [region])[0].sentence
    assert regions.findings(points, [regions.Region("nothing", np.zeros_like(masks), 2, "made")]) == ()


def test_without_masks_a_person_is_what_lies_near_the_bones_and_the_fastest_limb_moves() -> None:
    joints = np.full((4, 17, 3), np.nan, np.float32)
    for t in range(4):
        for name, x, y in (
            ("nose", 50, 10),
            ("left_shoulder", 40, 30),
            ("left_elbow", 30 - 5 * t, 40),
            ("left_wrist", 20 - 10 * t, 50),
            ("left_hip", 42, 60),
        ):
            joints[t, COCO.index(name)] = (x, y, 1)
        for name, y in (("left_knee", 80), ("left_ankle", 98)):
            joints[t, COCO.index(name)] = (42, y, 1)
    skeleton = pose_skeleton(joints)
    assert regions.moving_groups(skeleton) == {"left arm"}
    person, limbs = regions.outlined(skeleton, (100, 100))
    assert person.at(0, np.array([42.0, 90.0]), np.array([70.0, 90.0])).tolist() == [True, False]
    assert limbs.at(0, np.array([35.0, 42.0]), np.array([35.0, 70.0])).tolist() == [True, False]
    assert limbs.name == "the moving limbs (left arm)"


def pose_skeleton(joints: np.ndarray) -> Skeleton:
    return pose.skeleton(joints, COCO, np.stack([np.arange(len(joints)), np.arange(1, len(joints) + 1)], -1))


PLACES = st.lists(st.tuples(st.floats(-2, 5), st.floats(-20, 60), st.floats(-20, 60)), min_size=1, max_size=12)


@given(PLACES, st.integers(0, 2**32 - 1))
def test_shares_lie_between_nothing_and_all_and_a_region_and_its_rest_make_up_what_lies_in_the_clip(
    places: list[tuple[float, float, float]], seed: int
) -> None:
    masks = np.random.default_rng(seed).random((4, 16, 16)) < 0.5
    points = spots(*places)
    told = [regions.shares(points, regions.Region("it", which, 2, "made")) for which in (masks, ~masks, masks | True)]
    for share in told:
        assert all(-1e-9 <= value <= 1 + 1e-6 for value in (share.attention, share.places, share.attention_on_grid, share.grid))
    assert told[0].attention + told[1].attention == pytest.approx(told[2].attention, abs=1e-6)
    assert told[0].places + told[1].places == pytest.approx(told[2].places, abs=1e-6)


def test_a_place_in_the_midst_of_the_clip_lies_wholly_on_a_region_that_is_everywhere() -> None:
    everywhere = regions.Region("it", np.ones((4, 16, 16), bool), 2, "made")
    told = regions.shares(spots((0, 0, 0), (1.5, 10, 31.9), (3, 31.9, 31.9)), everywhere)
    assert told == regions.Shares(pytest.approx(1), 1, pytest.approx(1), 1)
    assert regions.shares(spots((0, 32, 0), (4, 5, 5), (-1, 5, 5)), everywhere).places == 0, "beside it, after it, before it"
    half = regions.shares(spots((3.5, 5, 5)), everywhere)
    assert (half.attention, half.places) == (pytest.approx(0.5), 0.5), "half of it is read from after the end"


def test_without_any_attention_no_share_of_it_lies_anywhere() -> None:
    points = replace(spots((1, 5, 5), (2, 5, 5)), scores=np.zeros(2, np.float32))
    told = regions.shares(points, regions.Region("it", np.ones((4, 16, 16), bool), 2, "made"))
    assert (told.attention, told.places) == (0, 1)


def test_a_clips_making_is_looked_up_at_the_frames_the_model_was_given() -> None:
    actor = np.zeros((3, 4, 4), bool)
    actor[2] = True
    nothing = np.zeros_like(actor)
    truth = mannequin.Truth(np.zeros((3, 17, 3), np.float32), COCO.joints, "sit_down", actor=actor, object=nothing, limbs=nothing, every=2)
    person, limbs, thing = regions.known(truth, np.array([0, 2, 7]))
    assert (person.name, limbs.name, thing.name) == ("the person", "the acting limbs and what they handle", "the object")
    assert person.masks.all((1, 2)).tolist() == [False, True, True], "a held frame is the last one"
    assert (person.every, person.known) == (2, "known because the clip was rendered")


def test_of_a_clip_without_a_making_and_without_joints_nothing_is_known(tmp_path: Path) -> None:
    clip = clip_of()[0]
    clip = replace(clip, video=replace(clip.video, path=tmp_path / "film.mp4"))
    assert regions.regions(clip) == ()
    (tmp_path / "film.truth.npz").write_bytes(b"no masks")
    assert regions.regions(clip) == ()


def test_joints_that_stand_still_or_are_missing_move_no_limb() -> None:
    still = np.ones((4, 17, 3), np.float32)
    assert regions.moving_groups(pose_skeleton(still)) == set()
    gone = np.full((4, 17, 3), np.nan, np.float32)
    assert regions.moving_groups(pose_skeleton(gone)) == set()
    person, limbs = regions.outlined(pose_skeleton(gone), (20, 30))
    assert (person.masks.shape, person.masks.any(), limbs.masks.any()) == ((4, 10, 15), False, False)
    assert limbs.name == "the moving limbs ()"
