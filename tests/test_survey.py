"""What `actrec data` says of a set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sets_made as made
from joints_made import person

from actrec import cli
from actrec.inputs import pose
from actrec.lab import sets
from actrec.lab.sets.items import Media
from actrec.lab.sets.survey import probe, survey

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_survey_counts_and_warns_of_subjects_in_both_splits(root: Path) -> None:
    found = survey(sets.open_set(f"{made.ntu(root)}#protocol=xview"), check=True)
    assert (found.clips, found.opened, found.joints) == (4, 4, 4)
    assert found.splits["train"].clips == 2
    assert (found.splits["train"].least, found.splits["train"].most, found.splits["train"].classes) == (0, 1, 2)
    assert found.shared == {"test and train": ("P001", "P003")}
    assert len(found.empty) == 57
    assert found.hours == pytest.approx(4 * made.FRAMES / 25 / 3600)
    said = "\n".join(found.lines())
    assert "subjects (the performer) in both test and train: 2, such as P001, P003" in said
    assert survey(sets.open_set(str(root))).shared == {}


def test_a_survey_names_clips_that_cannot_be_read(root: Path) -> None:
    (made.folders(root) / "train" / "jump" / "a.mp4").write_bytes(b"no video")
    found = survey(sets.open_set(str(root)), check=True)
    assert len(found.unreadable) == 1
    assert found.unreadable[0].startswith(f"{root / 'train' / 'jump' / 'a.mp4'} ")
    assert found.unreadable[0].count("a.mp4") == 1
    assert "unreadable (all clips were opened): 1" in "\n".join(found.lines())


def test_broken_joints_make_a_clip_unreadable(root: Path) -> None:
    item = sets.open_set(str(made.ntu(root))).items[0]
    assert item.joints is not None
    item.joints.write_text("3\n1\n")
    assert item.joints.name in probe(item)[1]


def test_joints_that_are_doubtful_or_of_guessed_units_are_told(root: Path) -> None:
    for name, times in (("whole", (1, 1, 1)), ("small", (1 / 4, 1 / 4, 1)), ("parts", (1 / 32, 1 / 24, 1))):
        table = Media(made.film(root / f"{name}.mp4")).table()
        own = person(root / "joints" / f"{name}.npz", table.frames, (table.width, table.height))
        pose.write(root / "joints" / f"{name}.npz", replace(own, values=own.values * np.array(times, np.float32)))
    made.text(root / "index.csv", "file,label,split", *(f"{name}.mp4,{name},train" for name in ("whole", "small", "parts")))
    found = survey(sets.open_set(str(root)), check=True)
    assert (found.joints, len(found.unreadable), len(found.doubtful)) == (3, 0, 2)
    assert any("small.npz: all joints lie in the top left quarter" in line for line in found.doubtful)
    assert any("parts.npz: all places are so small that they were taken as fractions" in line for line in found.doubtful)
    assert "joints doubtful, or in units that were guessed (all clips were opened): 2" in "\n".join(found.lines())


def test_a_sample_of_a_large_set_is_opened_unless_all_are_asked_for(root: Path) -> None:
    for number in range(30):
        made.film(root / "train" / "run" / f"{number}.mp4")
    clips = sets.open_set(str(root))
    assert survey(clips).opened == 20
    assert survey(clips, check=True).opened == 30


@pytest.mark.slow
def test_worker_processes_find_what_one_process_finds(root: Path) -> None:
    (made.folders(root) / "train" / "jump" / "a.mp4").write_bytes(b"no video")
    clips = sets.open_set(str(root))
    told: list[float] = []
    apart = survey(clips, check=True, workers=2, progress=lambda fraction, text: told.append(fraction))
    assert apart == survey(clips, check=True)
    assert told[-1] == 1.0


def test_the_command_says_it_in_words_and_as_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.ucf101(root)
    (root / "UCF-101" / "ApplyEyeMakeup" / "v_ApplyEyeMakeup_g08_c01.avi").unlink()
    assert cli.main(["data", str(root)]) == 0
    said = capsys.readouterr().out
    assert "7 clips, 2 classes; layout ucf101" in said
    assert "missing or contradictory, and left out: 1" in said
    assert "v_ApplyEyeMakeup_g08_c01" in said
    assert cli.main(["data", f"{root}#split=2", "--check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["clips"], told["splits"]["test"]["clips"], told["unreadable"]) == (7, 1, [])


def test_the_command_fails_in_one_line_for_a_wrong_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
