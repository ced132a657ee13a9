"""The shift network: what a shift does to an impulse, what is left without it, its wiring rewired, its sizes; and the contract of its taps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from taps_made import check_places, check_reach, middle_energy
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tsm_made import TINY, network, units

from actrec import catalogue
from actrec.core import trace
from actrec.core.card import Card
from actrec.core.trace import Tap
from actrec.explain.shift import WAYS
from actrec.models import shift

pytestmark = pytest.mark.usefixtures("one_seed")
CARDS = [pytest.param(card, id=card.id) for card in shift.CARDS]


def clip(frames: int = 8, side: int = 32, clips: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(clips, 3, frames, side, side, dtype=dtype, generator=torch.Generator().manual_seed(1))


def rewired(model: nn.Module, way: str, x: Tensor) -> Tensor:
    taps = [name for name, tap in trace.taps(model).items() if tap.kind == "wiring"]
    with torch.no_grad(), trace.record(model, (), edits=dict.fromkeys(taps, WAYS[way])):
        return model(x)


# --- the shift ---------------------------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3), st.integers(1, 6), st.data())
def test_an_impulse_lands_one_frame_on_in_exactly_the_shifted_channels(
    before: int, behind: int, others: int, frames: int, data: st.DataObject
) -> None:
    channels, at = before + behind + others or 1, data.draw(st.integers(0, frames - 1))
    part = shift.Shifted(nn.Conv2d(channels, channels, 1, bias=False), before, behind, Tap(stride=(1, 1, 1), kind="wiring"))
    nn.init.eye_(part.net.weight.data[:, :, 0, 0])
    x = torch.zeros(2, frames, channels, 2, 3)
    x[1, at] = torch.arange(1, channels + 1).view(-1, 1, 1).expand(-1, 2, 3)
    expected = torch.zeros_like(x)
    for channel in range(channels):
        lands = at + (-1 if channel < behind else 1 if channel < behind + before else 0)
        if 0 <= lands < frames:
            expected[1, lands, channel] = channel + 1
    found = part(x.flatten(0, 1), frames).detach().view_as(x)
    assert torch.equal(found, expected)
    assert torch.equal(shift.rewired(x, part.moves), expected), "as it is wired, the other way round to the same"


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=6), st.integers(1, 5))
def test_any_wiring_takes_every_channel_from_the_frame_it_says(moves: list[int], frames: int) -> None:
    x = torch.randn(1, frames, len(moves), 1, 2)
    found = shift.rewired(x, torch.tensor(moves))
    for t in range(frames):
        for channel, move in enumerate(moves):
            there = 0 <= t - move < frames
            assert torch.equal(found[0, t, channel], x[0, t - move, channel] if there else torch.zeros(1, 2))


@pytest.mark.parametrize(("before", "behind"), [(0.125, 0.125), (0.25, 0.0), (0.0, 0.5), (0.5, 0.5), (1.0, 0.0)])
def test_shares_and_both_directions_are_arguments(before: float, behind: float) -> None:
    parts = units(network(before=before, behind=behind))
    assert len(parts) == 16
    for name, part in parts:
        channels = part.net.in_channels
        assert [int((part.moves == move).sum()) for move in (1, -1)] == [before * channels, behind * channels], name


def test_every_so_manieth_unit_shifts_and_too_few_channels_are_none() -> None:
    assert [name for name, _ in units(network(every=2))] == [
        f"layer{s}.{u}.conv1" for s, u in ((1, 0), (1, 2), (2, 0), (2, 2), (3, 0), (3, 2), (3, 4), (4, 0), (4, 2))
    ]
    assert not units(network(before=0.0, behind=0.0))
    assert units(network(before=1 / 32, behind=0.0))[0][0] == "layer1.1.conv1", "a thirty-second of 8 channels is none"


@pytest.mark.parametrize(
    "arguments",
    [{"before": -0.1}, {"before": 0.6, "behind": 0.6}, {"every": 0}, {"clusters": -1}, {"inputs": 0}, {"depth": 18}, {"before": float("nan")}],
)
def test_what_cannot_be_built_is_refused_in_one_line(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"depth is 50 or 101|give two shares") as caught:
        network(**arguments)
    assert "\n" not in str(caught.value)


# --- with and without it -----------------------------------------------------------------------------------------------------------------------


def plainly(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.replace(".conv1.net.", ".conv1."): tensor for name, tensor in state.items()}


@pytest.mark.slow
def test_without_a_shift_it_is_torchvisions_resnet_on_frames_bit_for_bit() -> None:
    from torchvision.models import resnet50

    theirs = resnet50(weights=None)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean, 0, 0.1)
    ours = shift.build(before=0.0, behind=0.0, classes=1000)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    shifts = shift.build(classes=1000)
    shifts.load_state_dict({name: theirs.state_dict()[name.replace(".conv1.net.", ".conv1.")] for name in shifts.state_dict()})
    x, last = clip(3, 64, 2), dict[str, Tensor]()
    theirs.layer4.register_forward_hook(lambda module, given, output: last.update(features=output))
    with torch.no_grad():
        logits = theirs.eval()(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (2, 3)).mean(1)
        wanted = last["features"].unflatten(0, (2, 3)).transpose(1, 2)
        assert torch.equal(ours.eval().features(x), wanted)
        torch.testing.assert_close(ours(x), logits, rtol=1e-4, atol=1e-5 * float(logits.abs().max()))
        off = rewired(shifts.eval(), "off", x)
        assert torch.equal(off, ours(x))
        assert not torch.equal(off, shifts(x))


@pytest.mark.parametrize("clusters", [0, 3])
def test_wiring_edited_to_zeros_is_a_network_built_without_a_shift(clusters: int) -> None:
    model, plain = network(clusters=clusters), network(clusters=clusters, before=0.0, behind=0.0)
    plain.load_state_dict(plainly(model.state_dict()))
    x = clip()
    with torch.no_grad():
        assert torch.equal(rewired(model, "off", x), plain(x))
        assert (model(x) - plain(x)).abs().max() > 1e-3


def swapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The numbers of the same network with the first and the second eighth of every channel between units in each other's places."""

    def order(channels: int) -> list[int]:
        k = channels // 8
        return [*range(k, 2 * k), *range(k), *range(2 * k, channels)]

    written = ("conv3.", "bn3.", "downsample.")
    found = {}
    for name, tensor in state.items():
        if name.startswith(("conv1.", "bn1.")) or any(part in name for part in written):
            tensor = tensor[order(len(tensor))] if tensor.ndim else tensor
        if ".conv1.net." in name or name in ("fc.weight",) or name.endswith("downsample.0.weight"):
            tensor = tensor[:, order(tensor.shape[1])]
        found[name] = tensor
    return found


