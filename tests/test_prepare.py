"""The frames a model sees are the right ones, its input is torchvision's to the number, and evidence comes back where it was."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import clips_made as made
import numpy as np
import pytest
import torch
import torchvision.models.video as tv
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from actrec.clips import video
from actrec.core import evidence
from actrec.core.clip import Clip, Geometry, Preprocess, Sampling, Video
from actrec.core.evidence import Heat, step_at
from actrec.inputs import cells, pixels
from actrec.inputs.sampling import EARLY, WINDOWS, load, on_screen, sample, slid

REAL = sorted(p for p in (Path(__file__).resolve().parents[2] / "shared/data/clips").glob("*.*") if p.suffix != ".csv")
DENSE = Sampling("dense", 32, span=64)
SAMPLERS = [
    DENSE,
    Sampling("dense", 8),
    Sampling("dense", 16, rate=15),
    Sampling("uniform", 8),
    Sampling("segments", 3),
    Sampling("dense", 5, span=13),
]
quick = settings(max_examples=80, deadline=None)


def table(seconds: np.ndarray | int, height: int = 240, width: int = 320) -> Video:
    """A video without a file: `seconds` are its times, or a number of frames at 25 per second."""
    times = np.arange(seconds) / 25 if isinstance(seconds, int) else np.asarray(seconds, float)
    return Video(Path("made.mp4"), "0" * 64, times, width, height, 0, "none")


def looked_at(frames: int, index: list[int] | np.ndarray) -> Clip:
    source = table(frames)
    index = np.asarray(index, np.int64)
    return Clip(source, np.zeros((len(index), 1, 1, 3), np.uint8), index, source.seconds[np.minimum(index, frames - 1)])


# --- which frames


def test_dense_takes_every_second_of_64_consecutive_frames() -> None:
    index, padding = sample(table(300), DENSE, 4.0)
    assert index.tolist() == list(range(100, 164, 2))
    assert padding == ""


def test_a_window_that_would_run_over_the_end_moves_forward_just_enough() -> None:
    assert sample(table(300), DENSE, 11.9)[0][0] == 300 - 64
    assert sample(table(64), DENSE, 2.0)[0].tolist() == list(range(0, 64, 2))


def test_a_short_clip_holds_its_last_frame_and_says_so() -> None:
    index, padding = sample(table(40), DENSE, 1.0)
    assert index.tolist() == [*range(0, 40, 2), *[39] * 12]
    assert padding == "the clip has 40 frames, the model reads 64: the last frame is held 24 times"
    assert sample(table(1), Sampling("dense", 2), 0)[1] == "the clip has 1 frame, the model reads 2: the last frame is held once"


def test_a_rate_picks_the_frame_on_screen_at_each_time() -> None:
    source = table(np.array([0.0, 0.1, 0.15, 0.4, 0.41, 0.9, 1.0]))
    index, padding = sample(source, Sampling("dense", 5, rate=5), 0.1)
    assert index.tolist() == [1, 2, 4, 4, 5]  # at 0.1, 0.3, 0.5, 0.7, 0.9 s
    assert padding == ""


def test_a_rate_says_how_long_a_short_clip_holds_its_last_frame() -> None:
    index, padding = sample(table(20), Sampling("dense", 16, rate=12.5), 0.0)
    assert index.tolist() == [*range(0, 20, 2), *[19] * 6]
    assert padding == "the clip is 0.80 s long, the model reads 1.28 s: the last frame is held 6 times"


def test_a_rate_forgives_time_stamps_rounded_to_milliseconds() -> None:
    source = table(np.round(np.arange(90) / 30, 3))
    assert sample(source, Sampling("dense", 16, rate=15), 1.0)[0].tolist() == list(range(30, 62, 2))


def test_uniform_takes_in_both_ends_and_segments_their_middles() -> None:
    assert sample(table(101), Sampling("uniform", 5), 3.0)[0].tolist() == [0, 25, 50, 75, 100]
    assert sample(table(90), Sampling("segments", 3), 3.0)[0].tolist() == [15, 45, 75]
    assert "more than once" in sample(table(3), Sampling("uniform", 8))[1]


@quick
@given(
    frames=st.integers(1, 400),
    count=st.integers(1, 70),
    more=st.integers(0, 60),
    rate=st.none() | st.floats(0.5, 60),
    kind=st.sampled_from(["dense", "uniform", "segments"]),
    start=st.floats(0, 30),
    seed=st.integers(0, 9),
)
def test_every_sampler_stays_in_the_video_in_order_and_says_when_it_pads(frames, count, more, rate, kind, start, seed) -> None:
    seconds = np.concatenate([[0.0], np.cumsum(np.random.default_rng(seed).uniform(0.01, 0.2, frames - 1))])
    source = table(seconds)
    sampling = Sampling(kind, count, span=count + more, rate=rate)
    index, padding = sample(source, sampling, start)
    assert index.dtype == np.int64
    assert index.shape == (count,)
    assert (np.diff(index) >= 0).all()
    assert index[0] >= 0
    assert index[-1] < frames
    if kind == "dense" and rate is None:
        assert bool(padding) == (count + more > frames)
        assert index[0] <= max(np.searchsorted(seconds, start + EARLY, side="right") - 1, 0)
    if kind == "dense" and rate is not None:
        begin = seconds[index[0]]
        times = np.arange(count) / rate
        assert bool(padding) == bool(times[-1] >= source.duration - EARLY)
        assert begin <= start + EARLY


@quick
@given(st.lists(st.floats(0.004, 0.5), min_size=1, max_size=60), st.floats(-1, 40))
def test_the_frame_on_screen_is_the_last_that_has_come(steps, when) -> None:
    source = table(np.concatenate([[0.0], np.cumsum(steps)]))
    number = int(on_screen(source, when))
    assert number == 0 or source.seconds[number] <= when + EARLY
    assert number == source.frames - 1 or source.seconds[number + 1] > when + EARLY


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("barcodes")
    uneven = np.cumsum(np.random.default_rng(8).integers(1, 6, 90)).tolist()
    return [
        made.clip(folder / "plain.mp4", 90, options={"g": "12"}),
        made.clip(folder / "uneven.mp4", 90, stamps=uneven, base=Fraction(1, 60)),
        made.clip(folder / "uneven.mkv", 90, stamps=uneven, base=Fraction(1, 60), options={"g": "9"}),
        made.clip(folder / "turned.mp4", 90, turn=1),
        made.clip(folder / "picture.gif", 90, codec="gif", pix_fmt="rgb8"),
        made.clip(folder / "short.mp4", 20, turn=3),
    ]


@pytest.mark.parametrize("sampling", SAMPLERS, ids=str)
def test_a_barcode_clip_has_frame_error_zero_through_every_sampler(clips: list[Path], sampling: Sampling) -> None:
    for path in clips:
        source = video.probe(path)
        for start in (0.0, 0.5, 1.77):
            clip = load(source, sampling, start)
            assert [made.number_of(frame) for frame in clip.frames] == clip.index.tolist(), path.name
            np.testing.assert_array_equal(clip.seconds, source.seconds[clip.index])
            assert made.corner(clip.frames[0])


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_clips_become_input(path: Path) -> None:
    source = video.probe(path)
    clip = load(source, Sampling("dense", 4, span=8), 1.0)
    preprocess = Preprocess(128, (112, 112))
    x = pixels.to_input(clip.frames, preprocess, pixels.geometry(source, preprocess))
    assert x.shape == (1, 3, 4, 112, 112)
    assert 0.2 < float(x.std()) < 3


# --- pixels to input

PRESETS = [
    tv.R3D_18_Weights.KINETICS400_V1,
    tv.S3D_Weights.KINETICS400_V1,
    tv.MViT_V2_S_Weights.KINETICS400_V1,
    tv.Swin3D_T_Weights.KINETICS400_V1,
]


def as_preprocess(preset) -> Preprocess:
    size = tuple(preset.resize_size)
    return Preprocess(size[0] if len(size) == 1 else size, tuple(preset.crop_size), tuple(preset.mean), tuple(preset.std), antialias=False)


@pytest.mark.parametrize("weights", PRESETS, ids=str)
@pytest.mark.parametrize("size", [(120, 161), (256, 340), (333, 257), (300, 300)])
def test_the_input_is_torchvisions_to_the_number(weights, size: tuple[int, int]) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, *size, 3), np.uint8)
    preset = weights.transforms()
    theirs = preset(torch.from_numpy(frames).permute(0, 3, 1, 2))[None]
    preprocess = as_preprocess(preset)
    ours = pixels.to_input(frames, preprocess, pixels.geometry(table(5, *size), preprocess))
    assert ours.shape == theirs.shape
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 90), st.integers(20, 90), st.integers(16, 70), st.tuples(st.integers(8, 90), st.integers(8, 90)), st.booleans())
def test_any_size_and_crop_is_rounded_as_torchvision_rounds(height, width, short, crop, both) -> None:
    from torchvision.transforms._presets import VideoClassification

    resize = (short, short + 7) if both else short
    preset = VideoClassification(crop_size=crop, resize_size=resize if both else (resize,))
    frames = np.random.default_rng(height).integers(0, 256, (1, height, width, 3), np.uint8)
    preprocess = Preprocess(resize, crop, tuple(preset.mean), tuple(preset.std), antialias=False)
    ours = pixels.to_input(frames, preprocess, pixels.geometry(table(5, height, width), preprocess))
    torch.testing.assert_close(ours, preset(torch.from_numpy(frames).permute(0, 3, 1, 2))[None], rtol=0, atol=1e-6)


def test_a_batch_is_normalised_as_one_clip_is() -> None:
    """Training and evaluation hand whole batches on, explanations one clip: to the last bit the same numbers."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 40, 50, 3), np.uint8)
    how = Preprocess(32, (24, 28), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    put = pixels.geometry(table(3, 40, 50), how)
    cut = torch.from_numpy(np.stack([pixels.cropped(one, how, put) for one in frames]))
    kept = cut.clone()
    found = pixels.batch_to_input(cut, how)
    assert torch.equal(found, torch.cat([pixels.to_input(one, how, put) for one in frames]))
    assert torch.equal(cut, kept)
    expected = ((cut.double() / 255 - torch.tensor(how.mean)) / torch.tensor(how.std)).permute(0, 4, 1, 2, 3)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-6)


