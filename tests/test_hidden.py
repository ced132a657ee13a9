"""What if a joint, a limb or a person were not told: the score without it is that of a file without it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from claims_made import amount
from hypothesis import given
from hypothesis import strategies as st
from joints_made import COCO, ask_tokens

from actrec import study
from actrec.core.errors import ActrecError, Cancelled
from actrec.core.question import Question
from actrec.draw import charts
from actrec.inputs import pose
from actrec.study.checks import hidden
from actrec.study.checks._followed import Effect
from actrec.study.checks.hidden import WhatIf

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


NUMBERS = st.floats(-30, 30) | st.floats(-2e-3, 2e-3)
EFFECTS = st.lists(st.tuples(st.sampled_from(["left arm", "head", "left_wrist", "person 2"]), st.floats(0, 1), NUMBERS), unique_by=lambda e: e[0])


@given(st.tuples(st.floats(0, 1), NUMBERS), st.tuples(st.floats(0, 1), NUMBERS), EFFECTS, st.sampled_from([None, "wave"]))
def test_sentence_chart_and_saved_numbers_tell_of_one_part_in_one_measure(
    before: tuple[float, float], without: tuple[float, float], parts: list[tuple[str, float, float]], versus: str | None
) -> None:
    found = WhatIf("lift", versus, *before, (Effect("all joints", *without), *(Effect(*part) for part in parts)))
    told, measure = found.to_json(), "logit of “lift”" if versus is None else "logit lead of “lift” over “wave”"
    assert (told["measure"], f"Without any joints the {measure} goes from " in found.verdict) == (measure, True)
    moves = {name: score - before[1] for name, _, score in parts}
    largest = max(moves.values(), key=abs, default=0.0)
    assert {row["hidden"]: row["change"] for row in told["effects"]} == {"all joints": without[1] - before[1], **moves}
    (start, end) = re.findall(r"goes from (\S+) to (\S+) \(probability ", found.verdict)[0]
    assert (amount(start), amount(end)) == pytest.approx((before[1], without[1]), abs=0.5001e-3)
    if abs(largest) < 1e-3:
        assert found.verdict.endswith("; no single part moves it by 0.001.")
        assert told["strongest"] is None
        return
    name, by, then = re.findall(r"hiding (.+) moves it most, by (\S+) to (\S+) \(probability .* % to .* %\)\.$", found.verdict)[0]
    assert abs(moves[told["strongest"]]) == abs(largest)
    assert name == told["strongest"].replace("_", " ")
    assert (amount(by), amount(then)) == pytest.approx((moves[told["strongest"]], before[1] + moves[told["strongest"]]), abs=0.5001e-3)
    chart = charts.effects([(row.name, found.change(row), found.told(row)) for row in found.effects], found.measure)
    drawn = [name for name in chart.data[0].customdata if name != "all joints"]
    assert drawn[0] == told["strongest"], "the first bar is the part that the sentence names"
    assert chart.data[0].text[list(chart.data[0].customdata).index(drawn[0])] == by
    assert measure in chart.layout.xaxis.title.text


def test_what_is_saved_is_what_was_found(home: Path) -> None:
    found = hidden.what_if(ask_tokens(home))
    assert found.strongest is not None
    assert found.strongest.name.replace("_", " ") in found.verdict
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
def test_the_verdict_names_the_measure_and_gives_the_probability_beside_it(versus: str | None) -> None:
    parts = (Effect("all boxes", 0.25, -1.0), Effect("left box", 0.5, 1.5), Effect("right box", 0.75, 2.25))
    measure = "logit of “stand”" if versus is None else "logit lead of “stand” over “sit”"
    chance = "probability" if versus is None else "probability of “stand”"  # a lead is of two classes, a probability of one
    assert WhatIf("stand", versus, 0.75, 2.0, parts).verdict == (
        f"Without any boxes the {measure} goes from 2.000 to −1.000 ({chance} 75.0 % to 25.0 %); of the single parts, hiding left box moves it most, "
        f"by −0.500 to 1.500 ({chance} 75.0 % to 50.0 %)."
    )
    still = WhatIf("stand", versus, 0.75, 2.0, (parts[0], Effect("left box", 0.75, 2.0004))).verdict
    assert still.endswith("; no single part moves it by 0.001.")
