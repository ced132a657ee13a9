"""What a visual word means: the nearest places of every clip, cut out where they lie; a clip that cannot be read takes none of the others with it."""

from __future__ import annotations

import json
from pathlib import Path

import clips_made
import numpy as np
import pytest
import shift_made
import torch

from actrec import cli, study
from actrec.core.errors import Cancelled, QuestionError
from actrec.core.question import Question
from actrec.inputs import cells
from actrec.study import asking, meaning

WORDS = 4


@pytest.fixture(scope="module", autouse=True)
def models(home: Path) -> Path:
    shift_made.both(home / "checkpoints", "vlad", clusters=WORDS)
    shift_made.stream(home / "checkpoints", "rgb", called="pooled")
    return home


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of different sizes, and one that is damaged."""
    folder = tmp_path_factory.mktemp("clips")
    for number, size in enumerate(((64, 48), (96, 96), (48, 80))):
        draw = np.random.default_rng(number)
        clips_made.clip(folder / f"c{number}.mp4", 16, size=size, paint=lambda n, w, h, draw=draw: draw.integers(0, 255, (h, w, 3), np.uint8))
    (folder / "broken.mp4").write_bytes(b"no video at all")
    return folder


def named(folder: Path) -> list[str]:
    return [str(file) for file in sorted(folder.glob("*.mp4"))]


def test_each_word_has_the_nearest_place_of_every_clip_that_can_be_read(clips: Path) -> None:
    found = study.vocabulary("vlad-rgb", named(clips))
    assert found.clips == 3
    assert len(found.left_out) == 1
    assert "broken.mp4" in found.left_out[0]
    model = study.load("vlad-rgb").model
    centres = model.get_submodule("pool").centres.detach()
    nearest = [[] for _ in range(WORDS)]
    for name in named(clips)[1:]:
        asked = asking.asked(Question(name, "vlad-rgb"))
        with torch.no_grad():
            features = model.features(asked.inputs["rgb"])[0]  # type: ignore[operator]
        for word, centre in enumerate(centres):
            apart = (features - centre[:, None, None, None]).square().sum(0).sqrt()
            nearest[word].append((float(apart.min()), name, tuple(int(i) for i in np.unravel_index(int(apart.argmin()), apart.shape)), apart.shape))
    for word, places in enumerate(found.words):
        assert [place.distance for place in places] == sorted(place.distance for place in places)
        assert {place.clip for place in places} == set(named(clips)[1:])
        for place in places:
            apart, _, (t, y, x), grid = next(each for each in nearest[word] if each[1] == place.clip)
            assert place.distance == pytest.approx(apart, rel=1e-4)
            asked = asking.asked(Question(place.clip, "vlad-rgb"))
            tap = dict(model.named_modules())["layer4.tap"]
            seconds, ys, xs = cells.centres(asked.clip, asked.geometry, tap.stride, tap.first, grid)
            assert place.seconds == pytest.approx(float(seconds[t]))
            left, top, right, bottom = place.box
            inside = 0 <= left < right <= asked.clip.video.width and 0 <= top < bottom <= asked.clip.video.height
            assert inside
            if 0 < xs[x] < asked.clip.video.width and 0 < ys[y] < asked.clip.video.height:
                assert left - 1 <= xs[x] <= right + 1
                assert top - 1 <= ys[y] <= bottom + 1
            np.testing.assert_array_equal(place.picture, asked.clip.frames[t, int(top) : int(bottom), int(left) : int(right)])


def test_only_so_many_places_are_kept_and_the_line_says_what_they_are(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "MOST", 2)
    found = study.vocabulary("vlad-rgb", named(clips))
    assert {len(places) for places in found.words} == {2}
    near, far = (f"{place.distance:.2f}" for place in found.words[0])
    assert found.line(0).startswith(f"The nearest places out of 3 clips, at most one of each, {near} to {far} from word 1")
    assert f"the nearest other word is {found.apart[0]:.2f} away" in found.line(0)
    one = study.vocabulary("vlad-rgb", named(clips)[1:2])
    assert one.line(1).startswith("The nearest place of one clip, ")
    none = study.vocabulary("vlad-rgb", named(clips)[:1])
    assert none.line(0) == "No clip could be looked at, so nothing is known of word 1."


def test_the_distances_between_words_are_those_of_their_centres(clips: Path) -> None:
    found = study.vocabulary("vlad-rgb", named(clips)[1:2])
    centres = study.load("vlad-rgb").model.get_submodule("pool").centres.detach()
    for word, apart in enumerate(found.apart):
        others = [float((centres[word] - other).norm()) for n, other in enumerate(centres) if n != word]
        assert apart == pytest.approx(min(others), rel=1e-4)


def test_a_model_without_words_and_an_empty_folder_are_refused_and_work_can_be_stopped(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="has no visual words"):
        study.vocabulary("pooled-rgb", named(clips))
    with pytest.raises(QuestionError, match="vlad:rgb or vlad:difference"):
        study.vocabulary("vlad", named(clips))
    with pytest.raises(QuestionError, match="there are no clips"):
        study.vocabulary("vlad-rgb", [])

    def stop(fraction: float, text: str) -> None:
        if "looking at" in text and fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        study.vocabulary("vlad-rgb", named(clips), stop)


def test_the_command_line_draws_the_words(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["words", "--model", "vlad", "--stream", "difference", "--clips", str(clips), "--out", str(tmp_path)]
    assert cli.main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "vlad:difference"
    assert told["clips"] == 3
    assert len(told["words"]) == WORDS
    assert json.loads((tmp_path / "words.json").read_text()) == {name: value for name, value in told.items() if name != "files"}
    drawn = (tmp_path / "words.svg").read_text(encoding="utf-8")
    assert all(f"word {n + 1}" in drawn for n in range(WORDS))
    assert cli.main([*command, "--word", "2"]) == 0
    assert "word   2" in capsys.readouterr().out
    assert "word 1<" not in (tmp_path / "words.svg").read_text(encoding="utf-8")
    assert cli.main([*command, "--word", "9"]) == 2
    assert "the words 1 … 4" in capsys.readouterr().err
    assert cli.main(["words", "--model", "vlad-rgb", "--clips", str(tmp_path / "nowhere"), "--out", str(tmp_path)]) == 2
    assert "not a folder" in capsys.readouterr().err
