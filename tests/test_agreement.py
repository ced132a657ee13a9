"""Agreement of two maps: exact where it can be worked out by hand, and NaN with a reason where it cannot be had."""

from __future__ import annotations

import json

import numpy as np
import pytest
from answers_made import HEIGHT, WIDTH, explanation, film, heat, one_hot
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat
from actrec.measure import agreement
from actrec.measure.agreement import TITLES, between

SOURCE = (HEIGHT, WIDTH)
RNG = np.random.default_rng(5)


def varied(seed: int, steps: int = 4, signed: bool = False) -> Heat:
    values = np.random.default_rng(seed).normal(0.2, 1, (steps, 6, 8))
    return heat(values if signed else np.maximum(values, 0), signed=signed)


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.booleans(), st.sampled_from([1e-3, 1.0, 1e6]))
@settings(max_examples=25, deadline=None)
def test_a_map_agrees_with_itself_exactly(seed: int, steps: int, signed: bool, size: float) -> None:
    values = np.random.default_rng(seed).normal(0.2 * size, size, (steps, 5, 7))
    one = heat(values if signed else np.maximum(values, 0), signed=signed)
    found = between(one, one, SOURCE)
    assert list(found.numbers.values()) == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert not found.reasons
    assert found.difference is not None
    assert not found.difference.values.any()
    assert found.difference.empty


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.integers(2, 6), st.integers(2, 6))
@example(seed=141813, factor=1.0, first=2, second=2)  # the second map's two steps weigh the same but for 0.05 %: no correlation over time
@settings(max_examples=20, deadline=None)
def test_agreement_is_symmetric_bounded_and_blind_to_a_factor(seed: int, factor: float, first: int, second: int) -> None:
    a, b = varied(seed, first), varied(seed + 1, second)
    there, back = between(a, b, SOURCE), between(b, a, SOURCE)
    scaled = between(heat(a.values * factor), b, SOURCE)
    steady = {which: {"time": f"the {which} map has the same positive evidence at all times"} for which in ("first", "second")}
    assert dict(there.reasons) in ({}, *steady.values())  # two maps with contrast: nothing else can be missing
    assert dict(back.reasons) == ({} if not there.reasons else steady["second" if there.reasons == steady["first"] else "first"])
    assert scaled.reasons == there.reasons
    for name in TITLES:
        value = there.numbers[name]
        if name in there.reasons:
            assert np.isnan([value, back.numbers[name], scaled.numbers[name]]).all()
            continue
        low = -1 if name in ("pearson", "spearman", "time") else 0
        assert low <= value <= 1
        assert value == pytest.approx(back.numbers[name], abs=1e-9)
        assert value == pytest.approx(scaled.numbers[name], abs=2e-3 if name in ("spearman", "iou") else 1e-5)
    assert there.difference is not None
    assert back.difference is not None
    np.testing.assert_allclose(there.difference.values, -back.difference.values, atol=1e-5)


def test_a_signed_map_and_its_negative_are_opposites() -> None:
    one = varied(3, signed=True)
    found = between(one, heat(-one.values, signed=True), SOURCE)
    assert found.pearson == pytest.approx(-1, abs=1e-12)
    assert found.spearman == pytest.approx(-1, abs=1e-6)
    assert found.iou == 0
    assert found.moved == pytest.approx(1, abs=1e-6)


def test_evidence_in_two_different_places_does_not_overlap_and_has_all_moved() -> None:
    found = between(heat(one_hot(0, 1, 1)), heat(one_hot(3, 4, 6)), SOURCE)
    assert found.iou == 0
    assert found.moved == pytest.approx(1)
    assert found.pearson < 0
    assert found.time == pytest.approx(-1 / 3)  # two single peaks among four equal steps


def test_half_of_the_evidence_moved_is_a_half() -> None:
    left, both = one_hot(0, 1, 1), one_hot(0, 1, 1) + one_hot(0, 1, 6)
    assert between(heat(left), heat(both), SOURCE).moved == pytest.approx(0.5, abs=1e-6)


def test_the_difference_map_shows_the_number() -> None:
    a, b = varied(8), varied(9, steps=3)
    found = between(a, b, SOURCE)
    assert found.difference is not None
    length = np.diff(found.difference.bands, axis=1)[:, :, None] * np.ones_like(found.difference.values)
    assert np.average(np.abs(found.difference.values), weights=length) / 2 == pytest.approx(found.moved, abs=1e-6)
    assert found.difference.signed


