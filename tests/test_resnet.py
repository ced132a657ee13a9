"""The networks have the papers' sizes and costs, take weights made for images, and their cards build them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import torchvision
from dam_made import SMALL, STRIDE, awake
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from actrec.core.card import Card
from actrec.core.errors import WeightsError
from actrec.core.trace import record, taps
from actrec.models import dam
from actrec.models._attend import block
from actrec.models._resnet import inflate, name_2d

pytestmark = pytest.mark.usefixtures("one_seed")
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


@pytest.mark.parametrize(("backbone", "first", "last"), [("c2d", 0, 0), ("c3d", 9, 8), ("c3d333", 9, 8), ("i3d", 8, 8)])
def test_a_still_clip_has_its_images_features_where_no_zero_beyond_its_ends_reaches(backbone: str, first: int, last: int) -> None:
    """The numbers in `inflate`'s docstring."""
    image = awake(dam.build(**SMALL).double())
    state_2d = {name_2d(name): tensor[:, :, 0] if tensor.ndim == 5 else tensor for name, tensor in image.state_dict().items()}
    model = dam.build(backbone, **SMALL).double().eval()
    model.load_state_dict(model.state_dict() | inflate(model, state_2d))
    still = torch.randn(1, 3, 1, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        wanted = image.features(still.expand(-1, -1, 4, -1, -1))[:, :, :1]
        for steps in (4, 16, 20):
            found = model.features(still.expand(-1, -1, 8 * steps, -1, -1))
            same = ((found - wanted).abs().amax((0, 1, 3, 4)) < 1e-9 * wanted.abs().max()).tolist()
            ends = (first, last) if steps > first + last else (steps * bool(first), 0)
            assert same == [False] * ends[0] + [True] * (steps - sum(ends)) + [False] * ends[1]


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
    assert card.readout is not None
    assert card.readout.tap in taps(model)
    assert isinstance(model.get_submodule(card.readout.linear), nn.Linear)
    assert (card.sampling.frames, card.sampling.span, card.preprocess.crop) == (32, 64, (224, 224))


def test_cards_of_blind_models_say_so() -> None:
    said = {card.id: "reverse" in card.note for card in dam.CARDS}
    assert all(said[name] for name in ("c2d-r50", "c2d-r101", "dam-1", "dam-3", "dam-6", "dam-9", "dam-12"))
