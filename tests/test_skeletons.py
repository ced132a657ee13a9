"""Sets with skeletons: every clip finds its joints, and nothing in a file is run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sets_made as made

from actrec.inputs import pose
from actrec.lab import sets

pytestmark = pytest.mark.usefixtures("own_cache")


def test_penn_action_reads_split_action_and_joints_from_its_label_files(root: Path) -> None:
    found = sets.open_set(str(made.penn(root)))
    assert [(i.label, i.split) for i in found.items] == [("baseball_pitch", "train"), ("baseball_pitch", "test"), ("bowl", "train")]
    joints = found.items[0].skeleton()
    assert (joints.layout.name, joints.values.shape, joints.values.dtype) == ("penn13", (1, made.FRAMES, 13, 3), np.float32)
    assert joints.values[0, 0, 0].tolist() == [1.5, 6.5, 1.0]  # MATLAB counts pixels from 1: pixel 2 is centred on 1.5
    assert np.isnan(joints.values[0, :, 3]).all()
    assert joints.values[0, 0, 4].tolist() == [5.5, 10.5, pose.HIDDEN]


UCF_CLIPS = {"v_Diving_g01_c01": (0, "test1"), "v_Diving_g08_c01": (0, "train1"), "v_Rowing_g09_c01": (1, "train1")}


def test_a_skeleton_file_alone_is_a_set_without_pictures(root: Path) -> None:
    path = made.pyskl(root / "ucf101_hrnet.pkl", UCF_CLIPS | {"v_Rowing_g02_c01": (1, "train2")})
    found = sets.open_set(str(path))
    assert made.counts(found) == {"test": 1, "train": 2}
    assert found.labels == ("class 000", "class 001")
    assert {item.media.kind for item in found.items} == {"skeleton"}
    joints = found.items[0].skeleton()
    assert joints.values.shape == (1, made.FRAMES, 17, 3)
    assert joints.values[0, 2, 5].tolist() == [5, 2, 0.75]
    assert np.isnan(joints.values[0, -1]).all()
    assert (joints.layout.name, joints.size) == ("coco17", (32, 24))
    assert made.counts(sets.open_set(f"{path}#split=2")) == {"train": 1}
    with pytest.raises(sets.DataError, match="one of 1, 2"):
        sets.open_set(f"{path}#split=xsub")


def test_videos_beside_a_skeleton_file_are_its_clips(root: Path) -> None:
    path = made.pyskl(root / "ucf101_hrnet.pkl", UCF_CLIPS)
    for name in list(UCF_CLIPS)[:2]:
        made.film(root / "UCF-101" / "Diving" / f"{name}.avi")
    made.text(root / "ucf101_hrnet.txt", "Diving", "Rowing")
    found = sets.open_set(str(path))
    assert [(item.media.kind, item.label) for item in found.items] == [("video", "Diving"), ("video", "Diving")]
    assert any("v_Rowing_g09_c01" in line for line in found.problems)


def test_ntu_skeleton_files_have_protocols_and_names(root: Path) -> None:
    path = made.pyskl(root / "ntu60_hrnet.pkl", {made.NTU60[0]: (0, "xsub_train"), made.NTU60[1]: (7, "xsub_val"), made.NTU60[2]: (8, "xview_train")})
    found = sets.open_set(str(path))
    assert [(item.label, item.split, item.subject) for item in found.items] == [("drink water", "train", "P001"), ("sitting down", "val", "P001")]
    assert [item.label for item in sets.open_set(f"{path}#protocol=xview").items] == ["standing up (from sitting position)"]


def test_joints_in_metres_are_not_taken_for_pixels(root: Path) -> None:
    def in_metres(row: dict) -> None:
        row["keypoint"] = np.zeros((1, made.FRAMES, 25, 3), np.float16)
        del row["keypoint_score"]

    path = made.pyskl(root / "ntu60_3danno.pkl", {made.NTU60[0]: (0, "xsub_train")}, in_metres)
    with pytest.raises(sets.DataError, match="joints in metres"):
        sets.open_set(str(path))
    with pytest.raises(sets.DataError, match="in metres"):
        sets.Item(sets.Media(path / made.NTU60[0], "skeleton"), ("drink water",), joints=path / made.NTU60[0], layout="pyskl").skeleton()


def test_kinetics_skeletons_are_gathered_from_their_own_files(root: Path) -> None:
    def apart(row: dict) -> None:
        del row["keypoint"], row["keypoint_score"]
        row |= {"raw_file": "data/k400/kpfiles/k400_1.pkl", "frame_inds": np.array([0, 0, 2]), "box_score": np.array([0.4, 0.9, 0.5])}

    path = made.pyskl(root / "k400_hrnet.pkl", {"abc": (0, "train")}, apart)
    item = sets.open_set(str(path)).items[0]
    with pytest.raises(sets.DataError, match=r"kpfiles lacks k400_1\.pkl"):
        item.skeleton()
    points = np.stack([np.full((17, 3), 0.1), np.full((17, 3), 0.2), np.full((17, 3), 0.3)]).astype(np.float16)
    (root / "kpfiles").mkdir()
    (root / "kpfiles" / "k400_1.pkl").write_bytes(pickle.dumps({"abc": {"keypoint": points}}))
    joints = item.skeleton().values
    assert joints.shape == (2, made.FRAMES, 17, 3)
    assert joints[:, 0, 0, 0] == pytest.approx([0.2, 0.1], abs=1e-3)  # the surer box first
    assert joints[0, 2, 0, 0] == pytest.approx(0.3, abs=1e-3)
    assert np.isnan(joints[:, 1]).all()


class _Attack:
    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_with_a_command_in_it_is_refused_by_name_and_not_run(protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": [_Attack(os.system, f"touch '{mark}'")]}, protocol))
    with pytest.raises(sets.DataError, match=rf"{os.system.__module__}\.system") as told:
        sets.open_set(str(tmp_path / "bad.pkl"))
    assert str(told.value).startswith(str(tmp_path / "bad.pkl"))
    assert not mark.exists()


def test_a_pickle_beside_videos_is_not_run_either(root: Path) -> None:
    (made.gym(root) / "gym_hrnet.pkl").write_bytes(pickle.dumps([_Attack(os.system, "false")]))
    with pytest.raises(sets.DataError, match="is code") as told:
        sets.open_set(str(root))
    assert str(told.value).startswith(str(root / "gym_hrnet.pkl"))


def test_a_skeleton_file_without_classes_is_no_set(root: Path) -> None:
    path = made.pyskl(root / "a.pkl", UCF_CLIPS, lambda row: row.pop("label"))
    with pytest.raises(sets.DataError, match="no label of v_Diving_g01_c01"):
        sets.open_set(str(path))


def test_a_skeleton_file_larger_than_a_clip_may_be_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = sets.open_set(str(made.pyskl(root / "a.pkl", UCF_CLIPS))).items[0]
    monkeypatch.setenv("ACTREC_MAX_MB", "0.001")
    assert item.skeleton().people == 1


def test_a_pickle_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = made.pyskl(tmp_path / "a.pkl", UCF_CLIPS)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(sets.DataError, match=r"a\.pkl cannot be read as a pickle"):
        sets.open_set(str(path))
