"""The attention blocks equal their equations, and see neither order nor more than they may."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from dam_made import STRIDE, make, settled
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from actrec.models import dam
from actrec.models._attend import BLOCKS, Attend, Axis, Poly, block, fold, linear_attention, softmax_attention, unfold

AXES: tuple[Axis, ...] = ("space-time", "time", "space")


pytestmark = pytest.mark.usefixtures("one_seed")


def explicit(part: nn.Module, x: Tensor) -> Tensor:
    """What a block's part must give, written out with every place against every other (dam2024, eqs. 1–22)."""
    t, h, w = x.shape[2:]
    same = torch.ones(t, h, w, t, h, w, dtype=torch.float64)  # which places meet
    if part.axis == "time":
        same = torch.einsum("hp,wq->hwpq", torch.eye(h), torch.eye(w)).double()[None, :, :, None].expand_as(same)
    elif part.axis == "space":
        same = torch.eye(t).double()[:, None, None, :, None, None].expand_as(same)
    same = same.reshape(t * h * w, t * h * w)
    if isinstance(part, Poly):
        one, two = part.omega_12(x).flatten(2).chunk(2, 1)
        mean = torch.einsum("ij,bcj->bci", same / same.sum(1, keepdim=True), one * two)
        return x + part.omega_z(part.omega_3((mean * x.flatten(2)).view_as(x)))
    assert isinstance(part, Attend)
    q, k, v = (y.flatten(2) for y in part.embed(x).split(part.widths, 1))
    dots = torch.einsum("bci,bcj->bij", q, k)
    cos = dots / torch.einsum("bi,bj->bij", q.norm(dim=1), k.norm(dim=1))
    if part.relation == "cosine":
        weights = cos * same / same.sum(1, keepdim=True)
    else:
        logits = cos * part.scale if part.relation == "scaled cosine" else dots / part.widths[0] ** 0.5
        weights = logits.masked_fill(same == 0, -torch.inf).softmax(-1)
    return x + part.omega_z(torch.einsum("bij,bcj->bci", weights, v).unflatten(2, (t, h, w)))


# --- the equations ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize(("d", "d_v", "steps"), [(4, 8, 3), (1, 2, 3), (3, 5, 40), (7, 2, 1)])
def test_linear_form_equals_the_matrix_of_all_cosines(axis: Axis, d: int, d_v: int, steps: int) -> None:
    q, k, v = (torch.randn(2, width, steps, 3, 2, dtype=torch.float64) for width in (d, d, d_v))
    Q, K, V = (fold(x, axis) for x in (q, k, v))
    cos = F.cosine_similarity(Q[:, :, :, None], K[:, :, None, :], dim=1)
    wanted = unfold(torch.einsum("bij,bcj->bci", cos, V) / V.shape[2], axis, v.shape)
    torch.testing.assert_close(linear_attention(F.normalize(q, dim=1), F.normalize(k, dim=1), v, axis), wanted, atol=1e-10, rtol=0)


def test_a_vector_of_zeros_has_cosine_zero_with_everything_and_a_finite_gradient() -> None:
    for axis in AXES:
        attend = Attend(8, "cosine", axis, stride=STRIDE, d_qk=4, d_v=4)
        q, k, v = (torch.randn(1, 4, 2, 3, 3) for _ in range(3))
        q[:, :, 1, 2, 0], k[:, :, 0, 1, 1] = 0, 0
        q.requires_grad_()
        y = attend.relate(q, k, v)
        assert (y[:, :, 1, 2, 0] == 0).all()
        y.sum().backward()
        assert q.grad is not None
        assert q.grad.isfinite().all()


