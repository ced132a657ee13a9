"""Behind a cell of the matrix: clips as they are opened in other pages; and the evaluations that ship."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import clips_made
import cv2
import numpy as np
import pytest
from conftest import ROOT

from actrec.clips import video
from actrec.core.clip import Preprocess, Sampling, Video
from actrec.core.errors import no_progress
from actrec.lab.sets import ClipSet, Media, Windows
from actrec.ui.evaluate import behind

if TYPE_CHECKING:
    pass


def test_a_part_of_a_film_is_opened_as_its_own_frames_and_no_others(tmp_path: Path) -> None:
    clips_made.clip(tmp_path / "film.mp4", 60)
    whole = video.probe(tmp_path / "film.mp4")
    part = Media(tmp_path / "film.mp4", start=float(whole.seconds[20]), end=float(whole.seconds[45]))
    film = video.probe(behind._written(part, tmp_path / "part.mp4", no_progress))
    assert film.step == pytest.approx(whole.step, rel=1e-3)
    assert [clips_made.number_of(f) for f in video.read(film, range(film.frames))] == list(range(20, 45))


def test_a_folder_of_pictures_is_opened_as_a_film_at_its_own_rate(tmp_path: Path) -> None:
    for number in range(7):
        cv2.imwrite(str(tmp_path / f"{number:03}.png"), clips_made.picture(number)[..., ::-1])
    media = Media(tmp_path, "pictures", fps=10.0)
    film = video.probe(behind._written(media, tmp_path / "film.mp4", no_progress))
    assert film.fps == pytest.approx(10, rel=1e-3)
    assert [clips_made.number_of(f) for f in video.read(film, range(film.frames))] == list(range(7))


@pytest.mark.parametrize("frames", [10, 64, 65, 200])
def test_a_clip_is_opened_at_the_window_that_was_evaluated(tmp_path: Path, frames: int) -> None:
    film = Video(tmp_path / "film.mp4", "", np.arange(frames) / 25, 96, 64, 0, "")
    for sampling in (Sampling("dense", 32, 64), Sampling("dense", 16, rate=12.5), Sampling("uniform", 8)):
        windows = Windows([], ClipSet("none", "", (), ()), sampling, Preprocess(32, (32, 32)), train=False)
        (start,) = windows._starts(film, np.random.default_rng())
        assert behind._middle(sampling, film) == pytest.approx(film.seconds[start])


SHIPPED = sorted(folder for folder in (ROOT / "assets" / "results").glob("*") if folder.is_dir())


def test_four_evaluations_ship() -> None:
    assert len(SHIPPED) >= 4


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_a_shipped_evaluation_is_of_a_shipped_model_and_says_no_path(folder: Path) -> None:
    from actrec import catalogue
    from actrec.lab import results

    found = results.load(folder)
    card = catalogue.card(str(found.about["model"]))
    assert found.labels == card.labels
    assert sorted(f.name for f in folder.iterdir()) == ["about.json", "result.npz", "summary.json"]
    told = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert told["accuracy"] == pytest.approx(float(np.mean(found.answers == found.truth)))
    assert not re.search(r"(^|[\"\s=])/(home|root|work|tmp|Users)/", (folder / "about.json").read_text(encoding="utf-8"))
    assert all(kind == "mannequin" for kind in found.kinds)


def test_a_checkpoint_is_known_by_its_weights_whatever_it_is_called_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_CHECKPOINTS", str(tmp_path))
    for name in ("other", "mine"):
        (tmp_path / f"{name}.safetensors").write_bytes(name.encode())
    sha256 = hashlib.sha256(b"mine").hexdigest()
    assert behind._named("model.safetensors", sha256) == "mine.safetensors"
    assert behind._named("model.safetensors", "0" * 64) == "model.safetensors"
