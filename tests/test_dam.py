"""DAM, its blocks and its backbones: equations, counts, places, and what they cannot see."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from actrec.core.card import Card
from actrec.core.errors import WeightsError
from actrec.core.trace import record, taps
from actrec.models import dam
from actrec.models._attend import BLOCKS, Attend, Axis, ConvNorm, Poly, block, fold, linear_attention, softmax_attention, unfold
from actrec.models._resnet import inflate, name_2d

STRIDE = (8.0, 16.0, 16.0)
AXES: tuple[Axis, ...] = ("space-time", "time", "space")


pytestmark = pytest.mark.usefixtures("one_seed")


def awake(model: nn.Module) -> nn.Module:
    """The model in eval mode with every normalisation at random numbers, so that no part of it is an identity."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            for values in (module.weight, module.running_var):
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (module.bias, module.running_mean):
                nn.init.normal_(values, 0, 0.1)
    return model.eval()


def settled(model: nn.Module, clip: Tensor) -> nn.Module:
    """The model awake, its running statistics those of the clip, so that logits are of order one."""
    for module in awake(model).modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(clip)
    return model.eval()


def make(name: str, channels: int = 12, **arguments: float | bool) -> nn.Module:
    return awake(block(name, channels, STRIDE, **arguments).double())


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


# --- the networks ----------------------------------------------------------------------------------------------------------------------------

SMALL = {"width": 0.125, "classes": 5}
TABLE_4 = {  # dam2024, table 4: what one module adds, in 10⁴ parameters and 10⁷ multiply–accumulates
    (1, "da-nl"): (9, 21173),
    (1, "da-da"): (101, 2653),
    (1, "da-poly"): (65, 7),
    (2, "da-nl"): (33, 662),
    (2, "da-da"): (205, 166),
    (2, "da-poly"): (190, 1),
    (3, "da-nl"): (135, 83),
    (3, "da-da"): (380, 21),
    (3, "da-poly"): (317, 0),
    (4, "da-nl"): (550, 10),
    (4, "da-da"): (1200, 3),
    (4, "da-poly"): (1164, 0),
}


def count(**arguments: Any) -> tuple[float, float]:
    """Parameters in millions and matmul GFLOPs (multiply–accumulates) of one 32×256×256 clip."""
    with torch.device("meta"):
        model, clip = dam.build(**arguments).eval(), torch.empty(1, 3, 32, 256, 256)
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        model(clip)
    return sum(p.numel() for p in model.parameters()) / 1e6, flops.get_total_flops() / 2e9


def test_c2d_has_the_parameters_and_multiplications_of_its_definition() -> None:
    parameters, gflops = count()
    assert parameters == pytest.approx(24.33, abs=0.005)  # torchvision's resnet50 with 400 classes
    assert gflops == pytest.approx(26.7, abs=0.05)


def test_c3d_adds_what_every_second_unit_can_add() -> None:
    """The paper says +4.33 M. Units 0, 2, 4 … give 4.69, units 1, 3, 5 … 3.96, and no choice by turns gives 4.33, their mean."""
    (bare, _), (even, _) = count(), count(backbone="c3d")
    with torch.device("meta"):
        model = dam.build()
    first = [m for name, m in model.named_modules() if name.endswith(".conv1") and name.startswith("res")]
    every = 2 * sum(m.weight.numel() for m in first) / 1e6
    assert even - bare == pytest.approx(4.69, abs=0.005)
    assert every / 2 == pytest.approx(4.33, abs=0.005)


def test_i3d_has_table_6s_parameters_with_and_without_non_local_blocks() -> None:
    assert count(backbone="i3d")[0] == pytest.approx(28.0, abs=0.05)
    assert count(backbone="i3d", modules=dam.NON_LOCAL, qk=0.5, v=0.5)[0] == pytest.approx(35.3, abs=0.15)


def test_da_nl_in_res1_costs_less_than_four_gflops_where_the_matrix_costs_211() -> None:
    extra = count(modules=[[1, 2]])[1] - count()[1]
    assert 1 < extra < 4
    widths = block("da-nl-1", 256, STRIDE).widths
    matrix = sum(widths[1:]) * (8 * 64 * 64) ** 2 / 1e9
    assert matrix == pytest.approx(211.73, rel=0.03)


