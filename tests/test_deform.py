"""The cross-modal 3D deformable transformer: hand-set weights, windows, missing joints, and attention that is the attention used."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from actrec import catalogue
from actrec.core.trace import record, taps
from actrec.lab.train.start import adapt
from actrec.models import _deform_windows as windows
from actrec.models import deform, weights
from actrec.models._deform_attend import Attention, JointStride, Note, TemporalStride, TokenSearch, regular
from actrec.models._deform_pose import Joints, PoseTokens, Positions, none, present

SMALL: dict[str, Any] = {"width": 0.125, "heads": 4, "kernel": 3, "frames": 6, "size": 48, "joint_window": 4, "temporal_window": 4, "classes": 5}
DIM, CLOSE = 32, {"atol": 1e-10, "rtol": 0.0}


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.random.fork_rng():
        yield


def make(**arguments: Any) -> nn.Module:
    """A small model in double precision, awake: offsets, biases and normalisations are not the ones it starts with."""
    model = deform.build(**{**SMALL, **arguments}).double().eval()
    for name, values in model.named_parameters():
        if name.endswith("offset.weight"):
            nn.init.normal_(values, 0, 0.5)
        elif name.endswith("bias") or values.ndim == 1 or name in ("modal", "kinds", "positions.time", "positions.place"):
            nn.init.normal_(values, 1.0 if "norm" in name or ".1." in name else 0.0, 0.2)
    return model


def clip(frames: int = 6, side: int = 48, clips: int = 1) -> Tensor:
    return torch.randn(clips, 3, frames, side, side, dtype=torch.float64)


def people(joints: int = 7, frames: int = 6, side: int = 48, clips: int = 1) -> Tensor:
    """Joints everywhere in the picture, all of them seen."""
    places = torch.rand(clips, frames, joints, 2, dtype=torch.float64) * side
    return torch.cat([places, torch.ones_like(places[..., :1])], -1)


def attentions(model: nn.Module) -> dict[str, Attention]:
    return {name: module for name, module in model.named_modules() if isinstance(module, Attention)}


def written(attend: Attention, x: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
    """Eqs. 6–7 head by head."""
    q, k, v = (layer(part).chunk(attend.heads, -1) for layer, part in ((attend.w_q, x), (attend.w_k, others), (attend.w_v, others)))
    heads = []
    for one in range(attend.heads):
        logits = q[one] @ k[one].transpose(1, 2) / math.sqrt(q[one].shape[-1])
        heads.append((logits if mask is None else logits.masked_fill(~mask[:, None], -torch.inf)).softmax(-1) @ v[one])
    x = x + attend.w_o(torch.cat(heads, -1))
    return x + attend.ffn(attend.norm(x))


# --- windows ---------------------------------------------------------------------------------------------------------------------------------


def test_windows_begin_every_half_window_and_the_last_is_flush_with_the_end() -> None:
    assert windows.starts(12, 4) == (0, 2, 4, 6, 8)
    assert windows.starts(13, 8) == (0, 4, 5)
    assert windows.starts(5, 3) == (0, 1, 2)
    assert windows.starts(12, 4, 4) == (0, 4, 8)
    assert windows.starts(3, 8) == windows.starts(8, 8) == windows.starts(0, 8) == (0,)
    assert windows.starts(3, 1) == (0, 1, 2)


@given(st.integers(1, 40), st.integers(1, 12), st.data())
def test_no_joint_and_no_frame_is_left_out_and_equal_results_average_to_themselves(count: int, window: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(0, window))
    index = windows.numbers([count], window, stride)
    assert set(index.flatten().tolist()) == set(range(count))
    assert int(index[0, -1, -1]) == count - 1
    assert index.shape[1] == int(windows.real([count], window, stride))
    x = torch.randn(1, count, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(windows.average(windows.gather(x, index), index, count), x, **CLOSE)


def test_where_windows_overlap_their_results_are_averaged() -> None:
    index = windows.numbers([5], 3)
    assert index.tolist() == [[[0, 1, 2], [1, 2, 3], [2, 3, 4]]]
    results = torch.tensor([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]])[..., None]
    assert windows.average(results, index, 5)[0, :, 0].tolist() == [1.0, 3.0, 5.0, 7.0, 9.0]


@pytest.mark.parametrize(("window", "stride"), [(0, 0), (3, 4), (-1, 0), (4, -1)])
def test_windows_that_would_leave_places_out_are_refused(window: int, stride: int) -> None:
    with pytest.raises(ValueError, match="leave places out"):
        windows.starts(10, window, stride)


# --- 3D token search -------------------------------------------------------------------------------------------------------------------------


def coordinates(t: int, h: int, w: int) -> Tensor:
    """Z whose channels are its own cells' x, y, t and 1: trilinear sampling inside the clip reads off where it was."""
    tt, yy, xx = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (t, h, w)), indexing="ij")
    return torch.stack([xx, yy, tt, torch.ones_like(tt)])[None]


