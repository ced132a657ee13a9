"""The camera's motion, found and not found; the share of the flow that it explains; and the sentences about both."""

from __future__ import annotations

import flow_made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actrec.clips import mannequin
from actrec.core.words import number, percent
from actrec.inputs import flow
from actrec.inputs.flow import camera
from actrec.measure import flow as measured

SIZE = (240, 320)


def places(size: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return np.stack([x, y], -1)


MOVES = st.one_of(
    st.builds(lambda x, y: {"shift": (x, y)}, st.floats(-9, 9), st.floats(-9, 9)),
    st.builds(lambda degrees: {"degrees": degrees}, st.floats(-5, 5)),
    st.builds(lambda zoom: {"zoom": zoom}, st.floats(0.93, 1.08)),
)


@given(MOVES, st.sampled_from([(96, 128), SIZE, (600, 900)]), st.integers(0, 1000))
def test_pans_turns_and_zooms_of_the_camera_are_found(move: dict[str, object], size: tuple[int, int], seed: int) -> None:
    frames, true = flow_made.moved(flow_made.affine(size=size, **move), size, seed)  # type: ignore[arg-type]
    matrix = camera.homography(*frames)
    assert matrix is not None
    away = np.linalg.norm(camera.moved(matrix, places(size)) - true, axis=-1)
    pixel = max(max(size) / camera.SIDE, 1)  # of the copy that is looked at
    assert away.mean() < 0.2 * pixel
    assert away.max() < 0.6 * pixel, "in the farthest corner too"
    if np.linalg.norm(true, axis=-1).mean() > 0.5:
        assert measured.explained(true, camera.moved(matrix, places(size))) > 0.9


@given(st.integers(0, 1000), st.integers(4, 12))
def test_a_figure_that_moves_alone_is_not_the_camera(seed: int, step: int) -> None:
    ground, figure = flow_made.texture(*SIZE, seed), flow_made.texture(160, 60, seed + 1)
    second = ground.copy()
    ground[40:200, 100:160] = figure
    second[40:200, 100 + step : 160 + step] = figure
    matrix = camera.homography(ground, second)
    assert matrix is not None
    true = np.zeros((*SIZE, 2))
    true[40:200, 100:160, 0] = step
    assert abs(measured.explained(true, camera.moved(matrix, places(SIZE)))) < 0.05


@pytest.mark.parametrize("what", ["plain", "one thing", "other pictures", "tiny"])
def test_what_cannot_be_believed_is_not_found(what: str) -> None:
    plain = np.full((*SIZE, 3), 120, np.uint8)
    first, second = plain.copy(), plain.copy()
    if what == "one thing":  # the only texture is a thing that moves
        first[60:160, 60:160], second[60:160, 66:166] = (flow_made.texture(100, 100, 3),) * 2
    if what == "other pictures":
        first, second = flow_made.texture(*SIZE, 1), flow_made.texture(*SIZE, 2)
    if what == "tiny":
        first = second = plain[:3, :5]
    assert camera.homography(first, second) is None


@pytest.mark.parametrize("action", ["walk", "wave", "sit_down", "jumping_jack"])
@pytest.mark.parametrize("seed", [0, 7, 1003])
def test_the_mannequins_camera_is_found_whatever_the_figure_does(action: str, seed: int) -> None:
    clip, truth = (make(action, seed, frames=8) for make in (mannequin.render, mannequin.render_flow))
    for i in (0, 6):
        matrix = camera.homography(clip.frames[i], clip.frames[i + 1])
        assert matrix is not None
        still = truth.known[i] & ~clip.actor[i] & ~clip.object[i]  # what goes with the camera alone
        away = np.linalg.norm(camera.moved(matrix, places(SIZE)) - truth.moved[i], axis=-1)[still]
        assert away.mean() < 0.4


@given(arrays(np.float32, (3, 2, 2, 2), elements=st.floats(-50, 50, width=32)), st.floats(-1, 2))
def test_the_share_is_one_of_all_none_of_nothing_and_below_zero_of_what_goes_the_other_way(field: np.ndarray, part: float) -> None:
    share = measured.explained(field, part * field)
    if not np.float64(field**2).sum() > 1e-12:
        return
    assert share == pytest.approx(1 - (1 - part) ** 2, abs=1e-4)
    holes = field.copy()
    holes[0] = np.nan
    rest = measured.explained(field[1:], part * field[1:])
    assert measured.explained(holes, part * field) == pytest.approx(rest, nan_ok=True)


def test_where_nothing_moves_or_is_known_there_is_no_share() -> None:
    nothing, unknown = np.zeros((2, 3, 3, 2), np.float32), np.full((2, 3, 3, 2), np.nan, np.float32)
    for field, part in ((nothing, nothing), (nothing, nothing + 1), (unknown, nothing), (nothing + 1, unknown)):
        assert np.isnan(measured.explained(field, part))


fields = arrays(np.float32, (3, 2, 2, 2), elements=st.one_of(st.just(0.0), st.floats(-30, 30, width=32), st.just(float("nan"))))
cameras = st.one_of(arrays(np.float64, (3, 2, 2, 2), elements=st.floats(-30, 30)), st.just(None))
lasting = arrays(np.float64, 3, elements=st.sampled_from([0.0, 0.04, 0.2]))


@given(fields, cameras, lasting, st.lists(st.booleans(), min_size=3, max_size=3))
def test_what_is_said_follows_from_the_numbers(field: np.ndarray, by_camera: np.ndarray | None, seconds: np.ndarray, found: list[bool]) -> None:
    field[np.isnan(field).any(-1)] = np.nan
    part = np.full(field.shape, np.nan) if by_camera is None else np.where(np.array(found)[:, None, None, None], by_camera, np.nan)
    mean, share = measured.findings(field, seconds, part)
    lengths = np.linalg.norm(np.float64(field), axis=-1)
    if not np.nansum(lengths):
        assert mean.sentence.startswith("Nothing moves")
        assert share.sentence.startswith("Nothing moves")
        assert np.isnan(share.value)
        assert mean.value == 0 or np.isnan(lengths).all()
        return
    assert f"moves {number(np.nanmean(lengths))} source pixels from one" in mean.sentence
    assert f"farthest moves {number(np.nanmax(lengths))} pixels in a step" in mean.sentence
    assert ("per second" in mean.sentence) == np.isfinite(mean.value)
    timed = (seconds > 0) & np.isfinite(lengths).any((1, 2))
    if timed.any():
        rate = sum(np.nanmean(lengths[k]) for k in np.flatnonzero(timed)) / seconds[timed].sum()
        assert mean.value == pytest.approx(rate)
        assert f"{number(mean.value)} pixels per second" in mean.sentence
    moving = [k for k in range(3) if np.nansum(field[k] ** 2) > 0]
    known = [k for k in moving if np.isfinite(part[k]).all()]
    if not known:
        assert np.isnan(share.value)
        assert "could not be found" in share.sentence
        return
    assert share.value == pytest.approx(measured.explained(field[known], part[known]))
    if share.value < 0:
        assert f"explains none of the flow: with it taken away {percent(1 - share.value)} of the squared lengths would be left" in share.sentence
    else:
        assert f"explains {percent(share.value)} of the flow, by squared length" in share.sentence
    assert (f"in {len(known)} of the {len(moving)} steps" in share.sentence) == (len(known) < len(moving))


def test_speeds_are_of_what_is_known_in_the_time_that_it_took() -> None:
    field = np.zeros((4, 2, 2, 2), np.float32)
    field[0], field[1, 0, 0], field[2] = (3, 4), (np.nan, 1), np.nan
    field[1, 0, 1] = (0, 6)
    found = measured.speeds(field, np.array([0.5, 0.1, 0.1, 0.0]))
    np.testing.assert_allclose(found, [10, 20, np.nan, np.nan])


@pytest.mark.slow
def test_flow_of_sixteen_frames_by_dis_takes_half_a_second() -> None:
    from benchmarks import flow_cost

    assert flow_cost.seconds("dis", runs=3)[1] <= 0.5, "of processors, which other work beside it does not change"


def test_the_frames_that_the_cost_is_measured_on_move() -> None:
    from benchmarks import flow_cost

    assert 2 < np.linalg.norm(flow.between(flow_cost.frames()[:2]), axis=-1).mean() < 6
