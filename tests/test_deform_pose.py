"""Joints as tokens, and what becomes of those that are missing."""

from __future__ import annotations

import itertools

import pytest
import torch
from deform_made import CLOSE, attentions, clip, make, people, rebuilt
from torch import nn

from actrec.core.trace import record, taps
from actrec.models import deform
from actrec.models._deform_pose import PoseTokens, Positions, present

pytestmark = pytest.mark.usefixtures("one_seed")


# --- joints as tokens ------------------------------------------------------------------------------------------------------------------------


def test_pose_tokens_are_the_features_under_the_gaussian() -> None:
    tokens = PoseTokens(3, 8, 1.5, 0.3, (1, 2, 2)).double()
    features, joints = torch.randn(2, 3, 2, 5, 6, dtype=torch.float64), people(4, 2, 11, 2)
    found, there = tokens(features, joints)
    assert there.counts == (4, 4)
    assert there.seen is None
    y, x = torch.meshgrid(torch.arange(5).double(), torch.arange(6).double(), indexing="ij")
    for b, t, r in itertools.product(range(2), range(2), range(4)):
        at = (joints[b, t, r, :2] - 0.5) / 2  # eq. 2, in cells of F_a
        heat = torch.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 1.5**2))
        torch.testing.assert_close(found[b, t, r], tokens.linear((features[b, :, t] * heat).sum((1, 2))), **CLOSE)


def test_a_joint_at_a_cells_centre_takes_most_of_that_cell() -> None:
    tokens = PoseTokens(1, 8, 0.1, 0.3, (1, 2, 2)).double()
    tokens.linear = nn.Identity()
    features = torch.arange(30.0, dtype=torch.float64).view(1, 1, 1, 5, 6)
    joint = torch.tensor([2 * 4 + 0.5, 2 * 3 + 0.5, 1.0], dtype=torch.float64).view(1, 1, 1, 3)  # cell x = 4, y = 3
    assert float(tokens(features, joint)[0]) == pytest.approx(22.0)


def test_a_joint_that_is_not_seen_in_a_frame_has_an_empty_heat_map_there() -> None:
    tokens, joints = PoseTokens(3, 8, 1.5, 0.3, (1, 2, 2)).double(), people(2, 3, 11)
    joints[0, 1, 0], joints[0, 2, 1, 2] = torch.nan, 0.29
    found, there = tokens(torch.randn(1, 3, 3, 6, 6, dtype=torch.float64), joints)
    assert there.seen is not None
    assert there.seen[0].tolist() == [[True, True], [False, True], [True, False]]
    empty = (found - tokens.linear.bias).abs().amax(-1)[0] == 0
    assert torch.equal(empty, ~there.seen[0])


def test_joints_that_no_frame_shows_are_left_out_and_the_others_keep_their_order() -> None:
    joints = people(5, 3, clips=2)
    joints[0, :, 1] = torch.nan
    joints[0, :, 4, 2] = 0.1  # a low score
    joints[1, 0, 2, 0] = torch.inf
    found = present(joints, 0.3)
    assert found.counts == (3, 5)
    assert found.order.tolist() == [[0, 2, 3, -1, -1], [0, 1, 2, 3, 4]]
    assert found.seen is not None
    assert found.seen[0].all(0).tolist() == [True, True, True, False, False]
    assert found.seen[1, :, 2].tolist() == [False, True, True]


def test_a_position_between_cells_is_interpolated_and_at_a_cell_is_what_the_cell_gets() -> None:
    positions = Positions(4, 6, 5).double()
    z = positions(torch.zeros(1, 4, 3, 5, 7, dtype=torch.float64))
    cells = torch.tensor([[2.0, 3], [6, 0], [2.5, 3]], dtype=torch.float64).expand(1, 3, 3, 2)
    found = positions.at(cells, (3, 5, 7))
    torch.testing.assert_close(found[0, :, 0], z[0, :, :, 3, 2].T, **CLOSE)
    torch.testing.assert_close(found[0, :, 1], z[0, :, :, 0, 6].T, **CLOSE)
    torch.testing.assert_close(found[0, :, 2], (z[0, :, :, 3, 2] + z[0, :, :, 3, 3]).T / 2, **CLOSE)


# --- missing joints and missing pose ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_joints_that_are_never_seen_change_nothing(tokens: str) -> None:
    model, video, joints = make(tokens=tokens), clip(), people(7)
    wanted = model(video, joints)
    assert (wanted - model(video)).abs().max() > 1e-4  # the pose stream has its say
    extra = people(3)
    extra[:, :, 0] = torch.nan
    extra[:, :, 1:, 2] = 0.1
    more = torch.cat([extra[:, :, :1], joints[:, :, :5], extra[:, :, 1:2], joints[:, :, 5:], extra[:, :, 2:]], 2)
    assert torch.equal(model(video, more), wanted)


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_where_a_missing_joint_would_be_changes_nothing(tokens: str) -> None:
    model, video, joints = make(tokens=tokens), clip(), people(7)
    joints[:, 2:4, 3, 2], joints[:, 1, 5, 2] = 0.1, 0.0
    elsewhere = joints.clone()
    elsewhere[:, 2, 3, :2], elsewhere[:, 3, 3], elsewhere[:, 1, 5, 0] = 20.0, torch.nan, 1e30
    wanted = model(video, joints)
    assert torch.equal(model(video, elsewhere), wanted)
    joints[:, 2:4, 3, 2] = 1.0
    assert (model(video, joints) - wanted).abs().max() > 1e-6


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_without_pose_the_answer_is_that_of_joints_all_missing(tokens: str) -> None:
    model, video = make(tokens=tokens), clip()
    for joints in (torch.full((1, 6, 5, 3), torch.nan, dtype=torch.float64), people(0)):
        assert torch.equal(model(video, joints), model(video))


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_clips_with_different_joints_in_one_batch_get_what_they_get_alone(tokens: str) -> None:
    model, video, joints = make(tokens=tokens), clip(clips=3), people(11, clips=3)
    joints[0, :, 5:] = torch.nan
    joints[1] = torch.nan
    joints[2, 1:3, 2] = torch.nan
    alone = [model(video[i : i + 1], joints[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(model(video, joints), torch.cat(alone), **CLOSE)


def test_windows_that_only_fill_up_a_batch_have_rows_too() -> None:
    model, joints = make(tokens="none"), people(11, clips=2)
    joints[0, :, 3:] = torch.nan
    with torch.no_grad(), record(model, taps(model)) as seen:
        model(clip(clips=2), joints)
    for name, attend in attentions(model).items():
        rows, _ = rebuilt(attend, name, {key: each.tensor for key, each in seen.items()})
        torch.testing.assert_close(rows.sum(-1), torch.ones_like(rows[..., 0]), **CLOSE)


def test_any_number_of_people_and_joints_goes_through() -> None:
    model, video = make(), clip()
    found = [model(video, people(count)) for count in (1, 3, 17, 50)]
    assert all(logits.isfinite().all() for logits in found)


def test_joints_of_the_wrong_shape_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"\(1, 4, 7, 3\).*need \(1, 6, R, 3\)"):
        make()(clip(), people(7, frames=4))
    with pytest.raises(ValueError, match="7 joints do not make whole people of 5"):
        make(layout=5)(clip(), people(7))