def test_with_antialiasing_every_source_pixel_weighs_in() -> None:
    frames = np.zeros((1, 60, 60, 3), np.uint8)
    frames[0, 29, 29] = 255  # falls between the four pixels that plain bilinear looks at
    source = table(5, 60, 60)
    for antialias in (False, True):
        preprocess = Preprocess(10, (10, 10), (0, 0, 0), (1, 1, 1), antialias)
        assert bool(pixels.to_input(frames, preprocess, pixels.geometry(source, preprocess)).any()) == antialias


def test_frames_of_another_size_are_refused() -> None:
    preprocess = Preprocess(32, (32, 32))
    with pytest.raises(ValueError, match=r"\(2, 10, 12, 3\)"):
        pixels.to_input(np.zeros((2, 10, 12, 3), np.uint8), preprocess, pixels.geometry(table(5), preprocess))


# --- and back

sizes = st.integers(24, 200)


@st.composite
def geometries(draw) -> Geometry:
    resize = draw(st.integers(16, 120) | st.tuples(st.integers(16, 120), st.integers(16, 120)))
    crop = (draw(st.integers(8, 120)), draw(st.integers(8, 120)))
    return pixels.geometry(table(5, draw(sizes), draw(sizes)), Preprocess(resize, crop))


@quick
@given(geometries(), st.floats(-50, 250), st.floats(-50, 250))
def test_source_and_input_places_go_there_and_back(geometry: Geometry, x: float, y: float) -> None:
    assert geometry.to_source(*geometry.to_input(x, y)) == pytest.approx((x, y), abs=1e-9)
    u, v = geometry.to_input(*geometry.box[:2])
    assert (u, v) == pytest.approx((0, 0), abs=1e-9)
    assert geometry.to_input(*geometry.box[2:]) == pytest.approx(geometry.crop[::-1], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(24, 120), st.integers(24, 120), st.integers(40, 120), st.integers(8, 60), st.data())
