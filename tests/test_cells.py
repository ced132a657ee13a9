"""Evidence comes back to where and when it was: cells on the picture, steps on the source's frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inputs_made import SAMPLERS, geometries, looked_at, quick, table

from actrec.core import evidence
from actrec.core.clip import Geometry, Preprocess, Sampling
from actrec.core.evidence import Heat, step_at
from actrec.inputs import cells, pixels
from actrec.inputs.sampling import sample


def one_hot(shape: tuple[int, int, int], at: tuple[int, int, int]) -> np.ndarray:
    values = np.zeros(shape, np.float32)
    values[at] = 1
    return values


@settings(max_examples=60, deadline=None)
@given(geometry=geometries(), stride=st.sampled_from([1, 2, 4, 8, 16]), patches=st.booleans(), data=st.data())
def test_a_marked_cell_is_drawn_where_the_model_saw_it(geometry: Geometry, stride: int, patches: bool, data) -> None:
    grid = tuple(max(-(-side // stride), 1) for side in geometry.crop)
    r, c = (data.draw(st.integers(0, n - 1)) for n in grid)
    first = (0.0, (stride - 1) / 2, (stride - 1) / 2) if patches else (0.0, 0.0, 0.0)
    heat = cells.heat(
        "t", one_hot((1, *grid), (0, r, c)), stride=(1, stride, stride), first=first, clip=looked_at(5, [0]), geometry=geometry, unit="u"
    )
    u, v = first[2] + c * stride + 0.5, first[1] + r * stride + 0.5
    x, y = geometry.to_source(u, v)
    height, width = geometry.source
    drawn = evidence.on_source(heat, 0, height, width)
    assert drawn.shape == (height, width)
    if not (heat.seen[0] <= x < heat.seen[2] and heat.seen[1] <= y < heat.seen[3]):
        return
    row, col = int(y), int(x)
    # linear between centres: half a source pixel beside a centre costs at most that share of a cell on each axis
    sy, sx = geometry.scale
    least = max(1 - 0.5 * sx / stride, 0) * max(1 - 0.5 * sy / stride, 0)
    if heat.seen[0] <= col + 0.5 < heat.seen[2] and heat.seen[1] <= row + 0.5 < heat.seen[3]:
        assert drawn[row, col] >= least - 1e-5
    assert cells.cell_of((0, u, v), (1, stride, stride), first, (1, *grid)) == (0, r, c)
    _, rows, columns = cells.centres(looked_at(5, [0]), geometry, (1, stride, stride), first, (1, *grid))
    assert (columns[c], rows[r]) == pytest.approx((x, y))


def test_a_one_hot_grid_at_source_size_peaks_at_its_pixel() -> None:
    geometry = Geometry((20, 30), (20, 30), (16, 24), (2, 3))
    for r, c in [(0, 0), (15, 23), (7, 11)]:
        heat = cells.heat(
            "t", one_hot((1, 16, 24), (0, r, c)), stride=(1, 1, 1), first=(0, 0, 0), clip=looked_at(5, [0]), geometry=geometry, unit="u"
        )
        drawn = evidence.on_source(heat, 0, 20, 30)
        assert np.unravel_index(np.nanargmax(drawn), drawn.shape) == (r + 2, c + 3)
        assert np.nansum(drawn) == pytest.approx(1)
        assert np.isnan(drawn[:2]).all()
        assert np.isnan(drawn[:, 27:]).all()
        assert np.isfinite(drawn).sum() == 16 * 24


def test_a_convolutions_box_begins_half_a_stride_before_its_first_pixel() -> None:
    geometry = Geometry((56, 56), (56, 56), (56, 56), (0, 0))
    values, clip = np.zeros((1, 7, 7), np.float32), looked_at(5, [0])
    same = cells.heat("t", values, stride=(1, 8, 8), first=(0, 0, 0), clip=clip, geometry=geometry, unit="u")
    assert same.box == (-3.5, -3.5, 52.5, 52.5)
    patches = cells.heat("t", values, stride=(1, 8, 8), first=(0, 3.5, 3.5), clip=clip, geometry=geometry, unit="u")
    assert patches.box == (0, 0, 56, 56)
    assert same.seen == patches.seen == (0, 0, 56, 56)


@quick
@given(st.integers(5, 60), st.integers(5, 60), st.integers(1, 4))
def test_a_drawing_of_another_size_shows_the_same_places(height: int, width: int, times: int) -> None:
    geometry = Geometry((height, width), (height, width), (height, width), (0, 0))
    values = np.random.default_rng(height).normal(size=(1, 4, 5)).astype(np.float32)
    heat = cells.heat("t", values, stride=(1, height / 4, width / 5), first=(0, height / 8 - 0.5, width / 10 - 0.5),
                        clip=looked_at(5, [0]), geometry=geometry, unit="u", signed=True)  # fmt: skip
    odd = 2 * times + 1  # every odd multiple has a pixel centre on each source pixel's centre
    large = evidence.on_source(heat, 0, odd * height, odd * width, (height, width))
    np.testing.assert_allclose(large[times::odd, times::odd], evidence.on_source(heat, 0, height, width), atol=1e-5)
    assert heat.signed


def test_cells_that_say_nothing_stay_blank_and_do_not_bleed() -> None:
    geometry = Geometry((40, 40), (40, 40), (40, 40), (0, 0))
    values = np.full((1, 4, 4), 2.0, np.float32)
    values[0, 1, 2] = np.nan
    heat = cells.heat("t", values, stride=(1, 10, 10), first=(0, 4.5, 4.5), clip=looked_at(5, [0]), geometry=geometry, unit="u")
    drawn = evidence.on_source(heat, 0, 40, 40)
    blank = np.isnan(drawn)
    assert blank[10:20, 20:30].all()
    assert blank.sum() == 100
    np.testing.assert_allclose(drawn[~blank], 2.0, atol=1e-6)


def test_a_frame_inside_black_borders_is_seen_whole() -> None:
    preprocess = Preprocess(32, (64, 48))
    geometry = pixels.geometry(table(5, 32, 32), preprocess)
    assert geometry.offset == (-16, -8)
    heat = cells.heat("t", np.zeros((1, 8, 6), np.float32), stride=(1, 8, 8), first=(0, 3.5, 3.5), clip=looked_at(5, [0]), geometry=geometry, unit="")
    assert heat.seen == (0, 0, 32, 32)
    assert heat.box == (-8, -16, 40, 48)


@quick
@given(
    frames=st.integers(1, 300),
    sampling=st.sampled_from(SAMPLERS),
    start=st.floats(0, 12),
    stride=st.sampled_from([1, 2, 4, 8]),
    first=st.sampled_from([0.0, 0.5, 1.5, 3.5]),
)
def test_bands_share_out_the_source_frames_without_gap_or_overlap(frames, sampling, start, stride, first) -> None:
    index, _ = sample(table(frames), sampling, start)
    clip = looked_at(frames, index)
    steps = max(-(-len(index) // stride), 1)
    bands = cells.bands(clip, steps, stride, first)
    jumps = np.diff(index)[np.diff(index) > 0]
    gap = int(np.median(jumps)) if len(jumps) else 1
    assert bands[0, 0] == index[0]
    assert bands[-1, 1] == max(min(index[-1] + gap, frames), index[-1] + 1)
    assert (bands[1:, 0] == bands[:-1, 1]).all()
    assert (bands[:, 1] >= bands[:, 0]).all()
    heat = Heat("t", np.zeros((steps, 1, 1), np.float32), "u", (0, 0, 1, 1), (0, 0, 1, 1), bands)
    for i in np.unique(index, return_index=True)[1]:  # the first look at a frame decides
        owner = heat.step_at(int(index[i]))
        centres = first + stride * np.arange(steps)
        assert owner is not None
        assert abs(centres[owner] - i) == pytest.approx(np.abs(centres - i).min())


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(0, 20))
def test_the_step_of_a_frame_is_the_one_whose_band_holds_it(lengths: list[int], begin: int) -> None:
    edges = begin + np.cumsum([0, *lengths])
    bands = np.stack([edges[:-1], edges[1:]], 1)
    heat = Heat("t", np.zeros((len(bands), 1, 1), np.float32), "u", (0, 0, 1, 1), (0, 0, 1, 1), bands)
    for frame, step in enumerate(heat.steps_of(int(edges[-1]) + 3)):
        assert step_at(bands, frame) == heat.step_at(frame) == (None if step < 0 else step)
        assert step < 0 or bands[step, 0] <= frame < bands[step, 1]
        assert step >= 0 or not edges[0] <= frame < edges[-1]


def test_bands_of_the_papers_sampling_are_easy_to_foretell() -> None:
    clip = looked_at(300, np.arange(100, 164, 2))
    assert cells.bands(clip, 32, 1, 0)[:2].tolist() == [[100, 102], [102, 104]]
    assert cells.bands(clip, 4, 8, 3.5).tolist() == [[100, 116], [116, 132], [132, 148], [148, 164]]
    assert cells.bands(clip, 4, 8, 0).tolist() == [[100, 108], [108, 124], [124, 140], [140, 164]]
    assert cells.bands(clip, 1, 32, 0).tolist() == [[100, 164]]


def test_a_held_frame_belongs_to_the_step_that_saw_it_first() -> None:
    index, _ = sample(table(10), Sampling("dense", 16), 0.0)
    bands = cells.bands(looked_at(10, index), 4, 4, 1.5)
    assert bands.tolist() == [[0, 4], [4, 8], [8, 10], [10, 10]]


@quick
@given(st.integers(1, 40), st.sampled_from([1, 2, 4]), st.data())
def test_a_marked_frame_comes_back_to_its_step_and_its_cell(length: int, stride: int, data) -> None:
    clip = looked_at(200, 10 + 3 * np.arange(length))
    steps = -(-length // stride)
    i = data.draw(st.integers(0, length - 1))
    first = (stride - 1) / 2
    heat = Heat("t", np.zeros((steps, 1, 1), np.float32), "u", (0, 0, 1, 1), (0, 0, 1, 1), cells.bands(clip, steps, stride, first))
    t, _, _ = cells.cell_of((i, 0.5, 0.5), (stride, 1, 1), (first, 0, 0), (steps, 1, 1))
    assert heat.step_at(int(clip.index[i])) == t == i // stride


@quick
@given(geometries(), st.data())
def test_a_picked_place_finds_the_frame_that_stands_for_it(geometry: Geometry, data) -> None:
    clip = looked_at(200, 10 + 3 * np.arange(16))
    i = data.draw(st.integers(0, 15))
    later = data.draw(st.integers(0, 2))
    left, top, right, bottom = geometry.box
    x, y = data.draw(st.floats(left, right, exclude_max=True)), data.draw(st.floats(top, bottom, exclude_max=True))
    frame, u, v = cells.place_of(clip, geometry, (10 + 3 * i + later) / 25, x, y)
    assert frame == i
    assert geometry.to_source(u, v) == pytest.approx((x, y), abs=1e-6)
    outside = cells.place_of(clip, geometry, 1e6, 1e6, -1e6)
    assert outside[0] == 15
    assert outside[1] < geometry.crop[1]
    assert outside[2] == 0


@pytest.mark.parametrize(("first", "expected"), [(0.0, [0.0, 0.4, 0.8]), (0.5, [0.1, 0.5, 0.84])])
def test_a_step_between_two_frames_has_the_moment_between_them(first: float, expected: list[float]) -> None:
    """Frames at 0, 0.2, 0.4 … s; the last two come sooner. Behind the last frame there is no later moment."""
    clip = replace(looked_at(6, range(6)), seconds=np.array([0, 0.2, 0.4, 0.6, 0.8, 0.88]))
    geometry = Geometry((20, 30), (20, 30), (16, 24), (2, 3))
    seconds, _, _ = cells.centres(clip, geometry, (2, 1, 1), (first, 0, 0), (3, 1, 1))
    np.testing.assert_allclose(seconds, expected)
