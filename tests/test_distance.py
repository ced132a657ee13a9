"""How far attention reaches: held against loops over all places, and the sentences read back, whatever the row."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from claims_made import amount, rounded
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from actrec.core.evidence import Finding
from actrec.measure import distance

SAID = re.compile(
    r"Mean (distance in (?:space|time)) from this place to what it attends to: (\S+) (source pixels|s); an even spread would give (\S+) "
    r"(source pixels|s), so it looks (nearer than|farther than|as far as) that\."
)
Centres = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@st.composite
def rows(draw: st.DrawFn) -> tuple[NDArray[np.float32], Centres, tuple[float, float, float]]:
    """Rows of one cell, one frame or many, constant, on one place only, with holes, all holes or all zeros; and where their cells lie."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)))
    row = draw(arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    kind = draw(st.sampled_from(["any", "any", "constant", "one place", "zeros"]))
    if kind in ("constant", "zeros"):
        row = np.full(shape, draw(st.floats(0.125, 1, width=32)) if kind == "constant" else 0, np.float32)
    if kind == "one place":
        row = np.zeros(shape, np.float32)
        row[tuple(draw(st.integers(0, n - 1)) for n in shape)] = 1
    holes = draw(st.sampled_from(["none", "none", "cells", "all"]))
    if holes != "none":
        row = np.where(draw(arrays(np.bool_, shape)) & (holes == "cells"), row, np.float32(np.nan))
    first = [draw(st.floats(-50, 50)) for _ in shape]
    step = draw(st.sampled_from([0.0, 0.04])), draw(st.floats(1, 60)), draw(st.floats(1, 60))  # frames that are held have one moment
    centres = tuple(a + np.arange(n) * by for a, n, by in zip(first, shape, step, strict=True))
    return row, centres, tuple(float(axis[draw(st.integers(0, len(axis) - 1))]) for axis in centres)  # type: ignore[return-value]


@given(rows())
def test_every_sentence_follows_from_the_row(made: tuple[NDArray[np.float32], Centres, tuple[float, float, float]]) -> None:
    row, (seconds, y, x), place = made
    weighed: list[tuple[float, tuple[float, float]]] = []
    for (k, r, c), weight in np.ndenumerate(row):
        if math.isfinite(weight):
            weighed.append((float(weight), (math.hypot(y[r] - place[1], x[c] - place[2]), abs(seconds[k] - place[0]))))
    found = distance.findings(row, (seconds, y, x), place)
    assert [finding.name for finding in found] == ["distance in space", "distance in time"]
    for which, finding in enumerate(found):
        check(finding, [(weight, ways[which]) for weight, ways in weighed])


def check(finding: Finding, weighed: list[tuple[float, float]]) -> None:
    """A finding against the places one by one: (weight, distance)."""
    total = sum(weight for weight, _ in weighed)
    if not total:
        assert math.isnan(finding.value)
        assert finding.sentence == f"This row has no weights, so its mean {finding.name} is not known."
        return
    mean, even = sum(w * way for w, way in weighed) / total, sum(way for _, way in weighed) / len(weighed)
    assert finding.value == pytest.approx(mean, rel=2e-6, abs=1e-12)
    if even == 0:
        assert finding.sentence.endswith(f"so there is no {finding.name} to measure.")
        assert finding.value == 0
        return
    said = SAID.fullmatch(finding.sentence)
    assert said is not None, finding.sentence
    name, shown, unit, usual, same, how = said.groups()
    assert name == finding.name
    assert unit == same == {"distance in space": "source pixels", "distance in time": "s"}[name]
    assert rounded(shown, finding.value)
    assert rounded(usual, even)
    apart = amount(shown) - amount(usual)
    assert how == ("as far as" if apart == 0 else "nearer than" if apart < 0 else "farther than")


def test_a_signed_row_has_no_mean_distance() -> None:
    with pytest.raises(ValueError, match="negative weights"):
        distance.reached(np.array([[[0.5, -0.5]]], np.float32), (np.zeros(1), np.zeros(1), np.arange(2.0)), (0.0, 0.0, 0.0))


def test_a_row_on_one_place_is_as_far_as_that_place() -> None:
    row, centres = np.zeros((2, 3, 5), np.float32), (np.array([0.0, 0.5]), np.arange(3) * 4.0, np.arange(5) * 3.0)
    row[1, 2, 1] = 0.25
    (space, evenly), (time, half) = distance.reached(row, centres, (0.0, 8.0, 15.0))
    assert (space, time, half) == (12.0, 0.5, 0.25)
    assert 0 < evenly < 17
