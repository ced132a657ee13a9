"""Joints are followed from frame to frame, laid on the right frames, and never guessed in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pose_made import film, some

from actrec.clips import mannequin, video
from actrec.inputs import pose
from actrec.inputs.pose import layouts, tracks
from actrec.inputs.pose.joints import Joints, JointsError

SHARED = Path(__file__).resolve().parents[2] / "shared/data"
REAL = [SHARED / "clips/golf_portrait.mp4", SHARED / "clips/S001C001P001R001A001_rgb.avi", SHARED / "clips/hmdb_golf.avi"]
SAMPLES = sorted((Path(__file__).resolve().parents[1] / "assets/clips").glob("*.truth.npz"))


# ---- people


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_people_who_stand_apart_are_followed_whatever_their_order(seed: int, people: int) -> None:
    joints = some("penn13", people, seed=seed)
    rng = np.random.default_rng(seed)
    found = [tracks.Found(t, joints.values[p, t]) for t in range(6) for p in rng.permutation(people)]
    again = tracks.gather(found, joints.layout)
    order = np.argsort(again.xy[:, 0, :, 0].mean(1))
    np.testing.assert_array_equal(again.values[order], joints.values)


def test_somebody_elsewhere_is_somebody_else() -> None:
    one = some("penn13").values[0, 0]
    far = one + np.array([300, 0, 0], np.float32)
    assert tracks.follow([tracks.Found(0, one), tracks.Found(1, far), tracks.Found(2, one)]) == ["0", "1", "0"]
    assert tracks.follow([tracks.Found(0, one), tracks.Found(tracks.GAP + 1, one)]) == ["0", "1"]


# ---- laid on a clip


def test_a_file_with_as_many_frames_fits_as_it_is() -> None:
    laid = pose.fit(some(), film())
    np.testing.assert_array_equal(laid.joints.values, some().values)
    assert (laid.covered, laid.doubtful, len(laid.lines)) == (6, False, 1)
    assert "as many as the clip" in str(laid)


def test_an_offset_moves_the_file_and_the_report_tells_what_is_lost() -> None:
    laid = pose.fit(some(frames=6), film(8), offset=-1)
    np.testing.assert_array_equal(laid.joints.values[:, :5], some().values[:, 1:])
    assert np.isnan(laid.joints.values[:, 5:]).all()
    said = str(laid)
    for part in ("6 frames of 1 person", "the clip has 8", "-1 frames", "1 frame before or after the clip left out", "3 of 8 frames have no joints"):
        assert part in said


def test_an_offset_beyond_the_clip_is_refused_with_those_that_are_not() -> None:
    with pytest.raises(JointsError, match="give an offset from -5 to 7"):
        pose.fit(some(frames=6), film(8), offset=9)
    assert pose.fit(some(frames=6), film(8), offset=7).covered == 1
    assert pose.fit(some(frames=6), film(8), offset=-5).covered == 1
    with pytest.raises(JointsError, match="no frame at all"):
        pose.fit(Joints(np.zeros((0, 0, 17, 3)), layouts.layout("coco17"), np.arange(0)), film())


def test_another_rate_is_laid_on_by_time() -> None:
    joints = some(frames=4)
    slow = Joints(joints.values, joints.layout, joints.frames, fps=12.5)
    laid = pose.fit(slow, film(8, fps=25.0))
    np.testing.assert_array_equal(laid.joints.values[:, ::2], joints.values)
    assert np.isnan(laid.joints.values[:, 1::2]).all()
    assert "12.5 steps a second" in str(laid)


def test_joints_of_another_clip_are_doubted() -> None:
    laid = pose.fit(some(people=3), film(width=30, height=20))
    assert laid.doubtful
    assert "outside the picture" in str(laid)


# ---- real joints


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_the_sample_clips_truth_is_read_as_coco(path: Path) -> None:
    found = pose.read(path)
    assert found.layout.name == "coco17"
    truth = mannequin.read_truth(path)
    np.testing.assert_array_equal(found.values[0], truth.joints)
    clip = video.probe(path.with_name(path.name.replace(".truth.npz", ".mp4")))
    assert "as many as the clip" in str(pose.fit(found, clip))


@pytest.mark.skipif(not REAL[0].exists(), reason="the shared clips are not here")
@pytest.mark.parametrize("path", REAL, ids=lambda p: p.stem)
def test_real_joints_fit_their_clips(path: Path) -> None:
    found = pose.read(path.parent / "joints" / f"{path.stem}.npz")
    laid = pose.fit(found, video.probe(path))
    assert not laid.doubtful
    shoulders = [laid.joints.layout.index(name) for name in ("left_shoulder", "right_shoulder")]
    ankles = [laid.joints.layout.index(name) for name in ("left_ankle", "right_ankle")]
    assert np.nanmedian(laid.joints.xy[0][:, ankles, 1]) > np.nanmedian(laid.joints.xy[0][:, shoulders, 1])


@pytest.mark.skipif(not (SHARED / "pushups/joints").exists(), reason="the shared clips are not here")
def test_real_mediapipe_joints_convert_and_bend_at_the_elbow() -> None:
    path = sorted((SHARED / "pushups/joints").glob("correct*.npz"))[0]
    found = pose.read(path)
    assert found.layout.name == "mediapipe33"
    coco = found.convert(pose.layout("coco17"))
    assert np.isfinite(coco.values[0]).mean() == pytest.approx(np.isfinite(found.values[0]).mean(), abs=0.01)
    assert np.nanmean(coco.speed(np.arange(len(coco.frames)) / 25)) > 0
