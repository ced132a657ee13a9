"""How far a count may be owed to chance: Wilson's interval and McNemar's exact test."""

from __future__ import annotations

import pytest

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
