"""Parts that can be hidden: found however they are written, and hidden alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joints_made import COCO, ask

from actrec import study
from actrec.core.errors import ActrecError
from actrec.inputs import pose

pytestmark = pytest.mark.usefixtures("joints_home")


def people_(count: int) -> pose.Joints:
    values = np.random.default_rng(2).random((count, 3, len(COCO), 3)).astype(np.float32)
    return pose.Joints(values, COCO, np.arange(3))


def hidden(joints: pose.Joints, *names: str) -> set[tuple[int, str]]:
    """Who and what has no place any more."""
    gone = ~joints.without(names).known.any(1)
    return {(p + 1, COCO.joints[i]) for p, i in np.argwhere(gone)}


ARM = {"left_shoulder", "left_elbow", "left_wrist"}


@pytest.mark.parametrize("name", ["left_wrist", "left wrist", " Left  Wrist ", "LEFT-WRIST"])
def test_a_joint_is_hidden_however_it_is_written(name: str) -> None:
    assert hidden(people_(1), name) == {(1, "left_wrist")}
    assert hidden(people_(2), name) == {(1, "left_wrist"), (2, "left_wrist")}


def test_limbs_people_and_one_persons_parts_are_hidden_and_nothing_else() -> None:
    assert hidden(people_(1), "Left_arm") == {(1, name) for name in ARM}
    assert hidden(people_(2), "2: left arm") == {(2, name) for name in ARM}
    assert hidden(people_(2), "1 :left_wrist", "person 2: nose") == {(1, "left_wrist"), (2, "nose")}
    assert hidden(people_(2), "Person 2") == {(2, name) for name in COCO.joints}
    assert hidden(people_(2)) == set()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tail", "'tail' is not a joint or limb of coco17.*left arm.*left_wrist"),
        ("", "not a joint or limb"),
        ("2: tail", "'2: tail' is not a joint"),
        ("person 3", "no person 3; they are numbered 1 … 2"),
        ("0: nose", "no person 0"),
        ("person", "not a joint or limb"),
    ],
)
def test_what_is_not_there_cannot_be_hidden_and_what_is_there_is_listed(name: str, says: str) -> None:
    with pytest.raises((pose.JointsError, pose.LayoutError), match=says):
        people_(2).without([name])


def test_what_can_be_hidden_is_told_people_first_then_limbs_then_joints() -> None:
    one, two = people_(1).hideable(), people_(2).hideable()
    assert one == (*COCO.groups, *COCO.joints)
    assert two[:3] == ("person 1", "person 2", "1: head")
    assert "2: left_wrist" in two
    assert "left_wrist" not in two
    for joints, names in ((people_(1), one), (people_(2), two)):
        assert all(hidden(joints, name) for name in names)
    assert "left_wrist" not in people_(1).without(["left_wrist"]).hideable()
    alone = replace(people_(2), values=people_(2).without(["person 2"]).values)
    assert not any(name.startswith("2") or name == "person 2" for name in alone.hideable())


def test_what_is_hidden_is_not_told_to_the_model_and_the_answer_says_so(home: Path) -> None:
    plain, without = study.answer(ask(joints=f"{home}/short.npz")), study.answer(ask(joints=f"{home}/short.npz", hide=("left arm", "nose")))
    given_ = pose.read(home / "short.npz").hide(["left arm", "nose"])
    pose.write(home / "cut.npz", given_)
    np.testing.assert_array_equal(without.predictions.logits, study.answer(ask(joints=f"{home}/cut.npz")).predictions.logits)
    assert not np.array_equal(without.predictions.logits, plain.predictions.logits)
    assert "Hidden from the model: left arm, nose." in without.cautions
    assert without.provenance["joints"]["hidden"] == ["left arm", "nose"]
    assert "hidden" not in plain.provenance["joints"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "tiny", "method": "cam"}, "'nose' cannot be hidden: .* reads no joints"),
        ({}, "'nose' cannot be hidden: no joints were given"),
        ({"clip": "walk", "joints": "none"}, "no joints were given"),
        ({"clip": "walk", "hide": ("tail",)}, "'tail' is not a joint"),
    ],
)
def test_where_there_is_nothing_to_hide_the_question_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ActrecError, match=says):
        study.answer(ask(**({"hide": ("nose",)} | changes)))
