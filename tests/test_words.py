"""Numbers and units for reading."""

from __future__ import annotations

import numpy as np
import pytest
from answers_made import heat
from hypothesis import given
from hypothesis import strategies as st

from actrec.core import words


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"),
        (1e-9, "< 0.1 %"),
        (0.00049, "< 0.1 %"),
        (0.0011, "0.1 %"),
        (0.004, "0.4 %"),
        (0.831, "83.1 %"),
        (0.99996, "100.0 %"),
        (1, "100.0 %"),
    ],
)
def test_a_share_has_one_decimal_and_a_small_one_is_not_shown_as_none(share: float, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.5, "0.5"), (-0.5, "−0.5"), (2.0, "2"), (123.456, "123"), (1234.5, "1.23e+03"), (-1e-9, "−1e-09"), (0.00012345, "0.000123")],
)
def test_a_number_has_three_digits_and_a_true_minus_sign(value: float, text: str) -> None:
    assert words.number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_can_be_read_back_to_three_digits(value: float) -> None:
    assert float(words.number(value).replace("−", "-", 1)) == pytest.approx(value, rel=5.1e-3, abs=1e-300)


@pytest.mark.parametrize(("unit", "short"), [("logit", "logit"), ("logit per cell (mean + bias = logit)", "logit per cell"), ("a (b) (c)", "a")])
def test_a_unit_is_short_without_what_it_adds_in_brackets(unit: str, short: str) -> None:
    assert words.short_unit(heat(np.ones((1, 1, 1)), unit=unit)) == short
