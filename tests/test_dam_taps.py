"""Taps of the ResNets: where their cells lie, what gradients reach, and the tensors that were used."""

from __future__ import annotations

import pytest
import torch
from dam_made import SMALL, STRIDE, make, settled
from torch import nn

from actrec.core.trace import record, taps
from actrec.models import dam
from actrec.models._attend import BLOCKS, ConvNorm, block

pytestmark = pytest.mark.usefixtures("one_seed")


def test_taps_have_stable_names_and_no_parameters() -> None:
    model = dam.build(dam=12, **SMALL)
    names = taps(model)
    assert [name for name, tap in names.items() if tap.kind == "features"] == ["stem.tap", "res1.tap", "res2.tap", "res3.tap", "res4.tap"]
    assert {"res1.attend1.time.q", "res1.attend3.time.k", "res2.attend3.space.k", "res3.attend1.q", "res3.attend6.k"} <= set(names)
    assert names["res3.attend5.q"].about == {"relation": "cosine", "axis": "space-time"}
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
    for name, each in ((name, each) for name, each in seen.items() if each.tap.kind != "added"):  # what attention adds has read all places
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
