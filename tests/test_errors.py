"""An error's line stays one clear line, whatever values from outside are in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrec.core.errors import MOST_QUOTED, MOST_WORDS, ActrecError, ClipError, quoted


@given(st.text(max_size=50) | st.sampled_from(["x" * 100_000, "a b " * 5000, "\n\r\u2028" * 300]))
def test_a_message_is_one_line_with_its_beginning_and_its_end(value: str) -> None:
    said = str(ClipError(f"frame.mp4 has the name {value!s}; rename it"))
    assert said.splitlines() == [said]
    assert len(said) <= MOST_WORDS
    assert said.startswith("frame.mp4 has the name")
    assert said.endswith("; rename it") or said.endswith("…; rename it")


def test_an_ordinary_message_is_told_as_it_is() -> None:
    said = "there is no file /a/rather/long/path/to/a/checkpoint/that/is/not/there.safetensors; check the name"
    assert str(ActrecError(said)) == said


@pytest.mark.parametrize("kind", [False, True])
@pytest.mark.parametrize("text", ["", "short", "one\ntwo", "a file's own words " * 1000, "x" * 10_000])
def test_what_another_library_says_is_quoted_short_and_on_one_line(text: str, kind: bool) -> None:
    said = quoted(ValueError(text), kind)
    assert said
    assert "\n" not in said
    assert len(said) <= MOST_QUOTED + 1
    assert ("ValueError" in said) == (kind or not text)
    assert ("short" in said) == (text == "short")
