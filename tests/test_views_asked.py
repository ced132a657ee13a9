"""The views of the deformable transformer asked for through `study.answer` and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from claims_made import opens_there
from joints_made import ask_tokens

from actrec import cli, study
from actrec.core.errors import QuestionError
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.study.checks import hidden

pytestmark = pytest.mark.usefixtures("joints_home")


@pytest.mark.parametrize("method", ["tokens", "joint-stride", "temporal-stride"])
def test_every_view_is_answered_and_says_what_it_found(home: Path, method: str) -> None:
    found = study.answer(ask_tokens(home, method=method))
    assert found.claim.endswith(".")
    assert len(found.findings) >= 2
    assert all(f.sentence.endswith(".") for f in found.findings)
    assert (found.points is not None) == (method == "tokens")
    assert (found.skeleton is not None) == (method == "joint-stride")
    assert bool(found.matrices) == (method != "tokens")
    assert "This method does not know the class: every class gets the same map." in found.cautions


def test_a_place_is_called_picked_only_where_one_was_picked(home: Path) -> None:
    asked = ask_tokens(home, knobs=(("query", "place"),))
    before = study.answer(asked)
    assert before.claim.startswith("The middle of the picture and of the window (no place is picked yet) attends most to block ")
    x0, y0, x1, y1 = before.geometry.box
    assert study.answer(asked.with_(at=(0.0, (x0 + x1) / 2, (y0 + y1) / 2))).claim.startswith("The picked place attends most to block ")


def test_a_view_of_attention_opens_in_the_step_that_its_claim_names(home: Path) -> None:
    found = study.answer(ask_tokens(home))
    opens_there(found.heat, found.claim, 1, clip=found.clip)
    assert found.heat.fields is not None


def test_tokens_are_the_default_view_of_a_model_that_chooses_them(home: Path) -> None:
    assert study.default_method(study.load("tinydeform").card) == "tokens"


def test_without_masks_the_tokens_are_held_against_the_joints_own_outline(home: Path) -> None:
    names = [f.name for f in study.answer(ask_tokens(home)).findings]
    assert "attention on the person" in names
    assert not [name for name in (f.name for f in study.answer(ask_tokens(home, joints="none")).findings) if "person" in name]


def test_of_sample_clips_the_truth_is_known(home: Path) -> None:
    told = [f.sentence for f in study.answer(Question("throw_ball", "tinydeform", "tokens")).findings]
    assert [s for s in told if "the acting limbs and what they handle" in s and "known because the clip was rendered" in s]


def test_without_joints_the_views_say_so(home: Path) -> None:
    for method in ("tokens", "temporal-stride"):
        assert pose.VIDEO_ONLY in study.answer(ask_tokens(home, method=method, joints="none")).cautions
    with pytest.raises(QuestionError, match="give a file of joints"):
        study.answer(ask_tokens(home, method="joint-stride", joints="none"))


def test_the_command_line_tells_the_same(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joints = ["--joints", str(home / "short.npz")]
    command = ["explain", "short", "--model", "tinydeform", "--method", "joint-stride", *joints, "--hide", "left arm", "--out", str(tmp_path / "out")]
    assert cli.main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = study.answer(ask_tokens(home, method="joint-stride", hide=("left arm",)))
    assert told["claim"] == found.claim
    assert [f["sentence"] for f in told["findings"]] == [f.sentence for f in found.findings]
    assert {"joints", "matrix"} <= set(told["files"])
    assert all(Path(path).stat().st_size for path in told["files"].values())
    assert cli.main(["what-if", "short", "--model", "tinydeform", *joints, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == hidden.what_if(ask_tokens(home)).verdict
    assert cli.main(["cost", "short", "--model", "tinydeform", *joints]) == 0
    assert "joint stride attention" in capsys.readouterr().out
    assert cli.main(["what-if", "short", "--model", "tinydeform", "--joints", "none"]) == 2
    assert "give a file of joints" in capsys.readouterr().err.lower()


def test_answers_about_other_joints_are_not_taken_for_one_another(home: Path) -> None:
    """What a page keeps is kept by bytes, never by the names that two readers may both give their files."""
    first, hidden, without = (study.answer(ask_tokens(home, **changes)) for changes in ({}, {"hide": ("nose",)}, {"joints": "none"}))
    same = study.answer(ask_tokens(home, method="temporal-stride", label=first.label))
    assert same.identity == first.identity
    label = {"label": first.label}
    assert len({study.answer(ask_tokens(home, **changes, **label)).identity for changes in ({}, {"hide": ("nose",)}, {"joints": "none"})}) == 3
    assert first.identity != hidden.identity != without.identity


def test_figures_of_a_video_only_answer_say_so(home: Path) -> None:
    from actrec.draw.figures import strip

    for joints, said in ((pose.NONE, True), (str(home / "short.npz"), False)):
        found = study.answer(ask_tokens(home, joints=joints))
        assert found.video_only == said
        assert (pose.VIDEO_ONLY in strip.frame_notes(found, 4, 4)) == said
    assert not study.answer(ask_tokens(home, model="tiny", method="cam", joints=None)).video_only, "it reads frames alone, and lacks nothing"