@pytest.mark.parametrize("axis", ["space-time", "space"])
def test_linear_form_costs_no_more_than_its_places(axis: Axis) -> None:
    q, k, v = (torch.empty(1, width, 4, 32, 32, device="meta") for width in (16, 16, 32))
    with FlopCounterMode(display=False) as flops:
        linear_attention(q, k, v, axis)
    assert flops.get_total_flops() == 2 * 2 * 4096 * 16 * 32  # the matrix of all places would cost 2 · 4096² · 48


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize(("d", "d_v"), [(4, 8), (8, 3), (5, 5)])
def test_fused_softmax_equals_the_written_one_at_any_widths(axis: Axis, d: int, d_v: int) -> None:
    q, k, v = (torch.randn(2, width, 3, 2, 4, dtype=torch.float64) for width in (d, d, d_v))
    Q, K, V = (fold(x, axis) for x in (q, k, v))
    weights = (torch.einsum("bci,bcj->bij", Q, K) * 0.7).softmax(-1)
    wanted = unfold(torch.einsum("bij,bcj->bci", weights, V), axis, v.shape)
    torch.testing.assert_close(softmax_attention(q, k, v, axis, 0.7), wanted, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", BLOCKS)
def test_block_equals_its_equation_written_out(name: str) -> None:
    module, x = make(name), torch.randn(2, 12, 3, 4, 5, dtype=torch.float64)
    wanted = x
    for part in module if isinstance(module, nn.Sequential) else [module]:
        wanted = explicit(part, wanted)
    assert (wanted - x).abs().max() > 0.01
    torch.testing.assert_close(module(x), wanted, atol=1e-10, rtol=0)


def test_decomposed_blocks_take_time_first_then_space() -> None:
    for name in ("da-da", "da-poly", "da-dp", "poly-da", "dp-da"):
        assert [part.axis for part in block(name, 8, STRIDE)] == ["time", "space"]


@pytest.mark.parametrize("axis", AXES)
def test_unfold_undoes_fold(axis: str) -> None:
    x = torch.randn(2, 3, 4, 5, 6)
    assert torch.equal(unfold(fold(x, axis), axis, x.shape), x)
    y = fold(x, axis)
    places = {"space-time": 120, "time": 4, "space": 30}[axis]
    assert y.shape == (2 * 120 // places, 3, places)


@pytest.mark.parametrize("name", BLOCKS)
def test_new_block_is_the_identity_and_can_learn(name: str) -> None:
    module, x = block(name, 16, STRIDE), torch.randn(2, 16, 2, 3, 3)
    assert torch.equal(module(x), x)
    (module(x) * torch.randn(2, 16, 2, 3, 3)).sum().backward()
    norms = [p for n, p in module.named_parameters() if n.endswith("omega_z.norm.weight")]
    assert norms
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in norms)


@pytest.mark.parametrize("name", BLOCKS)
def test_widths_are_arguments_and_may_be_tiny(name: str) -> None:
    module = make(name, 8, qk=0.125, v=0.25)
    assert module(torch.randn(1, 8, 2, 2, 2, dtype=torch.float64)).shape == (1, 8, 2, 2, 2)


# --- what they cannot see --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BLOCKS)
def test_block_treats_the_frames_as_a_set(name: str) -> None:
    module, x, order = make(name), torch.randn(1, 12, 5, 3, 4, dtype=torch.float64), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(module(x[:, :, order]), module(x)[:, :, order], atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", BLOCKS)
def test_positions_tell_a_block_the_order(name: str) -> None:
    module, x = make(name, positions=True), torch.randn(1, 12, 5, 3, 4, dtype=torch.float64)
    assert (module(x.flip(2)) - module(x).flip(2)).abs().max() > 1e-6
    assert not any("position" in key for key in block(name, 12, STRIDE).state_dict())


def without_temporal_pooling(model: nn.Module) -> nn.Module:
    model.stem.conv1.stride = (1, 2, 2)
    model.pool1 = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
    model.pool2 = nn.Identity()
    return model


def test_dam_on_c2d_gives_a_shuffled_clip_the_same_logits_and_on_c3d_does_not() -> None:
    clip, order = torch.randn(1, 3, 6, 32, 32, dtype=torch.float64), torch.tensor([4, 1, 5, 0, 3, 2])
    models = (without_temporal_pooling(dam.build(name, dam=12, width=0.125, classes=5).double()) for name in ("c2d", "c3d"))
    blind, seeing = (settled(model, clip) for model in models)
    with torch.no_grad():
        torch.testing.assert_close(blind(clip[:, :, order]), blind(clip), atol=1e-8, rtol=0)
        torch.testing.assert_close(blind(clip.flip(2)), blind(clip), atol=1e-8, rtol=0)
        assert (seeing(clip.flip(2)) - seeing(clip)).abs().max() > 1e-3
