"""Joints are read from every format in the true layout, laid on the right frames, and never guessed in silence."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import clips_made as made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import savemat

from actrec.clips import mannequin, video
from actrec.core.clip import Preprocess, Video
from actrec.core.errors import Cancelled, WeightsError
from actrec.inputs import pixels, pose
from actrec.inputs.pose import estimators, files, keypoint_rcnn, layouts, mat, pickles, tracks
from actrec.inputs.pose.body import group, limb
from actrec.inputs.pose.joints import Joints, JointsError

SHARED = Path(__file__).resolve().parents[2] / "shared/data"
REAL = [SHARED / "clips/golf_portrait.mp4", SHARED / "clips/S001C001P001R001A001_rgb.avi", SHARED / "clips/hmdb_golf.avi"]
SAMPLES = sorted((Path(__file__).resolve().parents[1] / "assets/clips").glob("*.truth.npz"))
NAMES = list(layouts.LAYOUTS)


def film(frames: int = 6, width: int = 96, height: int = 64, fps: float = 25.0) -> Video:
    return Video(Path("clip.mp4"), "0" * 64, np.arange(frames) / fps, width, height, 0, "h264")


def some(layout: str = "coco17", people: int = 1, frames: int = 6, seed: int = 0) -> Joints:
    """Joints of people who stand beside each other and move a little."""
    rng = np.random.default_rng(seed)
    count = len(layouts.layout(layout))
    values = rng.uniform(8, 28, (people, 1, count, 3)) + rng.normal(0, 0.3, (people, frames, count, 3)).cumsum(1)
    values[..., 0] += 40 * np.arange(people)[:, None, None]
    values[..., 2] = rng.uniform(0.3, 0.9, values.shape[:3])
    return Joints(values.astype(np.float32), layouts.layout(layout), np.arange(frames), "made up")


# ---- layouts


@pytest.mark.parametrize("name", NAMES)
def test_sides_pairs_groups_and_bones_agree(name: str) -> None:
    layout = layouts.LAYOUTS[name]
    left = {joint for joint in layout.joints if "left" in joint}
    assert len(layout.pairs) == len(left) == sum("right" in joint for joint in layout.joints)
    for a, b in layout.pairs:
        assert layout.joints[a].replace("left", "right") == layout.joints[b]
        assert group(layout.joints[a]).replace("left", "right") == group(layout.joints[b])
    assert [layout.mirrored[i] for i in layout.mirrored] == list(range(len(layout)))
    assert sorted(i for numbers in layout.groups.values() for i in numbers) == list(range(len(layout)))
    assert "other" not in layout.groups
    bones = {frozenset(bone) for bone in layout.limbs}
    assert {frozenset(layout.mirrored[i] for i in bone) for bone in bones} == bones, "a bone has no mirror image"
    assert len(bones) == len(layout.limbs)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mediapipe33"])
def test_the_bones_join_every_joint_of_a_body(name: str) -> None:
    layout = layouts.LAYOUTS[name]
    reached = {0}
    for _ in layout.joints:
        reached |= {j for bone in layout.limbs if reached & set(bone) for j in bone}
    assert reached == set(range(len(layout)))


def test_the_layouts_have_the_sizes_in_their_names() -> None:
    for name, layout in layouts.LAYOUTS.items():
        assert name.endswith(str(len(layout)))


def test_orders_that_are_easily_confused_are_the_published_ones() -> None:
    at = {name: layouts.LAYOUTS[name].joints for name in NAMES}
    assert at["coco17"][5:7] == ("left_shoulder", "right_shoulder")
    assert at["coco17"][15:] == ("left_ankle", "right_ankle")
    assert [at["ntu25"].index(n) + 1 for n in ("pelvis", "head", "left_wrist", "right_shoulder", "left_hip", "right_foot", "spine_shoulder")] == [
        1, 4, 7, 9, 13, 20, 21,
    ]  # fmt: skip
    assert [at["mediapipe33"].index(n) for n in ("nose", "right_eye_outer", "left_ear", "right_mouth", "left_wrist", "right_hip", "left_heel")] == [
        0, 6, 7, 10, 15, 24, 29,
    ]  # fmt: skip
    assert [at["openpose25"].index(n) for n in ("neck", "right_wrist", "left_shoulder", "pelvis", "left_ear", "left_toe", "right_heel")] == [
        1, 4, 5, 8, 18, 19, 24,
    ]  # fmt: skip
    assert [at["openpose18"].index(n) for n in ("right_hip", "left_ankle", "right_eye", "left_ear")] == [8, 13, 14, 17]
    assert [at["jhmdb15"].index(n) for n in ("belly", "right_shoulder", "left_hip", "right_elbow", "left_ankle")] == [1, 3, 6, 7, 14]


def test_the_mannequins_joints_are_a_layout_known_by_its_names() -> None:
    assert layouts.named(mannequin.Mannequin.layout) == layouts.layout("mannequin")


def test_a_list_of_unknown_names_becomes_a_layout_with_limbs() -> None:
    layout = layouts.named(["Right Shoulder", "RightElbow", "wrist_right", "tail"], "odd")
    assert layout.joints == ("right_shoulder", "right_elbow", "right_wrist", "tail")
    assert layout.limbs == ((0, 1), (1, 2))
    assert layout.groups == {"right arm": (0, 1, 2), "other": (3,)}


def test_layouts_are_found_however_they_are_spelt_and_unknown_ones_are_refused() -> None:
    assert layouts.layout("PennAction-13") == layouts.layout("penn13")
    assert layouts.layout("COCO_17").name == "coco17"
    with pytest.raises(layouts.LayoutError, match=r"h36m.*coco17"):
        layouts.layout("h36m")
    with pytest.raises(layouts.LayoutError, match="nose twice"):
        layouts.named(["nose", "nose"])


def test_the_colours_of_the_limbs_tell_the_sides_apart() -> None:
    coco = pose.layout("coco17")
    drawn = {limb(group(coco.joints[a]), group(coco.joints[b])) for a, b in coco.limbs}
    assert drawn == {"head", "torso", "left arm", "right arm", "left leg", "right leg"}
    assert len({pose.COLOURS[group] for group in drawn}) == 6


# ---- conversions


@pytest.mark.parametrize(("small", "large"), [("penn13", "coco17"), ("coco17", "mediapipe33"), ("openpose18", "openpose25"), ("jhmdb15", "ntu25")])
def test_a_conversion_keeps_every_joint_both_layouts_have(small: str, large: str) -> None:
    joints = some(small, people=2)
    there = joints.convert(layouts.layout(large))
    back = there.convert(joints.layout)
    shared = [i for i, name in enumerate(joints.layout.joints) if name in there.layout.joints]
    assert len(shared) >= 12
    np.testing.assert_array_equal(back.values[:, :, shared], joints.values[:, :, shared])


def test_half_way_points_are_made_only_where_both_ends_are_known() -> None:
    joints = some("coco17")
    values = joints.values.copy()
    values[0, 3, joints.layout.index("left_shoulder")] = np.nan
    made_ = Joints(values, joints.layout, joints.frames).convert(layouts.layout("openpose18"))
    neck = made_.values[0, :, made_.layout.index("neck")]
    both = values[0][:, [joints.layout.index("left_shoulder"), joints.layout.index("right_shoulder")]]
    assert np.isnan(neck[3]).all()
    np.testing.assert_allclose(neck[:3, :2], both[:3, :, :2].mean(1), rtol=1e-6)
    np.testing.assert_array_equal(neck[:3, 2], both[:3, :, 2].min(1))
    toes = joints.convert(layouts.layout("openpose25")).values[0, :, layouts.layout("openpose25").index("left_toe")]
    assert np.isnan(toes).all(), "COCO has no toes"


def test_a_conversion_that_is_not_sound_is_refused_in_one_sentence() -> None:
    with pytest.raises(layouts.LayoutError, match=r"penn13 cannot be said in mediapipe33: it knows only 12 of its 33 joints; .*coco17"):
        some("penn13").convert(layouts.layout("mediapipe33"))
    armless = layouts.named([name for name in layouts.LAYOUTS["coco17"].joints if group(name) != "left arm"], "armless")
    with pytest.raises(layouts.LayoutError, match="has no left arm"):
        layouts.conversion(armless, layouts.layout("coco17"))


# ---- joints


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


# ---- files, each in the layout its makers give it


def coco_annotations(joints: Joints) -> object:
    images = [{"id": 40 + t, "file_name": f"clip/{t + 1:06d}.jpg", "width": 96, "height": 64} for t in range(len(joints.frames))]
    rows = []
    for t in reversed(range(len(joints.frames))):  # order must not matter
        for p in range(joints.people):
            marks = np.floor(joints.values[p, t])
            marks[:, 2] = 2
            marks[1, 2], marks[2] = 1, 0
            rows.append({"image_id": 40 + t, "id": len(rows), "track_id": p, "keypoints": marks.ravel().tolist()})
    return {"images": images, "annotations": rows, "categories": [{"keypoints": list(joints.layout.joints)}]}


def test_coco_annotations_give_pixel_centres_and_visibility(tmp_path: Path) -> None:
    joints = some(people=2)
    (tmp_path / "a.json").write_text(json.dumps(coco_annotations(joints)))
    found = pose.read(tmp_path / "a.json")
    assert (found.layout.name, found.size, found.people) == ("coco17", (96, 64), 2)
    order = np.argsort(found.xy[:, 0, 0, 0])
    np.testing.assert_array_equal(found.xy[order][:, :, 3:], np.floor(joints.xy[:, :, 3:]) + 0.5)
    assert (found.score[:, :, 1] == pose.HIDDEN).all()
    assert not found.known[:, :, 2].any()
    assert (found.score[:, :, 3:] == 1).all()


def test_coco_results_are_followed_and_keep_their_frame_numbers(tmp_path: Path) -> None:
    joints = some(people=2)
    rows = [
        {"image_id": f"{t}.jpg", "category_id": 1, "keypoints": joints.values[p, t].ravel().tolist(), "score": 1.0}
        for t in (1, 2, 4, 5)
        for p in ((0, 1) if t % 2 else (1, 0))  # the order of the people changes
    ]
    (tmp_path / "alphapose.json").write_text(json.dumps(rows))
    found = pose.read(tmp_path / "alphapose.json")
    assert "from 1" in found.note
    assert found.people == 2
    order = np.argsort(found.xy[:, 0, 0, 0])
    np.testing.assert_allclose(found.values[order][:, [0, 1, 3, 4]], joints.values[:, [1, 2, 4, 5]], rtol=1e-6)
    assert np.isnan(found.values[:, 2]).all()


def mmpose_rows(joints: Joints, first: int) -> list[dict[str, object]]:
    return [
        {
            "frame_id": t + first,
            "instances": [
                {"keypoints": joints.xy[p, t].tolist(), "keypoint_scores": joints.score[p, t].tolist(), "bbox": [[0, 0, 9, 9]]}
                for p in range(joints.people)
            ],
        }
        for t in range(len(joints.frames))
    ]


@pytest.mark.parametrize(("name", "first", "dressed"), [("jhmdb15", 1, True), ("coco17", 0, False)])
def test_mmpose_predictions_count_from_0_or_1(name: str, first: int, dressed: bool, tmp_path: Path) -> None:
    joints = some(name, people=2)
    rows = mmpose_rows(joints, first)
    meta = {"dataset_name": "jhmdb", "keypoint_id2name": {str(i): joint for i, joint in enumerate(joints.layout.joints)}}
    (tmp_path / "results.json").write_text(json.dumps({"meta_info": meta, "instance_info": rows} if dressed else rows))
    found = pose.read(tmp_path / "results.json")
    assert found.layout.name == name
    np.testing.assert_array_equal(found.frames, np.arange(6))
    np.testing.assert_allclose(found.values[np.argsort(found.xy[:, 0, 0, 0])], joints.values, rtol=1e-6)


def openpose_frame(joints: Joints, t: int, scale: float = 1.0) -> dict[str, object]:
    marks = joints.values[:, t] * np.array([scale, scale, 1], np.float32)
    return {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": np.nan_to_num(one).ravel().tolist()} for one in marks]}


@pytest.mark.parametrize("name", ["openpose25", "openpose18"])
def test_openpose_folders_and_zips_are_read_and_zeros_are_missing(name: str, tmp_path: Path) -> None:
    joints = some(name, people=2).hide(["left_wrist"])
    folder = tmp_path / "out"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        for t in range(6):
            text = json.dumps(openpose_frame(joints, t) if t != 2 else {"people": []})
            (folder / f"clip_{t:012d}_keypoints.json").write_text(text)
            archive.writestr(f"out/clip_{t:012d}_keypoints.json", text)
    for path in (folder, tmp_path / "out.zip"):
        found = pose.read(path)
        assert found.layout.name == name
        there = found.values[np.argsort(found.xy[:, 0, 0, 0])]
        np.testing.assert_allclose(np.delete(there, 2, 1), np.delete(joints.values, 2, 1), rtol=1e-6)
        assert np.isnan(there[:, 2]).all()


def test_openpose_fractions_become_pixels_of_the_clip(tmp_path: Path) -> None:
    joints = some("openpose25")
    (tmp_path / "one_keypoints.json").write_text(json.dumps(openpose_frame(joints, 0, 1 / 96)))
    found = pose.read(tmp_path / "one_keypoints.json")
    assert "fractions" in found.note
    laid = pose.fit(found, film(1, 96, 192))
    np.testing.assert_allclose(laid.joints.xy[0, 0], joints.xy[0, 0] * [1, 2], rtol=1e-5)
    assert any("96×192" in line for line in laid.lines)


def test_pennaction_labels_count_from_one_and_out_of_sight_is_missing(tmp_path: Path) -> None:
    x, y = np.full((4, 13), 11.0), np.full((4, 13), 21.0)
    seen = np.ones((4, 13))
    seen[1, 3] = 0
    seen[2, 5], x[2, 5], y[2, 5] = 0, 1, 1
    savemat(tmp_path / "0001.mat", {"x": x, "y": y, "visibility": seen, "action": "bowl", "nframes": 4})
    found = pose.read(tmp_path / "0001.mat")
    assert found.layout.name == "penn13"
    assert "contested" in found.note
    np.testing.assert_array_equal(found.values[0, 0, 0], [10.5, 20.5, 1])
    np.testing.assert_array_equal(found.values[0, 1, 3], [10.5, 20.5, pose.HIDDEN])
    assert np.isnan(found.values[0, 2, 5]).all()


@pytest.mark.parametrize("how", [{}, {"do_compression": True}])
def test_matlab_arrays_are_read_as_scipy_reads_them(how: dict[str, bool], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds: list[type] = [np.uint8, np.int16, np.int32, np.uint64, np.float32, np.float64]
    wanted = {f"{kind.__name__}_{n}": rng.uniform(0, 99, shape).astype(kind) for kind in kinds for n, shape in enumerate([(1, 1), (3, 2), (2, 3, 4)])}
    savemat(tmp_path / "a.mat", wanted | {"text": "bowl", "cell": np.array([1, "a"], object), "deep": {"x": 1}}, **how)
    found = mat.arrays((tmp_path / "a.mat").read_bytes(), 10**6)
    assert found.keys() == wanted.keys()
    assert mat.texts((tmp_path / "a.mat").read_bytes(), 10**6) == {"text": "bowl"}
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(("code", "number"), [("latin1", 2), ("utf-16-le", 4), ("utf-8", 16), ("utf-16-le", 17), ("utf-32-le", 18)])
def test_matlab_text_is_read_in_every_coding_of_the_format(code: str, number: int) -> None:
    def element(kind: int, body: bytes) -> bytes:
        return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)

    parts = (6, struct.pack("<II", 4, 0)), (5, struct.pack("<ii", 1, 5)), (1, b"action"), (number, "café!".encode(code))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    assert mat.texts(head + element(14, b"".join(element(*part) for part in parts)), 10**6) == {"action": "café!"}


def test_pennaction_files_say_their_action_and_whether_they_are_for_training(tmp_path: Path) -> None:
    for train in (1, -1):
        savemat(tmp_path / "a.mat", {"action": "bowl", "train": train})
        assert files.read_penn_labels(tmp_path / "a.mat") == ("bowl", train == 1)
    savemat(tmp_path / "b.mat", {"x": 1.0, "action": ""})
    with pytest.raises(JointsError, match=r"b\.mat has no variable action and no train"):
        files.read_penn_labels(tmp_path / "b.mat")


def test_jhmdb_positions_are_read(tmp_path: Path) -> None:
    joints = some("jhmdb15")
    savemat(tmp_path / "joint_positions.mat", {"pos_img": joints.xy[0].transpose(2, 1, 0) + 0.5, "pos_world": np.zeros((2, 15, 6))})
    found = pose.read(tmp_path / "joint_positions.mat")
    assert found.layout.name == "jhmdb15"
    np.testing.assert_allclose(found.xy, joints.xy, rtol=1e-5)


def skeleton_text(bodies: list[list[tuple[str, NDArray[np.float64]]]]) -> str:
    """NTU's text: bodies by frame as (id, (25, 3): colour x, y, tracking state)."""
    lines = [str(len(bodies))]
    for frame in bodies:
        lines.append(str(len(frame)))
        for who, rows in frame:
            lines += [f"{who} 0 1 1 1 1 0 0.02 -0.1 2", str(len(rows))]
            lines += [f"0.2 0.1 3.8 280.1 200.2 {x} {y} 0.2 0.0 1.0 0.0 {int(state)}" for x, y, state in rows]
    return "\n".join(lines) + "\n"


