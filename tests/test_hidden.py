"""What if a joint, a limb or a person were not told: the score without it is that of a file without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from joints_made import COCO, ask_tokens

from actrec import study
from actrec.core.errors import ActrecError, Cancelled
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.study.checks import hidden

pytestmark = pytest.mark.usefixtures("joints_home")


def test_hiding_a_part_is_what_a_file_without_it_gives(home: Path, tmp_path: Path) -> None:
    found = hidden.what_if(ask_tokens(home))
    without = pose.read(home / "short.npz").without(("left arm",))
    pose.write(tmp_path / "armless.npz", without)
    other = study.answer(ask_tokens(home, joints=str(tmp_path / "armless.npz"), label=found.label))
    effect = next(e for e in found.effects if e.name == "left arm")
    assert effect.score == other.score
    assert effect.probability == other.probability
    assert effect.score != found.score
    armless = study.answer(ask_tokens(home, hide=("left arm",), label=found.label))
    assert armless.score == other.score
    assert "Hidden from the model: left arm." in armless.cautions


def test_without_all_joints_the_answer_is_that_of_the_video_alone(home: Path) -> None:
    found = hidden.what_if(ask_tokens(home))
    video = study.answer(ask_tokens(home, joints=pose.NONE, label=found.label))
    assert found.effects[0].name == "all joints"
    assert found.effects[0].score == video.score
    assert [e.name for e in found.effects[1:]] == list(pose.read(home / "short.npz").hideable())


def test_hiding_what_is_missing_changes_nothing(home: Path, tmp_path: Path) -> None:
    values = pose.read(home / "short.npz").values.copy()
    values[:, ::2, COCO.index("left_wrist"), 2] = 0.1  # too uncertain on the frames the model is given
    values[:, 1::2, COCO.index("left_wrist"), 2] = 0.1
    pose.write(tmp_path / "faint.npz", pose.Joints(values, COCO, np.arange(24)))
    found = hidden.what_if(ask_tokens(home, joints=str(tmp_path / "faint.npz")))
    assert next(e for e in found.effects if e.name == "left_wrist").score == found.score
    assert next(e for e in found.effects if e.name == "right_wrist").score != found.score


def test_people_are_hidden_one_by_one(home: Path) -> None:
    found = hidden.what_if(ask_tokens(home, model="crowd", joints=str(home / "two.npz")))
    one = study.answer(ask_tokens(home, model="crowd", joints=str(home / "two.npz") + "#person=2", label=found.label))
    assert next(e for e in found.effects if e.name == "person 1").score == pytest.approx(one.score, abs=1e-5)
    assert {"person 1", "person 2", "2: left arm", "2: left_wrist"} <= {e.name for e in found.effects}


def test_the_verdict_names_what_moves_the_score_most(home: Path) -> None:
    found = hidden.what_if(ask_tokens(home))
    telling = max(found.effects[1:], key=lambda e: abs(e.score - found.score))
    assert telling.name.replace("_", " ") in found.verdict
    assert found.to_json()["effects"][0]["change"] == found.effects[0].score - found.score


def test_hiding_can_be_stopped(home: Path) -> None:
    def stop(fraction: float, text: str) -> None:
        if "hiding" in text:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        hidden.what_if(ask_tokens(home), stop)


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
        hidden.what_if(ask_tokens(home, **changes))


def test_a_question_that_hides_survives_links_and_commands(home: Path) -> None:
    question = ask_tokens(home, hide=("2: left arm", "left_wrist", "left_wrist"))
    assert question.hide == ("2: left arm", "left_wrist")
    assert Question.from_query(question.to_query()) == question
    assert "--hide '2: left arm' --hide left_wrist" in question.to_command()


@pytest.mark.parametrize("versus", [None, "sit"])
def test_the_verdict_follows_from_its_numbers_whatever_is_hidden(versus: str | None) -> None:
    parts = (hidden.Effect("all boxes", 0.25, -1.0), hidden.Effect("left box", 0.5, 1.5), hidden.Effect("right box", 0.75, 2.25))
    said = hidden.WhatIf("stand", versus, 0.75, 2.0, parts).verdict
    assert said.startswith("Without any boxes the probability of “stand” goes from 0.750 to 0.250;"), "a probability is of one class alone"
    measured = "logit" if versus is None else "lead over “sit” in logits"
    assert said.endswith(f"hiding left box moves its {measured} most, by −0.50.")
    still = hidden.WhatIf("stand", versus, 0.75, 2.0, (parts[0], hidden.Effect("left box", 0.75, 2.0004))).verdict
    assert still.endswith(f"; no single part moves its {measured} by 0.001.")
