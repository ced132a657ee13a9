"""Optical flow finds known motions, and turns and mirrors with the clip, whatever its size."""

from __future__ import annotations

from pathlib import Path

import cv2
import flow_made
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from actrec.core.card import Weights
from actrec.core.errors import Cancelled, QuestionError, WeightsError
from actrec.inputs import flow
from actrec.inputs.flow import raft
from actrec.measure.flow import angular, endpoint
from actrec.models import weights

SIZES = st.sampled_from([(24, 32), (32, 32), (31, 45), (96, 128), (120, 90), (160, 213)])
SEEDS = st.integers(0, 10_000)


def shifts(most: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(st.floats(-most, most), st.floats(-most, most))


def error(move: np.ndarray, size: tuple[int, int], seed: int) -> float:
    frames, true = flow_made.moved(move, size, seed)
    found = flow.between(frames)
    assert found.dtype == np.float32
    assert found.shape == (1, *size, 2)
    return endpoint(found[0], true)


@given(SIZES, shifts(2), SEEDS)
def test_a_shift_is_found_within_a_fifth_of_a_pixel(size: tuple[int, int], shift: tuple[float, float], seed: int) -> None:
    assert error(flow_made.affine(shift=shift, size=size), size, seed) < 0.2


@given(shifts(7), SEEDS)
def test_so_is_a_larger_one_in_a_larger_picture(shift: tuple[float, float], seed: int) -> None:
    assert error(flow_made.affine(shift=shift, size=(160, 213)), (160, 213), seed) < 0.2


@given(SIZES, st.floats(-5, 5), st.floats(0.94, 1.06), SEEDS)
def test_a_turn_with_a_zoom_is_found_within_two_fifths(size: tuple[int, int], degrees: float, zoom: float, seed: int) -> None:
    assert error(flow_made.affine(zoom, degrees, size=size), size, seed) < 0.4


@given(SIZES, SEEDS)
def test_a_still_clip_has_no_flow(size: tuple[int, int], seed: int) -> None:
    still = np.repeat(flow_made.texture(*size, seed)[None], 3, 0)
    assert np.abs(flow.between(still)).max() < 1e-3
    assert not flow.between(np.full((2, *size, 3), 77, np.uint8)).any()


MIRRORS = {
    "left to right": (lambda a: a[:, :, ::-1], [[-1, 0], [0, 1]]),
    "upside down": (lambda a: a[:, ::-1], [[1, 0], [0, -1]]),
    "a quarter turn": (lambda a: np.rot90(a, axes=(1, 2)), [[0, 1], [-1, 0]]),
    "half a turn": (lambda a: a[:, ::-1, ::-1], [[-1, 0], [0, -1]]),
}


@pytest.mark.parametrize("how", MIRRORS)
@given(size=SIZES, shift=shifts(1.5), degrees=st.floats(-3, 3), seed=SEEDS)
def test_a_clip_turned_or_mirrored_has_the_flow_turned_or_mirrored(
    how: str, size: tuple[int, int], shift: tuple[float, float], degrees: float, seed: int
) -> None:
    turn, matrix = MIRRORS[how]
    frames, _ = flow_made.moved(flow_made.affine(1, degrees, shift, size), size, seed)
    expected = turn(flow.between(frames)) @ np.float32(matrix).T
    assert endpoint(flow.between(turn(frames)), expected) < 0.15


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2000), (12, 200), (2000, 16), (33, 5000)], ids=str)
def test_any_size_of_frame_has_a_flow(size: tuple[int, int]) -> None:
    frames = np.stack([flow_made.texture(*size, seed) for seed in (0, 1)])
    found = flow.between(frames)
    assert found.shape == (1, *size, 2)
    assert np.isfinite(found).all()


def test_the_number_of_threads_changes_nothing() -> None:
    frames, _ = flow_made.moved(flow_made.affine(1.03, 2, (2, -1)))
    before = cv2.getNumThreads()
    try:
        found = []
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            found.append(flow.between(frames))
    finally:
        cv2.setNumThreads(before)
    assert all(np.array_equal(found[0], other) for other in found)


def test_each_pair_has_its_own_flow_and_is_told() -> None:
    texture = flow_made.texture(64, 80, 3)
    frames = np.stack([texture[y : y + 48, x : x + 64] for x, y in ((0, 0), (2, 0), (2, 3), (2, 3))])
    told: list[tuple[float, str]] = []
    found = flow.between(frames, "dis", lambda *said: told.append(said))
    for one, shift in zip(found, [(-2, 0), (0, -3), (0, 0)], strict=True):
        np.testing.assert_allclose(np.median(one, (0, 1)), shift, atol=0.1)
    assert told == [(1 / 3, "DIS: pair 1 of 3"), (2 / 3, "DIS: pair 2 of 3"), (1.0, "DIS: pair 3 of 3")]
    np.testing.assert_array_equal(flow.between(frames[1:3])[0], found[1])


def stop(fraction: float, text: str) -> None:
    raise Cancelled


