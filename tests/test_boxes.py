"""What an MP4 claims is counted before FFmpeg makes room for it."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import clips_made as made
import clips_odd_made as odd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actrec.clips import boxes, video
from actrec.core.errors import ClipError


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def table(samples: int, sound: bool = False, each: int = 1, chunks: int = 10, in_a_chunk: int = 1) -> bytes:
    """A track that claims so many samples of two bytes."""
    handler = box(b"hdlr", bytes(8) + (b"soun" if sound else b"vide"))
    times = box(b"stts", struct.pack(">4I", 0, 1, samples, each))
    sizes = box(b"stsz", struct.pack(">3I", 0, 2, samples))
    runs = box(b"stsc", struct.pack(">5I", 0, 1, 1, in_a_chunk, 1))
    places = box(b"stco", struct.pack(">2I", 0, chunks))
    return box(b"trak", box(b"mdia", handler + box(b"minf", box(b"stbl", times + sizes + runs + places))))


def claims(path: Path, data: bytes) -> boxes.Claims:
    path.write_bytes(data)
    return boxes.claims(path)


@pytest.mark.parametrize("how", [{}, {"muxer": {"movflags": "frag_keyframe+empty_moov"}}, {"codec": "mpeg4"}])
def test_a_true_claim_is_counted_and_nothing_said(tmp_path: Path, how: dict) -> None:
    told = boxes.claims(made.clip(tmp_path / "a.mp4", 40, **how))
    assert (told.samples, told.still, told.excess) == (40, False, "")


@pytest.mark.parametrize(("name", "muxer"), [(b"stsz", None), (b"trun", {"movflags": "frag_keyframe+empty_moov"})])
def test_a_claim_that_would_fill_the_memory_is_refused_unopened(tmp_path: Path, name: bytes, muxer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = odd.claiming(made.clip(tmp_path / "a.mp4", 12, muxer=muxer), tmp_path / "b.mp4", 50_000_000, name)
    monkeypatch.setattr(av, "open", lambda *_, **__: pytest.fail("FFmpeg was asked"))
    with pytest.raises(ClipError, match=r"^b.mp4 claims to hold 50000000 frames and pieces of sound in \d+ bytes, .*; "):
        video.probe(path)


def test_many_tracks_are_counted_together(tmp_path: Path) -> None:
    told = claims(tmp_path / "a.mp4", box(b"ftyp") + box(b"moov", table(boxes.MOST_SAMPLES // 3) * 4))
    assert told.samples == boxes.MOST_SAMPLES // 3 * 4
    assert told.excess


def test_sound_as_it_comes_from_the_microphone_is_no_excess(tmp_path: Path) -> None:
    """A quarter of an hour: 43 million samples, which FFmpeg lists in pieces; unless its chunks claim more than they can hold."""
    told = claims(tmp_path / "a.mov", box(b"moov", table(43_000_000, sound=True, chunks=1800, in_a_chunk=24_000)))
    assert not told.excess
    assert claims(tmp_path / "a.mov", box(b"moov", table(43_000_000, sound=True, each=2, chunks=1800, in_a_chunk=24_000))).excess
    assert claims(tmp_path / "a.mov", box(b"moov", table(2**32 - 1, sound=True, chunks=2**20, in_a_chunk=2**31))).excess


def test_a_film_with_such_sound_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        film, sound = container.add_stream("libx264", rate=25), container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        film.width, film.height, film.pix_fmt = 96, 64, "yuv420p"
        for i in range(12):
            frame = av.VideoFrame.from_ndarray(made.picture(i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(film.encode(frame))
            noise = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), format="s16", layout="mono")
            noise.sample_rate, noise.pts = 48_000, 1920 * i
            container.mux(sound.encode(noise))
        container.mux(film.encode())
        container.mux(sound.encode())
    assert boxes.claims(path).samples < 12 + 2 * 1920
    assert made.numbers(video.read(video.probe(path), range(12))) == list(range(12))


def test_a_file_of_nothing_but_boxes_is_not_walked_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "MOST_BOXES", 1000)
    assert not claims(tmp_path / "a.mp4", box(b"free") * 1000).excess
    assert "more than 1000 boxes" in claims(tmp_path / "a.mp4", box(b"free") * 1001).excess


def test_a_photo_is_told_from_a_film(tmp_path: Path) -> None:
    assert claims(tmp_path / "a.heic", box(b"ftyp", b"heic") + box(b"meta", bytes(4)) + box(b"mdat")).still
    assert not claims(tmp_path / "a.mp4", box(b"ftyp", b"isom") + box(b"meta", bytes(4)) + box(b"moov")).still


@settings(max_examples=200, deadline=None)
@given(
    data=st.binary(min_size=1, max_size=400) | st.lists(st.binary(max_size=20).map(lambda b: box(b"moov", box(b"trak", b))), min_size=1).map(b"".join)
)
def test_no_bytes_bring_anything_but_an_answer(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    assert claims(tmp_path_factory.getbasetemp() / "any.mp4", data).samples >= 0
