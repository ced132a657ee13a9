"""Intervals and tests that a share or a difference is put to: those of scipy, which the program itself does not wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from actrec.measure import chance


@given(st.integers(1, 10**6).flatmap(lambda clips: st.tuples(st.integers(0, clips), st.just(clips))))
@example((0, 1))
@example((1, 1))
@example((10**6, 10**6))
@settings(max_examples=200, deadline=None)
def test_the_interval_is_scipys_wilson(counted: tuple[int, int]) -> None:
    right, clips = counted
    low, high = chance.wilson(right, clips)
    wanted = binomtest(right, clips).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert 0 <= low <= right / clips <= high <= 1
    assert (low == 0) == (right == 0)
    assert (high == 1) == (right == clips)


def test_the_interval_is_wilsons() -> None:
    assert chance.wilson(81, 263) == pytest.approx((0.2552885, 0.3662096), abs=1e-6)  # statsmodels' and scipy's
    assert chance.wilson(0, 10) == (0.0, pytest.approx(0.2775328, abs=1e-6))
    assert chance.wilson(10, 10) == (pytest.approx(0.7224672, abs=1e-6), 1.0)
    assert chance.wilson(0, 0) == (0.0, 1.0)


def test_the_interval_holds_95_of_100() -> None:
    assert pytest.approx(norm.ppf(0.975), abs=1e-15) == chance.Z95


@given(st.integers(0, 3000), st.integers(0, 3000))
@example(0, 1)
@example(1, 0)
@example(3000, 3000)
@example(0, 3000)
@example(10, 1065)
@settings(max_examples=200, deadline=None)
def test_mcnemars_test_is_scipys_exact_binomial(gained: int, lost: int) -> None:
    found = chance.mcnemar(gained, lost)
    assert found == chance.mcnemar(lost, gained)
    wanted = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-250)  # below that scipy says 0


def test_the_test_of_paired_clips_is_the_binomial_one() -> None:
    assert chance.mcnemar(10, 2) == chance.mcnemar(2, 10) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert chance.mcnemar(0, 0) == chance.mcnemar(5, 5) == 1.0
    assert chance.mcnemar(3000, 2000) == pytest.approx(1.4e-45, rel=0.2)  # whole numbers: nothing overflows, nothing is lost


def test_who_only_looks_at_results_does_not_wait_for_scipy() -> None:
    code = (
        "import sys, actrec.measure.chance, actrec.measure.agreement, actrec.lab.results; sys.exit('scipy' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.integers(0, 60), st.integers(1, 60))
def test_the_interval_mirrors_itself_and_narrows_with_more_clips(right: int, wrong: int) -> None:
    clips = right + wrong
    low, high = chance.wilson(right, clips)
    assert chance.wilson(wrong, clips) == pytest.approx((1 - high, 1 - low))
    more = chance.wilson(4 * right, 4 * clips)
    assert more[1] - more[0] < high - low
    wide = chance.wilson(right, clips, z=3)
    assert wide[0] <= low <= high <= wide[1]


@given(st.integers(2, 60), st.integers(0, 29))
def test_the_more_uneven_of_two_counts_is_less_often_owed_to_chance(both: int, fewer: int) -> None:
    fewer = min(fewer, both // 2 - 1)
    assert 0 < chance.mcnemar(both - fewer, fewer) < chance.mcnemar(both - fewer - 1, fewer + 1) <= 1
