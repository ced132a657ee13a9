"""Joint stride attention: the scores are those that mixed the values; missing joints have none."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from views_made import COCO, FRAMES, HEADS, explained, look, make, people, traced, values_of

from actrec.core.errors import QuestionError
from actrec.core.evidence import Skeleton
from actrec.explain import Ask, joint_stride
from actrec.explain.joint_stride import averaged, windows

pytestmark = pytest.mark.usefixtures("one_seed")


def test_every_row_of_a_window_sums_to_one_and_the_windows_cover_all_joints() -> None:
    for score in ("cls", "pose", "received"):
        seen = traced(make(), "joint-stride", "blocks.0.joint", people())
        found = windows(seen, Ask(0, None, "blocks.0.joint", None, {"score": score}, layout=COCO.joints))
        np.testing.assert_allclose(found.gets.sum((1, 2)) + found.modal, 1, atol=1e-6)
        assert set(found.index[found.index >= 0].tolist()) == set(range(17))
        assert len(found.index) == 8


@pytest.mark.parametrize("head", range(HEADS))
def test_the_joints_scores_times_their_values_are_what_cls_was_handed(head: int) -> None:
    model, layer = make(), "blocks.1.joint"
    extra = [f"{layer}.attend.{tap}" for tap in ("v", "mixed")]
    joints = people()
    joints[:, 1, 3], joints[:, :, 5] = torch.nan, torch.nan
    seen = traced(model, "joint-stride", layer, joints, *extra)
    found = windows(seen, Ask(0, None, layer, None, {"score": "cls", "head": str(head + 1)}, layout=COCO.joints))
    value, mixed = values_of(seen, layer, head)
    length = found.index.shape[1]
    wide = length + 2
    value, mixed = (x.unflatten(1, (FRAMES, wide)) for x in (value, mixed))
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[:, head].unflatten(1, (FRAMES, wide)) for tap in "qk")
    mask = seen.seen[f"{layer}.attend.mask"].tensor.unflatten(1, (FRAMES, wide))
    for window in range(len(found.index)):
        logits = q[window, :, -1] @ k[window].flatten(0, 1).T / math.sqrt(q.shape[-1])
        rows = logits.masked_fill(~mask[window].flatten(), -torch.inf).softmax(-1).unflatten(1, (FRAMES, wide)).mean(0)
        others = (rows[:, length:, None] * value[window, :, length:]).sum((0, 1))
        rebuilt = (torch.from_numpy(found.gets[window]).double()[..., None] * value[window, :, :length]).sum((0, 1)) + others
        torch.testing.assert_close(rebuilt, mixed[window, :, -1].mean(0), atol=1e-5, rtol=1e-4)


def test_missing_joints_have_no_score_and_change_no_other() -> None:
    joints = people()
    joints[:, :, 5], joints[:, 2, 7] = torch.nan, torch.nan
    model = make()
    found = look(model, "joint-stride", "blocks.0.joint", joints)
    assert found.skeleton is not None
    assert np.isnan(found.skeleton.scores[:, 5]).all()
    assert np.isnan(found.skeleton.scores).sum() == FRAMES + 1
    assert np.isnan(found.skeleton.scores[2, 7])
    assert "left_shoulder" not in [track.title for track in found.tracks]
    elsewhere = joints.clone()
    elsewhere[:, :, 5] = torch.tensor([999.0, -7.0, 0.1], dtype=torch.float64)  # too uncertain to count
    other = look(model, "joint-stride", "blocks.0.joint", elsewhere)
    assert other.skeleton is not None
    np.testing.assert_array_equal(other.skeleton.scores, found.skeleton.scores)


def test_where_one_window_holds_everything_strided_is_full_attention() -> None:
    """All rows of the one window are those of the attention over all joints, with no window at all."""
    model = make(joint_window=17)
    seen = traced(model, "joint-stride", "blocks.0.joint", people())
    found = windows(seen, Ask(0, None, "blocks.0.joint", None, {"score": "received"}, layout=COCO.joints))
    q, k = (seen.seen[f"blocks.0.joint.attend.{tap}"].tensor for tap in "qk")
    assert q.shape[0] == 1
    rows = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1).mean((1, 2)).unflatten(1, (FRAMES, 19))
    np.testing.assert_allclose(averaged(found)[0], rows[0, :, :17].numpy(), atol=1e-6)


def test_a_joint_in_two_windows_gets_the_mean_of_both_and_the_matrix_shows_each() -> None:
    seen = traced(make(), "joint-stride", "blocks.0.joint", people())
    found = explained(seen, "joint-stride", "blocks.0.joint")
    apart = windows(seen, Ask(0, None, "blocks.0.joint", None, {}, layout=COCO.joints))
    matrix = found.matrices[0]
    assert np.isfinite(matrix.values[:, 2]).sum() == 2
    assert np.isfinite(matrix.values[:, 0]).sum() == 1
    assert found.skeleton is not None
    mine = [gets[:, window.tolist().index(2)] for window, gets in zip(apart.index, apart.gets, strict=True) if 2 in window]
    np.testing.assert_allclose(found.skeleton.scores[:, 2], np.mean(mine, 0), atol=1e-7)
    np.testing.assert_allclose(matrix.values[np.isfinite(matrix.values[:, 2]), 2], [m.sum() for m in mine], rtol=1e-5)


def test_a_score_lies_under_its_joints_gaussian_and_the_map_holds_what_the_skeleton_says() -> None:
    joints = people()
    joints[:, :, 1:] = torch.nan
    found = look(make(), "joint-stride", "blocks.0.joint", joints)
    assert found.skeleton is not None
    assert float(found.heat.values.sum()) == pytest.approx(float(np.nansum(found.skeleton.scores)), rel=1e-4)
    for step in range(FRAMES):
        row, column = np.unravel_index(int(found.heat.values[step].argmax()), found.heat.values.shape[1:])
        assert (column, row) == tuple(torch.round((joints[0, step, 0, :2] - 0.5) / 2).int().tolist())


def test_several_people_are_told_apart_by_name_and_limb() -> None:
    found = look(make(), "joint-stride", "blocks.0.joint", people(2))
    assert found.skeleton is not None
    assert found.skeleton.names[0] == "1: nose"
    assert found.skeleton.names[17 + 9] == "2: left_wrist"
    assert found.skeleton.groups[17 + 9] == "2: left arm"
    assert all((a < 17) == (b < 17) for a, b in found.skeleton.bones)
    assert len(found.tracks) == 34


def test_attention_that_follows_speed_is_said_to_and_attention_that_does_not_is_not() -> None:
    joints = people()
    joints[..., :2] += torch.linspace(0, 1, 17, dtype=torch.float64)[:, None] * torch.arange(FRAMES, dtype=torch.float64)[:, None, None]
    seen = traced(make(), "joint-stride", "blocks.0.joint", joints)
    skeleton = explained(seen, "joint-stride", "blocks.0.joint").skeleton
    assert skeleton is not None
    speed = joint_stride.speeds(seen, skeleton)
    told = {}
    for name, scores in (("up", speed), ("down", -speed)):
        made = Skeleton("", "", skeleton.joints, scores, skeleton.names, skeleton.groups, skeleton.bones, skeleton.bands)
        (told[name],) = joint_stride._with_speed(seen, made)
    assert told["up"].value == pytest.approx(1)
    assert "get more attention" in told["up"].sentence
    assert told["down"].value == pytest.approx(-1)
    assert "get less attention" in told["down"].sentence


def test_joint_attention_without_joints_says_what_to_do() -> None:
    model = make()
    with pytest.raises(QuestionError, match="give a file of joints"):
        look(model, "joint-stride", "blocks.0.joint", None)
    nobody = torch.full((1, FRAMES, 17, 3), torch.nan, dtype=torch.float64)
    with pytest.raises(QuestionError, match="missing or too uncertain"):
        look(model, "joint-stride", "blocks.0.joint", nobody)
