"""Clips at hand: samples by name, previews, browser copies that are made once."""

from __future__ import annotations

import os
from pathlib import Path

import clips_made
import cv2
import numpy as np
import pytest

from actrec.clips import library, video


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "clips").mkdir()
    clips_made.clip(tmp_path / "clips" / "one.mp4", 12)
    (tmp_path / "clips" / "notes.txt").write_text("no clip")
    (tmp_path / "clips" / "broken.mp4").write_bytes(b"no clip either")
    monkeypatch.setenv("ACTREC_CLIPS", str(tmp_path / "clips"))
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_the_readers_own_folder_is_listed_behind_the_samples(folders: Path) -> None:
    names = list(library.samples())
    assert names[-2:] == ["broken", "one"]
    assert "notes" not in names


def test_a_preview_shows_frames_of_the_whole_clip_side_by_side(folders: Path) -> None:
    data = library.preview(folders / "clips" / "one.mp4")
    width, height = library.PREVIEW_SIZE
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (height, width * library.PREVIEW_FRAMES, 3)
    assert library.preview_file(folders / "clips" / "one.mp4").read_bytes() == data


def test_a_clip_that_cannot_be_read_has_no_preview(folders: Path) -> None:
    assert library.preview(folders / "clips" / "broken.mp4") == b""
    assert library.preview(folders / "clips" / "gone.mp4") == b""


def test_a_browser_copy_is_made_once_and_remembers_its_motion(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = video.probe(folders / "clips" / "one.mp4")
    first = library.browser_copy(film)
    monkeypatch.setattr(video, "proxy", lambda *_, **__: pytest.fail("made twice"))
    again = library.browser_copy(film)
    assert (again.path, again.width, again.height, again.fps, again.frames) == (first.path, first.width, first.height, first.fps, film.frames)
    assert np.array_equal(again.motion, first.motion)


def test_a_private_copy_stays_in_its_folder(folders: Path) -> None:
    film = video.probe(folders / "clips" / "one.mp4")
    assert library.browser_copy(film, folders / "mine").path.parent == folders / "mine"
    assert not (folders / "cache" / "copies").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("suffix", [".npz", ".mp4"])
def test_a_copy_that_is_damaged_in_the_cache_is_made_again(folders: Path, suffix: str, share: float) -> None:
    film = video.probe(folders / "clips" / "one.mp4")
    copy = library.browser_copy(film)
    damaged = copy.path.with_suffix(suffix)
    whole = {path: path.read_bytes() for path in (copy.path, copy.path.with_suffix(".npz"))}
    damaged.write_bytes(whole[damaged][: int(share * len(whole[damaged]))])
    again = library.browser_copy(film)
    assert {path: len(path.read_bytes()) for path in whole} == {path: len(data) for path, data in whole.items()}
    assert np.array_equal(again.motion, copy.motion)


def test_a_preview_that_is_cut_short_is_made_again(folders: Path) -> None:
    path = folders / "clips" / "one.mp4"
    whole = library.preview(path)
    library.preview_file(path).write_bytes(whole[:-9])
    assert library.preview(path) == whole == library.preview_file(path).read_bytes()


def test_a_name_that_is_no_text_is_offered_as_one(folders: Path) -> None:
    strange = Path(os.fsdecode(bytes(folders / "clips") + b"/str\xffnge.mp4"))
    strange.write_bytes((folders / "clips" / "one.mp4").read_bytes())
    assert library.samples()["str\ufffdnge"] == strange
    assert library.preview(strange)


def test_the_cache_lets_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age in range(5):
        for suffix in (".mp4", ".npz"):
            path = tmp_path / f"{age}{suffix}"
            path.write_bytes(b"x" * 10)
            os.utime(path, (1e9 - age, 1e9 - age))
    monkeypatch.setattr(library, "MOST_COPIES_MB", 25e-6)
    library._prune_copies(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.mp4", "0.npz", "1.mp4", "1.npz"]


def test_many_frames_still_fit_one_picture() -> None:
    data = library.side_by_side(np.zeros((300, 20, 30, 3), np.uint8), 120)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[1] <= 16383
