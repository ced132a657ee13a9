"""The frames a model sees are the right ones, whatever the sampler, the container and the rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import clips_made as made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs_made import DENSE, SAMPLERS, looked_at, quick, table

from actrec.clips import video
from actrec.core.clip import Preprocess, Sampling
from actrec.inputs import pixels
from actrec.inputs.sampling import EARLY, WINDOWS, load, on_screen, sample, slid

REAL = sorted(p for p in (Path(__file__).resolve().parents[2] / "shared/data/clips").glob("*.*") if p.suffix != ".csv")


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
