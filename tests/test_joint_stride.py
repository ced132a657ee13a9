"""Joint stride attention: the scores are those that mixed the values; missing joints have none."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from claims_made import CLIP, MOMENT, amount, as_percent, maps, moments
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from views_made import COCO, FRAMES, HEADS, explained, look, make, people, traced, values_of

from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat, Skeleton
from actrec.core.trace import Trace
from actrec.explain import Ask, joint_stride
from actrec.explain.joint_stride import JointWindows, scored, windows
from actrec.measure import strongest

pytestmark = pytest.mark.usefixtures("one_seed")


def apart(seen: Trace, layer: str = "blocks.0.joint", **knobs: str) -> JointWindows:
    return windows(seen, Ask(0, None, layer, None, knobs, layout=COCO.joints))


def walking() -> Tensor:
    """People of whom one joint is missing on one frame, and another on all."""
    joints = people()
    joints[:, 1, 3], joints[:, :, 5] = torch.nan, torch.nan
    return joints


@pytest.mark.parametrize("score", ["cls", "pose", "received"])
def test_all_that_is_averaged_sums_to_one_and_so_does_every_window_by_itself(score: str) -> None:
    seen = traced(make(), "joint-stride", "blocks.0.joint", walking())
    found = apart(seen, score=score)
    assert found.gets.sum() + found.modal.sum() == pytest.approx(1, abs=1e-6)
    assert np.nansum(scored(found)[0]) == pytest.approx(found.on_joints, abs=1e-6), "the shown shares are those that the finding states"
    each = apart(seen, score=score, windows="each")
    np.testing.assert_allclose(each.gets.sum((1, 2)) + each.modal, 1, atol=1e-6)
    for one in (found, each):
        assert set(one.index[one.index >= 0].tolist()) == set(range(17)) - {5}
        assert len(one.index) == 7


@pytest.mark.parametrize("score", ["cls", "pose"])
@pytest.mark.parametrize("head", range(HEADS))
def test_the_shown_shares_times_the_joints_values_are_what_the_block_averages(head: int, score: str) -> None:
    """What the block hands on to CLS before its output projection, the mean over all windows, is made of the shown shares and the joints' values."""
    layer = "blocks.1.joint"
    seen = traced(make(), "joint-stride", layer, walking(), *(f"{layer}.attend.{tap}" for tap in ("v", "mixed")))
    found = apart(seen, layer, score=score, head=str(head + 1))
    scores, _ = scored(found)
    value, mixed = (x.unflatten(1, (FRAMES, found.index.shape[1] + 2)) for x in values_of(seen, layer, head))
    length, token = found.index.shape[1], {"pose": -2, "cls": -1}[score]
    rebuilt = torch.zeros(value.shape[-1], dtype=torch.float64)
    for joint in range(17):
        mine = [value[w, :, window.tolist().index(joint)] for w, window in enumerate(found.index) if joint in window]
        assert all(torch.equal(one, mine[0]) for one in mine), "a joint's value is the same in all its windows"
        rebuilt += torch.from_numpy(np.nan_to_num(scores[:, joint])).double() @ mine[0] if mine else 0
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[:, head] for tap in "qk")
    rows = (q.unflatten(1, (FRAMES, -1))[:, :, token] @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).masked_fill(
        ~seen.seen[f"{layer}.attend.mask"].tensor[:, None], -torch.inf
    )
    others = rows.softmax(-1).unflatten(2, (FRAMES, length + 2))[..., length:]
    rebuilt += torch.einsum("wtsm,wsmd->d", others, value[:, :, length:]) / (len(value) * FRAMES)
    torch.testing.assert_close(rebuilt, mixed[:, :, token].mean((0, 1)), atol=1e-6, rtol=1e-5)


def test_a_joint_token_counts_once_however_many_windows_it_stands_in() -> None:
    """The mean row of all tokens, a joint's own row the mean over its windows, as the block averages its results."""
    seen = traced(make(), "joint-stride", "blocks.0.joint", walking())
    found = apart(seen, score="received")
    q, k = (seen.seen[f"blocks.0.joint.attend.{tap}"].tensor for tap in "qk")
    mask = seen.seen["blocks.0.joint.attend.mask"].tensor
    rows = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).masked_fill(~mask[:, None, None], -torch.inf).softmax(-1).mean(1)
    length, total, tokens = found.index.shape[1], np.zeros((FRAMES, 17)), 0
    wide = length + 2
    for who in [*range(17), "pose", "cls"]:
        for frame in range(FRAMES):
            places = [
                (w, frame * wide + (window.tolist().index(who) if who in window.tolist() else length + (who == "cls")))
                for w, window in enumerate(found.index)
                if isinstance(who, str) or who in window
            ]
            places = [(w, at) for w, at in places if mask[w, at]]
            tokens += bool(places)
            for w, at in places:
                total[:, found.index[w]] += rows[w, at].unflatten(0, (FRAMES, wide))[:, :length].numpy() / len(places)
    np.testing.assert_allclose(np.nan_to_num(scored(found)[0]), total / tokens, atol=1e-7)