def test_ntu_skeletons_give_the_colour_picture_and_the_tracking_state(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    man = np.column_stack([rng.uniform(900, 1100, 25), rng.uniform(300, 800, 25), np.full(25, 2)]).round(2)
    man[7, 2], man[8, 2] = 1, 0
    chair = np.add(man, [500, 0, 0])
    text = skeleton_text([[("72057", man)], [("99", chair), ("72057", np.add(man, [1, 0, 0]))], [], [("72057", man)]])
    (tmp_path / "S001C001P001R001A001.skeleton").write_text(text)
    found = pose.read(tmp_path / "S001C001P001R001A001.skeleton")
    assert (found.layout.name, found.size, found.people, len(found.frames)) == ("ntu25", (1920, 1080), 2, 4)
    np.testing.assert_allclose(found.xy[0, 1, 0], np.add(man[0, :2], [1, 0]), rtol=1e-6)
    assert found.score[0, 0, 7] == pose.HIDDEN
    assert np.isnan(found.values[0, :, 8]).all()
    assert found.known[1].any(1).tolist() == [False, True, False, False], "the chair is a person of its own"
    half = pose.fit(found, film(4, 960, 540)).joints
    np.testing.assert_allclose(half.xy[0, 0, 0], man[0, :2] / 2, rtol=1e-6)


def pyskl(joints: Joints) -> dict[str, object]:
    row = {
        "frame_dir": "clip",
        "label": 3,
        "img_shape": (64, 96),
        "original_shape": (64, 96),
        "total_frames": len(joints.frames),
        "keypoint": joints.xy.astype(np.float16),
        "keypoint_score": joints.score.astype(np.float16),
    }
    return {"split": {"train": ["clip", "other"]}, "annotations": [row, row | {"frame_dir": "other", "label": np.int64(4)}]}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_pyskl_pickles_are_read_without_running_code(protocol: int, tmp_path: Path) -> None:
    joints = some(people=2)
    (tmp_path / "set.pkl").write_bytes(pickle.dumps(pyskl(joints), protocol))
    for found in (pose.read(tmp_path / "set.pkl", film()), pose.read(tmp_path / "set.pkl" / "other")):
        assert (found.layout.name, found.size) == ("coco17", (96, 64))
        np.testing.assert_allclose(found.values, joints.values, rtol=1e-3)
    with pytest.raises(JointsError, match=r"2 clips and none is called None.*clip, other"):
        pose.read(tmp_path / "set.pkl")


class Evil:
    def __init__(self, call: Callable[..., object] = exec, *given: object) -> None:
        self.call, self.given = call, given or ("import os; os.environ['ACTREC_EVIL'] = 'it ran'",)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.given


@pytest.mark.parametrize(
    ("what", "named"),
    [
        (Evil(), r"builtins\.exec|__builtin__\.exec"),
        ({"annotations": [Evil()]}, "exec"),
        (Path("x"), "pathlib"),
        (np.array([Evil()], object), "holds no numbers"),
    ],
)
def test_a_pickle_that_wants_code_is_refused_by_name_and_not_run(what: object, named: str, tmp_path: Path) -> None:
    for protocol in (0, 2, 5):
        (tmp_path / "evil.pkl").write_bytes(pickle.dumps(what, protocol))
        with pytest.raises(JointsError, match=named):
            pose.read(tmp_path / "evil.pkl")
    assert "ACTREC_EVIL" not in os.environ


@pytest.mark.parametrize("call", [eval, getattr, __import__, np.load, np.array, np.fromfile, shutil.rmtree, pickle.loads])
def test_no_function_of_any_library_is_called_for_a_pickle(call: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(Evil(call, "x")))
    with pytest.raises(JointsError, match="which is code"):
        pickles.read_pickle(tmp_path / "bad.pkl")


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_in_a_pickle_come_back_as_they_were(protocol: int, tmp_path: Path) -> None:
    value = {
        "half": np.arange(6, dtype=np.float16).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
        "names": np.array(["a", "bc"]),
        "number": np.int64(7),
        "truth": np.bool_(True),
        "more": [(1, 2.5), {"x"}, OrderedDict(a=None), b"raw"],
    }
    (tmp_path / "good.pkl").write_bytes(pickle.dumps(value, protocol))
    found = pickles.read_pickle(tmp_path / "good.pkl")
    for name in ("half", "columns", "names"):
        assert found[name].dtype == value[name].dtype
        assert np.array_equal(found[name], value[name])
    assert (found["number"], found["truth"], found["more"]) == (7, True, value["more"])


@pytest.mark.parametrize("value", [np.array([{}], object), np.zeros(2, [("a", "i4")])])
def test_arrays_of_objects_are_no_data(value: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "odd.pkl").write_bytes(pickle.dumps(value, 4))
    with pytest.raises(JointsError, match="holds no numbers"):
        pickles.read_pickle(tmp_path / "odd.pkl")


def test_a_pickle_cannot_change_the_reader_for_the_next_one(tmp_path: Path) -> None:
    """BUILD on a function sets attributes of it: they must end with the file."""
    poison = b"\x80\x02cnumpy\nndarray\n}(X\x01\x00\x00\x00aK\x01ub."
    (tmp_path / "poison.pkl").write_bytes(poison)
    with pytest.raises(JointsError):
        pose.read(tmp_path / "poison.pkl")
    assert not hasattr(np.ndarray, "a")
    (tmp_path / "good.pkl").write_bytes(pickle.dumps(pyskl(some())))
    assert pose.read(tmp_path / "good.pkl", film()).people == 1


@pytest.mark.parametrize("wrong", [{"keypoint_score": np.ones(3)}, {"img_shape": 7}, {"keypoint": "x"}])
def test_a_pickle_whose_joints_do_not_agree_gets_a_sentence(wrong: dict[str, object], tmp_path: Path) -> None:
    row = pyskl(some())["annotations"][0] | wrong
    (tmp_path / "odd.pkl").write_bytes(pickle.dumps([row]))
    with pytest.raises(JointsError, match=r"odd\.pkl: the joints of clip are damaged"):
        pose.read(tmp_path / "odd.pkl")


def test_joints_in_metres_have_no_place_in_the_picture(tmp_path: Path) -> None:
    said = {"split": {}, "annotations": [{"frame_dir": "a", "label": 0, "total_frames": 2, "keypoint": np.zeros((1, 2, 25, 3), np.float32)}]}
    (tmp_path / "ntu_3d.pkl").write_bytes(pickle.dumps(said))
    with pytest.raises(JointsError, match="metres"):
        pose.read(tmp_path / "ntu_3d.pkl")


@pytest.mark.parametrize("people", [1, 2])
def test_what_is_written_is_read_back_the_same(people: int, tmp_path: Path) -> None:
    odd = layouts.named(["nose", "tail", "left_wing"], "bird")
    for joints in (
        some("mediapipe33", people),
        Joints(some("coco17", people).values[:, :, :3], odd, np.arange(1, 12, 2), "a bird", 12.5, (320, 240)),
    ):
        pose.write(tmp_path / "a.npz", joints)
        found = pose.read(tmp_path / "a.npz")
        np.testing.assert_array_equal(found.values, joints.values)
        np.testing.assert_array_equal(found.frames, joints.frames)
        assert found.layout.joints == joints.layout.joints
        assert (found.source, found.fps, found.size) == (joints.source, joints.fps, joints.size)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_plain_npz_of_places_and_a_layout_is_enough(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", joints=some().xy[0], layout="COCO-17")
    assert (pose.read(tmp_path / "a.npz").score == 1).all()
    np.savez(tmp_path / "b.npz", joints=some().values[0])
    assert pose.read(tmp_path / "b.npz", layout=pose.layout("coco17")).people == 1
    with pytest.raises(JointsError, match=r"no layout.*coco17"):
        pose.read(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", b"{", "no JSON"),
        ("a.json", b'{"shapes": []}', "shapes.*COCO"),
        ("a.json", b'{"annotations": [{"image_id": 1, "bbox": [1,2,3,4]}]}', "none with keypoints"),
        ("a.json", b"[1, 2]", "holds no joints"),
        ("a.json", b'{"people": [{"pose_keypoints_2d": [1, 2]}]}', "damaged"),
        ("a.json", b'[{"image_id": 0, "keypoints": [1, 2, 3, 4, 5, 6]}]', "2 joints.*name their layout"),
        ("a.json", b'[{"image_id": "99999999999.jpg", "keypoints": [' + b",".join([b"1"] * 51) + b"]}]", "ACTREC_MAX_FRAMES"),
        ("a.skeleton", b"3\n1\n72057 0 1 1", "too early"),
        ("a.skeleton", b"999999999999\n0\n", "too early"),
        ("a.mat", b"MATLAB 5.0 MAT-file" + b"\0" * 200, "MATLAB"),
        ("a.mat", b"\x89HDF\r\n\x1a\n" + b"\0" * 200, "-v7"),
        ("a.npz", b"PK\x03\x04" + b"\0" * 50, "no npz"),
        ("a.npy", b"\x93NUMPY" + b"\0" * 50, "savez"),
        ("a.pkl", b"\x80\x04K", "no pickle"),
        ("a.csv", b"frame,x,y\n", "no file of joints that is known"),
        ("a.json", b"", "empty"),
    ],
)
def test_a_bad_file_gets_one_sentence_with_a_way_out(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(JointsError, match=says) as caught:
        pose.read(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_damage_anywhere_in_a_file_ends_in_a_sentence_or_a_result(tmp_path: Path) -> None:
    joints = some(people=2)
    (tmp_path / "a.json").write_text(json.dumps(coco_annotations(joints)))
    (tmp_path / "b.json").write_text(json.dumps({"instance_info": mmpose_rows(joints, 1)}))
    (tmp_path / "c.json").write_text(json.dumps(openpose_frame(some("openpose25"), 0)))
    (tmp_path / "d.pkl").write_bytes(pickle.dumps(pyskl(joints)["annotations"]))
    (tmp_path / "e.skeleton").write_text(skeleton_text([[("1", np.full((25, 3), 2.0))]] * 3))
    marks = {"action": "bowl", "train": 1} | {name: np.full((4, 13), 3.0) for name in ("x", "y", "visibility")}
    savemat(tmp_path / "f.mat", marks)
    savemat(tmp_path / "g.mat", marks, do_compression=True)
    pose.write(tmp_path / "h.npz", joints)
    rng, refused = np.random.default_rng(0), 0
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for _ in range(30):
            raw = bytearray(whole)
            for place in rng.integers(0, len(raw), rng.integers(1, 4)):
                raw[place : place + 1] = bytes([rng.choice(list(b'09-{}[],"aN\x00\xff'))])
                del raw[place + 1 : place + 1 + rng.integers(0, 20) * rng.integers(0, 2)]
            path.write_bytes(raw)
            try:
                pose.read(path, film())
                if path.suffix == ".mat":
                    files.read_penn_labels(path)
            except (JointsError, layouts.LayoutError):
                refused += 1
        path.write_bytes(whole)
    assert refused > 50


def test_too_large_files_and_objects_in_arrays_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", joints=np.zeros((2000, 17, 3)), layout="coco17")
    np.savez(tmp_path / "objects.npz", joints=np.array([Evil()], object), layout="coco17")
    with pytest.raises(JointsError, match="no npz"):
        pose.read(tmp_path / "objects.npz")
    monkeypatch.setenv("ACTREC_MAX_MB", "0.1")
    with pytest.raises(JointsError, match="unpacks to more"):
        pose.read(tmp_path / "bomb.npz")
    (tmp_path / "large.json").write_bytes(b"[" + b" " * 200_000 + b"]")
    with pytest.raises(JointsError, match=r"0\.1 are allowed"):
        pose.read(tmp_path / "large.json")


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


# ---- estimators


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Video:
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACTREC_DEVICE", "cpu")
    return video.probe(made.clip(tmp_path / "a.mp4", 4))


def tiny_network() -> object:
    """Keypoint R-CNN as torchvision builds it, narrow, on small pictures."""
    from torchvision.models.detection import KeypointRCNN, faster_rcnn, keypoint_rcnn
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    return KeypointRCNN(
        resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=0),
        min_size=64, max_size=96, box_score_thresh=0.0, box_detections_per_img=3, rpn_post_nms_top_n_test=20,
        box_head=faster_rcnn.TwoMLPHead(256 * 49, 8), box_predictor=faster_rcnn.FastRCNNPredictor(8, 2),
        keypoint_head=keypoint_rcnn.KeypointRCNNHeads(256, (8,)), keypoint_predictor=keypoint_rcnn.KeypointRCNNPredictor(8, 17),
    )  # fmt: skip


@pytest.fixture
def weights_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import torch

    torch.manual_seed(0)
    monkeypatch.setattr(keypoint_rcnn, "_bare", tiny_network)
    monkeypatch.setattr(keypoint_rcnn, "PERSON", 0.0)
    torch.save(tiny_network().state_dict(), tmp_path / "tiny.pth")  # type: ignore[attr-defined]
    return tmp_path / "tiny.pth"


def test_keypoint_rcnn_runs_and_what_it_found_is_kept(clip: Video, weights_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    found = pose.estimate(clip, "keypointrcnn", lambda fraction, text: told.append(fraction), model=weights_file)
    assert found.layout.name == "coco17"
    assert len(found.frames) == 4
    assert found.people >= 1
    assert ((found.score >= 0) & (found.score <= 1))[found.known].all()
    assert (found.xy[found.known] >= -0.5).all()
    assert (found.xy[found.known] <= [96.5, 64.5]).all()
    assert told[-1] == 1.0

    def never(file: Path) -> object:
        raise AssertionError("the network was built again")

    monkeypatch.setattr(keypoint_rcnn, "_network", never)
    again = pose.estimate(clip, "keypointrcnn", model=weights_file)
    np.testing.assert_array_equal(again.values, found.values)
    assert pose.estimate(clip, "keypointrcnn", model=weights_file, index=[1, 3]).frames.tolist() == [1, 3]


def test_stopped_work_goes_on_where_it_stopped(clip: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []

    def opened(model: Path | None, progress: object) -> object:
        import contextlib

        def detect(frame: NDArray[np.uint8], second: float) -> list[NDArray[np.float32]]:
            looked.append(second)
            return [some("coco17").values[0, 0]]

        return contextlib.nullcontext(detect)

    way = pose.Estimator("fake", "Fake", "coco17", opened, lambda model: "", lambda model: model)  # type: ignore[arg-type]
    monkeypatch.setattr(estimators, "ESTIMATORS", {"fake": way})

    def stop(fraction: float, text: str) -> None:
        if fraction >= 0.5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        pose.estimate(clip, "fake", stop)
    assert len(looked) == 2
    found = pose.estimate(clip, "fake")
    assert len(looked) == 4
    assert found.known.all()
    (kept,) = (clip.path.parent / "cache/joints").iterdir()
    kept.write_bytes(b"PK damaged")
    assert pose.estimate(clip, "fake").known.all()
    assert len(looked) == 8


def test_weights_of_another_network_are_refused_whole(clip: Video, weights_file: Path) -> None:
    import torch

    torch.save({"fc.weight": torch.zeros(2, 2)}, weights_file)
    with pytest.raises(WeightsError, match="no weights of Keypoint R-CNN"):
        pose.estimate(clip, "keypointrcnn", model=weights_file)


def test_the_network_and_its_weights_are_torchvisions() -> None:
    from torchvision.models.detection import KeypointRCNN_ResNet50_FPN_Weights

    theirs = KeypointRCNN_ResNet50_FPN_Weights.COCO_V1
    assert theirs.url == keypoint_rcnn.WEIGHTS.url
    assert tuple(theirs.meta["keypoint_names"]) == layouts.layout("coco17").joints
    assert sum(p.numel() for p in keypoint_rcnn._bare().parameters()) == theirs.meta["num_params"]


def test_a_missing_package_model_or_name_says_how_to_get_it(clip: Video, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(JointsError, match=r"openpifpaf.*keypointrcnn, mediapipe"):
        pose.estimate(clip, "openpifpaf")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(JointsError, match="pip install mediapipe"):
        pose.estimate(clip, "mediapipe")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(JointsError, match=r"brings no model: fetch pose_landmarker_full\.task"):
        pose.estimate(clip, "mediapipe")
    with pytest.raises(JointsError, match=r"no model file .*gone\.task"):
        pose.estimate(clip, "mediapipe", model=tmp_path / "gone.task")
    with pytest.raises(JointsError, match="no weights file"):
        pose.estimate(clip, "keypointrcnn", model=tmp_path / "gone.pth")
    with pytest.raises(JointsError, match="frames 0 … 3"):
        pose.estimate(clip, "keypointrcnn", index=[4])


def test_mediapipe_is_asked_in_order_of_time_and_answers_in_pixels(clip: Video, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in with the interface of mediapipe 1.2's PoseLandmarker; the real one needs a model file that nobody ships."""
    stamps: list[int] = []
    closed: list[bool] = []

    class Landmarker:
        @staticmethod
        def create_from_options(options: types.SimpleNamespace) -> Landmarker:
            assert options.mode == "VIDEO"
            return Landmarker()

        def detect_for_video(self, image: types.SimpleNamespace, stamp: int) -> types.SimpleNamespace:
            stamps.append(stamp)
            assert image.data.shape == (64, 96, 3)
            person = [types.SimpleNamespace(x=0.5, y=0.25, visibility=0.75) for _ in range(33)]
            return types.SimpleNamespace(pose_landmarks=[person] if stamp else [])

        def close(self) -> None:
            closed.append(True)

    vision = types.SimpleNamespace(
        PoseLandmarker=Landmarker,
        PoseLandmarkerOptions=lambda base, mode, num_poses: types.SimpleNamespace(base=base, mode=mode, num_poses=num_poses),
        RunningMode=types.SimpleNamespace(VIDEO="VIDEO"),
    )
    fake = types.ModuleType("mediapipe")
    fake.Image = lambda image_format, data: types.SimpleNamespace(data=data)  # type: ignore[attr-defined]
    fake.ImageFormat = types.SimpleNamespace(SRGB=1)  # type: ignore[attr-defined]
    tasks = types.ModuleType("mediapipe.tasks.python")
    tasks.BaseOptions, tasks.vision = (lambda model_asset_path: model_asset_path), vision  # type: ignore[attr-defined]
    for name, module in (("mediapipe", fake), ("mediapipe.tasks", types.ModuleType("mediapipe.tasks")), ("mediapipe.tasks.python", tasks)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    (tmp_path / "pose_landmarker_lite.task").write_bytes(b"a model")
    found = pose.estimate(clip, "mediapipe", model=tmp_path / "pose_landmarker_lite.task")
    assert found.layout.name == "mediapipe33"
    assert stamps == sorted(set(stamps)) == [0, 40, 80, 120]
    np.testing.assert_array_equal(found.values[0, 1, 0], [48, 16, 0.75])
    assert not found.known[:, 0].any()
    assert closed == [True]


def test_nothing_here_needs_torch_until_joints_are_estimated() -> None:
    import subprocess

    code = "import sys, actrec.inputs.pose; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).resolve().parents[1]).returncode == 0


def test_no_pickle_is_loaded_by_the_standard_reader() -> None:
    assert "pickle.load" not in Path(pickles.__file__).read_text(encoding="utf-8")
