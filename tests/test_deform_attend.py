"""3D token search: tokens are sampled where the offsets say, and the points are told in input frames and pixels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from deform_made import CLOSE
from torch import Tensor, nn

from actrec.models._deform_attend import TokenSearch, regular

pytestmark = pytest.mark.usefixtures("one_seed")


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
