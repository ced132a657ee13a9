"""Inputs that failed at somebody's desk, each standing for a kind, where they lie beside the repository: asked as the command line asks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz import joints as joint_files
from fuzz import runner
from fuzz import videos as video_files

from actrec import cli
from actrec.clips import video

CASES = Path(__file__).parents[2] / "shared" / "cases"
MODEL = "c2d-mannequin"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the repository"),
    pytest.mark.usefixtures("own_folders"),
]

SAID = {
    "05_lost_packets.ts": r"\d+ (of|frames)",
    "08_hlg.mp4": "HLG|HDR",
    "15_joined_clock_reset.ts": "clock|joined",
    "20_turned_midway.ts": "size",
    "21_cutout.apng": "transparen",
}
"""Videos that are answered, and what must be said about them."""

REFUSED = ("video/10_strip4096x2.mkv", "video/14_photo.heic", "hostile/says_50000000_frames.mp4")


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON and what was said beside it."""
    capsys.readouterr()
    code = cli.main([*words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out.strip().startswith("{") else {}, err


def test_pixels_are_the_answer_whatever_file_they_come_in(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [asked(capsys, "predict", str(CASES / "video" / name), "--model", MODEL) for name in ("01_palette.avi", "01_palette_same_pixels.mp4")]
    assert [answer["label"] for _, answer, _ in answers] == ["sit_down", "sit_down"]


def test_every_frame_of_a_program_stream_reads_as_in_a_row() -> None:
    film = video.probe(CASES / "video" / "04_program_stream.mpg")
    row = video.read(film, range(film.frames))
    for number in range(film.frames):
        assert np.array_equal(video.read(film, [number])[0], row[number]), number


def test_the_default_track_is_the_one_that_is_explained() -> None:
    assert video.probe(CASES / "video" / "06_preview_first.mp4").width > 32


def test_joined_recordings_last_as_long_as_they_play() -> None:
    assert video.probe(CASES / "video" / "15_joined_clock_reset.ts").duration == pytest.approx(2.4, abs=0.1)


@pytest.mark.parametrize("name", SAID)
def test_what_the_file_itself_says_of_its_troubles_is_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer, _ = asked(capsys, "predict", str(CASES / "video" / name), "--model", MODEL)
    assert code == 0
    assert any(re.search(SAID[name], line, re.I) for line in answer["notes"]), answer["notes"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = asked(capsys, "predict", str(CASES / name), "--model", MODEL)
    assert code != 0
    assert "Traceback" not in said
    assert Path(name).name in said


HOSTILE = sorted(p for p in (CASES / "hostile").glob("*") if p.suffix != ".pth")


@pytest.mark.parametrize("path", HOSTILE, ids=lambda p: p.name)
def test_a_small_file_asks_for_no_huge_work(path: Path, tmp_path: Path) -> None:
    use = video_files.use if path.suffix in (".gif", ".mp4") else joint_files.use
    found = runner._one(use, path, tmp_path / "canary")
    assert found["outcome"] in ("read", "refused"), found


@pytest.mark.parametrize("name", ["02_fractions.npz", "02_fractions_mmpose.json", "02_quarter_size.npz"])
def test_joints_in_other_units_are_mended_or_doubted_before_any_answer(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("predict", "sit_down", "--model", "deform-mannequin", "--joints", str(CASES / "joints" / name))
    code, answer, said = asked(capsys, *words)
    mended = answer.get("label") == "sit_down" and re.search("fraction|scaled|copy", answer["joints"])
    assert mended or (code == 0 and answer["cautions"] and "joints" in answer["cautions"][0]), (answer, said)


def test_joints_of_another_program_are_refused_by_their_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = asked(capsys, "predict", "sit_down", "--model", "deform-mannequin", "--joints", str(CASES / "joints" / "19_pose.h5"))
    assert code != 0
    assert "DeepLabCut" in said
    assert "MATLAB" not in said


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints that the script beside the cases makes."""
    folder = tmp_path_factory.mktemp("checkpoints")
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, str(CASES / "make_checkpoints.py"), str(folder)], cwd=root, check=True, capture_output=True)
    return folder


def file_of(folder: Path, name: str) -> Path:
    (found,) = (path for path in folder.glob(f"{name}.*") if path.suffix in (".pth", ".ckpt", ".safetensors"))
    return found


DEMO = ["labels_name_to_index", "labels_index_to_name", "class_to_idx", "labels_json_text", "lightning_class_weights", "compiled_stage"]
MINE = ["bom_txt", "bom_json", "cjk_txt", "header_txt", "idx2name_json", "labelsdict_json", "name2idx_json"]
DARK = ["int8", "meta_device", "broken_json", "few_txt", "number_json", "latin1_txt", "labels_number", "labels_null"]


@pytest.mark.parametrize("name", [*DEMO, *MINE])
def test_labels_in_any_form_give_each_class_its_own_name(name: str, checkpoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer, said = asked(capsys, "predict", "sit_down", "--model", f"{MODEL}@{file_of(checkpoints, name)}")
    assert code == 0, said
    first = "坐下 椅子" if name == "cjk_txt" else "mine_00" if name in MINE else "sit_down"
    assert answer["label"] == first


@pytest.mark.parametrize("name", DARK)
def test_what_is_not_known_is_told_in_a_line_and_no_name_is_made_up(name: str, checkpoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer, said = asked(capsys, "predict", "sit_down", "--model", f"{MODEL}@{file_of(checkpoints, name)}")
    assert "Traceback" not in said
    assert "fault of ours" not in said
    assert code != 0 or answer["label"] in ("boîte", "sit_down") or answer["label"].startswith("class "), answer