def search(kernel: tuple[int, int, int], offset: tuple[float, float, float] = (0, 0, 0), dim: int = 4) -> TokenSearch:
    """3DTS whose offsets x, y, t are the same everywhere."""
    found = TokenSearch(dim, kernel, depthwise=False).double()
    nn.init.zeros_(found.offset.weight)
    found.offset.bias.data = torch.tensor(offset, dtype=torch.float64).atanh()
    return found


def test_zero_offsets_sample_the_regular_grid_exactly() -> None:
    z = coordinates(6, 9, 7)
    found, points = search((3, 5, 3))(z)
    assert found.shape == (1, 4, 4, 5, 5)
    assert torch.equal(points[0], regular((4, 5, 5), dtype=torch.float64))
    for channel, (length, extent, axis) in enumerate([(5, 7, 4), (5, 9, 3), (4, 6, 2)]):
        line = torch.linspace(0, extent - 1, length, dtype=torch.float64)
        shape = [1, 1, 1, 1]
        shape[axis - 1] = length
        torch.testing.assert_close(found[:, channel], line.view(shape).expand(1, 4, 5, 5), **CLOSE)
    torch.testing.assert_close(search((1, 1, 1))(z)[0], z, **CLOSE)


def test_a_known_offset_lands_on_the_known_voxel() -> None:
    z = torch.randn(1, 4, 5, 6, 7, dtype=torch.float64)
    right_one, down_two, later_one = 2 / 6, 4 / 5, 2 / 4
    found, _ = search((1, 1, 1), (right_one, down_two, later_one))(z)
    torch.testing.assert_close(found[:, :, :-1, :-2, :-1], z[:, :, 1:, 2:, 1:], **CLOSE)


def test_a_token_outside_the_clip_is_filled_up_with_zeros_as_grid_sample_does() -> None:
    z = torch.randn(1, 4, 5, 6, 7, dtype=torch.float64)
    found, _ = search((1, 1, 1), (2 / 6, 0, 0))(z)
    assert (found[..., -1].abs() < 1e-12).all()  # a whole cell outside: nothing
    half, points = search((1, 1, 1), (1 / 6, 0, 0))(z)
    torch.testing.assert_close(half[..., -1], z[..., -1] / 2, **CLOSE)  # half a cell outside: half of the edge
    assert torch.equal(half, F.grid_sample(z, points, align_corners=True))


def test_a_kernel_longer_than_the_clip_is_cut_to_its_middle() -> None:
    module, z = TokenSearch(4, (7, 3, 7), depthwise=False).double(), torch.randn(1, 4, 4, 5, 6, dtype=torch.float64)
    wanted = F.conv3d(z, module.conv.weight[:, :, 1:5, :, :6], module.conv.bias)
    assert torch.equal(module.conv_within(z), wanted)
    assert module(z)[1].shape == (1, 1, 3, 1, 3)
    assert (regular((1, 3, 1))[:, :, :, 2] == 0).all()  # one point stands in the middle


