"""ST-ResCNN: the paper's sizes, torchvision's numbers where the widths agree, a plain rewriting of the non-local block, and what files imply."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from taps_made import check_places, check_reach, middle_energy
from torch import Tensor, nn

from actrec import catalogue
from actrec.core import trace
from actrec.models import rescnn

FIGURES = {"34": (101, 63.54), "a": (51, 14.379), "b": (51, 15.265), "c": (51, 17.921), "d": (51, 28.541)}
SMALL = {"units": [1, 2, 1, 2], "width": 0.125}


def network(**arguments: object) -> rescnn.ResCNN:
    torch.manual_seed(0)
    model = rescnn.build(**(SMALL | {"classes": 3} | arguments)).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
    return model


@pytest.mark.parametrize("name", FIGURES)
def test_the_networks_have_the_papers_parameters(name: str) -> None:
    classes, millions = FIGURES[name]
    with torch.device("meta"):
        model = rescnn.build(rescnn.UNITS[name], classes)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.005 if name == "34" else 0.0005)


def test_a_unit_is_as_large_as_with_whole_convolutions() -> None:
    for inputs, outputs in ((64, 64), (64, 128), (128, 128), (256, 512)):
        split = rescnn.middle(inputs, outputs) * (9 * inputs + 3 * outputs)
        assert 0 <= 27 * inputs * outputs - split < 9 * inputs + 3 * outputs


@pytest.mark.slow
def test_torchvisions_network_computes_the_same_where_the_widths_agree() -> None:
    from torchvision.models.video import r2plus1d_18

    torch.manual_seed(0)
    theirs = r2plus1d_18(weights=None, num_classes=5).eval()
    ours = rescnn.build((2, 2, 2, 2), 5, slope=0.0).eval()
    for stage in range(2, 5):  # their second convolution of a stage has the first one's middle width
        block = theirs.get_submodule(f"layer{stage}.0")
        planes = 64 * 2 ** (stage - 1)
        wide = rescnn.middle(planes, planes)
        block.conv2[0][0] = nn.Conv3d(planes, wide, (1, 3, 3), 1, (0, 1, 1), bias=False)
        block.conv2[0][1] = nn.BatchNorm3d(wide)
        block.conv2[0][3] = nn.Conv3d(wide, planes, (3, 1, 1), 1, (1, 0, 0), bias=False)
    theirs.eval()
    ours.load_state_dict(theirs.state_dict())
    clip = torch.randn(1, 3, 8, 64, 64)
    with torch.no_grad():
        np.testing.assert_allclose(ours(clip), theirs(clip), atol=1e-5)


@pytest.mark.slow
def test_the_published_34_layers_have_our_names_and_but_for_their_wider_second_convolutions_our_shapes() -> None:
    from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, R2Plus1dStem, VideoResNet

    with torch.device("meta"):
        theirs = VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [3, 4, 6, 3], R2Plus1dStem).state_dict()
        ours = catalogue.build(catalogue.card("r2plus1d-34")).state_dict()
    assert list(ours) == list(theirs)
    wider = {name for name in ours if ours[name].shape != theirs[name].shape}
    assert wider == {
        f"layer{s}.0.conv2.0.{part}" for s in (2, 3, 4) for part in ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var", "3.weight")
    }
    assert [ours[f"layer{s}.0.conv2.0.0.weight"].shape[0] for s in (2, 3, 4)] == [288, 576, 1152]


@pytest.mark.parametrize("stage", [2, 3, 4, 5])
def test_the_non_local_block_is_the_papers_formula_and_the_identity_at_first(stage: int) -> None:
    model, plain = network(non_local=stage), network()
    plain.load_state_dict({name: tensor for name, tensor in model.state_dict().items() if ".attend." not in name})
    clip = torch.randn(2, 3, 4, 32, 32)
    block = model.get_submodule(f"layer{stage - 1}.attend")
    assert isinstance(block, rescnn.NonLocal)
    nn.init.zeros_(block.z.norm.weight)
    nn.init.zeros_(block.z.norm.bias)
    torch.testing.assert_close(model(clip), plain(clip))

    block.z.norm.weight.data.uniform_(0.5, 1)
    block = block.double()
    x = torch.randn(1, block.theta.in_channels, 2, 3, 2, dtype=torch.float64)
    np.testing.assert_allclose(block(x).detach(), by_hand(block, x), atol=1e-9)


def by_hand(block: rescnn.NonLocal, x: Tensor) -> np.ndarray:
    """Eqs. 3–5, place by place."""
    state = {name: tensor.detach().numpy() for name, tensor in block.state_dict().items()}
    places = x[0].detach().flatten(1).T.numpy()

    def linear(name: str, v: np.ndarray) -> np.ndarray:
        return state[f"{name}.weight"].reshape(len(state[f"{name}.weight"]), -1) @ v + state[f"{name}.bias"]

    rows = []
    for here in places:
        weights = np.array([np.exp(linear("theta", here) @ linear("phi", there)) for there in places])
        y = sum(w * linear("g", there) for w, there in zip(weights / weights.sum(), places, strict=True))
        z = state["z.conv.weight"].reshape(len(here), -1) @ y
        scale = state["z.norm.weight"] / np.sqrt(state["z.norm.running_var"] + block.z.norm.eps)
        rows.append((z - state["z.norm.running_mean"]) * scale + state["z.norm.bias"] + here)
    return np.stack(rows).T.reshape(x.shape)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"non_local": 2},
        {"non_local": 4, "inputs": 2},
        {"units": [1, 1, 1, 1]},
        {"cut": True, "kept": [3, 9, 16, 20, 64, 7, 50]},
        {"kept": [8, 1, 16, 20, 64, 64, 64]},
        {"units": [1, 1, 1, 1], "cut": True, "kept": [8, 16, 32, 60, 61]},
    ],
)
def test_a_file_says_its_widths_itself(arguments: dict[str, object]) -> None:
    model = network(**arguments)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = rescnn.implied({"slope": 0.01}, shapes)
    again = rescnn.build(**found, classes=3)
    again.load_state_dict(model.state_dict())
    clip = torch.randn(1, model.stem[0].in_channels, 4, 32, 32)
    assert torch.equal(again.eval()(clip), model(clip))


@pytest.mark.parametrize(
    "arguments",
    [
        {"units": [1, 1]},
        {"units": [0, 1, 1, 1]},
        {"non_local": 6},
        {"kept": [8]},
        {"kept": [8, 16, 16, 32, 64, 64, 65]},
        {"kept": [8, 16, 16, 32, 0, 1, 1]},
    ],
)
def test_what_cannot_be_built_is_told(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"units=|kept="):
        network(**arguments)


@pytest.mark.parametrize("delay", [0.0, 0.5])
def test_every_tap_lies_where_it_says(delay: float) -> None:
    model, heard = mirrored(network(units=[1, 1, 1, 1], delay=delay)), dict[str, Tensor]()
    for seed in range(4):
        clip = torch.randn(1, 3, 17, 33, 33, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        with trace.record(model, trace.taps(model)) as seen:
            model(clip)
        for name, entry in seen.items():
            energy = middle_energy(entry, clip)
            heard[name] = heard.get(name, torch.zeros(())) + energy / energy.sum() / 4
    check_places(seen, heard, delay)
    if not delay:
        check_reach(seen, clip)


def mirrored(model: nn.Module) -> nn.Module:
    """With kernels that look the same from both sides: random ones have a random centre of their own."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = (module.weight.data + module.weight.data.flip((2, 3, 4))) / 2
    return model


def test_every_card_is_exact_for_cam() -> None:
    for card in rescnn.CARDS:
        assert card.readout is not None
        assert card.readout.tap in catalogue.taps(card)
