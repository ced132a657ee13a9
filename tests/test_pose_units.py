"""Joints in other units than the clip's pixels are scaled where that is certain, doubted where it is not, and true ones are never doubted."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pose_made import film

from actrec.clips import mannequin, video
from actrec.core.clip import Video
from actrec.inputs import pose
from actrec.inputs.pose.joints import Joints, JointsError

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
TRUTH = ROOT / "assets/clips/sit_down.truth.npz"
COCO = pose.layout("coco17")
SIZES = st.tuples(st.integers(64, 2000), st.integers(64, 2000))


@functools.cache
def spots_of(action: str, seed: int) -> np.ndarray:
    return mannequin.render_joints(action, seed, frames=12, height=240, width=320)


def body(action: str, seed: int, size: tuple[int, int], place: tuple[float, float], tall: float) -> tuple[Joints, Video]:
    """A mannequin that moves, as tall as that share of the picture, somewhere in it."""
    spots = spots_of(action, seed)
    xy, width, height = spots[..., :2], *size
    low, high = np.nanmin(xy, (0, 1)), np.nanmax(xy, (0, 1))
    scale = min(tall * height / (high - low)[1], 0.95 * width / (high - low)[0])
    room = np.array(size) - (high - low) * scale
    values = np.concatenate([(xy - low) * scale + room * place, spots[..., 2:]], -1)
    return Joints(values[None].astype(np.float32), COCO, np.arange(12), "made"), film(12, width, height)


BODIES = st.builds(
    body,
    st.sampled_from(["sit_down", "wave", "walk", "kick"]),
    st.integers(0, 2),
    SIZES,
    st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    st.floats(0.55, 0.99),
)


def scaled(joints: Joints, x: float, y: float, move: tuple[float, float] = (0, 0)) -> Joints:
    return replace(joints, values=joints.values * np.array([x, y, 1], np.float32) + np.array([*move, 0], np.float32))


@given(BODIES)
def test_true_joints_are_never_doubted_and_nothing_is_guessed_of_them(made: tuple[Joints, Video]) -> None:
    joints, clip = made
    assume((joints.values[..., 1] >= clip.height / 2).any() or (joints.values[..., 0] >= clip.width / 2).any())
    for size in (None, (clip.width, clip.height)):
        laid = pose.fit(replace(joints, size=size), clip)
        assert not laid.doubtful, str(laid)
        assert not laid.assumed
        np.testing.assert_array_equal(laid.joints.values, joints.values)


@given(BODIES, st.booleans())
def test_fractions_are_taken_as_what_they_are_and_said_or_doubted_where_the_file_says_otherwise(made: tuple[Joints, Video], says: bool) -> None:
    joints, clip = made
    given = scaled(joints, 1 / clip.width, 1 / clip.height)
    laid = pose.fit(replace(given, size=(clip.width, clip.height) if says else None), clip)
    if says:
        assert laid.doubtful
        assert "#units=fractions" in laid.doubts[0]
        laid = pose.fit(pose.units.taken(given, "fractions", clip), clip)
    else:
        assert "fractions of the picture" in laid.assumed
    assert not laid.doubtful
    np.testing.assert_allclose(laid.joints.values, joints.values, rtol=1e-4, atol=1e-2)


@given(BODIES)
def test_places_from_the_middle_of_the_picture_are_scaled_where_they_are_said_to_be(made: tuple[Joints, Video]) -> None:
    joints, clip = made
    given = scaled(joints, 2 / clip.width, 2 / clip.height, (-1, -1))
    laid = pose.fit(pose.units.taken(given, "centred", clip), clip)
    np.testing.assert_allclose(laid.joints.values, joints.values, rtol=1e-3, atol=0.1)
    assert not laid.doubtful


@given(BODIES, st.sampled_from([2, 3, 4, 8, 20]), st.booleans())
def test_a_smaller_copys_joints_are_doubted_with_the_size_that_mends_them(made: tuple[Joints, Video], times: int, says: bool) -> None:
    joints, clip = made
    given = scaled(joints, 1 / times, 1 / times)
    laid = pose.fit(replace(given, size=(clip.width, clip.height) if says else None), clip)
    assert laid.doubtful
    assert laid.lines[0] == laid.doubts[0]
    assert "#units=" in laid.doubts[0] or min(clip.width, clip.height) / times < 8, "of a copy a few pixels wide nobody can tell the size"
    mended = pose.fit(
        pose.units.taken(given, f"{clip.width}x{clip.height}", replace(clip, width=clip.width * times, height=clip.height * times)), clip
    )
    assert mended.doubtful  # the wrong size mends nothing
    right = replace(given, size=(round(clip.width / times), round(clip.height / times)))
    if clip.width % times == clip.height % times == 0:
        assert not pose.fit(right, clip).doubtful


@given(BODIES, st.sampled_from(["one place", "corner", "outside", "left", "larger"]))
def test_joints_at_one_place_or_outside_are_doubted(made: tuple[Joints, Video], how: str) -> None:
    joints, clip = made
    moved = {
        "one place": scaled(joints, 0, 0, (clip.width / 2, clip.height / 2)),
        "corner": scaled(joints, 0, 0),
        "outside": scaled(joints, 1, 1, (clip.width, clip.height)),
        "left": scaled(joints, 1, 1, (-clip.width, 0)),
        "larger": scaled(joints, 4, 4, (clip.width / 4, clip.height / 4)),
    }[how]
    assert pose.fit(moved, clip).doubtful


def test_only_the_people_that_the_model_is_given_are_asked() -> None:
    joints, clip = body("wave", 1, (320, 240), (0.5, 0.5), 0.8)
    two = replace(joints, values=np.concatenate([scaled(joints, 1 / 4, 1 / 4).values, joints.values]))
    assert not pose.fit(two, clip).doubtful
    assert pose.lay(two, clip, people=1).doubtful
    assert not pose.lay(two.first(2), clip, people=2).doubtful


def test_a_file_that_looked_at_every_frame_is_not_doubted_for_finding_few_people() -> None:
    joints, clip = body("wave", 1, (320, 240), (0.5, 0.5), 0.8)
    joints.values[:, 3:] = np.nan
    laid = pose.fit(joints, clip)
    assert not laid.doubtful
    assert "9 of 12 frames have no joints" in str(laid)
    joints.values[:] = np.nan
    assert "no joint has a place" in pose.fit(joints, clip).doubts[0]


@pytest.mark.parametrize("kind", ["coco", "openpose", "mmpose", "centred openpose"])
def test_fractions_of_every_kind_of_file_end_on_the_same_pixels(kind: str, tmp_path: Path) -> None:
    joints, clip = body("wave", 1, (320, 240), (0.5, 0.5), 0.8)
    part = scaled(joints, 1 / 320, 1 / 240) if kind != "centred openpose" else scaled(joints, 1 / 160, 1 / 120, (-1, -1))
    rows = part.values[0]
    rows[..., 2] = np.where(np.isfinite(rows[..., 0]), 2 if kind == "coco" else 1, 0)
    rows = np.nan_to_num(rows)
    if kind == "coco":
        said: object = {"annotations": [{"image_id": t, "keypoints": row.ravel().tolist()} for t, row in enumerate(rows)]}
    elif kind == "mmpose":
        said = [{"frame_id": t, "instances": [{"keypoints": row[:, :2].tolist()}]} for t, row in enumerate(rows)]
    else:
        said = {"people": [{"pose_keypoints_2d": rows[0].ravel().tolist()}]}
    (tmp_path / "a.json").write_text(json.dumps(said))
    found = pose.read(tmp_path / "a.json", layout=COCO)
    laid = pose.fit(found, clip)
    known = joints.known[0, : len(found.frames)]
    np.testing.assert_allclose(laid.joints.xy[0, : len(found.frames)][known], joints.xy[0, : len(found.frames)][known], atol=0.1)
    assert "fractions of the picture" in laid.assumed + found.note


def test_an_archive_says_whether_its_places_are_measured_from_the_middle(tmp_path: Path) -> None:
    joints, clip = body("wave", 1, (320, 240), (0.5, 0.5), 0.8)
    pose.write(tmp_path / "a.npz", replace(scaled(joints, 1 / 160, 1 / 120, (-1, -1)), size=(2, 2), centred=True))
    np.testing.assert_allclose(pose.fit(pose.read(tmp_path / "a.npz"), clip).joints.values, joints.values, atol=0.1)


@pytest.mark.parametrize("size", [(0, 0), (np.inf, np.inf), (np.nan, 5), (-3, 5), (1e9, 5)])
def test_a_size_that_no_picture_has_is_refused(size: tuple[float, float], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", joints=np.ones((3, 17, 3)), layout="coco17", size=np.array(size))
    with pytest.raises(JointsError, match=r"its picture is .*, which cannot be"):
        pose.read(tmp_path / "a.npz")


@pytest.mark.parametrize("fps", [0, -1, np.inf, np.nan])
def test_a_rate_that_is_none_is_refused(fps: float, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", joints=np.ones((3, 17, 3)), layout="coco17", fps=fps)
    with pytest.raises(JointsError, match="steps a second, which cannot be"):
        pose.read(tmp_path / "a.npz")


@pytest.mark.parametrize(("text", "ours"), [("640x480", "640x480"), ("0640×480", "640x480"), ("640X480", "640x480"), ("fractions", "fractions")])
def test_units_are_read_in_any_spelling(text: str, ours: str) -> None:
    assert pose.Named.of(f"a.npz#units={text}") == pose.Named("a.npz", units=ours)


@pytest.mark.parametrize("text", ["metres", "0x5", "640", "x480", "1e3x5", "9999999x5"])
def test_a_unit_that_there_is_none_of_is_named_with_those_there_are(text: str) -> None:
    with pytest.raises(JointsError, match=r"is not a unit of joints; write pixels, fractions, centred"):
        pose.Named.of(f"a.npz#units={text}")


@pytest.mark.parametrize(("times", "tail"), [((1 / 320, 1 / 240), ""), ((0.25, 0.25), "#units=80x60"), ((1 / 320, 1 / 240), "#units=fractions")])
def test_mended_joints_are_the_sample_clips_own(times: tuple[float, float], tail: str, tmp_path: Path) -> None:
    clip, own = video.probe(TRUTH.with_name("sit_down.mp4")), pose.read(TRUTH)
    pose.write(tmp_path / "a.npz", scaled(own, *times))
    chosen = pose.Named.of(f"{tmp_path}/a.npz{tail}")
    laid = pose.fit(pose.opened(chosen, clip), clip)
    np.testing.assert_allclose(laid.joints.values, own.values, rtol=1e-4)
    assert not laid.doubtful


REAL = sorted(SHARED.glob("data/*/joints/*.npz"))


@pytest.mark.skipif(not REAL, reason="the shared clips are not here")
def test_no_real_clips_own_joints_are_doubted() -> None:
    films = {path.stem: path for kind in ("mp4", "avi", "gif") for path in SHARED.glob(f"data/*/**/*.{kind}")}
    pairs = [(path, films[path.stem]) for path in REAL if path.stem in films][::24]
    assert len(pairs) > 5
    doubted = {path.name: str(laid) for path, file in pairs if (laid := pose.fit(pose.read(path), video.probe(file))).doubtful or laid.assumed}
    assert not doubted


@pytest.mark.skipif(not (SHARED / "cases/joints").exists(), reason="the shared cases are not here")
@pytest.mark.parametrize("name", ["02_fractions.npz", "02_fractions_mmpose.json", "02_quarter_size.npz", "19_pose.h5"])
def test_shared_cases_of_joints_are_mended_doubted_or_named(name: str) -> None:
    clip, own = video.probe(TRUTH.with_name("sit_down.mp4")), pose.read(TRUTH)
    if name.endswith(".h5"):
        with pytest.raises(JointsError, match=r"HDF5 file, as DeepLabCut and SLEAP write.*numpy\.savez"):
            pose.read(SHARED / "cases/joints" / name)
        return
    laid = pose.fit(pose.read(SHARED / "cases/joints" / name), clip)
    if "fractions" in name:
        np.testing.assert_allclose(laid.joints.xy, own.xy, atol=0.05)
        assert laid.assumed
    else:
        assert "#units=80x60" in laid.doubts[0]


def test_hdf5_is_named_as_what_it_is(tmp_path: Path) -> None:
    for name, says in (("pose.h5", "DeepLabCut and SLEAP"), ("pose.mat", "MATLAB 7.3")):
        (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
        with pytest.raises(JointsError, match=says):
            pose.read(tmp_path / name)
