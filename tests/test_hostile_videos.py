"""Small videos that ask for huge work: every size that follows from a file is bounded before it is allocated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import clips_made as made
import clips_odd_made as odd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs_made import quick, table

from actrec.clips import demux, library, video
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import ClipError
from actrec.core.settings import Limits
from actrec.inputs import pixels, sampling

CASES = Path(__file__).resolve().parents[2] / "shared/cases"

WATCHED = """
import json, sys, time
from pathlib import Path
from actrec.core.errors import ActrecError
from fuzz import videos, runner
for name in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")
    before, began, said = runner.resident("self"), time.monotonic(), ""
    try:
        videos.use(Path(name))
    except ActrecError as error:
        said = str(error)
    print(json.dumps([name, said, time.monotonic() - began, runner.resident("self", "VmHWM") - before]))
"""
"""Gives videos to all that reads them, and prints what was said, seconds and megabytes."""


def strip(path: Path, size: tuple[int, int], **how: object) -> Path:
    return made.clip(path, 25, size=size, paint=lambda i, w, h: np.full((h, w, 3), 9 * i, np.uint8), **how)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system does not say how much memory is held")
def test_no_small_file_takes_more_than_a_gigabyte_or_20_seconds(tmp_path: Path) -> None:
    files = [
        odd.gif(tmp_path / "8x8000.gif", 8, 8000, 40),
        odd.gif(tmp_path / "16x4096.gif", 16, 4096, 40),
        odd.gif(tmp_path / "4096x2304.gif", 4096, 2304, 1000),
        odd.gif(tmp_path / "4096x2304_few.gif", 4096, 2304, 30),
        odd.claiming(made.clip(tmp_path / "a.mp4", 12), tmp_path / "claiming.mp4", 50_000_000),
        strip(tmp_path / "4096x2.mkv", (4096, 2), codec="ffv1", pix_fmt="bgr0"),
        strip(tmp_path / "16x4096.mp4", (16, 4096), codec="mpeg4"),
        strip(tmp_path / "4096x2304.mp4", (4096, 2304), codec="mpeg4"),
        *sorted((CASES / "hostile").glob("*.gif")),
        *sorted((CASES / "hostile").glob("*.mp4")),
        *sorted((CASES / "video").glob("10_*")),
    ]
    places = os.pathsep.join(str(folder) for folder in (Path(__file__).parent, Path(__file__).parents[1]))
    copies = []
    for file in files:  # `use` writes a copy beside
        copies.append(tmp_path / "here" / f"{len(copies)}{file.suffix}")
        copies[-1].parent.mkdir(exist_ok=True)
        copies[-1].write_bytes(file.read_bytes())
    env = os.environ | {"PYTHONPATH": places, "ACTREC_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", WATCHED, *map(str, copies)], env=env, capture_output=True, text=True, timeout=300, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(files)
    for file, (_, said, seconds, megabytes) in zip(files, told, strict=True):
        assert megabytes < 1000, f"{file.name}: {megabytes:.0f} MB"
        assert seconds < 20, f"{file.name}: {seconds:.1f} s"
        assert "\n" not in said
        assert "few" in file.name or said or file.name == "4096x2304.mp4"


def test_more_pixels_than_a_small_file_may_hold_are_refused_before_one_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = odd.gif(tmp_path / "a.gif", 4096, 2304, 1000)
    monkeypatch.setattr(demux.Decoder, "__iter__", lambda self: pytest.fail("a frame was decoded"))
    with pytest.raises(
        ClipError, match=r"^a.gif holds 9.44 thousand million pixels .* more than the 2.\d+ allowed for a file of 0.\d+ MB; .*ACTREC_MAX_WORK$"
    ):
        video.probe(path)


def test_pixels_that_the_header_does_not_tell_of_are_counted_as_they_come(tmp_path: Path) -> None:
    """A stream whose frames grow: the listing knows only the first size."""
    small, large = (made.clip(tmp_path / f"{side}.h264", 20, size=(side, side)).read_bytes() for side in (64, 640))
    path = tmp_path / "grows.h264"
    path.write_bytes(small + large)
    with pytest.raises(ClipError, match="ACTREC_MAX_WORK"):
        video.probe(path, Limits(max_work=20 * 640 * 640 - demux.PER_BYTE * path.stat().st_size))
    assert video.probe(path).frames == 40


def test_a_listing_that_takes_too_long_stops_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"^a.gif can only be listed by decoding all its frames, .* 1e-09 s allowed; .*ACTREC_MAX_WAIT$"):
        video.probe(odd.gif(tmp_path / "a.gif", 64, 48, 20), Limits(max_wait=1e-9))


@quick
@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(16, 300))
def test_no_frame_is_resized_to_more_than_the_bound(height: int, width: int, short: int) -> None:
    film, how, long = table(5, height, width), Preprocess(short, (224, 224)), max(height, width) / min(height, width)
    if short * int(short * long) > pixels.RESIZED:
        assert long > 100
        with pytest.raises(ClipError, match=f"^made.mp4 has frames of {width}×{height}, which this model would resize to "):
            pixels.geometry(film, how)
    else:
        resized = pixels.geometry(film, how).resized
        assert resized[0] * resized[1] <= pixels.RESIZED


def test_frames_that_would_fill_the_memory_are_refused_before_they_are_read() -> None:
    film = table(100, 2304, 4096)
    with pytest.raises(ClipError, match=r"^made.mp4 has frames of 4096×2304, too large to hold the 32 that this model reads; scale it down$"):
        sampling.load(film, Sampling("dense", 32))


def test_what_the_model_is_given_does_not_grow_with_the_resized_frame() -> None:
    """Frame by frame: a whole clip of narrow frames is never held at its resized size."""
    how = Preprocess(64, (48, 48))
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 400, 3), np.uint8)
    put = pixels.geometry(table(3, 8, 400), how)
    left = put.offset[1]
    np.testing.assert_array_equal(pixels.cropped(frames, how, put), pixels.shrink(frames, how, put)[:, 8:56, left : left + 48])


@pytest.mark.parametrize("size", [(4096, 2), (2, 4000), (16, 4096)])
def test_narrow_frames_have_previews_copies_and_sheets_of_usual_size(tmp_path: Path, size: tuple[int, int]) -> None:
    path = strip(tmp_path / "a.mkv", size, codec="ffv1", pix_fmt="bgr0")
    film = video.probe(path)
    assert library.preview(path, tmp_path / "previews")
    copy = video.proxy(film, tmp_path / "copy.mp4")
    assert max(copy.width, copy.height) <= 1440
    assert library.side_by_side(video.read(film, range(8)), 120)
