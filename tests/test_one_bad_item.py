"""One bad item in a folder takes nothing else with it: links to nothing or to themselves, pipes, folders that lead back into themselves."""

from __future__ import annotations

import os
from pathlib import Path

import clips_made
import pytest

from actrec.core import files
from actrec.lab import results, sets


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of two classes with a clip each, and everything odd that a folder can hold, in each of them."""
    for label in ("walk", "run"):
        (tmp_path / label).mkdir()
        clips_made.clip(tmp_path / label / "clip.mp4", 4)
    for place in (tmp_path, tmp_path / "walk"):
        (place / "gone").symlink_to(place / "nowhere")
        (place / "self").symlink_to("self")
        (place / "round").symlink_to(".")
        os.mkfifo(place / "pipe")
    return tmp_path


def test_what_is_no_regular_file_is_named_without_being_opened(odd: Path) -> None:
    told = {path.name: files.odd(path) for path in files.inside(odd / "walk")}
    assert told == {
        "clip.mp4": "",
        "gone": "is a link to a file that is not there",
        "self": "is a link that leads back to itself",
        "round": "is a folder",
        "pipe": "is a pipe or a device, not a file",
    }
    assert files.odd(odd / "nowhere") == "cannot be looked at (No such file or directory)"
    assert files.odd(Path("a\0b")) == "has a name that no file has"
    assert files.odd(Path("x" * 300)) == "cannot be looked at (File name too long)"


@pytest.mark.parametrize("name", ["walk/clip.mp4", "gone", "self", "pipe", "nowhere", "nowhere/below"])
def test_what_is_no_folder_is_an_empty_one(odd: Path, name: str) -> None:
    assert files.inside(odd / name) == []


def test_files_that_are_not_whole_yet_are_not_listed(tmp_path: Path) -> None:
    with files.whole(tmp_path / "a.txt") as part:
        assert part.exists()
        assert files.inside(tmp_path) == []
    assert files.inside(tmp_path) == [tmp_path / "a.txt"]


def test_a_set_of_folders_is_read_past_them_and_no_clip_comes_twice(odd: Path) -> None:
    found = sets.open_set(f"{odd}#layout=folders")
    clips = [item.media.path for item in found.items if "round" not in item.media.path.parts]
    assert sorted(path.relative_to(odd).as_posix() for path in clips) == ["run/clip.mp4", "walk/clip.mp4"]
    assert len(found.items) < 8


def test_evaluations_are_listed_past_them(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_RESULTS", str(odd))
    (odd / "half").mkdir()
    os.mkfifo(odd / "half" / "about.json")
    os.mkfifo(odd / "half" / "result.npz")
    assert "c2d-mannequin-on-mannequin-test" in results.found()
    assert not {"half", "gone", "self", "pipe"} & results.found().keys()