@pytest.mark.parametrize(("stage", "channels", "cells"), [(1, 256, 32768), (2, 512, 4096), (3, 1024, 1024), (4, 2048, 256)])
def test_table_4s_extra_cost_of_da_nl_is_that_of_our_widths(stage: int, channels: int, cells: int) -> None:
    paper = TABLE_4[stage, "da-nl"][1] / 100
    assert 0.77 * channels * cells**2 / 1e9 == pytest.approx(paper, abs=0.005 + 0.001 * paper)
    assert sum(block("da-nl-1", channels, STRIDE).widths[1:]) == 0.75 * channels


def test_only_one_mix_of_twelve_modules_has_the_papers_increments() -> None:
    mixes: dict[tuple[int, int, int], list[tuple[tuple[int, str], ...]]] = {(0, 0, 0): [()]}
    for module, (parameters, macs) in TABLE_4.items():
        longer: dict[tuple[int, int, int], list[tuple[tuple[int, str], ...]]] = {}
        for (modules, p, m), found in mixes.items():
            for more in range(13 - modules):
                sums = (modules + more, p + more * parameters, m + more * macs)
                if sums[1] <= 1620 and sums[2] <= 1017:  # 40.38 − 24.18 M, 36.36 − 26.19 GFLOPs
                    longer.setdefault(sums, []).extend(mix + (module,) * more for mix in found)
        mixes = longer
    assert mixes[12, 1620, 1017] == [((1, "da-poly"),) * 3 + ((2, "da-da"),) * 3 + ((3, "da-nl"),) * 6]
    assert [(stage, name.removesuffix("-1")) for stage, _, name in dam.places(12)] == list(mixes[12, 1620, 1017][0])


@pytest.mark.parametrize("dam_k", [1, 3, 6, 9, 12])
def test_dam_k_has_k_modules_and_starts_as_its_backbone(dam_k: int) -> None:
    assert len(dam.places(dam_k)) == dam_k
    bare, model = dam.build("c3d", **SMALL).eval(), dam.build("c3d", dam=dam_k, **SMALL).eval()
    report = model.load_state_dict(bare.state_dict(), strict=False)
    assert len({key.split(".")[0] + key.split(".")[1] for key in report.missing_keys}) == dam_k
    assert all(".attend" in key for key in report.missing_keys)
    clip = torch.randn(1, 3, 8, 48, 40)
    assert torch.equal(model(clip), bare(clip))


