"""Joints: whole or missing, on their frames, in pixels of the source or of the input, hidden and swapped."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from pose_made import film, some

from actrec.core.clip import Preprocess
from actrec.inputs import pixels, pose
from actrec.inputs.pose import layouts
from actrec.inputs.pose.joints import Joints, JointsError


def test_a_joint_is_whole_or_missing() -> None:
    values = some().values.copy()
    values[0, 0, 0, 1] = np.inf
    values[0, 1, 1, 2] = 7
    joints = Joints(values, layouts.layout("coco17"), np.arange(6))
    assert np.isnan(joints.values[0, 0, 0]).all()
    assert joints.score[0, 1, 1] == 1
    assert joints.known.sum() == 6 * 17 - 1


def test_joints_that_contradict_their_layout_or_frames_are_refused() -> None:
    with pytest.raises(JointsError, match="13"):
        Joints(some().values, layouts.layout("penn13"), np.arange(6))
    with pytest.raises(JointsError, match="increasing"):
        Joints(some().values, layouts.layout("coco17"), np.array([0, 1, 1, 2, 3, 4]))


def test_places_go_to_the_input_as_the_geometry_says() -> None:
    joints, clip = some(people=2), film()
    geometry = pixels.geometry(clip, Preprocess(32, (24, 24)))
    seen = joints.to_input(geometry)
    for p, t, r in ((0, 0, 0), (1, 5, 16)):
        x, y = joints.xy[p, t, r]
        np.testing.assert_allclose(seen.xy[p, t, r], geometry.to_input(float(x), float(y)), rtol=1e-5)
    np.testing.assert_array_equal(seen.score, joints.score)


def test_frames_are_picked_by_their_number_and_repeat() -> None:
    joints = Joints(some().values, layouts.layout("coco17"), np.array([0, 2, 4, 6, 8, 10]))
    picked = joints.at([2, 2, 3, 10, 11])
    np.testing.assert_array_equal(picked[:, [0, 1, 3]], joints.values[:, [1, 1, 5]])
    assert np.isnan(picked[:, [2, 4]]).all()


def test_people_are_laid_side_by_side() -> None:
    joints = some(people=2)
    flat = pose.flat_on(joints, joints.frames)
    assert flat.shape == (6, 34, 3)
    np.testing.assert_array_equal(flat[:, 17:], joints.values[1])


def test_speed_follows_true_time_and_gaps() -> None:
    seconds = np.array([0.0, 0.1, 0.3, 0.4, 0.8, 0.9])
    values = np.full((1, 6, 17, 3), 0.5, np.float32)
    values[0, :, 0, :2] = seconds[:, None] * [30, 40]
    values[0, [1, 3], 1] = np.nan
    speed = Joints(values, layouts.layout("coco17"), np.arange(6)).speed(seconds)
    np.testing.assert_allclose(speed[0, :, 0], 50, rtol=1e-4)
    np.testing.assert_array_equal(np.isnan(speed[0, :, 1]), [True, True, True, True, False, False])  # 0 and 2 stand alone between gaps
    assert speed[0, 4, 1] == 0


def test_hiding_a_limb_a_joint_or_a_person_hides_nothing_else() -> None:
    joints = some(people=2)
    assert joints.hide(["left arm"]).known.sum() == joints.known.sum() - 2 * 6 * 3
    assert joints.hide(["nose"], person=1).known.sum() == joints.known.sum() - 6
    assert not joints.hide(person=0).known[0].any()
    assert joints.hide(person=0).known[1].all()
    with pytest.raises(layouts.LayoutError, match="'tail'"):
        joints.hide(["tail"])
    with pytest.raises(JointsError, match="person 2"):
        joints.hide(person=2)


def test_swapping_the_sides_twice_changes_nothing() -> None:
    joints = some("penn13")
    swapped = joints.swap_sides()
    np.testing.assert_array_equal(swapped.values[:, :, 1], joints.values[:, :, 2])
    np.testing.assert_array_equal(swapped.swap_sides().values, joints.values)


def test_nothing_here_needs_torch_until_joints_are_estimated() -> None:
    import subprocess

    code = "import sys, actrec.inputs.pose; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).resolve().parents[1]).returncode == 0