def test_reversed_wiring_is_the_network_with_its_channels_in_the_other_order_and_that_on_reversed_frames() -> None:
    model, x = network().double(), clip(dtype=torch.float64)
    other = network().double()
    other.load_state_dict(swapped(model.state_dict()))
    found = rewired(model, "reversed", x)
    with torch.no_grad():
        torch.testing.assert_close(found, other(x), atol=1e-9, rtol=0)
        torch.testing.assert_close(found, model(x.flip(2)), atol=1e-9, rtol=0)
        assert (found - model(x)).abs().max() > 1e-3
    words = network(clusters=3).double()
    with torch.no_grad():
        torch.testing.assert_close(rewired(words, "reversed", x), words(x.flip(2)), atol=1e-9, rtol=0)


@pytest.mark.parametrize(("way", "upper"), [("only forward", 0), ("only back", 1), ("off", 2)])
def test_rewired_one_way_a_step_reads_only_that_side(way: str, upper: int) -> None:
    model, x = network().requires_grad_(False), clip(5).requires_grad_()
    taps = [name for name, tap in trace.taps(model).items() if tap.kind == "wiring"]
    with trace.record(model, ["layer4.tap"], edits=dict.fromkeys(taps, WAYS[way])) as seen:
        model(x)
    steps = seen["layer4.tap"].tensor.square().sum((0, 1, 3, 4))
    rows = torch.stack([torch.autograd.grad(step, x, retain_graph=True)[0].abs().sum((0, 1, 3, 4)) for step in steps]) > 0
    whole = torch.ones(5, 5, dtype=torch.bool)
    assert torch.equal(rows, (whole.tril(), whole.triu(), torch.eye(5, dtype=torch.bool))[upper])


