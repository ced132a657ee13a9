"""The last few results, kept by identity: the oldest goes first, what is used stays, and sessions share without mixing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrec.core.kept import Kept


def test_a_result_is_made_once_and_the_same_object_comes_back() -> None:
    kept: Kept[list[int]] = Kept(2)
    first = kept.get_or("a", lambda: [1])
    assert kept.get_or("a", lambda: [2]) is first
    assert kept.get_or("b", lambda: [1]) is not first


def test_the_one_that_was_not_asked_for_the_longest_goes_first() -> None:
    kept: Kept[int] = Kept(2)
    for key in (1, 2, 1, 3):
        kept.get_or(key, lambda key=key: key)
    assert list(kept.values()) == [1, 3]


def test_what_fails_is_not_kept_and_harms_nothing() -> None:
    kept: Kept[int] = Kept(2)
    kept.get_or("good", lambda: 1)
    with pytest.raises(ZeroDivisionError):
        kept.get_or("bad", lambda: 1 // 0)
    assert list(kept.values()) == [1]
    assert kept.get_or("bad", lambda: 2) == 2


def test_none_is_a_result_like_any_other() -> None:
    kept: Kept[object] = Kept(2)
    assert kept.get_or("a", lambda: None) is None
    assert kept.get_or("a", lambda: 1) is None


def test_while_one_session_makes_a_result_another_can_take_or_make_its_own() -> None:
    kept: Kept[int] = Kept(8)
    both = Barrier(2, timeout=10)

    def make(key: int) -> int:
        return kept.get_or(key, lambda: (both.wait(), key)[1])

    with ThreadPoolExecutor(2) as pool:  # neither would ever meet the other if one held the lock while it works
        assert list(pool.map(make, (1, 2))) == [1, 2]


@given(st.lists(st.integers(0, 9)), st.integers(1, 4), st.integers(1, 20))
def test_there_are_never_more_than_the_most_nor_heavier_ones_but_for_the_newest(keys: list[int], most: int, weight: int) -> None:
    kept: Kept[int] = Kept(most, lambda value: value, most_bytes=weight)
    for key in keys:
        assert kept.get_or(key, lambda key=key: key) == key
        values = list(kept.values())
        assert values[-1] == key
        assert len(values) <= most
        assert sum(values) <= weight or values == [key]


def test_what_is_kept_is_bounded_in_number_and_in_bytes() -> None:
    kept: Kept[int] = Kept(3, lambda value: value, most_bytes=10)
    for value in (1, 2, 3, 4):
        kept.get_or(value, lambda value=value: value)
    assert list(kept.values()) == [2, 3, 4]
    kept.get_or(7, lambda: 7)
    assert list(kept.values()) == [7]
    kept.get_or(99, lambda: 99)
    assert list(kept.values()) == [99]
