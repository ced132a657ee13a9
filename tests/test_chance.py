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


def test_the_interval_holds_95_of_100() -> None:
    assert pytest.approx(norm.ppf(0.975), abs=1e-15) == chance.Z95
    assert chance.wilson(0, 0) == (0.0, 1.0)


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


def test_who_only_looks_at_results_does_not_wait_for_scipy() -> None:
    code = (
        "import sys, actrec.measure.chance, actrec.measure.agreement, actrec.lab.results; sys.exit('scipy' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
