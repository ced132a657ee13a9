"""The mannequin clips: the same from the same seed, true in every pixel, and silent about the action where they must be."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from actrec.clips import mannequin
from actrec.clips.mannequin import ACTIONS, PAIRS, Mannequin, Scene, render
from actrec.core.errors import ActrecError

ASSETS = Path(__file__).parent.parent / "assets" / "clips"


def small(action: str, seed: int, **changes: int) -> Mannequin:
    """A clip of 12 frames, 72 × 96 pixels."""
    settings = {"frames": 12, "height": 72, "width": 96} | changes
    return render(action, seed, frames=settings["frames"], height=settings["height"], width=settings["width"], fps=6.0)


def test_there_are_at_least_twelve_actions_and_every_pair_is_made_of_them() -> None:
    assert len(set(ACTIONS)) >= 12
    assert len(PAIRS) >= 3
    assert {name for pair in PAIRS for name in pair} <= set(ACTIONS)
    assert {"bounce_ball", "lift_barbell"} <= set(ACTIONS)


def test_the_same_action_and_seed_give_the_same_bytes() -> None:
    a, b, other = small("wave", 3), small("wave", 3), small("wave", 4)
    assert a.frames.tobytes() == b.frames.tobytes()
    assert a.joints.tobytes() == b.joints.tobytes()
    assert a.parts is not None
    assert b.parts is not None
    assert a.parts.tobytes() == b.parts.tobytes()
    assert not np.array_equal(a.frames, other.frames)


def test_the_truth_does_not_change_the_frames() -> None:
    bare = render("kick", 5, frames=8, height=60, width=80, truth=False)
    assert np.array_equal(bare.frames, render("kick", 5, frames=8, height=60, width=80).frames)
    with pytest.raises(ActrecError, match="truth=True"):
        _ = bare.actor


@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
@pytest.mark.parametrize("seed", [0, 7])
def test_a_pair_is_each_others_time_reversal_exactly(pair: tuple[str, str], seed: int) -> None:
    there, back = small(pair[0], seed), small(pair[1], seed)
    assert np.array_equal(there.frames[::-1], back.frames)
    assert np.array_equal(there.joints[::-1], back.joints)
    for name in ("actor", "object", "limbs"):
        assert np.array_equal(getattr(there, name)[::-1], getattr(back, name))
    assert not np.array_equal(there.frames, back.frames)


def test_push_left_goes_to_the_viewers_left_from_either_side_of_the_camera() -> None:
    turned = set()
    for seed in range(8):
        clip = small("push_left", seed)
        columns = [np.flatnonzero(mask.any(0)).mean() for mask in (clip.object[0], clip.object[-1])]
        assert columns[1] < columns[0] - 3
        turned.add(Scene("push_left", seed).camera(12, 72, 96).yaw > 0)
    assert turned == {True, False}


@pytest.mark.parametrize("action", ACTIONS)
def test_joints_lie_on_the_figure_and_limbs_belong_to_it(action: str) -> None:
    for seed in (1, 12):
        clip = small(action, seed)
        assert clip.joints.shape == (12, 17, 3)
        assert len(clip.layout) == 17
        assert clip.joints.dtype == np.float32
        assert clip.actor.any((1, 2)).all()
        assert not (clip.actor & clip.object).any()
        assert not (clip.limbs & ~(clip.actor | clip.object)).any()
        assert clip.limbs.any((1, 2)).all()
        seen = clip.joints[..., 2] == 1
        assert seen.mean() > 0.6
        spot = clip.joints[..., :2][seen].astype(int)
        step = np.broadcast_to(np.arange(12)[:, None], seen.shape)[seen]
        assert clip.actor[step, spot[:, 1], spot[:, 0]].all()


def test_hidden_joints_are_near_the_figure_too() -> None:
    for action in ("lift_box", "squat"):
        clip = small(action, 2, height=120, width=160)
        inside = clip.joints[..., 2] > 0
        spot = clip.joints[..., :2].astype(int)
        near = [
            (clip.actor | clip.object)[t, max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5].any()
            for t in range(12)
            for (x, y), here in zip(spot[t], inside[t], strict=True)
            if here
        ]
        assert np.mean(near) > 0.98


def test_feet_stay_where_they_stand() -> None:
    clip = render("squat", 4, frames=24, height=240, width=320)
    scene = Scene("squat", 4)
    drift = scene.camera(24, 480, 640).drift[:, 1:] / 2
    ankles = clip.joints[:, 15:, :2] - drift[:, None]
    assert np.ptp(ankles, axis=0).max() < 6  # what is left is the camera's zoom


def test_what_surrounds_the_figure_does_not_depend_on_the_action() -> None:
    for seed in range(3):
        rooms, looks, ways, strays = [], [], [], []
        for action in ACTIONS:
            scene = Scene(action, seed)
            camera = scene.camera(8, 72, 96)
            rooms.append(scene.backdrop(72, 96, camera).tobytes())
            looks.append(scene.dress())
            ways.append(scene.camera(8, 72, 96).drift.tobytes())
            strays.append(b"".join(shape.depth.tobytes() for shape in scene.distractor(np.arange(8) / 25, camera)))
        assert len(set(rooms)) == len(set(looks)) == len(set(ways)) == len(set(strays)) == 1


def test_other_seeds_give_other_places_views_and_clothes() -> None:
    scenes = [Scene("walk", seed) for seed in range(20)]
    cameras = [scene.camera(8, 72, 96) for scene in scenes]
    assert len({camera.yaw for camera in cameras}) == 20
    assert {camera.yaw > 0 for camera in cameras} == {True, False}
    assert len({scene.dress().shirt for scene in scenes}) > 15
    assert len({scene.backdrop(72, 96, camera).tobytes() for scene, camera in zip(scenes, cameras, strict=True)}) == 20


@pytest.mark.parametrize("action", ["wave", "lift_barbell", "sit_down"])
def test_another_look_is_the_same_motion_in_other_clothes_and_another_place(action: str) -> None:
    plain, other = (render(action, 3, frames=6, height=96, width=128, fps=6.0, look=look) for look in (None, 10**6 + 3))
    assert np.array_equal(plain.joints[..., :2], other.joints[..., :2], equal_nan=True)
    assert (plain.actor & other.actor).sum() > 0.9 * (plain.actor | other.actor).sum(), "the figure stands where it stood"
    change = np.abs(plain.frames.astype(int) - other.frames).mean(-1)
    assert change[~plain.actor].mean() > 10
    assert change[plain.actor].mean() > 10
    assert np.array_equal(render(action, 3, frames=6, height=96, width=128, fps=6.0, look=3).frames, plain.frames), "its own look is the seed's"


def test_pauses_and_easing_prefer_no_direction_of_time() -> None:
    gaps = []
    for seed in range(300):
        manner = Scene("sit_down", seed).manner(64, 25.0)
        start, end = (manner.progress == 0).sum(), (manner.progress == 1).sum()
        gaps.append(start - end)
        active = manner.progress[(manner.phase > 0) & (manner.phase < 1)]
        assert (np.diff(active) >= 0).all()
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(len(gaps))


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_renders_at_odd_sizes_and_moves(action: str) -> None:
    clip = render(action, 9, frames=7, height=61, width=83, fps=3.0)
    assert clip.frames.shape == (7, 61, 83, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.actor.shape == (7, 61, 83)
    assert clip.label == action
    assert np.isfinite(clip.joints).all()
    assert np.abs(np.diff(clip.joints[:, :, :2], axis=0)).max() > 1


def test_joints_scale_with_the_picture() -> None:
    small_clip, large = (render("wave", 6, frames=4, height=h, width=w) for h, w in ((120, 160), (240, 320)))
    assert np.allclose(2 * small_clip.joints[..., :2], large.joints[..., :2], atol=1.0)


@pytest.mark.parametrize("action", ["dance", "", "Walk"])
def test_an_unknown_action_is_named_with_the_legal_ones(action: str) -> None:
    with pytest.raises(ActrecError, match=r"no action is called .*sit_down"):
        render(action, 0)


def test_a_clip_too_small_to_show_anything_is_refused() -> None:
    with pytest.raises(ActrecError, match="at least 2 frames"):
        render("walk", 0, frames=1)
    with pytest.raises(ActrecError, match="16×16"):
        render("walk", 0, height=8)
    with pytest.raises(ActrecError, match="seed"):
        render("walk", -1)


def test_a_training_clip_takes_a_fraction_of_a_second_of_one_core() -> None:
    render("walk", 0, height=112, width=128, truth=False)
    before = time.process_time()
    for seed in range(3):
        render(ACTIONS[seed * 5], seed, height=112, width=128, truth=False)
    assert (time.process_time() - before) / 3 < 0.6  # about 0.12 s on the machine it was written on


def test_the_truth_survives_the_disk(tmp_path: Path) -> None:
    clip = small("bounce_ball", 3, width=91)
    mannequin.write_truth(tmp_path / "a.npz", clip)
    kept = mannequin.read_truth(tmp_path / "a.npz")
    assert kept.label == "bounce_ball"
    assert kept.layout == clip.layout
    assert np.array_equal(kept.joints, clip.joints)
    for name in ("actor", "object", "limbs"):
        assert np.array_equal(getattr(kept, name), getattr(clip, name)[:, :: kept.every, :: kept.every])
    (tmp_path / "b.npz").write_bytes(b"nothing")
    for wrong in ("b.npz", "c.npz"):
        with pytest.raises(ActrecError, match="holds no truth"):
            mannequin.read_truth(tmp_path / wrong)


def test_the_shipped_clips_are_small_and_have_their_truth_beside_them() -> None:
    from actrec.clips import video

    lines = (ASSETS / "index.csv").read_text().splitlines()[1:]
    assert len(lines) == len(mannequin.SAMPLES)
    for line in lines:
        name, label, seed, frames = line.split(",")
        assert (label, int(seed), int(frames)) in mannequin.SAMPLES
        assert (ASSETS / name).stat().st_size < 150_000
        film = video.probe(ASSETS / name)
        truth = mannequin.read_truth(mannequin.truth_beside(ASSETS / name))
        assert (film.frames, film.width, film.height) == (len(truth.joints), 320, 240) == (int(frames), 320, 240)
        assert film.fps == pytest.approx(25)
        assert truth.label == label


def test_a_shipped_clip_shows_what_the_generator_makes() -> None:
    from actrec.clips import video

    label, seed, frames = mannequin.SAMPLES[0]
    film = video.probe(ASSETS / f"{label}.mp4")
    made = render(label, seed, frames=frames, truth=False)
    pick = np.array([0, frames // 2, frames - 1])
    assert np.abs(video.read(film, pick).astype(float) - made.frames[pick]).mean() < 4