@pytest.mark.parametrize("shape", [(4, 64, 64), (5, 33, 70), (16, 96, 112), (7, 65, 31)])
@pytest.mark.parametrize("backbone", ["c2d", "c3d", "c3d333", "i3d"])
def test_any_frames_and_any_size_go_through(backbone: str, shape: tuple[int, int, int]) -> None:
    model, clip = dam.build(backbone, dam=12, positions=True, **SMALL).eval(), torch.randn(2, 3, *shape)
    with torch.no_grad(), record(model, taps(model)) as seen:
        assert model(clip).shape == (2, 5)
    for name, each in seen.items():
        assert each.grid().shape[2:] == tuple(-(-n // int(s)) for n, s in zip(shape, each.tap.stride, strict=True)), name


def test_arguments_survive_json_and_rebuild_the_same_keys() -> None:
    arguments = {"backbone": "c3d", "dam": 1, "modules": [[4, 3, "dp-nl"], [1, 0]], "block": "da-da", "positions": True, **SMALL}
    first, again = dam.build(**arguments), dam.build(**json.loads(json.dumps(arguments)))
    assert [(k, v.shape) for k, v in first.state_dict().items()] == [(k, v.shape) for k, v in again.state_dict().items()]
    assert {name.rpartition(".")[0] for name in taps(first)} >= {"res4.attend3", "res1.attend0.time", "res1.attend0.space", "res3.attend5"}


@pytest.mark.parametrize(
    "arguments",
    [{"backbone": "c4d"}, {"depth": 18}, {"dam": 2}, {"block": "da", "modules": [[1, 0]]}, {"modules": [[5, 0]]}, {"dam": 1, "modules": [[3, 5]]}],
)
def test_what_does_not_exist_is_refused_in_one_line(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"there (is|are)|place") as caught:
        dam.build(**{"width": 0.125, **arguments})
    assert "\n" not in str(caught.value)


# --- taps and the head -----------------------------------------------------------------------------------------------------------------------


def test_taps_have_stable_names_and_no_parameters() -> None:
    model = dam.build(dam=12, **SMALL)
    names = taps(model)
    assert [name for name, tap in names.items() if tap.kind == "features"] == ["stem.tap", "res1.tap", "res2.tap", "res3.tap", "res4.tap"]
    assert {"res1.attend0.time.q", "res2.attend3.space.k", "res3.attend0.q", "res3.attend5.k"} <= set(names)
    assert names["res3.attend5.q"].about == {"relation": "cosine", "axis": "space-time"}
    assert names["res3.attend0.q"].stride == (8, 8, 8)  # before the first unit: Res2's grid
    assert not any("tap" in key or key.endswith((".q", ".k")) for key in model.state_dict())
    assert not any(True for tap in names.values() for _ in tap.parameters())


@pytest.mark.parametrize("last_stride", [1, 2])
@pytest.mark.parametrize("backbone", ["c2d", "c3d", "c3d333", "i3d"])
def test_a_cell_is_centred_where_its_tap_says(backbone: str, last_stride: int) -> None:
    """With kernels that pass on their centre alone, and averaging pools, the inputs that reach a cell lie evenly around first + k · stride."""
    model = dam.build(backbone, dam=1, modules=[[1, 0]], width=0.125, classes=2, last_stride=last_stride).eval()
    model.pool1, model.pool2 = nn.AvgPool3d(3, 2, 1), nn.AvgPool3d((3, 1, 1), (2, 1, 1), (1, 0, 0))
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.zeros_(module.weight)
            module.weight.data[(..., *(n // 2 for n in module.kernel_size))] = 1 / module.in_channels
    clip = torch.ones(1, 3, 16, 64, 64, requires_grad=True)
    with record(model, taps(model)) as seen:
        model(clip)
    assert seen["res4.tap"].tap.stride == (8, 16 * last_stride, 16 * last_stride)
    for name, each in seen.items():
        cell = [n // 2 for n in each.tensor.shape[2:]]
        (reach,) = torch.autograd.grad(each.tensor[0, 0, cell[0], cell[1], cell[2]], clip, retain_graph=True)
        reached = reach[0].sum(0).nonzero()
        middle = (reached.amin(0) + reached.amax(0)) / 2
        assert middle.tolist() == [f + k * s for f, k, s in zip(each.tap.first, cell, each.tap.stride, strict=True)], name


@pytest.mark.parametrize(("backbone", "looks"), [("c2d", False), ("c3d", False), ("i3d", True)])
def test_only_a_stem_with_time_in_its_kernel_looks_at_every_second_frame(backbone: str, looks: bool) -> None:
    clip = torch.randn(1, 3, 8, 64, 64)
    model = settled(dam.build(backbone, **SMALL), clip)
    clip.requires_grad_()
    model(clip)[0, 0].backward()
    assert clip.grad is not None
    assert bool(clip.grad[:, :, 1::2].any()) is looks


@pytest.mark.parametrize("name", ["c2d", "c3d", "i3d"])
def test_class_map_of_the_last_stage_sums_up_to_the_logits(name: str) -> None:
    clip = torch.randn(2, 3, 16, 64, 80, dtype=torch.float64)
    model = settled(dam.build(name, dam=12, **SMALL).double(), clip)
    with torch.no_grad(), record(model, ["res4.tap"]) as seen:
        logits = model(clip)
    maps = torch.einsum("kc,bcthw->bkthw", model.fc.weight, seen["res4.tap"].tensor)
    torch.testing.assert_close(maps.mean((2, 3, 4)) + model.fc.bias, logits, atol=1e-10, rtol=0)


def test_gradients_reach_down_to_the_tap_and_no_further() -> None:
    model = dam.build(dam=12, **SMALL).eval().requires_grad_(False)
    with record(model, ["res3.tap"], grad=True) as seen:
        logits = model(torch.randn(1, 3, 8, 64, 64))
    leaf = seen["res3.tap"].tensor
    assert leaf.is_leaf
    assert torch.autograd.grad(logits[0, 1], leaf)[0].abs().sum() > 0
    assert all(p.grad is None for p in model.parameters())


def test_query_and_key_under_the_taps_are_those_that_were_used() -> None:
    module, x = make("da-nl-1"), torch.randn(1, 12, 2, 3, 3, dtype=torch.float64)
    with torch.no_grad(), record(module, ["q", "k"]) as seen:
        module(x)
    q, k, _ = module.embed(x).split(module.widths, 1)
    assert torch.equal(seen["q"].tensor, q)
    assert torch.equal(seen["k"].tensor, k)
    assert seen["q"].tensor.norm(dim=1).std() > 0.01  # not yet of unit length
    wanted = module(x)
    with torch.no_grad(), record(module, (), edits={"q": lambda q: 3 * q}):
        torch.testing.assert_close(module(x), wanted, atol=1e-10, rtol=0)  # length does not matter to a direction


@pytest.mark.parametrize("name", BLOCKS)
def test_folded_normalisation_gives_what_the_unfolded_gives(name: str) -> None:
    module, x = make(name), torch.randn(2, 12, 2, 3, 4, dtype=torch.float64)
    folded = module(x)
    for part in module.modules():
        if isinstance(part, ConvNorm):
            part.training = True  # the convolution, then its normalisation, which stays in eval
    torch.testing.assert_close(module(x), folded, atol=1e-10, rtol=0)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", BLOCKS)
def test_bfloat16_autocast_stays_near_float32(name: str, training: bool) -> None:
    x = torch.randn(2, 32, 3, 8, 8)
    module = settled(block(name, 32, STRIDE), x).train(training)
    wanted = module(x) - x
    with torch.autocast("cpu", torch.bfloat16):
        got = module(x) - x
    assert (got - wanted).std() < 0.1 * wanted.std()


def test_bfloat16_autocast_trains_a_whole_network() -> None:
    """With as many frames as the paper's: where a stage has but two steps, oneDNN's bfloat16 gradient of a kernel of three over time reads memory
    that nobody wrote, on processors with AVX512-BF16 and without matrix units (torch 2.15); there `--precision auto` trains in float32."""
    places = [[2, 1, "da-nl-2"], [2, 2, "dp-da"], [4, 1, "poly-nl"], [4, 2, "da-dp"]]
    model = dam.build("c3d", dam=1, modules=places, **SMALL)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(torch.randn(2, 3, 32, 48, 48))
    logits.float().logsumexp(1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


# --- weights made for images -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flat() -> nn.Module:
    """A randomly initialised torchvision ResNet-50 whose statistics are not the trivial ones."""
    network = torchvision.models.resnet50(weights=None)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean, 0, 0.1)
    return network.eval()


def test_a_still_clip_has_the_features_of_its_image(flat: nn.Module) -> None:
    model = dam.build(dam=12, classes=1000).eval()
    state = inflate(model, flat.state_dict())
    assert {name_2d(name) for name in state} == set(flat.state_dict())
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert all(".attend" in name for name in missing)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = flat(image)
        torch.testing.assert_close(model(image[:, :, None].expand(-1, -1, 8, -1, -1)), wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())


@pytest.mark.parametrize("backbone", ["c3d", "c3d333", "i3d"])
def test_inflated_kernels_sum_to_the_image_kernels_over_time(backbone: str, flat: nn.Module) -> None:
    with torch.device("meta"):
        model = dam.build(backbone, dam=1)
    state = inflate(model, flat.state_dict())
    assert {name.split(".")[0] for name in set(model.state_dict()) - set(state)} == {"res3", "fc"}
    longer = 0
    for name, tensor in state.items():
        theirs = flat.state_dict()[name_2d(name)]
        assert tensor.shape == model.state_dict()[name].shape
        torch.testing.assert_close(tensor.sum(2) if theirs.ndim == 4 else tensor, theirs)
        longer += tensor.ndim == 5 and tensor.shape[2] > 1
    assert longer == {"c3d": 9, "c3d333": 9, "i3d": 10}[backbone]


def test_inflation_refuses_a_network_of_another_depth_or_width_by_name(flat: nn.Module) -> None:
    for arguments, words in (({"depth": 101}, "layer3.6.conv1.weight is missing"), ({"width": 0.5}, "not")):
        with torch.device("meta"):
            model = dam.build(**arguments)
        with pytest.raises(WeightsError, match=words):
            inflate(model, flat.state_dict())


# --- the cards -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", dam.CARDS, ids=lambda card: card.id)
def test_every_card_builds_and_names_a_head_where_cam_is_exact(card: Card) -> None:
    with torch.device("meta"):
        model = dam.build(**card.arguments)
    assert card.gap is not None
    assert card.gap.tap in taps(model)
    assert isinstance(model.get_submodule(card.gap.linear), nn.Linear)
    assert (card.sampling.frames, card.sampling.span, card.preprocess.crop) == (32, 64, (224, 224))


def test_cards_of_blind_models_say_so() -> None:
    said = {card.id: "reverse" in card.note for card in dam.CARDS}
    assert all(said[name] for name in ("c2d-r50", "c2d-r101", "dam-1", "dam-3", "dam-6", "dam-9", "dam-12"))