@pytest.mark.parametrize("head", range(HEADS))
def test_the_joints_scores_times_their_values_are_what_cls_was_handed(head: int) -> None:
    model, layer = make(), "blocks.1.joint"
    extra = [f"{layer}.attend.{tap}" for tap in ("v", "mixed")]
    joints = people()
    joints[:, 1, 3], joints[:, :, 5] = torch.nan, torch.nan
    seen = traced(model, "joint-stride", layer, joints, *extra)
    found = apart(seen, layer, score="cls", head=str(head + 1), windows="each")
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
    found = apart(seen, score="received")
    q, k = (seen.seen[f"blocks.0.joint.attend.{tap}"].tensor for tap in "qk")
    assert q.shape[0] == 1
    rows = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1).mean((1, 2)).unflatten(1, (FRAMES, 19))
    np.testing.assert_allclose(scored(found)[0], rows[0, :, :17].numpy(), atol=1e-6)


@pytest.mark.parametrize(("way", "together"), [("averaged", np.sum), ("each", np.mean)])
def test_a_joint_in_two_windows_gets_what_both_add_or_the_mean_of_both_and_the_matrix_shows_each(way: str, together: Any) -> None:
    seen = traced(make(), "joint-stride", "blocks.0.joint", people())
    found = explained(seen, "joint-stride", "blocks.0.joint", windows=way)
    parts, matrix = apart(seen, windows=way), found.matrices[0]
    assert np.isfinite(matrix.values[:, 2]).sum() == 2
    assert np.isfinite(matrix.values[:, 0]).sum() == 1
    assert found.skeleton is not None
    mine = [gets[:, window.tolist().index(2)] for window, gets in zip(parts.index, parts.gets, strict=True) if 2 in window]
    np.testing.assert_allclose(found.skeleton.scores[:, 2], together(mine, 0), atol=1e-7)
    np.testing.assert_allclose(matrix.values[np.isfinite(matrix.values[:, 2]), 2], [m.sum() for m in mine], rtol=1e-5)


SCORES = arrays(np.float32, (4, 3), elements=st.floats(0, 0.25, width=32) | st.just(np.float32(np.nan)))


@given(SCORES, maps())
def test_every_sentence_about_joints_follows_from_their_scores(scores: np.ndarray, heat: Heat) -> None:
    scores[0, 0] = 0.125  # some joint is there
    heat = replace(heat, values=np.abs(heat.values[:4]), bands=heat.bands[:4], fields=None)
    joints = np.zeros((*scores.shape, 3), np.float32)
    body = Skeleton("", "", joints, scores, ("a", "b_b", "c"), ("", "", ""), (), np.zeros((len(scores), 2), np.int64))
    heat = replace(heat, values=np.resize(heat.values, (4, *heat.values.shape[1:])), bands=np.array([(0, 3), (3, 4), (4, 9), (9, 9)]))
    said = joint_stride._strongest(SimpleNamespace(clip=CLIP), "CLS", heat, body, np.array([0.1, 0.2, 0.3]))  # type: ignore[arg-type]
    totals = {name: sum(float(v) for v in scores[:, i] if v == v) for i, name in enumerate(("a", "b b", "c"))}
    first, share, even = re.findall(r"most attention to the (.+?): (<? ?[\d.]+) % over all frames \(an even spread would give ([\d.]+) %\)", said)[0]
    assert totals[first] == max(totals.values())
    assert as_percent(share, totals[first], 1)
    assert amount(even) / 100 == pytest.approx({"a": 0.1, "b b": 0.2, "c": 0.3}[first])
    for second, share in re.findall(r", then to the (.+?) \((<? ?[\d.]+) %\)\.", said):
        assert totals[second] == sorted(totals.values())[-2]
        assert second != first
        assert as_percent(share, totals[second], 1)
    when = re.findall(
        rf"most falls {MOMENT}: (<? ?[\d.]+) % .* even spread over time would give 25 %\); of all joints the (.+?) gets most then\.$", said
    )
    assert bool(when) == (not heat.empty and bool(np.isfinite(scores[strongest.step(heat)]).any()))
    for *moment, share, most in when:
        steps = [k for k in moments(heat, [m or None for m in moment]) if strongest.shares(heat)[k] == strongest.shares(heat).max()]
        assert steps
        assert as_percent(share, float(strongest.shares(heat)[steps[0]]))
        assert scores[steps[0], ["a", "b b", "c"].index(most)] == np.nanmax(scores[steps[0]])


def test_the_player_opens_at_the_moment_that_the_claim_names() -> None:
    seen = traced(make(), "joint-stride", "blocks.0.joint", people())
    found = explained(seen, "joint-stride", "blocks.0.joint", score="cls")
    (moment,) = re.findall(rf"most falls {MOMENT}", found.claim)
    assert found.heat.step_at(strongest.amid(found.heat)) in moments(found.heat, [m or None for m in moment], seen.clip)


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
