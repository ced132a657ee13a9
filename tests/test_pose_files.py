"""Joints are read from every format in the true layout, and a bad file gets one sentence."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pose_made import Evil, film, pyskl, some
from scipy.io import savemat

from actrec.core import outside
from actrec.inputs import pose
from actrec.inputs.pose import files, layouts
from actrec.inputs.pose.joints import Joints, JointsError


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
        ("a.json", b"{", "cannot be read as JSON"),
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
        ("a.npz", b"PK\x03\x04" + b"\0" * 50, "cannot be read as an npz"),
        ("a.npy", b"\x93NUMPY" + b"\0" * 50, "savez"),
        ("a.pkl", b"\x80\x04K", "cannot be read as a pickle"),
        ("a.csv", b"frame,x,y\n", "not a known file of joints"),
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
    with pytest.raises(JointsError, match="cannot be read as an npz"):
        pose.read(tmp_path / "objects.npz")
    monkeypatch.setattr(files, "Budget", lambda name: outside.Budget(name, 100_000))
    with pytest.raises(outside.TooMuch, match=r"bomb\.npz would take more than 0 MB"):
        pose.read(tmp_path / "bomb.npz")
    monkeypatch.setenv("ACTREC_MAX_MB", "0.1")
    (tmp_path / "large.json").write_bytes(b"[" + b" " * 200_000 + b"]")
    with pytest.raises(JointsError, match=r"0\.1 are allowed"):
        pose.read(tmp_path / "large.json")
