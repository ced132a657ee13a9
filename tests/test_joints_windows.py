"""Joints in windows for training: they stay on their pixels through crop, jitter, resize and flip."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from joints_made import COCO, LEFT, RIGHT, person
from runs_made import make_set

from actrec.clips import mannequin
from actrec.core.clip import Preprocess, Sampling
from actrec.inputs import pose
from actrec.inputs.streams import Stream
from actrec.inputs.streams.pose import Pose
from actrec.inputs.streams.rgb import Frames
from actrec.lab import sets

pytestmark = pytest.mark.usefixtures("joints_home")


def marked(folder: Path, size: tuple[int, int], spots: np.ndarray) -> sets.Item:
    """Frames with a soft red mark at the left wrist's place and a green one at the right wrist's: spots (T, 2, 2). Blue grows to the right."""
    height, width = size
    folder.mkdir()
    y, x = np.mgrid[0:height, 0:width] + 0.5
    for t, pair in enumerate(spots):
        frame = np.zeros((height, width, 3), np.float64)
        frame[..., 2] = np.linspace(0, 255, width)
        for channel, (at_x, at_y) in enumerate(pair):
            frame[..., channel] = 255 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * 2.0**2))
        cv2.imwrite(str(folder / f"{t:03}.png"), frame.round().astype(np.uint8)[..., ::-1])
    values = np.full((1, len(spots), len(COCO), 3), np.nan, np.float32)
    values[0, :, [COCO.index(LEFT), COCO.index(RIGHT)]] = np.concatenate([spots, np.ones((*spots.shape[:2], 1))], -1).transpose(1, 0, 2)
    file = folder.with_suffix(".npz")
    pose.write(file, pose.Joints(values, COCO, np.arange(len(spots))))
    return sets.Item(sets.Media(folder, "pictures"), ("a",), joints=file, layout="npz")


def middle(picture: np.ndarray) -> tuple[float, float]:
    """The mark's centre of mass."""
    weight = picture.astype(float)
    y, x = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]] + 0.5
    return float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum())


@settings(max_examples=40, deadline=None)
@given(
    size=st.sampled_from([(60, 80), (80, 60), (64, 64), (45, 100)]),
    crops=st.sampled_from(["corner", "near", "random", "none", "test", "three"]),
    keep=st.booleans(),
    flip=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_joint_marked_on_a_pixel_stays_on_it_through_crop_jitter_resize_and_flip(
    size: tuple[int, int], crops: str, keep: bool, flip: bool, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    spots = draw.uniform(0.35, 0.65, (3, 2, 2)) * [size[1], size[0]]
    with tempfile.TemporaryDirectory() as folder:
        item = marked(Path(folder, f"clip{seed}"), size, spots)
        clips = sets.ClipSet("set", "", (item,), ("a",))
        how: dict[str, Any] = {"train": False, "views": (1, 3 if crops == "three" else 1)}
        if crops not in ("test", "three"):
            how = {"train": True, "crops": crops, "flip": flip, "seed": seed}
        windows, _ = sets.open_windows([item], clips, Sampling("uniform", 3), Preprocess(40, (32, 34)), keep=keep, streams=both(40, (32, 34)), **how)
        found = next(iter(sets.batches(windows, 1)))
    frames, joints = found.frames[0].numpy(), found.beside["pose"][0].numpy()
    assert joints.shape == (len(frames), 3, len(COCO), 3)
    left, right = joints[:, :, COCO.index(LEFT)], joints[:, :, COCO.index(RIGHT)]
    assert np.isfinite(left).all()
    assert np.isnan(np.delete(joints, [COCO.index(LEFT), COCO.index(RIGHT)], 2)).all()
    checked = 0
    for view, moment in np.ndindex(frames.shape[:2]):
        picture = frames[view, moment]
        sides = (right, left) if turned(picture) else (left, right)  # a mirrored picture has a left hand where there was a right one
        assert flip or not turned(picture)
        for channel, side in enumerate(sides):
            x, y = side[view, moment, :2]
            if 7 < x < picture.shape[1] - 7 and 7 < y < picture.shape[0] - 7:  # a mark that is cut off has another middle
                assert np.hypot(*(np.array(middle(picture[..., channel])) - [x, y])) < 0.35
                checked += 1
    if crops in ("none", "test", "three"):
        assert checked


def both(resize: int, crop: tuple[int, int], people: int = 1) -> tuple[Stream, ...]:
    """Frames and joints, as a model of both reads them."""
    preprocess = Preprocess(resize, crop)
    return Frames(preprocess), Pose(preprocess, people=people)


def turned(picture: np.ndarray) -> bool:
    """Whether the picture is mirrored: its blue grows from left to right otherwise."""
    columns = picture[..., 2].mean(0)
    return bool(columns[0] > columns[-1])


def test_asking_for_joints_changes_no_pixel_and_not_asking_gives_none(tmp_path: Path) -> None:
    item = marked(tmp_path / "clip", (60, 80), np.full((3, 2, 2), 30.0))
    clips = sets.ClipSet("set", "", (item,), ("a",))
    how: dict[str, Any] = {"train": True, "flip": True, "keep": False}
    size = Preprocess(40, (32, 32))
    plain, posed = (sets.open_windows([item], clips, Sampling("uniform", 3), size, streams=read, **how)[0] for read in ((), both(40, (32, 32))))
    for plain.epoch in range(6):
        posed.epoch = plain.epoch
        one, two = (next(iter(sets.batches(windows, 1))) for windows in (plain, posed))
        assert torch.equal(one.frames, two.frames)
        assert not one.beside
        assert list(two.beside) == ["pose"]


def test_people_are_filled_up_and_clips_without_joints_get_none_of_them(tmp_path: Path) -> None:
    clips = sets.read_index(make_set(tmp_path / "set", ("train",) * 4))
    (tmp_path / "set" / "joints").mkdir()
    person(tmp_path / "set" / "joints" / "1.npz", 10, (48, 40), people=1)
    person(tmp_path / "set" / "joints" / "2.npz", 10, (48, 40), people=4)
    (tmp_path / "set" / "joints" / "3.npz").write_bytes(b"PK no joints")
    clips = sets.read_index(tmp_path / "set")
    windows, _ = sets.open_windows(clips.items, clips, Sampling("uniform", 3), Preprocess(36, (32, 32)), train=False, streams=both(36, (32, 32), 2))
    found = next(iter(sets.batches(windows, 4)))
    assert found.numbers == [0, 1, 2]
    assert "3.npz" in found.broken[0]
    assert found.beside["pose"].shape == (3, 1, 3, 34, 3)
    known = found.beside["pose"].isfinite().all(-1).flatten(1).float().mean(1)
    assert known.tolist() == [0, 0.5, 1]


def test_a_generated_clips_joints_need_no_picture_and_fit_its_kept_frames() -> None:
    for action in ("walk", "stand_up"):
        painted = mannequin.render(action, 7, frames=6, height=48, width=64, truth=False)
        np.testing.assert_array_equal(mannequin.render_joints(action, 7, frames=6, height=48, width=64), painted.joints)
    clips = sets.mannequin_set(1, 1)
    item = next(item for item in clips.items if item.label == "walk")
    one, two = (
        sets.open_windows([item], clips, Sampling("uniform", 3), Preprocess(60, (56, 56)), train=False, keep=keep, streams=both(60, (56, 56)))[0][0][
            2
        ]["pose"]
        for keep in (True, False)
    )
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(one, two, atol=0.3)  # painted small, or painted large and shrunk
    assert (one[..., 2] == 1).mean() > 0.8
