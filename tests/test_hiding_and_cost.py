"""What if a joint, limb or person were not told; what windows save; and the views asked for through `study.answer` and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import demo_made
import numpy as np
import pytest
from test_joints import COCO, checkpoint, person

from actrec import cli, study
from actrec.core.errors import ActrecError, Cancelled, QuestionError
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.study.checks import hidden, windows_cost


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in demo_made.surroundings(folder).items():
            patch.setenv(name, value)
        checkpoint(folder / "checkpoints")
        checkpoint(folder / "checkpoints", "crowd", people=2)
        person(folder / "short.npz", 24, (96, 64))
        person(folder / "two.npz", 24, (96, 64), people=2)
        yield folder


def ask(home: Path, **changes: object) -> Question:
    return Question("short", "tinydeform", "tokens", joints=str(home / "short.npz")).with_(**changes)


# ------------------------------------------------------------------------------------------------------------ hiding


def test_hiding_a_part_is_what_a_file_without_it_gives(home: Path, tmp_path: Path) -> None:
    found = hidden.what_if(ask(home))
    without = pose.read(home / "short.npz").without(("left arm",))
    pose.write(tmp_path / "armless.npz", without)
    other = study.answer(ask(home, joints=str(tmp_path / "armless.npz"), label=found.label))
    effect = next(e for e in found.effects if e.name == "left arm")
    assert effect.score == other.score
    assert effect.probability == other.probability
    assert effect.score != found.score
    armless = study.answer(ask(home, hide=("left arm",), label=found.label))
    assert armless.score == other.score
    assert "The model was not told of: left arm." in armless.cautions


def test_without_all_joints_the_answer_is_that_of_the_video_alone(home: Path) -> None:
    found = hidden.what_if(ask(home))
    video = study.answer(ask(home, joints=pose.NONE, label=found.label))
    assert found.effects[0].name == "all joints"
    assert found.effects[0].score == video.score
    assert [e.name for e in found.effects[1:]] == list(pose.read(home / "short.npz").hideable())


def test_hiding_what_is_missing_changes_nothing(home: Path, tmp_path: Path) -> None:
    values = pose.read(home / "short.npz").values.copy()
    values[:, ::2, COCO.index("left_wrist"), 2] = 0.1  # too uncertain on the frames the model is given
    values[:, 1::2, COCO.index("left_wrist"), 2] = 0.1
    pose.write(tmp_path / "faint.npz", pose.Joints(values, COCO, np.arange(24)))
    found = hidden.what_if(ask(home, joints=str(tmp_path / "faint.npz")))
    assert next(e for e in found.effects if e.name == "left_wrist").score == found.score
    assert next(e for e in found.effects if e.name == "right_wrist").score != found.score


def test_people_are_hidden_one_by_one(home: Path) -> None:
    found = hidden.what_if(ask(home, model="crowd", joints=str(home / "two.npz")))
    one = study.answer(ask(home, model="crowd", joints=str(home / "two.npz") + "#person=2", label=found.label))
    assert next(e for e in found.effects if e.name == "person 1").score == pytest.approx(one.score, abs=1e-5)
    assert {"person 1", "person 2", "2: left arm", "2: left_wrist"} <= {e.name for e in found.effects}


def test_the_verdict_names_what_moves_the_score_most(home: Path) -> None:
    found = hidden.what_if(ask(home))
    telling = max(found.effects[1:], key=lambda e: abs(e.score - found.score))
    assert telling.name.replace("_", " ") in found.verdict
    assert found.to_json()["effects"][0]["change"] == found.effects[0].score - found.score


def test_hiding_can_be_stopped(home: Path) -> None:
    def stop(fraction: float, text: str) -> None:
        if "hiding" in text:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        hidden.what_if(ask(home), stop)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"joints": "none"}, "no joints to hide"),
        ({"model": "tiny", "joints": None}, "no joints to hide"),
        ({"hide": ("tail",)}, "tail"),
        ({"hide": ("person 3",)}, "person 3"),
        ({"joints": "none", "hide": ("left arm",)}, "no joints were given"),
    ],
)
def test_what_cannot_be_hidden_is_named(home: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ActrecError, match=words):
        hidden.what_if(ask(home, **changes))


def test_a_question_that_hides_survives_links_and_commands(home: Path) -> None:
    question = ask(home, hide=("2: left arm", "left_wrist", "left_wrist"))
    assert question.hide == ("2: left arm", "left_wrist")
    assert Question.from_query(question.to_query()) == question
    assert "--hide '2: left arm' --hide left_wrist" in question.to_command()


# -------------------------------------------------------------------------------------------------------------- cost


def test_pairs_are_those_of_the_windows_and_of_everything(home: Path) -> None:
    """17 joints in windows of 4 every 2 over 4 frames, with two modal tokens each; all 4 frames in one window."""
    found = windows_cost.cost(ask(home))
    joint, temporal = found.rows
    windows = len(range(0, 13, 2)) + 1
    assert (joint.windows, joint.tokens, joint.pairs) == (windows, 4 * (4 + 2), windows * (4 * 6) ** 2)
    assert (joint.full_tokens, joint.full_pairs) == (4 * (17 + 2), (4 * 19) ** 2)
    assert temporal.tokens == temporal.full_tokens
    assert temporal.pairs == temporal.full_pairs
    assert found.full_gflops != found.gflops
    assert found.seconds > 0
    assert f"{joint.pairs + temporal.pairs:,}" in found.verdict


def test_where_the_windows_hold_everything_nothing_is_saved_and_the_answer_is_the_same(home: Path) -> None:
    path = checkpoint(home / "checkpoints", "wide", arguments={**demo_arguments(), "joint_window": 17})
    found = windows_cost.cost(ask(home, model="wide"))
    assert found.full_probability == found.probability
    assert found.full_gflops == found.gflops
    assert all(row.pairs == row.full_pairs for row in found.rows)
    path.unlink()


def demo_arguments() -> dict[str, object]:
    from test_joints import TINY

    return TINY


def test_a_model_without_windows_has_no_such_cost(home: Path) -> None:
    with pytest.raises(QuestionError, match="no attention in windows"):
        windows_cost.cost(ask(home, model="tiny", joints=None))


# ------------------------------------------------------------------------------------------------- the views, asked for


@pytest.mark.parametrize("method", ["tokens", "joint-stride", "temporal-stride"])
def test_every_view_is_answered_and_says_what_it_found(home: Path, method: str) -> None:
    found = study.answer(ask(home, method=method))
    assert found.claim.endswith(".")
    assert len(found.findings) >= 2
    assert all(f.sentence.endswith(".") for f in found.findings)
    assert (found.points is not None) == (method == "tokens")
    assert (found.skeleton is not None) == (method == "joint-stride")
    assert bool(found.matrices) == (method != "tokens")
    assert "This method does not know the class: every class gets the same map." in found.cautions


def test_tokens_are_the_default_view_of_a_model_that_chooses_them(home: Path) -> None:
    assert study.default_method(study.load("tinydeform").card) == "tokens"


def test_without_masks_the_tokens_are_held_against_the_joints_own_outline(home: Path) -> None:
    names = [f.name for f in study.answer(ask(home)).findings]
    assert "attention on the person" in names
    assert not [name for name in (f.name for f in study.answer(ask(home, joints="none")).findings) if "person" in name]


def test_of_sample_clips_the_truth_is_known(home: Path) -> None:
    told = [f.sentence for f in study.answer(Question("throw_ball", "tinydeform", "tokens")).findings]
    assert [s for s in told if "the acting limbs and what they handle" in s and "known from the clip's making" in s]


def test_without_joints_the_views_say_so(home: Path) -> None:
    for method in ("tokens", "temporal-stride"):
        assert pose.VIDEO_ONLY in study.answer(ask(home, method=method, joints="none")).cautions
    with pytest.raises(QuestionError, match="bring a file of joints"):
        study.answer(ask(home, method="joint-stride", joints="none"))


def test_the_command_line_tells_the_same(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joints = ["--joints", str(home / "short.npz")]
    command = ["explain", "short", "--model", "tinydeform", "--method", "joint-stride", *joints, "--hide", "left arm", "--out", str(tmp_path / "out")]
    assert cli.main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = study.answer(ask(home, method="joint-stride", hide=("left arm",)))
    assert told["claim"] == found.claim
    assert [f["sentence"] for f in told["findings"]] == [f.sentence for f in found.findings]
    assert {"joints", "matrix"} <= set(told["files"])
    assert all(Path(path).stat().st_size for path in told["files"].values())
    assert cli.main(["what-if", "short", "--model", "tinydeform", *joints, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == hidden.what_if(ask(home)).verdict
    assert cli.main(["cost", "short", "--model", "tinydeform", *joints]) == 0
    assert "joint stride attention" in capsys.readouterr().out
    assert cli.main(["what-if", "short", "--model", "tinydeform", "--joints", "none"]) == 2
    assert "bring a file of joints" in capsys.readouterr().err.lower()


def test_answers_about_other_joints_are_not_taken_for_one_another(home: Path) -> None:
    """What a page keeps is kept by bytes, never by the names that two readers may both give their files."""
    first, hidden, without = (study.answer(ask(home, **changes)) for changes in ({}, {"hide": ("nose",)}, {"joints": "none"}))
    same = study.answer(ask(home, method="temporal-stride", label=first.label))
    assert same.identity == first.identity
    label = {"label": first.label}
    assert len({study.answer(ask(home, **changes, **label)).identity for changes in ({}, {"hide": ("nose",)}, {"joints": "none"})}) == 3
    assert first.identity != hidden.identity != without.identity


def test_figures_of_a_video_only_answer_say_so(home: Path) -> None:
    from actrec.draw.figures import strip

    for joints, said in ((pose.NONE, True), (str(home / "short.npz"), False)):
        found = study.answer(ask(home, joints=joints))
        assert found.video_only == said
        assert (pose.VIDEO_ONLY in strip.frame_notes(found, 4, 4)) == said
    assert not study.answer(ask(home, model="tiny", method="cam", joints=None)).video_only, "it reads frames alone, and lacks nothing"
