"""What FFmpeg says of a file beside its pictures is read and told: damage, tracks, clocks, sizes, light and transparent places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import clips_made as made
import clips_odd_made as odd
import numpy as np
import pytest

from actrec.clips import demux, video
from actrec.core.clip import Video
from actrec.core.errors import ClipError

CASES = Path(__file__).resolve().parents[2] / "shared/cases/video"

HDR = {
    name: {"pix_fmt": "yuv420p10le", "options": {"x264-params": f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc", "qp": "0"}}
    for name, transfer in {"HLG": "arib-std-b67", "PQ": "smpte2084"}.items()
}


def grey(signal: int) -> Callable[[int, int, int], np.ndarray]:
    return lambda i, width, height: np.full((height, width, 3), signal, np.uint8)


def read_alone(film: Video) -> np.ndarray:
    """All frames, and that each of them read alone is the same."""
    frames = video.read(film, range(film.frames))
    for number in range(film.frames):
        np.testing.assert_array_equal(video.read(film, [number])[0], frames[number])
    return frames


def test_a_palette_in_the_first_packet_colours_every_frame(tmp_path: Path) -> None:
    film = video.probe(odd.palette(tmp_path / "palette.avi"))
    assert made.numbers(read_alone(film)) == list(range(24))
    assert not film.notes


def test_every_frame_of_a_program_stream_is_the_one_that_decoding_gives(tmp_path: Path) -> None:
    film = video.probe(made.clip(tmp_path / "disc.mpg", 48, codec="mpeg2video", options={"g": "12", "bf": "2"}))
    assert made.numbers(read_alone(film)) == list(range(48))


@pytest.mark.parametrize("checked", [demux.CHECKED, 100_000])
def test_packets_that_went_missing_are_counted_and_said(tmp_path: Path, checked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demux, "CHECKED", checked)
    whole = made.clip(tmp_path / "whole.ts", 100, options={"g": "50", "bf": "0"})
    assert (video.probe(whole).lost, video.probe(whole).notes) == (0, ())
    film = video.probe(odd.holes(whole, tmp_path / "holes.ts"))
    assert film.lost == 100 - film.frames > 0
    assert f"{film.lost} of its 100 frames are missing" in film.notes[0]
    assert "damaged" in film.notes[0]


def test_the_track_is_the_files_default(tmp_path: Path) -> None:
    film = video.probe(odd.two_tracks(tmp_path / "two.mp4"))
    assert (film.width, film.height) == (96, 64)
    assert made.numbers(read_alone(film)) == list(range(12))
    assert film.notes == ("The file has 2 picture tracks, of 96×64, 32×24 pixels; the first of these is its main one and is shown.",)


@pytest.mark.parametrize("starts", [(0, 2_000_000), (9_000, 0), (0, 0), (0, 40_000, 100)])
def test_joined_recordings_go_on_where_the_clock_jumps(tmp_path: Path, starts: tuple[int, ...]) -> None:
    film = video.probe(odd.joined(tmp_path / "joined.ts", *((start, {}) for start in starts)))
    count = 20 * len(starts)
    np.testing.assert_allclose(film.seconds, np.arange(count) / 25, atol=1e-6)
    assert made.numbers(read_alone(film)) == list(range(20)) * len(starts)
    where = ", ".join(f"{20 * i / 25:.2f}" for i in range(1, len(starts)))
    assert any(f"clock jumps at {where} s" in line for line in film.notes)
    assert film.lost == 0


def test_a_pause_that_the_clock_allows_is_no_seam(tmp_path: Path) -> None:
    stamps = [*range(10), *range(200, 210)]  # a screen that stood still for 7.6 s
    film = video.probe(made.clip(tmp_path / "pause.ts", 20, stamps=stamps, options={"bf": "0"}))
    np.testing.assert_allclose(film.seconds, np.array(stamps) / 25, atol=1e-6)
    assert (film.notes, film.lost) == ((), 0)


def test_a_size_that_changes_midway_is_said_with_its_moment(tmp_path: Path) -> None:
    film = video.probe(odd.joined(tmp_path / "turned.ts", (0, {}), (0, {"size": (64, 96)})))
    assert read_alone(film).shape[1:3] == (64, 96)
    assert "From 0.80 s on the frames are 64×96, not 96×64; they are stretched to the size of the first." in film.notes


@pytest.mark.parametrize(
    ("name", "signal", "shown"),
    # Worked out by FFmpeg 8.1's own colour management (swscale, relative colorimetric, to BT.709).
    [("HLG", 0, 0), ("HLG", 64, 73), ("HLG", 128, 144), ("HLG", 192, 255), ("HLG", 255, 255), ("PQ", 64, 55), ("PQ", 128, 185), ("PQ", 160, 255)],
)
def test_hdr_is_brought_to_standard_range_in_frames_and_copy(tmp_path: Path, name: str, signal: int, shown: int) -> None:
    film = video.probe(made.clip(tmp_path / "hdr.mp4", 3, paint=grey(signal), **HDR[name]))
    assert np.abs(video.read(film, [1]).astype(int) - shown).max() <= 6
    assert any(f"HDR ({name})" in line for line in film.notes)
    copy = video.probe(video.proxy(film, tmp_path / "copy.mp4").path)
    assert np.abs(video.read(copy, [1]).astype(int) - shown).max() <= 6
    assert not copy.notes


def test_the_colours_of_bt2020_become_those_of_bt709(tmp_path: Path) -> None:
    film = video.probe(made.clip(tmp_path / "hdr.mp4", 2, paint=lambda i, w, h: np.full((h, w, 3), (180, 90, 90), np.uint8), **HDR["HLG"]))
    red, green, blue = video.read(film, [0])[0, 5, 5].astype(int)
    assert red > 220  # the same light is a stronger red in the smaller triangle
    assert abs(green - blue) < 25
    assert green < 100


def test_transparent_places_are_white_whatever_colour_hides_there(tmp_path: Path) -> None:
    film = video.probe(odd.cutout(tmp_path / "cutout.apng"))
    frame = read_alone(film)[0]
    assert (frame[2, 40] == 255).all()
    assert (frame[16, 8] == (230, 20, 20)).all()
    assert film.notes == ("The film has transparent places; they are shown, and given to the model, in white.",)
    copy = video.read(video.probe(video.proxy(film, tmp_path / "copy.mp4").path), [0])[0]
    assert copy[2, 40].min() > 245


def stills(folder: Path) -> list[Path]:
    return [
        made.clip(folder / "photo.avif", 1, codec="libsvtav1", options={"svtav1-params": "lp=1", "preset": "12"}),
        odd.gif(folder / "one.gif", 64, 48, 1),
    ]


def test_a_photo_is_no_film(tmp_path: Path) -> None:
    for path in stills(tmp_path):
        with pytest.raises(ClipError, match=r"^\w+\.\w+ is not a video but a still picture; give a video file$"):
            video.probe(path)


SAID = {
    "01_palette.avi": (2.88, ()),
    "01_palette_same_pixels.mp4": (2.88, ()),
    "04_program_stream.mpg": (1.92, ()),
    "05_lost_packets.ts": (8.0, ("14 of its 200 frames are missing and 12 are damaged",)),
    "06_preview_first.mp4": (1.2, ("of 128×96, 32×24 pixels",)),
    "08_hlg.mp4": (1.6, ("HDR (HLG)",)),
    "10_strip4096x2.mkv": (1.0, ()),
    "15_joined_clock_reset.ts": (2.4, ("clock jumps at 1.20 s",)),
    "20_turned_midway.ts": (1.6, ("clock jumps at 0.80 s", "From 0.80 s on the frames are 96×144, not 144×96")),
    "21_cutout.apng": (1.0, ("transparent places",)),
}


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
@pytest.mark.parametrize("name", SAID)
def test_the_cases_that_were_brought(name: str) -> None:
    film = video.probe(CASES / name)
    seconds, words = SAID[name]
    assert film.duration == pytest.approx(seconds, abs=0.01)
    assert len(film.notes) == len(words)
    assert all(word in line for word, line in zip(words, film.notes, strict=True))
    frames = read_alone(film)
    if name == "08_hlg.mp4":
        assert frames.max() == 255
    if name == "01_palette.avi":
        plain = video.probe(CASES / "01_palette_same_pixels.mp4")
        assert np.abs(frames.astype(int) - video.read(plain, range(plain.frames))).max() <= 2


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
def test_the_photo_that_was_brought() -> None:
    with pytest.raises(ClipError, match="is not a video but a still picture"):
        video.probe(CASES / "14_photo.heic")
