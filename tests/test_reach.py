"""Which frames can reach a step: what the hops say is what gradients reach, in every network that we write; and how it is told in source frames."""

from __future__ import annotations

from itertools import pairwise

import deform_made
import numpy as np
import pytest
import torch
import tsm_made
from answers_made import film
from dam_made import awake
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from actrec.core.clip import Clip
from actrec.core.reach import Beside, Everywhere, Sharing, Slide, Windows, field
from actrec.core.trace import Tap, attach, follow, record, taps
from actrec.inputs import cells
from actrec.models import _deform_windows as windows
from actrec.models import dam
from actrec.models._attend import BLOCKS

pytestmark = pytest.mark.usefixtures("one_seed")


def reached(model: nn.Module, video: Tensor, *others: Tensor) -> dict[str, NDArray[np.bool_]]:
    """Which frames have a gradient on each step of every map under a tap, channels and places mixed at random: (steps, T)."""
    video.requires_grad_()
    names = [name for name, tap in taps(model).items() if tap.kind in ("features", "query", "key", "added")]
    with record(model, names) as seen:
        model(video, *others)
    found = {}
    for name, entry in seen.items():
        grid = entry.grid()[0].double()
        mixed = (grid * torch.randn(len(grid), 1, *grid.shape[2:], dtype=torch.float64)).sum((0, 2, 3))
        rows = [torch.autograd.grad(step, video, retain_graph=True)[0][0].double().abs().amax((0, 2, 3)) for step in mixed]
        found[name] = torch.stack([row > 1e-9 * row.max() for row in rows]).numpy()
    return found


def held_to(model: nn.Module, video: Tensor, *others: Tensor) -> None:
    for name, rows in reached(model, video, *others).items():
        past = model.get_submodule(name).past
        assert past is not None, name
        np.testing.assert_array_equal(field(past, video.shape[2]), rows, err_msg=name)


@pytest.mark.parametrize("backbone", ["c2d", "c3d", "c3d333", "i3d"])
def test_a_resnets_steps_read_what_gradients_reach(backbone: str) -> None:
    model = awake(dam.build(backbone, width=0.125, classes=2)).requires_grad_(False)
    model.pool1, model.pool2 = nn.AvgPool3d(3, 2, 1), nn.AvgPool3d((3, 1, 1), (2, 1, 1), (1, 0, 0))  # a maximum has a gradient at one place alone
    held_to(model, torch.randn(1, 3, 24, 16, 16))


@pytest.mark.parametrize("name", BLOCKS)
def test_an_attention_block_joins_the_steps_that_gradients_join(name: str) -> None:
    model = awake(dam.build("c2d", modules=[[2, 1, name], [3, 1, name]], width=0.125, classes=2)).requires_grad_(False)
    model.pool1, model.pool2 = nn.AvgPool3d(3, 2, 1), nn.AvgPool3d((3, 1, 1), (2, 1, 1), (1, 0, 0))
    held_to(model, torch.randn(1, 3, 32, 16, 16))


@pytest.mark.parametrize("windows", ["self", "cross"])
@pytest.mark.parametrize("switched", [{}, {"deform": False}, {"deform": False, "joint": False}, {"joint": False, "temporal": False}])
def test_a_deformable_transformers_tokens_read_what_gradients_reach(switched: dict[str, bool], windows: str) -> None:
    model = deform_made.make(frames=9, windows=windows, **switched).requires_grad_(False)
    held_to(model, deform_made.clip(9, 16), deform_made.people(5, 9, 16))


@pytest.mark.parametrize("arguments", [{"before": 0.5, "behind": 0.5}, {"before": 0.5, "behind": 0.0}, {"before": 0.0, "behind": 0.5, "every": 2}])
@pytest.mark.parametrize("clusters", [0, 3])
def test_a_shift_networks_steps_read_what_gradients_reach(clusters: int, arguments: dict[str, float]) -> None:
    held_to(tsm_made.network(clusters=clusters, **arguments).requires_grad_(False), torch.randn(1, 3, 20, 16, 16))


def test_frames_beside_each_other_are_one_unit_apart() -> None:
    near, units = tsm_made.network(before=0.25, behind=0.125), 16
    past = taps(near)["layer4.tap"].past
    assert past == (Beside(True, True),) * units
    far = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    np.testing.assert_array_equal(field(past, 40), far <= units)
    assert taps(near)["stem"].past == ()
    assert not taps(tsm_made.network(before=0.0, behind=0.0))["layer4.tap"].past


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 3), st.integers(1, 30))
def test_a_convolution_reads_what_its_kernel_covers(kernel: int, stride: int, padding: int, steps: int) -> None:
    if steps + 2 * padding < kernel:
        return
    conv = nn.Conv1d(1, 1, kernel, stride, padding, bias=False)
    nn.init.ones_(conv.weight)
    with torch.no_grad():
        found = torch.stack([conv(one[None, None])[0, 0] for one in torch.eye(steps)], 1)
    np.testing.assert_array_equal(Slide(kernel, stride, padding).reads(steps), found.numpy() > 0)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 20))
