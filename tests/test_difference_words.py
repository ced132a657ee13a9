"""What is said of RGB differences, read back and held against the numbers, whatever they are."""

from __future__ import annotations

import re

import numpy as np
import pytest
from claims_made import amount, as_percent
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actrec.measure import agreement
from actrec.measure import difference as measured

CHANGE = re.compile(
    r"The brightness of a pixel, the mean of its three colours, changes by (.+) of 255 grey levels on average WHEN, and by (.+) at most\."
)
SHARE = re.compile(r"(< 0\.1|[\d.]+) % of the pixels change by more than 2 grey levels; less than that is the noise of compression\.")
RANKS = r"\(Spearman’s rank correlation over all pixels and frames, noise taken as no change: (−?[\d.]+)\)\.$"
LEVELS = st.one_of(st.sampled_from([0.0, 1.0, 2.0, -2.0, 5.0, np.nan]), st.floats(-255, 255, width=32))


def levels(text: str, value: float) -> bool:
    return value < 0.05 if text == "less than 0.1" else abs(float(text) - value) <= 0.05 + 1e-9


@given(st.data())
def test_what_is_said_follows_from_the_numbers(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)))
    change = data.draw(arrays(np.float32, shape, elements=LEVELS))
    lengths = np.abs(data.draw(arrays(np.float32, shape, elements=LEVELS)))
    mean, share, together = measured.findings(change, lengths, 2, "WHEN")
    known = [abs(float(v)) for v in change.ravel() if not np.isnan(v)]
    if not known:
        assert np.isnan([mean.value, share.value, together.value]).all()
        assert all("not known: no pixel has a value" in finding.sentence for finding in (mean, share))
    elif not any(known):
        assert mean.value == 0
        assert mean.sentence == "No pixel becomes brighter or darker WHEN."
    else:
        assert mean.value == pytest.approx(sum(known) / len(known))
        said = CHANGE.fullmatch(mean.sentence)
        assert said is not None
        assert levels(said[1], mean.value)
        assert levels(said[2], max(known))
    if known:
        assert share.value == pytest.approx(sum(v > 2 for v in known) / len(known))
        said = SHARE.fullmatch(share.sentence)
        assert said is not None
        assert as_percent(said[1], share.value, 1)
    correlated(together.value, together.sentence, np.where(np.abs(change) <= 2, 0, np.abs(change)), lengths)


def correlated(value: float, sentence: str, change: np.ndarray, lengths: np.ndarray) -> None:
    """What is said of a rank correlation is its own, and where there is none, why."""
    expected = agreement.rank_correlation(change.ravel(), lengths.ravel())
    assert value == pytest.approx(expected, nan_ok=True)
    both = np.isfinite(change) & np.isfinite(lengths)
    if np.isnan(value):
        assert both.sum() < 3 or any(np.ptp(values[both]) <= 1e-4 * np.abs(values[both]).max() for values in (change, lengths))
        assert "cannot be determined: with noise taken as no change one of the two is the same at every pixel, or fewer than three" in sentence
        return
    said = re.search(RANKS, sentence)
    assert said is not None
    assert amount(said[1]) == pytest.approx(value, abs=0.0051)
    assert ("hardly goes with" in sentence) == (abs(value) < measured.HARDLY)
    assert ("tends to be longer" in sentence) == (value >= measured.HARDLY)
    assert ("tends to be shorter" in sentence) == (value <= -measured.HARDLY)


def test_means_know_what_is_known() -> None:
    values = np.array([[[1.0, -3.0]], [[np.nan, -2.0]], [[np.nan, np.nan]]])
    np.testing.assert_array_equal(measured.means(values), [2.0, 2.0, np.nan])