def test_pearson_is_the_textbooks_on_maps_of_one_grid() -> None:
    # On a source of exactly one pixel per cell of the common grid, and a map of as many cells, nothing is interpolated.
    source, shape = (48, 96), (2, 48, 96)
    x, y = RNG.normal(size=shape), RNG.normal(size=shape)
    y += 0.5 * x
    a, b = heat(x, box=(0, 0, 96, 48), signed=True), heat(y, box=(0, 0, 96, 48), signed=True)
    found = between(a, b, source)
    assert found.pearson == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1], abs=1e-6)
    rank = [np.argsort(np.argsort(v.ravel())) for v in (x, y)]
    assert found.spearman == pytest.approx(np.corrcoef(*rank)[0, 1], abs=1e-4)
    top = [set(np.argsort(-v.ravel())[: round(0.2 * v.size)]) for v in (x, y)]
    assert found.iou == pytest.approx(len(top[0] & top[1]) / len(top[0] | top[1]), abs=2e-3)


def test_two_models_with_other_crops_and_steps_meet_at_the_source() -> None:
    # One scene, a ramp over the frame that grows with time, seen by two models: the same place and time must meet the same value.
    def scene(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> np.ndarray:
        return (x / WIDTH + 2 * y / HEIGHT)[None] * t[:, None, None]

    def seen_by(box: tuple[float, float, float, float], rows: int, columns: int, steps: int) -> Heat:
        x = box[0] + (np.arange(columns) + 0.5) * (box[2] - box[0]) / columns
        y = box[1] + (np.arange(rows) + 0.5) * (box[3] - box[1]) / rows
        edges = np.linspace(0, 32, steps + 1)
        return heat(scene(*np.meshgrid(x, y), (edges[1:] + edges[:-1]) / 2), box=box)

    a, b = seen_by((0, 0, 48, 48), 48, 48, 32), seen_by((16, 0, 64, 48), 24, 24, 16)
    found = between(a, b, SOURCE)
    assert found.pearson > 0.997
    assert found.time > 0.997
    assert found.moved < 0.02
    assert found.difference is not None
    left, top, right, bottom = found.difference.box
    assert (top, bottom) == (0, 48)
    assert (left, right) == pytest.approx((16, 48), abs=WIDTH / 96)


def test_only_frames_that_both_looked_at_count_and_each_counts_once() -> None:
    first, second = heat(one_hot(1, 2, 3), bands=[(0, 8), (8, 16), (16, 24), (24, 32)]), heat(one_hot(0, 2, 3, (2, 6, 8)), bands=[(10, 12), (12, 40)])
    found = between(first, second, SOURCE)
    assert found.difference is not None
    assert found.difference.bands.tolist() == [[10, 12], [12, 16], [16, 24], [24, 32]]


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        (heat(np.zeros((2, 6, 8))), varied(1), "the first map is empty (largest magnitude 0 logit per cell)"),
        (varied(1), heat(np.full((2, 6, 8), 3e-7)), "the second map is empty (largest magnitude 3e-07 logit per cell)"),
        (varied(1), heat(np.full((2, 6, 8), np.nan)), "the second map is empty (largest magnitude 0 logit per cell)"),
        (varied(1), heat(one_hot(0, 1, 1), bands=[(32, 33), (33, 34), (34, 35), (35, 36)]), "the two models looked at no common frame"),
        (
            heat(one_hot(0, 1, 1), box=(0, 0, 30, 48)),
            heat(one_hot(0, 1, 1), box=(34, 0, 64, 48)),
            "the two models looked at no common part of the frame",
        ),
    ],
)
def test_what_cannot_be_compared_gives_nan_and_says_why(a: Heat, b: Heat, reason: str) -> None:
    found = between(a, b, SOURCE)
    assert all(np.isnan(value) for value in found.numbers.values())
    assert found.reasons == dict.fromkeys(TITLES, reason)
    assert found.difference is None
    assert found.to_json() == dict.fromkeys(TITLES) | {"reasons": dict.fromkeys(TITLES, reason)}
    assert str(found) == f"no agreement can be given: {reason}"