def test_frames_share_windows_as_the_windows_lie(length: int, stride: int, steps: int) -> None:
    if stride > length:
        return
    first = windows.starts(steps, length, stride)
    together = [[any(a <= s < a + length and a <= t < a + length for a in first) for t in range(steps)] for s in range(steps)]
    np.testing.assert_array_equal(Sharing(length, stride).reads(steps), together)


@pytest.mark.parametrize(("length", "shift"), [(4, 0), (4, 2), (3, 1)])
@pytest.mark.parametrize("steps", [3, 8, 10])
def test_video_swins_windows_join_the_steps_that_gradients_join(steps: int, length: int, shift: int) -> None:
    from torchvision.models.video.swin_transformer import ShiftedWindowAttention3d

    attention = ShiftedWindowAttention3d(8, [length, 1, 1], [shift, 0, 0], 2)
    x = torch.randn(1, steps, 2, 2, 8, requires_grad=True)
    mixed = (attention(x) * torch.randn(1, steps, 2, 2, 8)).sum((0, 2, 3, 4))
    rows = [torch.autograd.grad(step, x, retain_graph=True)[0][0].abs().amax((1, 2, 3)) for step in mixed]
    np.testing.assert_array_equal(Windows(length, shift).reads(steps), torch.stack([row > 1e-9 * row.max() for row in rows]).numpy())


def test_shifted_windows_keep_the_ends_apart() -> None:
    groups = [np.flatnonzero(row).tolist() for row in Windows(4, 2).reads(8)]
    assert groups == [[0, 1]] * 2 + [[2, 3, 4, 5]] * 4 + [[6, 7]] * 2
    assert Windows(8, 4).reads(8).all(), "one window holds all, and nothing is shifted"


def test_taps_are_told_in_the_order_of_the_parts_and_a_shortcut_is_passed_over() -> None:
    class Joins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.hops = Tap(stride=(1, 1, 1)), (Everywhere(),)

    unit = nn.Module()
    unit.conv, unit.downsample = nn.Conv3d(1, 1, (3, 1, 1), (2, 1, 1), (1, 0, 0)), nn.Conv3d(1, 1, 1, (2, 1, 1))
    model = nn.Sequential(nn.Conv3d(1, 1, (1, 3, 3)), Tap(stride=(1, 1, 1)), unit, nn.MaxPool3d(2), Joins())
    attach(unit.conv, Tap(stride=(2, 1, 1)))
    attach(model[4], Tap(stride=(4, 1, 1)))
    conv, pool = Slide(3, 2, 1), Slide(2, 2, 0)
    assert follow(model) == (conv, pool, Everywhere())
    assert {name: tap.past for name, tap in taps(model).items()} == {
        "1": (),
        "2.conv.tap": (conv,),
        "4.q": (conv, pool),
        "4.tap": (conv, pool, Everywhere()),
    }
    assert Tap(stride=(1, 1, 1)).past is None


def test_a_field_is_told_in_the_source_frames_that_were_sampled() -> None:
    video = film(frames=30)
    index = np.minimum(np.arange(0, 40, 4), 29)  # the last frame is held
    clip = Clip(video, np.zeros((10, 1, 1, 3), np.uint8), index, video.seconds[index])
    found = cells.fields(clip, 5, (Slide(3, 2, 1),))
    assert found is not None
    assert found.tolist() == [[0, 5], [4, 13], [12, 21], [20, 29], [28, 30]]
    for (first, last), (begin, end) in zip(found, cells.bands(clip, 5, 2, 0), strict=True):
        assert first <= begin
        assert end <= last + 3 or end == begin, "a band ends where the next sampled frame begins"
    assert cells.fields(clip, 5, None) is None, "nobody has told"
    assert cells.fields(clip, 4, (Slide(3, 2, 1),)) is None, "told of another grid"


@given(st.lists(st.sampled_from([Slide(3, 1, 1), Slide(3, 2, 1), Slide(1, 2), Slide(2, 2), Slide(7, 2, 3)]), max_size=4))
def test_later_steps_never_read_earlier_frames(hops: list[Slide]) -> None:
    rows = field(hops, 32)
    spans = [(int(row.argmax()), 31 - int(row[::-1].argmax())) for row in rows]
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(spans))
