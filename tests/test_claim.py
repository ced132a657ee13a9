"""What a map says, in one sentence whose numbers are worked out by hand; and what not to conclude, the gravest first."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from answers_made import film, heat, one_hot
from tiny_models import card_of

from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.evidence import Heat
from actrec.explain import Method
from actrec.study import claim

CLIP = Clip(film(), np.zeros((16, 1, 1, 3), np.uint8), np.arange(0, 32, 2), np.arange(0, 32, 2) / 25)
METHOD = Method("m", "M", "A way.", "", lambda card, taps: (), lambda trace, ask: ())


def said(found: Heat, versus: str | None = None, *, picked: bool = False) -> str:
    """The sentence with "50 %" and "50%" written alike."""
    return re.sub(r"[ \u00a0\u202f]%", "%", claim.sentence(found, CLIP, "lift", versus, picked=picked))


def test_the_sentence_tells_when_where_and_how_much_against_an_even_spread() -> None:
    values = one_hot(1, 2, 3, value=3)
    values[3, 0, 0] = 1
    assert said(heat(values)) == (
        "The evidence for “lift” is strongest at 0.44 s, in the middle of the picture; "
        "75% of it falls between 0.32 and 0.60 s (an even spread would give 25%)."
    )
    assert said(heat(values), "wave").startswith("The evidence for “lift” rather than “wave” is strongest at 0.44 s, ")


def test_evidence_against_the_class_does_not_count_as_evidence_for_it() -> None:
    values = one_hot(1, 2, 3) - one_hot(2, 0, 0, value=9)
    assert "strongest at 0.44 s, in the middle of the picture; 100% of it" in said(heat(values, signed=True))
    against = said(heat(-one_hot(1, 2, 3), signed=True))
    assert against == "Nothing in this window speaks for “lift”: all evidence on this map is against it."


def test_a_map_without_evidence_says_so_with_its_largest_value() -> None:
    words = "This map shows no evidence for “lift”: its largest value is {} logit per cell (mean + bias = logit), which is drawn as nothing."
    assert said(heat(np.zeros((4, 2, 2)))) == words.format("0.0e+00")
    assert said(heat(np.full((4, 2, 2), np.nan))) == words.format("0.0e+00")
    assert said(heat(-one_hot(0, 0, 0, value=5e-6))) == words.format("5.0e-06")


def test_a_map_that_does_not_change_says_nothing_about_when() -> None:
    still = np.repeat(one_hot(0, 0, 7, (1, 6, 8)), 4, 0)
    words = "The evidence for “lift” is strongest on the right, at the top; the map is the same at all times, so it says nothing about when."
    assert said(heat(still)) == said(heat(still[:1])) == words


def test_a_picked_place_is_told_its_strongest_answer() -> None:
    told = said(heat(one_hot(1, 2, 3, value=0.5), unit="cosine"), picked=True)
    assert told == "From the picked place, the largest value is 0.50 (cosine) at 0.44 s, in the middle of the picture."


def cautions(found: Heat, clip: Clip = CLIP, card: Card | None = None, method: Method = METHOD) -> tuple[str, ...]:
    return claim.cautions(found, clip, card or card_of(), method)


def test_an_ordinary_map_of_a_method_and_a_model_without_faults_needs_no_caution() -> None:
    assert cautions(heat(one_hot(1, 2, 3))) == ()


def test_cautions_come_in_the_order_of_their_gravity() -> None:
    card = replace(card_of(), note="Blind to order.", trained_on="five films")
    method = replace(METHOD, by_class=False, caution="Gradients are local.")
    clip = replace(CLIP, padding="the last frame is held")
    found = cautions(heat(np.ones((4, 2, 2))), clip, card, method)
    assert found == (
        "The map does not change over time; do not read a moment from it.",
        "This method does not know the class: every class gets the same map.",
        "The last frame is held.",
        "Gradients are local.",
        "Blind to order.",
        "This model knows 5 actions, trained on five films: for a clip of anything else it still names one of them, however confident it seems.",
    )


def test_a_map_gets_one_caution_about_time_and_that_is_the_gravest() -> None:
    assert cautions(heat(np.zeros((4, 2, 2)))) == ("An empty map is an answer, not a fault: this method finds nothing at this layer.",)
    assert cautions(heat(np.ones((1, 2, 2)))) == ("This layer has no time axis left: one map stands for the whole window.",)


@pytest.mark.parametrize(("accuracy", "told"), [(0.5, True), (0.65, True), (0.66, False), (1.0, False)])
def test_a_model_that_is_hardly_better_than_always_saying_one_class_has_not_learnt_its_task(accuracy: float, told: bool) -> None:
    card = replace(card_of(), results={"accuracy": accuracy, "confusion": [[3, 1], [4, 2]]})  # always “b” would be right six times of ten
    found = claim.untaught(card)
    assert len(found) == told
    assert all("10 test clips" in text and "“b”" in text for text in found)


@pytest.mark.parametrize("results", [{}, {"accuracy": 0.1}, {"accuracy": 0.1, "confusion": []}, {"confusion": [[1]]}])
def test_of_a_model_whose_test_is_not_known_nothing_is_said(results: dict[str, object]) -> None:
    assert claim.untaught(replace(card_of(), results=results)) == []
