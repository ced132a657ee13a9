"""Visual words on the page: the parts that add up, one word by its link, and what the words mean once they were looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import shift_made
from app_made import EXPLORE, address, visit
from streamlit.testing.v1 import AppTest

from actrec import study
from actrec.core.question import Question
from actrec.ui.frame import plain

WORDS = 5


@pytest.fixture(scope="module", autouse=True)
def models(home: Path) -> Path:
    shift_made.both(home / "checkpoints", "vlad", clusters=WORDS)
    return home


def headers(page: AppTest) -> list[str]:
    return [header.value for header in page.header]


def captions(page: AppTest) -> str:
    return " ".join(caption.value for caption in page.caption)


def test_the_page_takes_the_score_apart_and_a_link_shows_one_word() -> None:
    page = visit(EXPLORE, clip="short", model="vlad:rgb", method="words")
    found = study.answer(Question("short", "vlad:rgb", "words"))
    assert "What each visual word adds to the logit" in headers(page)
    assert "What these words mean" in headers(page)
    assert any(plain(finding.sentence) in markdown.value for finding in found.findings for markdown in page.markdown)
    knob = next(box for box in page.selectbox if box.key == "knob-words-word")
    assert knob.options == ["all", *(str(n + 1) for n in range(WORDS))]
    page = knob.select("3").run()
    assert not page.exception
    assert address(page)["knob.word"] == "3"
    assert "What this word means" in headers(page)
    assert any("Word 3" in markdown.value for markdown in page.markdown)


def test_what_a_word_means_is_looked_for_when_it_is_asked() -> None:
    page = visit(EXPLORE, clip="short", model="vlad:difference", method="words", **{"knob.word": "2"})
    offer = next(button for button in page.button if "Look for each word" in button.label)
    page = offer.click().run()
    assert not page.exception
    assert "from word 2 in the space of the features" in captions(page)
    assert "A piece is 2 cells wide" in captions(page)
    assert not [button for button in page.button if "Look for each word" in button.label]
    page = visit(EXPLORE, clip="short", model="vlad:difference", method="words")
    assert [header.value for header in page.subheader][:3] == [
        name.replace("word", "Word")
        for name in study.answer(Question("short", "vlad:difference", "words")).terms.names[:3]  # type: ignore[union-attr]
    ], "words that count most, once they are known"


def test_a_model_without_words_has_none_of_it(home: Path) -> None:
    shift_made.stream(home / "checkpoints", "rgb", called="pooled")
    page = visit(EXPLORE, clip="short", model="pooled-rgb")
    assert not [header for header in headers(page) if "word" in header]