def test_it_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        flow.between(np.zeros((3, 32, 32, 3), np.uint8), "dis", stop)


def test_what_cannot_be_answered_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTREC_PWC", raising=False)
    frames = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(QuestionError, match=r"'farneback'; choose one of dis, raft-small, raft-large, pwc$"):
        flow.between(frames, "farneback")
    with pytest.raises(QuestionError, match="two frames"):
        flow.between(frames[:1])
    with pytest.raises(ValueError, match="need uint8"):
        flow.between(frames[:0])
    with pytest.raises(ValueError, match="need uint8"):
        flow.between(frames.astype(np.float32))  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=r"comes without weights; .*ACTREC_PWC"):
        flow.between(frames, "pwc")
    monkeypatch.setenv("ACTREC_PWC", "/nowhere/pwc.pth")
    with pytest.raises(WeightsError, match=r"'/nowhere/pwc\.pth' is not a file"):
        flow.between(frames, "pwc")


class Places(nn.Module):
    """In place of RAFT: its flow is each pixel's red and green, so that what comes back must have stayed where it was."""

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        self.size = first.shape[-2:]
        return [first * 0, first[:, :2]]


@pytest.mark.parametrize("size", [(32, 32), (24, 200), (128, 128), (129, 250), (256, 340)], ids=str)
def test_raft_is_given_sides_that_it_can_take_and_no_pixel_moves(size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size)
    network = Places()
    found = raft.estimate(network, picture, picture)
    np.testing.assert_allclose(found.numpy(), 2 * picture[:, :2].numpy() - 1, atol=1e-6)
    assert all(side % 8 == 0 and side >= 128 and side < max(was + 8, 129) for side, was in zip(network.size, size, strict=True))


@pytest.fixture(scope="module")
def random_raft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RAFT's small network as a file, with random weights."""
    path = tmp_path_factory.mktemp("raft") / "raft.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights.save(path, raft.untrained("small"), {})
    return path


def test_raft_runs_and_gives_the_same_twice(random_raft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(raft.WEIGHTS, "small", Weights(file=random_raft))
    monkeypatch.setenv("ACTREC_DEVICE", "cpu")
    frames, _ = flow_made.moved(flow_made.affine(size=(40, 56), shift=(2, 1)), (40, 56))
    found = flow.between(frames, "raft-small")
    assert found.shape == (1, 40, 56, 2)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, flow.between(frames, "raft-small"))


def test_weights_of_another_network_are_refused(random_raft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.zeros((2, 32, 32, 3), np.uint8)
    monkeypatch.setitem(raft.WEIGHTS, "large", Weights(file=random_raft))
    monkeypatch.setenv("ACTREC_PWC", str(random_raft))
    for name in ("raft-large", "pwc"):
        with pytest.raises(WeightsError, match="do not fit this model"):
            flow.between(frames, name)


def test_rafts_weights_are_torchvisions_own() -> None:
    from torchvision.models import optical_flow

    for size, ours in raft.WEIGHTS.items():
        theirs = optical_flow.__dict__[f"Raft_{size.title()}_Weights"].DEFAULT
        assert ours.url == theirs.url
        assert ours.sha256
        assert f"-{ours.sha256}." in theirs.url
        assert ours.megabytes == pytest.approx(theirs.meta["_file_size"] * 1.048576, abs=0.5)
        network = raft.untrained(size)
        assert sum(parameter.numel() for parameter in network.parameters()) == theirs.meta["num_params"]


@given(st.integers(0, 1000), st.floats(0, 359), st.floats(0.1, 20))
def test_a_known_error_is_measured(seed: int, direction: float, length: float) -> None:
    true = np.random.default_rng(seed).normal(0, 5, (4, 5, 2)).astype(np.float32)
    away = length * np.array([np.cos(np.radians(direction)), np.sin(np.radians(direction))])
    assert endpoint(true + away, true) == pytest.approx(length, rel=1e-5)
    assert endpoint(true, true) == angular(true, true) == 0
    assert angular(np.zeros_like(true) + away, np.zeros_like(true)) == pytest.approx(np.degrees(np.arctan(length)), rel=1e-5)
    u, v = true[0, 0], (true + away)[0, 0]
    a, b = np.append(u, 1), np.append(v, 1)
    known = np.degrees(np.arccos(min(a @ b / np.linalg.norm(a) / np.linalg.norm(b), 1)))
    assert angular(v, u) == pytest.approx(known, abs=1e-3)


def test_a_mask_says_where_an_error_counts() -> None:
    found, true, mask = np.zeros((2, 3, 3, 2), np.float32), np.zeros((2, 3, 3, 2), np.float32), np.zeros((2, 3, 3), bool)
    found[0, 0, 0] = 3, 4
    found[1, 2, 2] = np.nan
    mask[0, 0, :2] = True
    assert endpoint(found, true, mask) == 2.5
    assert angular(found, true, mask) == pytest.approx(np.degrees(np.arctan(5)) / 2)
    assert np.isnan(endpoint(found, true, np.zeros_like(mask)))