def test_offsets_stay_within_half_the_clip_and_depend_on_the_tokens() -> None:
    module, z = TokenSearch(4, (3, 3, 3), depthwise=True).double(), torch.randn(2, 4, 5, 6, 7, dtype=torch.float64)
    nn.init.normal_(module.offset.weight, 0, 5)
    moved = module(z)[1] - regular((3, 4, 5), dtype=torch.float64)
    assert (moved.abs() <= 1).all()
    assert (moved[0] - moved[1]).abs().max() > 0.1


def test_points_are_told_in_input_frames_and_pixels() -> None:
    points = torch.tensor([[-1.0, -1, -1], [1, 1, 1], [0, 0, 0], [1, -1, 0]])
    found = TokenSearch.places(points, (12, 28, 14))
    assert found.tolist() == [[0, 0.5, 0.5], [11, 104.5, 216.5], [5.5, 52.5, 108.5], [5.5, 104.5, 0.5]]


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


# --- strided attention -----------------------------------------------------------------------------------------------------------------------


def stride(kind: type[JointStride] | type[TemporalStride], window: int, every: int = 0) -> Any:
    return kind(DIM, 4, 2.0, window, every).double()


def tokens_of(*shape: int) -> Tensor:
    return torch.randn(*shape, DIM, dtype=torch.float64)


def all_there(clips: int, joints: int) -> Joints:
    return Joints((joints,) * clips, torch.arange(joints).expand(clips, -1), None)


@pytest.mark.parametrize("window", [7, 20])
def test_joint_stride_attention_is_full_attention_when_the_window_is_everything(window: int) -> None:
    module, p, modal = stride(JointStride, window), tokens_of(2, 3, 7), [tokens_of(2, 3), tokens_of(2, 3)]
    out, rest = module(p, modal, all_there(2, 7))
    x = torch.cat([p.flatten(1, 2), *modal], 1)
    wanted = written(module.attend, x, x)
    torch.testing.assert_close(torch.cat([out.flatten(1, 2), *rest], 1), wanted, **CLOSE)


def test_temporal_stride_attention_is_full_attention_when_the_window_is_everything() -> None:
    module, z, p, modal = stride(TemporalStride, 4), tokens_of(2, 4, 2, 3).movedim(-1, 1), tokens_of(2, 4, 5), [tokens_of(2, 4)]
    Z, P, rest = module(z, p, modal, all_there(2, 5))
    x = torch.cat([z.flatten(2).transpose(1, 2), p.flatten(1, 2), *modal], 1)
    found = torch.cat([Z.flatten(2).transpose(1, 2), P.flatten(1, 2), *rest], 1)
    torch.testing.assert_close(found, written(module.attend, x, x), **CLOSE)


def test_joint_windows_are_attended_one_by_one_and_averaged() -> None:
    module, p, modal = stride(JointStride, 4), tokens_of(1, 3, 9), [tokens_of(1, 3), tokens_of(1, 3)]
    seen = torch.rand(1, 3, 9) > 0.3
    out, rest = module(p, modal, Joints((9,), torch.arange(9)[None], seen))
    total, times, kept = torch.zeros_like(p), torch.zeros(9), [torch.zeros_like(modal[0]) for _ in modal]
    begins = windows.starts(9, 4)
    for first in begins:
        some = slice(first, first + 4)
        x = torch.cat([p[:, :, some].flatten(1, 2), *modal], 1)
        mask = torch.cat([seen[:, :, some].flatten(1), torch.ones(1, 6, dtype=torch.bool)], 1)
        y, *ends = written(module.attend, x, x, mask).split([12, 3, 3], 1)
        total[:, :, some] += y.unflatten(1, (3, 4))
        times[some] += 1
        kept = [a + b / len(begins) for a, b in zip(kept, ends, strict=True)]
    torch.testing.assert_close(out, total / times[:, None], **CLOSE)
    torch.testing.assert_close(rest, kept, **CLOSE)


