"""Small files of joints that ask for huge work are refused in one line, or cost no more than they may."""

from __future__ import annotations

import io
import json
import pickle
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pose_made import film

from actrec.core.errors import ActrecError
from actrec.inputs import pose
from actrec.inputs.pose import fitting, layouts, pickles, tracks
from actrec.inputs.pose.joints import MOST_PLACES, Joints, JointsError

CASES = Path(__file__).resolve().parents[2] / "shared/cases/hostile"


def npz(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **{"layout": np.array("coco17")} | arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def packed(how: int, **parts: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as archive:
        for name, part in parts.items():
            archive.writestr(f"{name}.npy", part)
    return stream.getvalue()


def mat_bombs(count: int, size: int) -> bytes:
    """Compressed arrays of zeros, each under its own name."""
    found = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    for name in range(count):
        parts = (6, struct.pack("<II", 6, 0)), (5, struct.pack("<ii", size // 8, 1)), (1, b"%08d" % name), (9, bytes(size))
        body = b"".join(struct.pack("<II", kind, len(part)) + part for kind, part in parts)
        part = zlib.compress(struct.pack("<II", 14, len(body)) + body)
        found += struct.pack("<II", 15, len(part)) + part
    return found


def coco(rows: list[object]) -> bytes:
    return json.dumps({"annotations": rows, "categories": [{"keypoints": ["nose"]}]}).encode()


ROW = {"frame_dir": "clip", "keypoint": np.ones((1, 2, 17, 2)), "keypoint_score": np.ones((1, 2, 17))}

HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a pickle of shared lists": ("a.pkl", lambda: b"\x80\x04](}(\x8c\x09frame_dir\x8c\x01a\x8c\x08keypoint]" + 40 * b"]2(h\0h\0e" + b"ue."),
    "lists of one large array": ("a.pkl", lambda: pickle.dumps([ROW | {"keypoint": [np.ones((1, 10**5))] * 1000}])),
    "a pickle of no people and many frames": ("a.pkl", lambda: pickle.dumps([ROW | {"keypoint": np.zeros((0, 10**8, 17, 2))}])),
    "a pickle with a size of infinity": ("a.pkl", lambda: pickle.dumps([ROW | {"img_shape": (np.inf, 5)}])),
    "no people and many frames": ("a.npz", lambda: npz(joints=np.zeros((0, 10**8, 17, 3), np.float32))),
    "more joints than a clip has": ("a.npz", lambda: npz(joints=np.zeros((MOST_PLACES // 17 + 1, 17, 2), np.int8))),
    "a layout of a million": ("a.npz", lambda: npz(joints=np.zeros((1, 1, 1, 3)), layout=np.array(["x"] * 10**6))),
    "one long name": ("a.npz", lambda: npz(joints=np.zeros((1, 1, 1, 3)), layout=np.array(["x" * 10**5]))),
    "one long layout": ("a.npz", lambda: npz(joints=np.zeros((1, 1, 1, 3)), layout=np.array("x" * 10**5))),
    "frames by the million": ("a.npz", lambda: npz(joints=np.zeros((1, 2, 17, 3)), frames=np.zeros(10**7, np.int8))),
    "a size by the million": ("a.npz", lambda: npz(joints=np.zeros((1, 2, 17, 3)), size=np.zeros(10**7, np.int8))),
    "frames in between": ("a.npz", lambda: npz(joints=np.zeros((1, 2, 17, 3)), frames=np.array([0.5, np.inf]))),
    "frames in words": ("a.npz", lambda: npz(joints=np.zeros((1, 2, 17, 3)), frames=np.array(["0", "1"]))),
    "an archive in an archive": ("a.npz", lambda: packed(zipfile.ZIP_DEFLATED, joints=packed(0, joints=b"x"), layout=b"x")),
    "a compression without measure": ("a.npz", lambda: packed(zipfile.ZIP_BZIP2, joints=bytes(10**7), layout=b"x")),
    "arrays of zeros in a .mat": ("a.mat", lambda: mat_bombs(1, 40 << 20) + mat_bombs(1, 40 << 20)[128:] * 19),
    "many arrays in a .mat": ("a.mat", lambda: mat_bombs(1, 1 << 20) + mat_bombs(1, 1 << 20)[128:] * 700),
    "deep JSON": ("a.json", lambda: b"[" * 10**5),
    "a picture of infinite width": (
        "a.json",
        lambda: json.dumps(
            {"images": [{"id": 0, "width": float("inf"), "height": 5}], "annotations": [{"image_id": 0, "keypoints": [1, 2, 1] * 17}]}
        ).encode(),
    ),
    "words without end": ("a.skeleton", lambda: b"3 " * 4_000_000),
    "frames without end": ("a.skeleton", lambda: b"2000000000 " + b"0 " * 1000),
    "a state of infinity": ("a.skeleton", lambda: b"1\n1\n7 0 1 1 1 1 0 0 0 2\n25\n" + b"0 0 0 0 0 1 1 0 0 0 0 1e400\n" * 25),
    "bodies without joints": ("a.skeleton", lambda: b"1\n100000\n" + b"7 0 1 1 1 1 0 0 0 2\n0\n" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_file_that_asks_for_much_is_refused_in_one_line_and_at_once(name: str, tmp_path: Path) -> None:
    file, make = HOSTILE[name]
    (tmp_path / file).write_bytes(make())
    began = time.process_time()
    with pytest.raises(ActrecError) as refused:
        pose.read(tmp_path / file)
    assert time.process_time() - began < 5
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 700


def test_every_array_of_a_mat_file_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actrec.inputs.pose import mat

    (tmp_path / "a.mat").write_bytes(mat_bombs(3, 80))
    unpacked, before = [], mat._unpacked
    monkeypatch.setattr(mat, "_unpacked", lambda body, spend: unpacked.append(1) or before(body, spend))
    with pytest.raises(JointsError, match="has no variable x"):
        pose.read(tmp_path / "a.mat")
    assert len(unpacked) == 3


def test_names_in_json_cannot_be_made_to_collide(tmp_path: Path) -> None:
    rows: list[object] = [{"image_id": i * (2**61 - 1), "keypoints": [2, 2, 1]} for i in range(4000)]
    (tmp_path / "a.json").write_bytes(coco(rows))
    began = time.process_time()
    assert pose.read(tmp_path / "a.json").people
    assert time.process_time() - began < 2


def test_bodies_in_one_frame_of_many_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "MOST_PLACES", 25 * 400 * 8)
    body = "{} 0 1 1 1 1 0 0 0 2\n25\n" + "0 0 0 0 0 5 6 0 0 0 0 2\n" * 25
    (tmp_path / "a.skeleton").write_text("400\n50\n" + "".join(body.format(who) for who in range(50)) + "0\n" * 399)
    found = pose.read(tmp_path / "a.skeleton")
    assert (found.people, found.note) == (8, "42 more people left out")


def test_a_long_clip_gets_the_joints_of_as_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST_PLACES", 17 * 400 * 11)
    crowd = Joints(np.ones((50, 2, 17, 3)), layouts.layout("coco17"), np.arange(2))
    laid = pose.fit(crowd, film(400))
    assert laid.joints.people == 11
    assert "only the first 11 of 50 people were taken" in laid.lines


def test_what_is_kept_of_files_is_not_more_than_one_file_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles._kept, "most_bytes", 5000)
    for name in range(4):
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps([ROW]))
        assert pose.read(tmp_path / f"{name}.pkl").people == 1
    assert sum(size for _, size in pickles._kept.values()) <= 5000
    pickles._kept.clear()


def test_a_data_sets_large_file_costs_as_much_as_it_is_and_a_small_one_no_more(tmp_path: Path) -> None:
    rows = [ROW | {"frame_dir": f"{name}"} for name in range(300)]
    (tmp_path / "set.pkl").write_bytes(pickle.dumps(rows))
    assert pickles._of_its_size(tmp_path / "set.pkl").items_left == pickles.MOST_ITEMS
    with (tmp_path / "large.pkl").open("wb") as file:
        file.truncate(10**10)
    large = pickles._of_its_size(tmp_path / "large.pkl")
    assert large.items_left >= 10**10 // 100
    large.bytes(10**10)


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("*") if path.suffix in (".pkl", ".npz", ".zip", ".skeleton", ".json")))
def test_shared_hostile_files_are_bounded(name: str) -> None:
    began = time.process_time()
    if name == "crowd_1000x2.json":
        assert pose.read(CASES / name).people == 50
    else:
        with pytest.raises(ActrecError) as refused:
            pose.read(CASES / name)
        assert "\n" not in str(refused.value)
    assert time.process_time() - began < 5
