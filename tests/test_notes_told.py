"""What is told of a clip's file stands in the same words in an answer, on the pages, in the command line and in what is saved."""

from __future__ import annotations

import json
from pathlib import Path

import clips_odd_made as odd
import pytest
from app_made import visit

from actrec import cli
from actrec.clips import video
from actrec.lab.sets.items import Media
from actrec.ui.frame import plain

NOTE = "The file has 2 picture tracks, of 96×64, 32×24 pixels; the first of these is its main one and is shown."


@pytest.fixture(scope="module")
def two(home: Path) -> Path:
    return odd.two_tracks(home / "clips" / "two.mp4", 24)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(list(words)) == 0
    return capsys.readouterr().out


def test_the_command_line_and_its_files_tell(two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert NOTE in said(capsys, "predict", "two", "--model", "tiny")
    assert NOTE in said(capsys, "explain", "two", "--model", "tiny", "--out", str(tmp_path / "one"))
    assert NOTE in json.loads(next((tmp_path / "one").rglob("provenance.json")).read_text())["cautions"]
    assert NOTE in said(capsys, "compare", "two", "--model", "tiny", "--model", "tinydam", "--out", str(tmp_path / "both"))


QUESTION = {"clip": "two", "model": "tiny", "method": "cam"}
SEVERAL = {"clip": "two", "1.model": "tiny", "1.method": "cam", "2.model": "tinydam", "2.method": "cam"}


@pytest.mark.parametrize(("page", "query"), [("", QUESTION), ("pages/1_Explore.py", QUESTION), ("pages/2_Compare.py", SEVERAL)])
def test_every_page_with_an_answer_tells(two: Path, page: str, query: dict[str, str]) -> None:
    assert any(plain(NOTE) in caption.value for caption in visit(page, **query).caption)


def test_a_labelled_clips_table_keeps_it(two: Path) -> None:
    media = Media(two)
    assert media.table().notes == media.table().notes == (NOTE,) == video.probe(two).notes