def test_temporal_windows_are_attended_one_by_one_and_averaged() -> None:
    module, z, p = stride(TemporalStride, 3, 2), tokens_of(1, 6, 1, 2).movedim(-1, 1), tokens_of(1, 6, 2)
    seen = torch.rand(1, 6, 2) > 0.4
    Z, P, _ = module(z, p, [], Joints((2,), torch.arange(2)[None], seen))
    frames = torch.cat([z.flatten(3).permute(0, 2, 3, 1), p], 2)
    mask = torch.cat([torch.ones(1, 6, 2, dtype=torch.bool), seen], 2)
    total, times = torch.zeros_like(frames), torch.zeros(6)
    for first in (0, 2, 3):
        some = slice(first, first + 3)
        x = frames[:, some].flatten(1, 2)
        total[:, some] += written(module.attend, x, x, mask[:, some].flatten(1)).unflatten(1, (3, 4))
        times[some] += 1
    wanted = total / times[:, None, None]
    torch.testing.assert_close(torch.cat([Z.flatten(3).permute(0, 2, 3, 1), P], 2), wanted, **CLOSE)


def test_the_windows_under_the_tap_name_the_joints_that_came_in() -> None:
    model, joints = make(), people(7)
    joints[:, :, 2] = torch.nan
    with torch.no_grad(), record(model, ["joints", "blocks.0.joint.joints", "blocks.0.temporal.frames"]) as seen:
        model(clip(), joints)
    assert seen["joints"].tensor.tolist() == [[0, 1, 3, 4, 5, 6]]
    assert seen["blocks.0.joint.joints"].tensor.tolist() == [[[0, 1, 3, 4], [3, 4, 5, 6]]]
    assert seen["blocks.0.temporal.frames"].tensor.tolist() == [[[0, 1, 2, 3], [2, 3, 4, 5]]]


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


# --- attention shown is attention used -------------------------------------------------------------------------------------------------------


def noted(model: nn.Module, video: Tensor, joints: Tensor | None, edits: Any = None) -> tuple[Tensor, dict[str, Tensor]]:
    with torch.no_grad(), record(model, taps(model), edits=edits) as seen:
        logits = model(video, joints)
    return logits, {name: each.tensor for name, each in seen.items()}


