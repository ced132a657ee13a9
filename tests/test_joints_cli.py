"""Joints on the command line: checked, mended, estimated and kept; what can be mended is one line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from actrec import cli
from actrec.core.errors import Progress
from actrec.inputs import pose
from actrec.inputs.pose import estimators

FRAMES, SIZE = 24, (96, 64)


@pytest.fixture(scope="module", autouse=True)
def home(bare_home: Path) -> Path:
    """A clip without joints, and a file of two people who walk through it."""
    pose.write(bare_home / "two.npz", people())
    return bare_home


def people(layout: str = "penn13") -> pose.Joints:
    """Two people beside each other, who move to the right."""
    names = pose.layout(layout)
    values = np.random.default_rng(3).uniform(6, 30, (2, 1, len(names), 3)).repeat(FRAMES, 1)
    values[..., 0] += np.array([0, 30])[:, None, None] + np.arange(FRAMES)[:, None]
    values[..., 2] = 1
    return pose.Joints(values.astype(np.float32), names, np.arange(FRAMES), "filmed by hand")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(["joints", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_file_is_described_with_its_layout_its_people_and_how_it_fits(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    status, out, _ = run(capsys, "short", "--joints", str(home / "two.npz"))
    assert status == 0
    assert out.splitlines()[0] == "two.npz: 2 people, PennAction, 13 joints"
    assert f"{FRAMES} frames of 2 people in penn13, as many as the clip" in out
    assert "doubtful" not in out


def test_a_doubtful_file_says_so_with_the_way_out(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    _, out, _ = run(capsys, "short", "--joints", f"{home}/two.npz#offset=15")
    assert "moved by +15 frames" in out
    assert "fewer than half of the frames have joints" in out
    assert "#offset=" in out


def test_joints_of_a_smaller_copy_are_doubted_and_mended(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    half = replace(people(), values=people().values * np.array([0.25, 0.25, 1], np.float32))
    pose.write(tmp_path / "small.npz", half)
    _, out, _ = run(capsys, "short", "--joints", f"{tmp_path}/small.npz")
    assert "top left quarter" in out.splitlines()[1]
    assert "#units=24x16" in out
    _, out, _ = run(capsys, "short", "--joints", f"{tmp_path}/small.npz", "--json")
    said = json.loads(out)
    assert said["doubtful"] is True
    assert said["doubts"] == said["fit"][:1]
    _, out, _ = run(capsys, "short", "--joints", f"{tmp_path}/small.npz#units=24x16", "--out", f"{tmp_path}/right.npz", "--json")
    said = json.loads(out)
    assert (said["doubtful"], said["doubts"]) == (False, [])
    assert "places taken as pixels of a picture of 24×16" in said["fit"]
    np.testing.assert_allclose(pose.read(tmp_path / "right.npz").values, people().values, rtol=1e-5)


def test_machines_get_the_same_as_json(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    status, out, _ = run(capsys, "short", "--joints", f"{home}/two.npz#offset=15,sides=swapped,person=2", "--json")
    said = json.loads(out)
    assert status == 0
    assert (said["clip"], said["source"]) == ("short", "two.npz#offset=15,sides=swapped,person=2")
    assert (said["layout"], said["people"], said["offset"], said["frames"], said["covered"]) == ("penn13", 1, 15, FRAMES, FRAMES - 15)
    assert said["joints"] == list(pose.layout("penn13").joints)
    assert said["doubtful"] is True
    assert {"left and right swapped", "people counted from person 2 of the file"} <= set(said["fit"])


def test_what_is_written_lies_on_the_clips_frames_with_all_choices_made(capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "mine.npz"
    status, said, _ = run(capsys, "short", "--joints", f"{home}/two.npz#offset=4,sides=swapped,person=2", "--out", str(out), "--json")
    assert status == 0
    assert json.loads(said)["files"] == [str(out)]
    kept, wanted = pose.read(out), people().swap_sides()
    np.testing.assert_array_equal(kept.values[0, 4:], wanted.values[1, : FRAMES - 4])
    assert not kept.known[:, :4].any()
    status, again, _ = run(capsys, "short", "--joints", str(out), "--json")
    assert json.loads(again)["people"] == 1
    assert "as many as the clip" in json.loads(again)["fit"][0]


def test_a_sample_clips_own_joints_need_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "walk")
    assert status == 0
    assert "known because the clip was rendered" in out
    assert "1 person, COCO, 17 joints" in out


def test_the_picture_shows_the_skeletons_where_they_are(capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path) -> None:
    empty = pose.Joints(np.full((1, FRAMES, 17, 3), np.nan, np.float32), pose.layout("coco17"), np.arange(FRAMES))
    pose.write(tmp_path / "empty.npz", empty)
    sheets = []
    for name in (f"{home}/two.npz", f"{tmp_path}/empty.npz"):
        status, _, err = run(capsys, "short", "--joints", name, "--picture", str(tmp_path / "new" / "check.png"))
        assert status == 0, err
        sheets.append(cv2.imread(str(tmp_path / "new" / "check.png")).astype(int))
    drawn, plain = sheets
    assert drawn.shape == (2 * SIZE[1], 3 * SIZE[0], 3)
    changed = np.abs(drawn - plain).max(-1) > 30
    frames = [changed[r : r + SIZE[1], c : c + SIZE[0]] for r in (0, SIZE[1]) for c in (0, SIZE[0], 2 * SIZE[0])]
    assert all(frame.any() for frame in frames)
    middles = [float(np.argwhere(frame)[:, 1].mean()) for frame in frames]
    assert middles == sorted(middles)  # they go to the right
    assert middles[-1] - middles[0] > 10


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """An estimator that finds one person on every frame."""

    @contextlib.contextmanager
    def opened(model: Path | None, progress: Progress) -> Iterator[Callable[..., Any]]:
        yield lambda frame, second: [people("coco17").values[0, 0]]

    way = pose.Estimator("keypointrcnn", "Keypoint R-CNN", "coco17", opened, lambda model: "", lambda model: model)
    monkeypatch.setattr(estimators, "ESTIMATORS", {"keypointrcnn": way})


def test_estimated_joints_are_kept_and_can_be_asked_with(
    capsys: pytest.CaptureFixture[str], fake: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run(capsys, "short", "--estimate", "keypointrcnn", "--out", str(tmp_path / "found.npz"))
    assert status == 0
    assert out.startswith("Keypoint R-CNN, estimated: 1 person, COCO, 17 joints")
    status, out, _ = run(capsys, "short", "--joints", str(tmp_path / "found.npz"))
    assert f"{FRAMES} frames of 1 person in coco17, as many as the clip" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "there are no joints of 'short': give --joints FILE, or --estimate keypointrcnn or mediapipe"),
        (("--joints", "none"), "there are no joints"),
        (("--joints", "gone.npz"), "there is no file gone.npz"),
        (("--joints", "HOME/two.npz#ofset=3"), "the unknown choice 'ofset=3'"),
        (("--joints", "HOME/two.npz#offset=99"), "give an offset from -23 to 23"),
        (("--joints", "HOME/two.npz#person=3"), "choose 1 … 2"),
        (("--joints", "HOME/two.npz#layout=bones"), "choose one of coco17"),
        (("--joints", "HOME/two.npz", "--estimate", "mediapipe"), "give only one of the two"),
        (("--estimate", "openpifpaf"), "no estimator is called 'openpifpaf'"),
        (("--model-file", "a.task"), "say which with --estimate"),
        (("--joints", "HOME/two.npz", "--picture", "check.xyz"), "use .png or .jpg"),
    ],
)
def test_what_can_be_mended_is_one_line_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    status, out, err = run(capsys, "short", *(word.replace("HOME", str(home)) for word in words), "--out", str(tmp_path / "out.npz"))
    assert status == 2
    assert out == ""
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert "bug in actrec" not in err
    assert not list(tmp_path.iterdir())


def test_an_estimator_that_cannot_run_says_how_to_get_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    status, _, err = run(capsys, "short", "--estimate", "mediapipe")
    assert status == 2
    assert "pip install mediapipe" in err
