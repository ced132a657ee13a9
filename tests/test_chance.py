"""How far a count may be owed to chance: Wilson's interval and McNemar's exact test."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from actrec.measure import chance


def test_the_interval_is_wilsons() -> None:
    assert chance.wilson(81, 263) == pytest.approx((0.2552885, 0.3662096), abs=1e-6)  # statsmodels' and scipy's
    assert chance.wilson(0, 10) == (0.0, pytest.approx(0.2775328, abs=1e-6))
    assert chance.wilson(10, 10) == (pytest.approx(0.7224672, abs=1e-6), 1.0)
    assert chance.wilson(0, 0) == (0.0, 1.0)


def test_the_test_of_paired_clips_is_the_binomial_one() -> None:
    assert chance.mcnemar(10, 2) == chance.mcnemar(2, 10) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert chance.mcnemar(0, 0) == chance.mcnemar(5, 5) == 1.0
    assert chance.mcnemar(3000, 2000) == pytest.approx(1.4e-45, rel=0.2)  # whole numbers: nothing overflows, nothing is lost


COUNTS = st.integers(0, 60)


@given(COUNTS, COUNTS)
def test_the_test_is_scipys_and_the_same_whichever_model_comes_first(gained: int, lost: int) -> None:
    p = chance.mcnemar(gained, lost)
    assert p == chance.mcnemar(lost, gained)
    assert 0 < p <= 1
    if gained + lost:
        assert p == pytest.approx(binomtest(gained, gained + lost).pvalue)


@given(COUNTS, st.integers(1, 60))
def test_the_interval_is_scipys_and_mirrors_itself(right: int, wrong: int) -> None:
    low, high = chance.wilson(right, right + wrong)
    wanted = binomtest(right, right + wrong).proportion_ci(0.95, "wilson")
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert chance.wilson(wrong, right + wrong) == pytest.approx((1 - high, 1 - low))


@given(COUNTS, st.integers(1, 60))
def test_the_interval_holds_its_share_and_narrows_with_more_clips(right: int, wrong: int) -> None:
    clips = right + wrong
    low, high = chance.wilson(right, clips)
    assert 0 <= low <= right / clips <= high <= 1
    more = chance.wilson(4 * right, 4 * clips)
    assert more[1] - more[0] < high - low
    wide = chance.wilson(right, clips, z=3)
    assert wide[0] <= low
    assert high <= wide[1]


@given(st.integers(1, 60), st.integers(0, 60))
def test_a_more_uneven_count_is_never_owed_to_chance_more_often(gained: int, lost: int) -> None:
    assert chance.mcnemar(gained + lost + 1, 0) < chance.mcnemar(gained + lost, 1) or gained + lost == 1
