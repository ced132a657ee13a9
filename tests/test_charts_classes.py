"""Charts of classes and of calibration: numbers, arrows and ink that can be read."""

from __future__ import annotations

import numpy as np
import pytest

from actrec.draw import charts, style
from actrec.measure import accuracy


def test_the_difference_figure_has_numbers_arrows_and_something_to_click() -> None:
    change = np.array([[0, 0, 0], [0, 2, -2], [1, 0, -1]])
    figure = charts.difference(("a", "<i>b</i>", "c"), change, [(1, 2, 2, True), (2, 0, 1, False)])
    heat, *arrows, numbers, picks = figure.data
    assert heat.colorscale[1][1].endswith("0)")  # no change shows the page
    assert (heat.zmin, heat.zmax) == (-2, 2)
    assert sorted(numbers.text) == ["+1", "+2", "−1", "−2"]
    good = next(a for a in arrows if a.line.color == style.AGAINST)
    bad = next(a for a in arrows if a.line.color == style.FOR)
    assert good.x[0] == 2
    assert 1 < good.x[1] < 2  # towards the diagonal
    assert 0.5 < good.y[0] < 1
    assert (bad.x[0], list(bad.customdata[0])) == (2, [2, 0])
    assert 0 < bad.x[1] < 1  # away from it
    assert sorted(map(list, picks.customdata)) == [[1, 1], [1, 2], [2, 0], [2, 2]]
    assert not any("<i>" in text for text in [*picks.text, *figure.layout.xaxis.ticktext, *(a.hovertemplate for a in arrows)])
    assert not figure.layout.title.text


def test_of_many_arrows_the_strongest_are_drawn_and_the_rest_counted() -> None:
    labels = [f"class {k}" for k in range(100)]
    arrows = [(i, (i + 1) % 100, 1 + i % 7, i % 2 == 0) for i in range(100)]
    change = np.zeros((100, 100), int)
    figure = charts.difference(labels, change, arrows, most=30)
    drawn = [trace for trace in figure.data[1:] if trace.mode == "lines+markers"]
    assert len(drawn) == 30
    assert "70 weaker ones are left out" in figure.layout.title.text
    assert all(arrows[trace.customdata[0][0]][2] > 4 for trace in drawn)


def test_arrows_of_one_row_do_not_hide_each_other() -> None:
    figure = charts.difference(tuple("abcdef"), np.zeros((6, 6), int), [(0, k, 1, True) for k in (1, 2, 3)] + [(0, 4, 1, False)])
    places = [trace.y[0] for trace in figure.data[1:] if trace.mode == "lines+markers"]
    assert len(set(places)) == 4
    assert sorted(place > 0 for place in places) == [False, False, False, True]  # the lost one runs below


@pytest.mark.parametrize("ink", ["#1b1f24", "#e6eaec"])
def test_numbers_in_a_matrix_are_readable_on_any_page(ink: str) -> None:
    numbers = charts.confusion(("a", "b"), np.array([[9, 1], [0, 0]]), ink).data[1]
    assert dict(zip(numbers.text, numbers.textfont.color, strict=True)) == {"9": "#ffffff", "1": ink}


def test_the_reliability_figure_shows_filled_bins_alone() -> None:
    found = accuracy.calibration(np.array([0.95, 0.95, 0.55]), np.array([True, False, True]))
    bars = charts.reliability(found).data[0]
    assert list(bars.y) == [1.0, 0.5]
    assert list(bars.text) == ["1", "2"]
    assert [tuple(d)[1] for d in bars.customdata] == [1, 2]
