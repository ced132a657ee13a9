"""NetVLAD: a plain loop, parts that add up to a class's score, what stays finite whatever comes, and its first visual words."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import runs_made
import torch
import tsm_made
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.clip import Preprocess, Sampling
from actrec.explain import Ask, _exact
from actrec.lab import sets
from actrec.lab.train import words
from actrec.lab.train.run import opened
from actrec.models._netvlad import EPS, NetVLAD

pytestmark = pytest.mark.usefixtures("one_seed")


def pool(channels: int = 6, clusters: int = 4, alpha: float = 0.5, dtype: torch.dtype = torch.float64) -> NetVLAD:
    made = NetVLAD(channels, clusters).to(dtype)
    with torch.no_grad():
        made.centres.normal_(0, 1, generator=torch.Generator().manual_seed(2))
        made.log_alpha.fill_(math.log(alpha))
    return made


def features(*shape: int, scale: float = 1.0, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return scale * torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def by_hand(made: NetVLAD, x: Tensor) -> np.ndarray:
    """Eq. 4, descriptor by descriptor and word by word, of x (D, …)."""
    centres, alpha = made.centres.detach().double().numpy(), math.exp(float(made.log_alpha.detach()))
    sums = np.zeros_like(centres)
    for descriptor in x.double().flatten(1).T.numpy():
        far = np.array([alpha * np.square(descriptor - centre).sum() for centre in centres])
        shares = np.exp(far.min() - far)
        for k, share in enumerate(shares / shares.sum()):
            sums[k] += share * (descriptor - centres[k])
    inside = np.stack([row / max(np.sqrt(np.square(row).sum()), EPS) for row in sums])
    return (inside / max(np.sqrt(np.square(inside).sum()), EPS)).flatten()


# --- what it computes --------------------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 6), st.tuples(*[st.integers(1, 3)] * 3), st.floats(1e-3, 30), st.floats(0.01, 20))
def test_it_is_the_plain_loop(clusters: int, channels: int, grid: tuple[int, int, int], alpha: float, scale: float) -> None:
    made, x = pool(channels, clusters, alpha), features(2, channels, *grid, scale=scale)
    wanted = np.stack([by_hand(made, one) for one in x])
    np.testing.assert_allclose(made(x).detach(), wanted, atol=1e-9)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 3.0])
def test_in_single_precision_it_is_the_loop_to_a_hundred_thousandth(alpha: float) -> None:
    made, x = pool(64, 8, alpha, torch.float32), features(1, 64, 4, 3, 3, dtype=torch.float32)
    np.testing.assert_allclose(made(x)[0].detach(), by_hand(made, x[0]), atol=1e-5)


def test_shares_sum_to_one_and_the_vector_is_one_long() -> None:
    made, x = pool(), features(3, 6, 2, 4, 5)
    shares = made.assigned(x)
    assert shares.shape == (3, 4, 2, 4, 5)
    torch.testing.assert_close(shares.sum(1), torch.ones(3, 2, 4, 5, dtype=torch.float64))
    found = made(x)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(found.view(3, 4, 6).norm(dim=2), torch.full((3, 4), 0.5, dtype=torch.float64), msg="each word is as long as the next")


def test_the_order_of_places_means_nothing() -> None:
    made, x = pool(), features(1, 6, 4, 2, 3)
    torch.testing.assert_close(made(x), made(x.flip(2)))
    torch.testing.assert_close(made(x), made(x.flatten(2)[..., torch.randperm(24)].view_as(x)))


# --- parts -------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_parts_sum_to_every_classs_score_and_to_every_difference_of_two(dtype: torch.dtype, tolerance: float) -> None:
    made, x, rows = pool(dtype=dtype), features(1, 6, 4, 3, 3, dtype=dtype), features(5, 24, seed=1, dtype=dtype)
    made.requires_grad_(False)
    gathered = made(x)[0]
    weights = [*rows, *(one - other for one in rows for other in rows)]
    for weight in weights:
        parts = made.parts(x, weight)
        assert parts.shape == (4, 4, 3, 3)
        assert float(parts.sum()) == pytest.approx(float(weight @ gathered), abs=tolerance)
        alone = (gathered * weight).view(4, 6).sum(1)
        torch.testing.assert_close(parts.sum((1, 2, 3)), alone, atol=tolerance, rtol=0, msg="and word by word")


@given(st.floats(0, 1e4), st.floats(1e-4, 50), st.integers(0, 99))
def test_parts_sum_up_whatever_the_features(scale: float, alpha: float, seed: int) -> None:
    made, x, weight = pool(alpha=alpha).requires_grad_(False), features(1, 6, 2, 2, 2, scale=scale, seed=seed), features(24, seed=seed + 1)
    parts = made.parts(x, weight)
    assert parts.isfinite().all()
    assert float(parts.sum()) == pytest.approx(float(weight @ made(x)[0]), abs=1e-6)


@pytest.mark.parametrize("versus", [None, 0, 4])
def test_the_exact_map_of_a_network_is_its_score(versus: int | None) -> None:
    seen = tsm_made.seen(clusters=4, frames=4)
    readout = catalogue.architectures()["tsm-vlad-r50"].readout
    assert readout is not None
    score = seen.logits[0, 2] - (0 if versus is None else seen.logits[0, versus])
    by_word, bias = _exact.by_word(seen, Ask(2, versus), readout)
    assert by_word.shape == (4, 4, 2, 2)
    assert float(by_word.sum()) + bias == pytest.approx(float(score), abs=1e-5)
    shares, bias = _exact.exact(seen, Ask(2, versus), readout, score)
    assert float(shares.mean()) + bias == pytest.approx(float(score), abs=1e-5)


# --- what stays finite -------------------------------------------------------------------------------------------------------------------------


def finite(made: NetVLAD, x: Tensor) -> Tensor:
    """The vector, of finite numbers with finite gradients; and the parts of a score with it."""
    x = x.clone().requires_grad_()
    found = made(x)
    gradients = torch.autograd.grad((found * features(*found.shape, seed=7, dtype=found.dtype)).sum(), [x, made.centres, made.log_alpha])
    with torch.no_grad():
        parts = made.parts(x[:1], features(found.shape[1], seed=8, dtype=found.dtype))
    for each in (found, parts, *gradients):
        assert each.isfinite().all()
    return found.detach()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_empty_word_stays_empty(dtype: torch.dtype) -> None:
    made = pool(alpha=10.0, dtype=dtype)
    with torch.no_grad():
        made.centres[2] = 1e3
    found = finite(made, features(2, 6, 2, 3, 3, dtype=dtype)).view(2, 4, 6)
    assert not found[:, 2].any()
    torch.testing.assert_close(found.flatten(1).norm(dim=1), torch.ones(2, dtype=dtype))
    assert made.assigned(features(1, 6, 2, dtype=dtype))[:, 2].abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_one_descriptor_and_features_of_any_size_stay_finite(scale: float, dtype: torch.dtype) -> None:
    for shape in ((1, 6, 1, 1, 1), (2, 6, 3, 4, 4)):
        found = finite(pool(dtype=dtype), features(*shape, scale=scale, dtype=dtype))
        torch.testing.assert_close(found.norm(dim=1), torch.ones(shape[0], dtype=dtype))


def test_a_descriptor_on_the_only_centre_gives_nothing_and_no_infinite_gradient() -> None:
    made = pool(clusters=1)
    assert not finite(made, made.centres.detach().view(1, 6, 1, 1, 1)).any()


def test_half_precision_around_it_does_not_reach_its_exponents() -> None:
    made, x = pool(64, 8, 3.0, torch.float32), features(1, 64, 2, 3, 3, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(made(x), made(x.float()))
        found = made(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, made(x))


# --- first words -------------------------------------------------------------------------------------------------------------------------------


def test_alpha_begins_where_the_nearest_word_gets_a_hundred_times_the_next_ones_share() -> None:
    made, found, centres = NetVLAD(6, 5).double(), features(300, 6), features(5, 6, seed=3)
    made.begin(found, centres)
    assert torch.equal(made.centres, centres)
    best = made.assigned(found.T[None])[0].topk(2, dim=0).values.log()
    assert float((best[0] - best[1]).mean().detach().exp()) == pytest.approx(100)


def test_one_word_and_descriptors_all_alike_begin_with_finite_numbers() -> None:
    for clusters, found in ((1, features(9, 6)), (3, torch.zeros(9, 6, dtype=torch.float64))):
        made = NetVLAD(6, clusters).double()
        made.begin(found, features(clusters, 6) if clusters == 1 else torch.zeros(3, 6, dtype=torch.float64))
        assert made.log_alpha.isfinite()
        finite(made, features(1, 6, 2, 2, 2))


def test_kmeans_is_the_same_for_the_same_seed_and_finds_what_lies_apart() -> None:
    middles = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    points = np.repeat(middles, 50, 0) + np.random.default_rng(0).normal(0, 0.3, (150, 2)).astype(np.float32)
    one, again = words.kmeans(points, 3, 4), words.kmeans(points, 3, 4)
    np.testing.assert_array_equal(one, again)
    for middle in middles:
        assert np.linalg.norm(one - middle, axis=1).min() < 0.3


def small() -> Card:
    base = catalogue.architectures()["tsm-vlad-r50"]
    arguments = {**base.arguments, **tsm_made.TINY, "clusters": 3}
    return replace(base, arguments=arguments, sampling=Sampling("dense", 4, 8), preprocess=Preprocess(36, (32, 32)))


@pytest.fixture(scope="module")
def blue_and_red(tmp_path_factory: pytest.TempPathFactory) -> sets.ClipSet:
    return sets.read_index(runs_made.make_set(tmp_path_factory.mktemp("words") / "set"))


def begun(clips: sets.ClipSet, card: Card, taken: tuple[str, ...] = (), seed: int = 0) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
    """What is said, and the network's numbers before and after."""
    model = tsm_made.network(clusters=3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    said = words.begin(model, card, opened(card, clips, ("train",), train=True), taken, seed)
    assert model.training
    return said, before, model.state_dict()


@pytest.mark.parametrize("taken", [(), ("conv1.weight",)])
def test_words_begin_from_the_training_clips_the_same_for_a_seed_and_leave_the_rest(blue_and_red: sets.ClipSet, taken: tuple[str, ...]) -> None:
    said, before, after = begun(blue_and_red, small(), taken)
    assert {name for name, tensor in after.items() if not torch.equal(tensor, before[name])} == {"pool.centres", "pool.log_alpha"}
    alpha = math.exp(float(after["pool.log_alpha"]))
    number = 8 * min(words.EACH, 4 * 2 * 2)
    assert said == f"The 3 visual words start from k-means of {number} descriptors of 8 training clips, and α from their spread ({alpha:.3g})."
    again = begun(blue_and_red, small(), taken)[2]
    assert all(torch.equal(after[name], again[name]) for name in after)
    other = begun(blue_and_red, small(), taken, seed=1)[2]
    assert after["pool.centres"].isfinite().all()
    assert not torch.equal(after["pool.centres"], other["pool.centres"])


def test_words_of_a_checkpoint_and_a_head_without_words_are_left_as_they_are(blue_and_red: sets.ClipSet) -> None:
    said, before, after = begun(blue_and_red, small(), ("pool.centres",))
    assert said == ""
    assert all(torch.equal(after[name], before[name]) for name in after)
    plain = catalogue.following(replace(small(), arguments={**small().arguments, "clusters": 0}))
    assert begun(blue_and_red, plain)[0] == ""


def test_too_few_descriptors_are_told_and_the_words_stay_chances(blue_and_red: sets.ClipSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "CLIPS", 2)
    monkeypatch.setattr(words, "EACH", 1)
    said, before, after = begun(blue_and_red, small())
    assert said == "2 descriptors are too few for 3 visual words: they start from chance."
    assert torch.equal(after["pool.centres"], before["pool.centres"])


def test_a_checkpoint_with_words_is_answered(home: Path) -> None:
    from actrec import study
    from actrec.core.question import Question

    tsm_made.checkpoint(home / "checkpoints", "words", clusters=4)
    found = study.answer(Question("short", "words", "shift"))
    assert len(found.heats) == 2
    assert found.heat.values.mean() == pytest.approx(
        found.score - float(study.load("words").model.fc.bias[found.predictions.logits.argmax()]), abs=1e-4
    )