def test_agreements_become_a_list_that_json_can_hold() -> None:
    a, b = heat(one_hot(0, 1, 1)), heat(np.zeros((4, 3, 4)))
    told = agreement.to_json({(0, 1): between(a, a, SOURCE), (0, 2): between(a, b, SOURCE)})
    assert [(row["first"], row["second"]) for row in told] == [(0, 1), (0, 2)]
    assert told[0]["iou"] == 1.0
    assert told[1]["iou"] is None
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_a_map_without_contrast_has_no_correlation_but_has_a_place() -> None:
    found = between(heat(np.full((4, 6, 8), 0.7)), varied(2), SOURCE)
    assert np.isnan([found.pearson, found.spearman, found.time]).all()
    assert found.reasons["pearson"] == found.reasons["spearman"] == "the first map is the same everywhere"
    assert found.reasons["time"] == "the first map has the same positive evidence at all times"
    assert 0 < found.moved < 1
    assert "no correlation: the first map is the same everywhere" in str(found)


def test_a_change_of_less_than_a_thousandth_is_no_course_of_time() -> None:
    still, grows = RNG.random((1, 6, 8)) + 1, heat(np.stack([one_hot(0, 1, 1)[0], 2 * one_hot(0, 1, 1)[0]]))
    for more, known in ((0.5e-3, False), (2e-3, True), (-2e-3, True)):
        found = between(heat(np.concatenate([still, still * (1 + more)])), grows, SOURCE)
        assert found.time == pytest.approx(np.sign(more) if known else np.nan, nan_ok=True)
        assert set(found.reasons) == (set() if known else {"time"})


def test_maps_that_do_not_change_with_time_say_so_about_time_only() -> None:
    still = heat(np.repeat(RNG.random((1, 6, 8)), 4, 0))
    found = between(still, still, SOURCE)
    assert set(found.reasons) == {"time"}
    assert (found.pearson, found.spearman, found.iou, found.moved) == (1, 1, 1, 0)


def test_only_evidence_against_has_no_top_and_no_place() -> None:
    found = between(heat(-1 - RNG.random((4, 6, 8)), signed=True), varied(2, signed=True), SOURCE)
    assert set(found.reasons) == {"time", "iou", "moved"}
    assert found.reasons["iou"] == "the first map has no positive evidence where both models looked"
    assert found.difference is None
    assert not np.isnan(found.pearson)


def test_cells_where_one_map_says_nothing_do_not_count() -> None:
    full = RNG.random((4, 6, 8)).astype(np.float32)
    holes = full.copy()
    holes[:, :, :4] = np.nan
    found = between(heat(full), heat(holes), SOURCE)
    assert found.pearson == pytest.approx(1, abs=0.02)
    assert found.difference is not None
    assert found.difference.box[0] == pytest.approx(WIDTH / 2)


def test_two_different_clips_are_refused() -> None:
    with pytest.raises(QuestionError, match="different clips"):
        agreement.compare(explanation(), explanation(video=film(sha256="c" * 64)))
    assert agreement.compare(explanation(), explanation()).iou == 1


rows = st.integers(3, 40).flatmap(lambda count: st.tuples(*[st.lists(st.integers(-9, 9), min_size=count, max_size=count)] * 2))


@given(rows, st.sampled_from([1.0, 1e-3, 1e6]))
@settings(max_examples=200, deadline=None)
def test_a_rank_correlation_is_scipys_ties_and_all(pair: tuple[list[int], list[int]], size: float) -> None:
    x, y = (np.array(row) * size for row in pair)
    found = agreement.rank_correlation(x, y)
    if np.ptp(x) and np.ptp(y):
        assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    else:
        assert np.isnan(found)


def test_a_rank_correlation_leaves_out_pairs_with_a_number_missing() -> None:
    x, y = RNG.normal(size=(2, 50))
    there = np.arange(50) % 7 > 0
    assert agreement.rank_correlation(np.where(there, x, np.nan), y) == pytest.approx(spearmanr(x[there], y[there]).statistic, abs=1e-12)
    assert np.isnan(agreement.rank_correlation(x[:2], y[:2]))


def test_weights_count_like_repetition() -> None:
    # A step of six frames counts six times: as scipy finds it with every frame written out.
    x, y, weight = RNG.normal(size=30), RNG.normal(size=30), RNG.integers(1, 6, 30)
    ranks = [agreement._ranks(row, weight.astype(float)) for row in (x, y)]
    written = spearmanr(np.repeat(x, weight), np.repeat(y, weight)).statistic
    assert agreement._correlation(*ranks, weight.astype(float)) == pytest.approx(written, abs=1e-12)