def test_clips_of_a_batch_do_not_flow_into_each_other() -> None:
    model, x = network().double(), clip(4, clips=3, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(model(x), torch.cat([model(one[None]) for one in x]), atol=1e-10, rtol=0)


# --- sizes, precision, cards -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 33, 47), (5, 64, 40), (9, 31, 65)])
@pytest.mark.parametrize("clusters", [0, 3])
def test_any_frames_and_any_size_go_through(clusters: int, shape: tuple[int, int, int]) -> None:
    model, x = network(clusters=clusters), torch.randn(2, 3, *shape)
    with torch.no_grad(), trace.record(model, trace.taps(model)) as seen:
        assert model(x).shape == (2, 5)
    for name, each in seen.items():
        if each.tap.kind == "features":
            assert each.grid().shape[2:] == tuple(-(-n // int(s)) for n, s in zip(shape, each.tap.stride, strict=True)), name


@pytest.mark.parametrize(("card_id", "gflops"), [("tsm-vlad-r50", 32.85), ("tsm-r50", 32.7), ("tsn-r50", 32.7)])
def test_eight_frames_of_224_pixels_take_the_papers_33_gflops(card_id: str, gflops: float) -> None:
    card = catalogue.architectures()[card_id]
    with torch.device("meta"):
        model, x = shift.build(**card.arguments).eval(), torch.empty(1, 3, 8, 224, 224)
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        model(x)
    counted = flops.get_total_flops() / 2e9
    assert round(counted) == shift.CARDS[0].paper_figures["gflops"] == 33
    assert counted == pytest.approx(gflops, abs=0.05)


@pytest.mark.parametrize("clusters", [0, 3])
def test_bfloat16_autocast_stays_near_float32_and_trains(clusters: int) -> None:
    model, x = network(clusters=clusters), clip(4, clips=2)
    with torch.no_grad():
        wanted = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        near = model(x).float()
        got = model.train()(x).float()  # which moves the running statistics
    assert (near - wanted).abs().max() < 0.1 * max(wanted.abs().max(), 1)
    got.logsumexp(1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("card", CARDS)
def test_taps_leave_the_checkpoint_alone_and_the_card_names_its_head(card: Card) -> None:
    with torch.device("meta"):
        model = shift.build(**{**card.arguments, **TINY})
    taps = trace.taps(model)
    assert [name for name, tap in taps.items() if tap.kind == "features"] == ["stem", *(f"layer{stage}.tap" for stage in (1, 2, 3, 4))]
    assert not any(part in key for key in model.state_dict() for part in ("tap", "wiring", "moves"))
    assert not any(True for tap in taps.values() for _ in (*tap.parameters(), *tap.buffers()))
    assert card.readout is not None
    assert card.readout.tap in taps
    assert isinstance(model.get_submodule(card.readout.linear), nn.Linear)
    assert bool(card.readout.pool) == bool(card.arguments.get("clusters"))


def mirrored(model: nn.Module) -> nn.Module:
    """With kernels that look the same from both sides, and both directions of time: random ones have a random centre of their own."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = (module.weight.data + module.weight.data.flip((2, 3))) / 2
    other = swapped(model.state_dict())
    model.load_state_dict({name: (tensor + other[name]) / 2 for name, tensor in model.state_dict().items()})
    return model


@pytest.mark.parametrize("last_stride", [1, 2])
@pytest.mark.parametrize("card", CARDS)
def test_every_tap_lies_where_it_says(card: Card, last_stride: int) -> None:
    model, heard = mirrored(network(**{**card.arguments, "width": 0.125, "last_stride": last_stride})), dict[str, Tensor]()
    names = [name for name, tap in trace.taps(model).items() if tap.kind == "features"]
    for seed in range(4):
        x = torch.randn(1, 3, 5, 33, 33, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        with trace.record(model, names) as seen:
            model(x)
        for name, entry in seen.items():
            energy = middle_energy(entry, x)
            heard[name] = heard.get(name, torch.zeros(())) + energy / energy.sum() / 4
    check_places(seen, heard)
    check_reach(seen, x)


@pytest.mark.parametrize("card", CARDS)
def test_the_map_before_the_head_sums_up_to_the_logits(card: Card) -> None:
    model, x = network(**{**card.arguments, **TINY}).double(), clip(dtype=torch.float64)
    with torch.no_grad(), trace.record(model, ["layer4.tap"]) as seen:
        logits = model(x)[0].numpy()
        features = seen["layer4.tap"].tensor
        weight, bias = model.fc.weight, model.fc.bias.numpy()
        maps = torch.einsum("kc,cthw->kthw", weight, features[0]) if model.pool is None else None
        found = [float(model.pool.parts(features, row).sum()) for row in weight] if maps is None else maps.mean((1, 2, 3)).numpy()
    np.testing.assert_allclose(found + bias, logits, atol=1e-10)
