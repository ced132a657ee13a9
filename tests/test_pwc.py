"""PWC-Net, our own network: its parts against plain loops, its sizes and scales, and both spellings of its weights."""

from __future__ import annotations

from pathlib import Path

import flow_made
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from actrec.core.errors import WeightsError
from actrec.inputs import flow
from actrec.inputs.flow import pwc
from actrec.inputs.flow.pwc_net import PWCNet, cost_volume, warped

pytestmark = pytest.mark.usefixtures("one_thread")

GRIDS = st.tuples(st.integers(1, 2), st.integers(1, 5), st.integers(1, 11), st.integers(1, 11))
SEEDS = st.integers(0, 10_000)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


@pytest.fixture(scope="module")
def network() -> PWCNet:
    """With random weights, which keep the size of what goes through it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = PWCNet().eval()
        for layer in made.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, 0.1)
    return made


@pytest.fixture
def state(network: PWCNet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    monkeypatch.setenv("ACTREC_DEVICE", "cpu")
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@given(GRIDS, SEEDS)
def test_the_cost_volume_is_what_a_plain_loop_gives(grid: tuple[int, int, int, int], seed: int) -> None:
    first, second = noise(*grid, seed=seed), noise(*grid, seed=seed + 1)
    found = cost_volume(first, second)
    batch, _, height, width = grid
    assert found.shape == (batch, 81, height, width)
    expected = np.zeros(found.shape)
    for n, y, x in np.ndindex(batch, height, width):
        for dy in range(-4, 5):
            for dx in range(-4, 5):
                if 0 <= y + dy < height and 0 <= x + dx < width:
                    expected[n, 9 * (dy + 4) + dx + 4, y, x] = (first[n, :, y, x] * second[n, :, y + dy, x + dx]).mean()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@given(GRIDS, SEEDS)
def test_no_flow_warps_nothing(grid: tuple[int, int, int, int], seed: int) -> None:
    second = noise(*grid, seed=seed)
    np.testing.assert_allclose(warped(second, torch.zeros(grid[0], 2, *grid[2:])), second, atol=1e-4)


@given(GRIDS, SEEDS)
def test_warping_is_what_a_plain_loop_gives(grid: tuple[int, int, int, int], seed: int) -> None:
    second, moves = noise(*grid, seed=seed), 3 * noise(grid[0], 2, *grid[2:], seed=seed + 1)
    found, (batch, _, height, width) = warped(second, moves), grid
    for n, y, x in np.ndindex(batch, height, width):
        to_x, to_y = x + float(moves[n, 0, y, x]), y + float(moves[n, 1, y, x])
        left, top = int(np.floor(to_x)), int(np.floor(to_y))
        expected, weight = np.zeros(grid[1]), 0.0
        for j, i in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
            share = (1 - abs(to_y - j)) * (1 - abs(to_x - i))
            if 0 <= j < height and 0 <= i < width:
                expected += share * second[n, :, j, i].numpy()
                weight += share
        if abs(weight - 0.999) > 1e-4:  # which side rounding falls to is not told
            np.testing.assert_allclose(found[n, :, y, x], expected * (weight > 0.999), atol=1e-3)


def test_whole_cells_move_exactly() -> None:
    second = noise(1, 3, 6, 9)
    moves = torch.zeros(1, 2, 6, 9)
    moves[:, 0], moves[:, 1] = 2, -1
    found = warped(second, moves)
    np.testing.assert_allclose(found[:, :, 1:, :-2], second[:, :, :-1, 2:], atol=1e-5)
    assert not found[:, :, 0].any()
    assert not found[..., -2:].any()


def test_it_has_the_published_parameters_under_their_names() -> None:
    named = dict(PWCNet().named_parameters())
    assert sum(parameter.numel() for parameter in named.values()) == 9_374_274
    shapes = {
        "netExtractor.netOne.0.weight": (16, 3, 3, 3),
        "netExtractor.netSix.4.bias": (196,),
        "netSix.netOne.0.weight": (128, 81, 3, 3),
        "netFiv.netUpfeat.weight": (529, 2, 4, 4),
        "netFiv.netOne.0.weight": (128, 213, 3, 3),
        "netTwo.netUpflow.weight": (2, 2, 4, 4),
        "netTwo.netSix.0.weight": (2, 565, 3, 3),
        "netRefiner.netMain.0.weight": (128, 565, 3, 3),
        "netRefiner.netMain.12.bias": (2,),
    }
    assert {name: tuple(named[name].shape) for name in shapes} == shapes
    assert {name.split(".")[0] for name in named} == {"netExtractor", "netTwo", "netThr", "netFou", "netFiv", "netSix", "netRefiner"}
    assert not [name for name in named if name.startswith("netSix.netUp")]


def test_its_flow_is_a_quarter_of_the_pictures_size_and_the_same_twice(network: PWCNet) -> None:
    first, second = noise(2, 3, 64, 128).sigmoid(), noise(2, 3, 64, 128, seed=1).sigmoid()
    with torch.inference_mode():
        found = network(first, second)
        assert found.shape == (2, 2, 16, 32)
        assert torch.equal(found, network(first, second))
        alone = network(first[1:], second[1:])
    np.testing.assert_allclose(alone[0], found[1], rtol=1e-3, atol=1e-3)


def test_every_parameter_matters() -> None:
    made = PWCNet()
    made(noise(1, 3, 64, 64), noise(1, 3, 64, 64, seed=1)).square().sum().backward()
    assert [name for name, parameter in made.named_parameters() if parameter.grad is None or not parameter.grad.any()] == []


class Constant(nn.Module):
    """In place of the network: one twentieth of a pixel to the right and two down, in the size it was given."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        self.given = first
        return torch.tensor([0.05, 0.1])[None, :, None, None].expand(1, 2, first.shape[-2] // 4, first.shape[-1] // 4)


@pytest.mark.parametrize("size", [(32, 32), (64, 128), (65, 100), (240, 320)], ids=str)
def test_pictures_go_in_as_bgr_in_multiples_of_64_and_flow_comes_out_in_their_pixels(size: tuple[int, int]) -> None:
    stub, picture = Constant(), torch.zeros(1, 3, *size)
    picture[:, 0], picture[:, 2] = 1, 0.25
    found = pwc.estimate(stub, picture, picture)
    height, width = stub.given.shape[-2:]
    assert height % 64 == width % 64 == 0
    assert 0 <= height - size[0] < 64
    assert 0 <= width - size[1] < 64
    np.testing.assert_allclose(stub.given[0].mean((1, 2)), [0.25, 0, 1], atol=1e-6)
    assert found.shape == (1, 2, *size)
    np.testing.assert_allclose(found[0, 0], size[1] / width, rtol=1e-5)
    np.testing.assert_allclose(found[0, 1], 2 * size[0] / height, rtol=1e-5)


SPELLINGS = {
    "new": lambda name: name,
    "old": lambda name: name.replace("net", "module"),
    "old, of several GPUs": lambda name: "module." + name.replace("net", "module"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before zip"])
def test_both_spellings_are_read(spelling: str, legacy: bool, state: dict[str, Tensor], network: PWCNet, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "network-default.pytorch"
    torch.save({SPELLINGS[spelling](name): tensor for name, tensor in state.items()}, path, _use_new_zipfile_serialization=not legacy)
    monkeypatch.setenv("ACTREC_PWC", str(path))
    frames, _ = flow_made.moved(flow_made.affine(size=(48, 70), shift=(1, 2)), (48, 70))
    found = flow.between(frames, "pwc")
    assert found.shape == (1, 48, 70, 2)
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        expected = pwc.estimate(network, pictures[:1], pictures[1:])[0].permute(1, 2, 0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)


def test_weights_that_lack_a_part_are_refused(state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del state["netTwo.netUpflow.bias"]
    path = tmp_path / "pwc.pth"
    torch.save(state, path)
    monkeypatch.setenv("ACTREC_PWC", str(path))
    with pytest.raises(WeightsError, match=r"1 missing: netTwo\.netUpflow\.bias"):
        flow.between(np.zeros((2, 64, 64, 3), np.uint8), "pwc")


def test_other_weights_are_known_as_others(state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pwc.pth"
    monkeypatch.setenv("ACTREC_PWC", str(path))
    made_by = []
    for bias in (0.0, 0.0, 1.0):
        state["netTwo.netUpflow.bias"].fill_(bias)
        torch.save(state, path)
        made_by.append(flow.named("pwc").made_by())
    assert made_by[0] == made_by[1] != made_by[2]