def test_a_marked_pixel_of_the_input_lies_where_it_was_in_the_source(height, width, short, side, data) -> None:
    preprocess = Preprocess(short, (min(side, short),) * 2, mean=(0, 0, 0), std=(1, 1, 1))
    geometry = pixels.geometry(table(5, height, width), preprocess)
    left, top, right, bottom = geometry.box
    columns, rows = (int(np.ceil(max(left, 0))), int(min(right, width)) - 1), (int(np.ceil(max(top, 0))), int(min(bottom, height)) - 1)
    assume(columns[0] <= columns[1] and rows[0] <= rows[1])  # a tiny crop of a magnified frame holds no whole source pixel
    x, y = data.draw(st.integers(*columns)), data.draw(st.integers(*rows))
    frames = np.zeros((1, height, width, 3), np.uint8)
    frames[0, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = 255  # a spot that survives being made smaller, around the pixel
    image = pixels.to_input(frames, preprocess, geometry)[0, 0, 0].numpy()
    if image.max() == 0:
        return
    v, u = (np.average(np.arange(n) + 0.5, weights=image.sum(axis)) for n, axis in zip(image.shape, (1, 0), strict=True))
    lit = [np.flatnonzero(image.any(axis)) for axis in (1, 0)]
    if any(line[0] == 0 or line[-1] == len_ - 1 for line, len_ in zip(lit, image.shape, strict=True)) or min(x, y, width - 1 - x, height - 1 - y) < 2:
        return  # the spot is cut by an edge, so its middle is not the pixel
    back = geometry.to_source(float(u), float(v))
    sy, sx = geometry.scale
    assert back[0] == pytest.approx(x + 0.5, abs=0.5 + 0.5 / sx)
    assert back[1] == pytest.approx(y + 0.5, abs=0.5 + 0.5 / sy)


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


# --- time, and back


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


@given(st.integers(1, 400), st.integers(1, 64), st.integers(0, 300))
def test_windows_slid_along_a_video_leave_out_none_of_it(frames: int, length: int, begin: int) -> None:
    length = min(length, frames)
    clip = looked_at(frames, min(begin, frames - length) + np.arange(length))
    starts, step = slid(clip), clip.video.step
    assert starts[0] == 0
    assert 1 <= len(starts) <= WINDOWS
    assert starts[-1] + length * step == pytest.approx(clip.video.duration, abs=1e-9)
    if len(starts) < WINDOWS:
        assert (np.diff(starts) <= max((length - 1) * step / 2, step) + 1e-9).all()


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