def rebuilt(attend: Attention, name: str, seen: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The attention made from the tensors under the taps, and what it makes of the values."""
    rows = attend.rows(seen[f"{name}.q"], seen[f"{name}.k"], seen.get(f"{name}.mask"))
    return rows, rows @ seen[f"{name}.v"]


def test_rows_sum_to_one_give_nothing_to_missing_joints_and_rebuild_what_was_used() -> None:
    model, video, joints = make(), clip(), people(9)
    joints[:, 2, 3], joints[:, 4, 7, 2] = torch.nan, 0.0
    wanted, seen = noted(model, video, joints)
    assert torch.equal(wanted, model(video, joints))
    edits = {}
    for name, attend in attentions(model).items():
        rows, mixed = rebuilt(attend, name, seen)
        torch.testing.assert_close(rows.sum(-1), torch.ones_like(rows[..., 0]), **CLOSE)
        torch.testing.assert_close(mixed, seen[f"{name}.mixed"], **CLOSE)
        mask = seen.get(f"{name}.mask")
        assert (mask is None) == ("deform" in name)
        if mask is not None:
            assert not mask.all()
            assert (rows.movedim(-1, 1)[~mask] == 0).all()
        edits[f"{name}.mixed"] = lambda _, mixed=mixed: mixed
    assert len(edits) == 6
    torch.testing.assert_close(noted(model, video, joints, edits)[0], wanted, **CLOSE)


def test_a_blocks_output_is_rebuilt_from_what_the_taps_show() -> None:
    """Deformable attention of the first block: sampled tokens, attention and values, written out, give the Z that goes on to the second."""
    model, video = make(joint=False, temporal=False), clip()
    _, seen = noted(model, video, None)
    first, z = model.blocks[0].deform, seen["blocks.0.z"]
    found = F.grid_sample(z, seen["blocks.0.deform.search.points"], align_corners=True).flatten(2).transpose(1, 2)
    modal = [m.T[None] for m in model.modal[[0, 2]]]
    x = torch.cat([z.flatten(2).transpose(1, 2), *modal], 1)
    values = first.attend.w_v(torch.cat([found, *modal], 1)).unflatten(2, (4, -1)).transpose(1, 2)
    rows, _ = rebuilt(first.attend, "blocks.0.deform.attend", seen)
    y = x + first.attend.w_o((rows @ values).transpose(1, 2).flatten(2))
    y = y + first.attend.ffn(first.attend.norm(y))
    cells = z[0, 0].numel()
    torch.testing.assert_close(y[:, :cells].transpose(1, 2).view_as(z), seen["blocks.1.z"], **CLOSE)


def test_a_block_runs_as_the_paper_writes_it() -> None:
    """Eqs. 3–7, A1, the linear layer for M_CLS and A2, written out for windows that hold everything."""
    block = make(joint_window=9, temporal_window=9).blocks[0]
    nn.init.normal_(block.fuse.weight, 0, 0.2)
    z, p = tokens_of(1, 4, 3, 3).movedim(-1, 1), tokens_of(1, 4, 5)
    rgb, own, cls = (tokens_of(1, 4) for _ in range(3))
    Z, P, modal = block(z, p, {"rgb": rgb, "pose": own, "cls": cls}, all_there(1, 5))
    found = block.deform.search(z)[0].flatten(2).transpose(1, 2)
    cells = z.flatten(2).transpose(1, 2)
    attended = written(block.deform.attend, torch.cat([cells, rgb, cls], 1), torch.cat([found, rgb, cls], 1))
    cells, rgb, cls_rgb = attended.split([36, 4, 4], 1)
    x = torch.cat([p.flatten(1, 2), own, cls_rgb], 1)
    p, own, cls_pose = written(block.joint.attend, x, x).split([20, 4, 4], 1)
    cls = block.fuse(torch.cat([cls_rgb, cls_pose], -1))
    x = torch.cat([cells, p, rgb, own, cls], 1)
    cells, p, rgb, own, cls = written(block.temporal.attend, x, x).split([36, 20, 4, 4, 4], 1)
    torch.testing.assert_close(Z, cells.transpose(1, 2).view_as(z), **CLOSE)
    torch.testing.assert_close(P, p.unflatten(1, (4, 5)), **CLOSE)
    torch.testing.assert_close([modal["rgb"], modal["pose"], modal["cls"]], [rgb, own, cls], **CLOSE)


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_the_head_reads_the_modal_tokens_over_time_or_without_them_the_mean_tokens(tokens: str) -> None:
    model, video, joints = make(tokens=tokens), clip(), people()
    joints[:, 2, 3] = torch.nan
    kept: list[Any] = []
    model.blocks[-1].register_forward_hook(lambda _, __, out: kept.append(out))
    logits = model(video, joints)
    z, p, modal = kept[0]
    seen = torch.ones(6, 7, dtype=torch.bool)
    seen[2, 3] = False
    parts = [m[0].mean(0) for m in modal.values()] or [z[0].flatten(1).mean(1), p[0][seen].mean(0)]
    assert list(modal) == list(deform.TOKENS[tokens])
    torch.testing.assert_close(logits[0], model.head.fc(torch.cat(parts)), **CLOSE)


def test_points_put_back_on_the_regular_grid_give_the_answer_of_zero_offsets() -> None:
    model, video, joints = make(), clip(), people()
    _, seen = noted(model, video, joints)
    names = [f"blocks.{i}.deform.search" for i in range(2)]
    back = {f"{name}.points": lambda _, name=name: seen[f"{name}.reference"][None] for name in names}
    edited, _ = noted(model, video, joints, back)
    assert (edited - model(video, joints)).abs().max() > 1e-4
    for name in names:
        offset = model.get_submodule(name).offset
        nn.init.zeros_(offset.weight)
        nn.init.zeros_(offset.bias)
    torch.testing.assert_close(edited, model(video, joints), **CLOSE)


def test_taps_have_stable_names_no_parameters_and_notes_are_not_taken_for_maps() -> None:
    model = make()
    found = taps(model)
    maps = [name for name, tap in found.items() if tap.kind == "features"]
    assert maps == ["stem.tap", "layer1.tap", "layer2.tap", "layer3.tap", "blocks.0.z", "blocks.1.z"]
    assert not any(isinstance(found[name], Note) for name in maps)
    assert not any(key.rpartition(".")[2] in ("tap", "z", "q", "k", "points") for key in model.state_dict())
    notes = {name: tap.layout for name, tap in found.items() if isinstance(tap, Note)}
    assert notes["blocks.1.deform.search.points"] == "b t y x xyt"
    assert notes["blocks.0.joint.attend.q"] == "batch head token d"
    card = catalogue.card("deform-mc3")
    assert isinstance(catalogue.layers(card, catalogue.methods()["directed"]), str)
    assert catalogue.layers(card, catalogue.methods()["gradcam"])[0] == "blocks.1.z"  # the deepest map that the answer depends on
    with record(model, ["joints"]) as seen:
        model(clip(), people())
    with pytest.raises(ValueError, match="grid"):
        seen["joints"].grid()


def test_gradients_of_a_logit_reach_every_map_under_a_tap() -> None:
    model = make().requires_grad_(False)
    names = [name for name, tap in taps(model).items() if tap.kind == "features"]
    with record(model, names, grad=True) as seen:
        logits = model(clip(), people())
    found = torch.autograd.grad(logits[0, 1], [seen[name].tensor for name in names])
    assert all(gradient.abs().sum() > 0 for gradient in found)


# --- the network -----------------------------------------------------------------------------------------------------------------------------

TABLE_4 = [{"deform": False}, {"joint": False, "temporal": False}, {"temporal": False}, {"joint": False}, {"deform": False, "joint": False}, {}]
TABLE_5 = [{"tokens": tokens} for tokens in deform.TOKENS]


@pytest.mark.parametrize("switches", [{**a, **b} for a, b in itertools.product(TABLE_4, TABLE_5)], ids=str)
def test_every_switch_of_tables_4_and_5_builds_and_runs_with_pose_and_without(switches: dict[str, Any]) -> None:
    model, video = deform.build(**SMALL, **switches).eval(), clip(4, 32).float()
    assert model.head.fc.in_features == DIM * {"cross-modal": 3, "single": 1, "none": 2}[switches["tokens"]]
    with torch.no_grad():
        assert model(video).shape == model(video, people(5, 4, 32).float()).shape == (1, 5)
    off = [name for name in ("deform", "joint", "temporal") if not switches.get(name, True)]
    assert not any(f"blocks.0.{name}." in key for key in model.state_dict() for name in off)
    assert any(".fuse." in key for key in model.state_dict()) == (switches.get("joint", True) and switches["tokens"] != "none")


def test_the_smallest_clip_runs() -> None:
    assert make(kernel=7)(clip(1, 8), people(2, 1, 8)).isfinite().all()


@pytest.mark.parametrize("frames", [1, 4, 7, 12])
def test_any_number_of_frames_runs_with_the_same_weights(frames: int) -> None:
    model = make(frames=12, kernel=7)
    with torch.no_grad(), record(model, taps(model)) as seen:
        assert model(clip(frames, 33), people(5, frames, 33)).shape == (1, 5)
    assert seen["blocks.0.z"].tensor.shape == (1, DIM, frames, 5, 5)
    assert seen["blocks.0.deform.search.points"].tensor.shape[1:4] == (max(frames - 6, 1), 1, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tokens": "two"}, "there are cross-modal, single, none"),
        ({"deform": False, "joint": False, "temporal": False}, "need for a block and an attention"),
        ({"blocks": 0}, "need for a block"),
        ({"kernel": [3, 3]}, "one length or three"),
        ({"heads": 5}, "5 heads do not divide 32"),
        ({"joint_stride": 9}, "leave places out"),
        ({"temporal_window": 0}, "leave places out"),
        ({"sigma": 0.0}, "sigma is 0.0"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        deform.build(**{**SMALL, **arguments})
    assert "\n" not in str(caught.value)


def test_arguments_survive_json_and_rebuild_the_same_keys() -> None:
    arguments = {**SMALL, "kernel": [1, 3, 3], "depthwise": True, "tokens": "single", "pose_positions": True, "layout": 13, "dropout": 0.5}
    first, again = deform.build(**arguments), deform.build(**json.loads(json.dumps(arguments)))
    assert [(k, v.shape) for k, v in first.state_dict().items()] == [(k, v.shape) for k, v in again.state_dict().items()]


def test_the_cls_token_begins_as_the_mean_of_both_attentions_and_is_learnt() -> None:
    fuse = deform.build(**SMALL).blocks[0].fuse
    a, b = torch.randn(2, 3, DIM)
    torch.testing.assert_close(fuse(torch.cat([a, b], -1)), (a + b) / 2)
    assert fuse.weight.requires_grad


def test_joints_of_one_kind_share_a_vector_over_all_people() -> None:
    """With `layout`, exchanging two joints of a person changes the answer even where all is one window; without, it does not."""
    video, joints = clip(), people(10)
    swapped = joints[:, :, [1, 0, *range(2, 10)]]
    people_swapped = joints[:, :, [*range(5, 10), *range(5)]]
    plain, named = make(joint_window=10), make(joint_window=10, layout=5)
    torch.testing.assert_close(plain(video, swapped), plain(video, joints), **CLOSE)
    assert (named(video, swapped) - named(video, joints)).abs().max() > 1e-5
    torch.testing.assert_close(named(video, people_swapped), named(video, joints), **CLOSE)


def test_gradients_reach_every_parameter_and_the_loss_falls() -> None:
    """A toy: the class is the half of the picture in which the joints are, and nothing in the picture tells it but a bright spot there."""
    model = deform.build(**{**SMALL, "classes": 2, "pose_positions": True, "layout": 2, "frames": 4, "size": 32}).train()
    label = torch.arange(4) % 2
    video, joints = torch.randn(4, 3, 4, 32, 32) * 0.1, torch.full((4, 4, 6, 3), 16.0)
    joints[..., 0], joints[..., 2] = (label * 16.0 + 8)[:, None, None], 1.0
    for each, half in zip(video, label.tolist(), strict=True):
        each[:, :, 12:20, half * 16 + 4 : half * 16 + 12] += 1
    optimizer, losses = torch.optim.AdamW(model.parameters(), 1e-3), []
    for step in range(10):
        loss = F.cross_entropy(model(video, joints), label)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            untouched = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
            assert untouched == []
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_without_pose_gradients_reach_all_but_the_joints_own_layer(tokens: str) -> None:
    model = deform.build(**SMALL, tokens=tokens).train()
    model(clip(clips=2).float()).square().sum().backward()
    untouched = {name for name, p in model.named_parameters() if p.grad is None}
    joint = {name for name, _ in model.named_parameters() if ".joint." in name} if tokens == "none" else set()
    assert untouched == {"pose.linear.weight", "pose.linear.bias"} | joint


def test_channels_last_gives_the_same_answer_and_trains() -> None:
    model, video, joints = make().float(), clip(clips=2).float(), people(6, clips=2).float()
    joints[0, :, 2], joints[1, 2, 3] = torch.nan, torch.nan
    wanted = model(video, joints)
    model = model.to(memory_format=torch.channels_last_3d)
    found = model(video.to(memory_format=torch.channels_last_3d), joints)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    found.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_bfloat16_autocast_trains_and_stays_near_float32() -> None:
    model, video, joints = deform.build(**SMALL).eval(), clip(clips=2).float(), people(6, clips=2).float()
    wanted = model(video, joints)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(video, joints)
    logits.float().logsumexp(1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert (logits - wanted).abs().max() < 0.1 * wanted.std()


# --- the backbone and the card ---------------------------------------------------------------------------------------------------------------


def test_torchvisions_mc3_18_loads_into_the_backbone_number_for_number() -> None:
    from torchvision.models.video import mc3_18

    theirs = mc3_18(weights=None).eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean, 0, 0.1)
    ours = deform.build(depthwise=True, blocks=1, classes=3).eval()
    state = theirs.state_dict()
    weights.load(ours, adapt(ours, state))
    taken = {name for name in ours.state_dict() if name.split(".")[0] in ("stem", "layer1", "layer2", "layer3")}
    assert taken == {name for name in state if not name.startswith(("layer4", "fc"))}
    assert all(torch.equal(ours.state_dict()[name], state[name]) for name in taken)
    x = y = torch.randn(1, 3, 4, 24, 40)
    with torch.no_grad():
        for name in ("stem", "layer1", "layer2", "layer3"):
            x, y = getattr(theirs, name)(x), getattr(ours, name)(y)
            assert torch.equal(x, y)
    assert y.shape == (1, 256, 4, 3, 5)


def test_a_cell_is_centred_where_its_tap_says() -> None:
    """With kernels that pass on their centre alone, what reaches a cell of a map lies evenly around first + k · stride."""
    model = deform.build(**SMALL).eval()
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv3d) and "search" not in name:
            nn.init.zeros_(module.weight)
            module.weight.data[(..., *(n // 2 for n in module.kernel_size))] = 1 / module.in_channels
    video = torch.ones(1, 3, 5, 48, 48, requires_grad=True)
    names = ["stem.tap", "layer1.tap", "layer2.tap", "layer3.tap", "blocks.0.z"]
    with record(model, names) as seen:
        model(video)
    for name in names:
        each = seen[name]
        cell = [n // 2 for n in each.tensor.shape[2:]]
        (reach,) = torch.autograd.grad(each.tensor[0, 0, cell[0], cell[1], cell[2]], video, retain_graph=True)
        reached = reach[0].sum(0).nonzero()
        middle = (reached.amin(0) + reached.amax(0)) / 2
        assert middle.tolist() == [k * s for k, s in zip(cell, each.tap.stride, strict=True)], name


def test_the_card_is_counted_without_joints_and_says_what_then_happens() -> None:
    card = catalogue.card("deform-mc3")
    assert card.inputs == ("rgb", "pose")
    assert (card.sampling.frames, card.preprocess.crop) == (12, (224, 224))
    parameters, gflops = catalogue.counts(card)
    assert parameters / 1e6 == pytest.approx(53.59, abs=0.005)
    assert gflops == pytest.approx(357.9, abs=0.05)
    assert "Without joints" in card.note
    assert isinstance(catalogue.without_numbers(card).get_submodule(card.head), nn.Linear)


def test_joints_can_be_counted_on_tensors_without_numbers() -> None:
    with torch.device("meta"):
        model = deform.build(**SMALL).eval()
        assert model(torch.empty(1, 3, 6, 48, 48), torch.empty(1, 6, 17, 3)).shape == (1, 5)
    assert none(2, torch.device("cpu")).counts == (0, 0)
