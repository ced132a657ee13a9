"""Strided attention: windows that leave nothing out, attended one by one and averaged."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from deform_made import CLOSE, DIM, all_there, clip, make, people, tokens_of, written
from hypothesis import given
from hypothesis import strategies as st

from actrec.core.trace import record
from actrec.models import _deform_windows as windows
from actrec.models._deform_attend import JointStride, TemporalStride
from actrec.models._deform_pose import Joints

pytestmark = pytest.mark.usefixtures("one_seed")


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


# --- strided attention -----------------------------------------------------------------------------------------------------------------------


def stride(kind: type[JointStride] | type[TemporalStride], window: int, every: int = 0) -> Any:
    return kind(DIM, 4, 2.0, window, every).double()


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
