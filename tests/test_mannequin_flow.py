"""The mannequins' true optical flow: what it says of a frame is found again in the next one."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from actrec.clips.mannequin import ACTIONS, PAIRS, Flow, Mannequin, Scene, render, render_flow
from actrec.clips.mannequin.body import PARTS
from actrec.clips.mannequin.exposure import grounds
from actrec.clips.mannequin.flow import carried
from actrec.clips.mannequin.rendering import staged
from actrec.core.errors import ActrecError

FRAMES, HEIGHT, WIDTH, FPS = 24, 240, 320, 25.0
SEEDS = (3, 900_001)
LIMBS = {"left_arm": (5, 7, 9), "right_arm": (6, 8, 10), "left_leg": (11, 13, 15), "right_leg": (12, 14, 16)}
"""Their joints, by number."""


@lru_cache(maxsize=2 * len(ACTIONS))
def made(action: str, seed: int) -> tuple[Mannequin, Flow]:
    """A clip in which the whole action takes a second, so that much of it moves far."""
    size = {"frames": FRAMES, "height": HEIGHT, "width": WIDTH, "fps": FPS}
    return render(action, seed, **size), render_flow(action, seed, **size)


def places(flow: Flow, i: int) -> NDArray[np.float32]:
    """Where the pixels of frame i are in the next one: (H, W, 2)."""
    height, width = flow.known.shape[1:]
    return (np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) + flow.moved[i]).astype(np.float32)


def errors(clip: Mannequin, flow: Flow) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Absolute differences of grey (T − 1, H, W) between each frame and the next one: carried back by the flow, and as it is."""
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip.frames]).astype(np.float32)
    back = [cv2.remap(grey[i + 1], places(flow, i), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for i in range(FRAMES - 1)]
    return np.abs(np.stack(back) - grey[:-1]), np.abs(grey[1:] - grey[:-1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("action", ACTIONS)
def test_the_next_frame_carried_back_is_this_one(action: str, seed: int) -> None:
    """What moves by more than a pixel differs by less than a third of what it does without the flow, and by less than 4 grey levels, of which the
    grain makes about 2 and the shading that does not turn the rest. The still background differs by the grain alone."""
    clip, flow = made(action, seed)
    carried_back, as_it_is = errors(clip, flow)
    figure = (clip.actor | clip.object)[:-1]
    far = flow.known & figure & (np.linalg.norm(flow.moved, axis=-1) > 1)
    assert far.sum() > 1000
    assert carried_back[far].mean() < 4
    assert carried_back[far].mean() < as_it_is[far].mean() / 3
    assert carried_back[flow.known & ~figure].mean() < min(2.5, as_it_is[flow.known & ~figure].mean())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_known_is_inside_a_part_and_the_next_frame_shows_that_part(action: str, seed: int) -> None:
    clip, flow = made(action, seed)
    assert clip.parts is not None
    around = np.ones((3, 3), np.uint8)
    for i in range(FRAMES - 1):
        assert not (flow.known[i] & (cv2.dilate(clip.parts[i], around) != cv2.erode(clip.parts[i], around))).any()
        x, y = np.moveaxis(np.rint(places(flow, i)[flow.known[i]]).astype(int), -1, 0)
        assert (clip.parts[i + 1, y, x] == clip.parts[i][flow.known[i]]).all()


def test_most_of_the_picture_and_of_the_figure_is_known() -> None:
    """More than 85 % of every picture but those with the table, whose shadow is wide (80 %); more than half of every figure."""
    whole, figure = [], []
    for action in ACTIONS:
        for seed in SEEDS:
            clip, flow = made(action, seed)
            whole.append(flow.known.mean())
            figure.append(flow.known[clip.actor[:-1]].mean())
            assert whole[-1] > (0.8 if action in ("push_left", "push_right") else 0.85)
            assert figure[-1] > 0.5
    assert np.mean(whole) > 0.9
    assert np.mean(figure) > 0.6


@pytest.mark.parametrize("action", ["walk", "jumping_jack", "push_left"])
def test_the_floor_under_what_throws_a_shadow_is_not_known(action: str) -> None:
    clip, flow = made(action, SEEDS[0])
    assert clip.parts is not None
    _, _, camera, motion = staged(action, SEEDS[0], FRAMES, HEIGHT, WIDTH, FPS, 2)
    spots = ((grounds(motion, camera)[:-1, :, :2] + 0.5) / 2).astype(int)
    floor = [(i, x, y) for i in range(FRAMES - 1) for x, y in spots[i] if 0 <= x < WIDTH and 0 <= y < HEIGHT and clip.parts[i, y, x] == 0]
    assert len(floor) > 10
    assert not any(flow.known[i, y, x] for i, x, y in floor)


@pytest.mark.parametrize("fine", [1, 2, 3])
def test_the_background_goes_with_the_camera(fine: int) -> None:
    still = [seed for seed in range(12) if not Scene("wave", seed).distractor(np.arange(FRAMES) / FPS, Scene("wave", seed).camera(FRAMES, 72, 96))]
    moving = [seed for seed in still if np.ptp(Scene("wave", seed).camera(FRAMES, 72, 96).drift, axis=0).min() > 0]
    assert moving
    for seed in moving[:2]:
        clip = render("wave", seed, frames=FRAMES, height=73, width=96, fine=fine)
        flow = render_flow("wave", seed, frames=FRAMES, height=73, width=96, fine=fine)
        camera = Scene("wave", seed).camera(FRAMES, 73 * fine, 96 * fine)
        spot = (np.stack(np.meshgrid(np.arange(96), np.arange(73)), -1) + 0.5) * fine - 0.5  # on the painted grid
        for i, ((zoom, *shift), (zoom_next, *shift_next)) in enumerate(zip(camera.drift[:-1], camera.drift[1:], strict=True)):
            true = (spot - camera.middle - shift) / zoom * zoom_next + camera.middle + shift_next - spot
            scenery = flow.known[i] & ~clip.actor[i]
            assert scenery.mean() > 0.6
            np.testing.assert_allclose(flow.moved[i][scenery], true[scenery] / fine, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("action", ACTIONS)
def test_joints_of_limbs_that_are_seen_go_with_the_flow(action: str, seed: int) -> None:
    """Within 0.3 pixels and a tenth of the joint's way; for nine in ten within 0.2 pixels. A joint near another one of its limb may lie below it."""
    clip, flow = made(action, seed)
    assert clip.parts is not None
    off, ways = [], []
    for limb, numbers in LIMBS.items():
        spots = clip.joints[:, numbers, :2]
        apart = np.linalg.norm(spots[:, :, None] - spots[:, None], axis=-1) + 99 * np.eye(3)
        for i, k in zip(*np.nonzero(apart[:-1].min(-1) > 12), strict=True):
            x, y = spots[i, k].astype(int)
            if 0 <= x < WIDTH and 0 <= y < HEIGHT and flow.known[i, y, x] and clip.parts[i, y, x] == PARTS.index(limb):
                ways.append(np.linalg.norm(spots[i + 1, k] - spots[i, k]))
                off.append(np.linalg.norm(flow.moved[i, y, x] - (spots[i + 1, k] - spots[i, k])))
    assert len(off) > 50
    assert np.quantile(off, 0.9) < 0.2
    assert (np.array(off) < 0.3 + 0.1 * np.array(ways)).mean() > 0.98


@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_there_and_back_again(pair: tuple[str, str]) -> None:
    """The other one of a pair is the same clip backwards, so its flow leads back to the same place: within a pixel, and for 99 in 100 pixels of the
    figure within a quarter. More would mean that the next frame shows another limb there."""
    (clip, there), (_, back) = (made(action, SEEDS[0]) for action in pair)
    gaps = []
    for i in range(FRAMES - 1):
        spot = places(there, i)
        home = cv2.remap(back.moved[FRAMES - 2 - i], spot, None, cv2.INTER_NEAREST)
        known = cv2.remap(back.known[FRAMES - 2 - i].astype(np.uint8), spot, None, cv2.INTER_NEAREST)
        both = there.known[i] & (known > 0)
        assert both.mean() > 0.7
        gap = np.linalg.norm(there.moved[i] + home, axis=-1)
        assert gap[both].max() < 1
        gaps.append(gap[both & clip.actor[i]])
    assert np.quantile(np.concatenate(gaps), 0.99) < 0.25


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_a_flow_at_odd_sizes(action: str) -> None:
    flow = render_flow(action, 9, frames=2, height=61, width=83, fps=3.0, fine=3)
    assert flow.moved.shape == (1, 61, 83, 2)
    assert flow.known.shape == (1, 61, 83)
    assert (flow.moved.dtype, flow.known.dtype) == (np.float32, np.bool_)
    assert np.isfinite(flow.moved).all()


def test_how_finely_a_clip_is_painted_hardly_changes_its_flow() -> None:
    two, four = (render_flow("squat", 2, frames=6, height=120, width=160, fine=fine) for fine in (2, 4))
    both = two.known & four.known
    gap = np.linalg.norm(two.moved - four.moved, axis=-1)[both]
    assert both.mean() > 0.8
    assert gap.mean() < 0.02  # a pixel near a seam may show another shape


def test_what_cannot_be_rendered_has_no_flow() -> None:
    with pytest.raises(ActrecError, match="no action is called"):
        render_flow("dance", 0)
    with pytest.raises(ActrecError, match="at least 2 frames"):
        render_flow("walk", 0, frames=1)


@given(arrays(float, (3, 2), elements=st.floats(-99, 99)), arrays(float, 2, elements=st.floats(-99, 99)), st.floats(0.5, 2.0), st.floats(0.5, 20.0))
def test_a_shape_that_is_shifted_and_scaled_is_carried_exactly(p: NDArray, shift: NDArray, scale: float, radius: float) -> None:
    """Three points, one point, and three points in a line or in one spot."""
    for points in (p, p[:1], np.repeat(p[:1], 3, 0)):
        a = np.full(len(points), radius)
        found = carried(points, a, scale * points + shift, scale * a)
        np.testing.assert_allclose(found, np.column_stack([scale * np.eye(2), shift]), atol=1e-6)


@given(st.floats(0, 2 * np.pi), st.floats(-1.5, 1.5), st.floats(6.0, 40.0), st.floats(0.7, 1.3))
def test_a_limb_that_turns_takes_its_ends_along_and_turns_across(start: float, turn: float, length: float, longer: float) -> None:
    """A limb of radius 1, three times as long as it is wide or longer; 3 % is what its discs weigh."""

    def along(angle: float) -> NDArray:
        return np.array([np.cos(angle), np.sin(angle)])

    p, q = (np.stack([0 * along(a), n * along(a)]) + 5 for a, n in ((start, length), (start + turn, longer * length)))
    way = carried(p, np.ones(2), q, np.ones(2))
    np.testing.assert_allclose(p @ way[:, :2].T + way[:, 2], q, atol=0.03 * length)
    np.testing.assert_allclose(way[:, :2] @ along(start + np.pi / 2), along(start + turn + np.pi / 2), atol=0.05)
