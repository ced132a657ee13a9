"""Numbers for reading: written one way everywhere, and never so that they say more or less than the number."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from answers_made import heat
from hypothesis import given
from hypothesis import strategies as st

from actrec.core.words import few, fixed, number, percent, short_unit


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [(0.831, 1, "83.1 %"), (0.0, 1, "0.0 %"), (0.0004, 1, "< 0.1 %"), (1.0, 0, "100 %"), (0.5, 0, "50 %"), (0.002, 0, "< 1 %"), (math.nan, 1, "–")],
)
def test_a_share_is_written_with_a_space_before_the_sign(share: float, digits: int, text: str) -> None:
    assert percent(share, digits) == text


@given(st.floats(0, 1), st.integers(0, 2))
def test_what_is_more_than_nothing_is_never_written_as_nothing(share: float, digits: int) -> None:
    text = percent(share, digits)
    if text.startswith("< "):
        assert 0 < share < float(text[2:].removesuffix(" %")) / 100
    else:
        assert abs(float(text.removesuffix(" %")) / 100 - share) <= 0.5 * 10.0 ** -(digits + 2) + 1e-12
        assert (float(text.removesuffix(" %")) == 0) == (share == 0)


@given(st.floats(-1e6, 1e6), st.sampled_from(["", "+"]))
def test_a_change_and_its_opposite_differ_in_the_sign_alone(change: float, sign: str) -> None:
    one, other = fixed(change, "+"), fixed(-change, "+")
    assert one == other.translate(str.maketrans("+−", "−+"))
    assert abs(float(fixed(change, sign).replace("−", "-")) - change) <= 0.5e-3 * (1 + 1e-6) + abs(change) * 1e-12


def test_changes_have_a_true_minus_and_no_sign_on_nothing() -> None:
    assert [fixed(change, "+", 1) for change in (3.1, -0.4, 0.0, -0.01)] == ["+3.1", "−0.4", "0.0", "0.0"]
    assert [fixed(change) for change in (3.1, -0.4, -0.0001)] == ["3.100", "−0.400", "0.000"]


def test_numbers_have_three_digits_and_a_true_minus() -> None:
    assert [number(value) for value in (1234.5, -0.25, 1e-4)] == ["1.23e+03", "−0.25", "0.0001"]


def test_of_many_names_a_few_are_said_and_how_many_more() -> None:
    assert few(["a", "b"]) == "a, b"
    assert few(list("abcdef")) == "a, b, c, d and 2 more"
    assert few(["\x1b[31mred"]) == "'\\x1b[31mred'"
    assert len(few(["long" * 99])) == 120


def test_no_share_is_written_any_other_way() -> None:
    """Python's own "%" has no space before the sign."""
    for path in (Path(__file__).parent.parent / "actrec").rglob("*.py"):
        assert not re.search(r":[-+<>^ 0-9.]*%\}|format=\"[-+0-9.]*%\"", path.read_text(encoding="utf-8")), path


@given(st.floats(-1e300, 1e300))
def test_a_number_can_be_read_back_to_three_digits(value: float) -> None:
    assert float(number(value).replace("−", "-", 1)) == pytest.approx(value, rel=5.1e-3, abs=1e-300)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (2.0, "2"), (123.456, "123"), (-1e-9, "−1e-09"), (0.00012345, "0.000123")])
def test_only_the_sign_of_a_number_is_a_true_minus(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("unit", "short"), [("logit", "logit"), ("logit per cell (mean + bias = logit)", "logit per cell"), ("a (b) (c)", "a")])
def test_a_unit_is_short_without_what_it_adds_in_brackets(unit: str, short: str) -> None:
    assert short_unit(heat(np.ones((1, 1, 1)), unit=unit)) == short
