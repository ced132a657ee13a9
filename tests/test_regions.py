"""On what the chosen places lie: shares of points on people, limbs and objects."""

from __future__ import annotations

import numpy as np
import pytest
from views_made import COCO

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
    assert "35% of the chosen places" in regions.findings(points, [region])[0].sentence
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
