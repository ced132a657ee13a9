"""What a map says, in one sentence whose numbers are worked out by hand; and what not to conclude, the gravest first."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from answers_made import heat, one_hot
from claims_made import CLIP, MOMENT, PLACE, TIMELESS, known, maps, moments, nothing_there, opens_there, rounded, spot, why_timeless
from hypothesis import given, settings
from tiny_models import card_of

from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.evidence import Heat
from actrec.draw.overlay import caption
from actrec.explain import Method, from_where
from actrec.measure import strongest
from actrec.study import claim

METHOD = Method("m", "M", "A way.", "", lambda card, taps: (), lambda trace, ask: ())


def said(found: Heat, versus: str | None = None, **asked: Any) -> str:
    """The sentence with "50 %" and "50%" written alike."""
    return re.sub(r"[ \u00a0\u202f]%", "%", claim.sentence(found, CLIP, "lift", versus, **asked))


def test_the_sentence_tells_when_where_and_how_much_against_an_even_spread() -> None:
    values = one_hot(1, 2, 3, value=3)
    values[3, 0, 0] = 1
    told = "is strongest between 0.32 and 0.60 s, in the middle of the picture: the step drawn there has 75% of it (an even spread would give 25%)"
    assert said(heat(values)) == f"The evidence for “lift” {told}."
    assert said(heat(values), "wave") == f"The evidence for “lift” rather than “wave” {told}."
    read = replace(heat(values), fields=np.array([[0, 9], [0, 17], [8, 25], [16, 32]]))
    assert said(read) == f"The evidence for “lift” {told} and has read the frames from 0.00 to 0.64 s."


def test_a_strong_cell_of_a_weak_step_is_not_told_beside_the_share_of_another() -> None:
    values = np.zeros((4, 6, 8), np.float32)
    values[0, 0, 0], values[2, 3:, 6:] = 2, 1  # the strongest cell, and the step with the most evidence
    found = heat(values)
    assert "strongest between 0.64 and 0.92 s, on the right, " in said(found)
    assert "75%" in said(found)
    assert found.step_at(strongest.amid(found)) == 2, "and there the clip opens"


def test_evidence_against_the_class_does_not_count_as_evidence_for_it() -> None:
    values = one_hot(1, 2, 3) - one_hot(2, 0, 0, value=9)
    assert "strongest between 0.32 and 0.60 s, in the middle of the picture: the step drawn there has 100% of it" in said(heat(values, signed=True))
    against = said(heat(-one_hot(1, 2, 3), signed=True))
    assert against.startswith(
        "Nothing on this map speaks for “lift”: its largest value is 0 logit per cell. What speaks against it is strongest between"
    )


def test_a_map_without_evidence_says_so_with_its_largest_magnitude() -> None:
    words = "This map shows no evidence for “lift”: its largest magnitude is {} logit per cell (mean + bias = logit), which is drawn as nothing."
    assert said(heat(np.zeros((4, 2, 2)))) == words.format("0.0e+00")
    assert said(heat(-one_hot(0, 0, 0, value=5e-6))) == words.format("5.0e-06")
    assert said(heat(np.full((4, 2, 2), np.nan))) == "This map shows no evidence for “lift”: it has no values."


def test_a_map_that_does_not_change_says_nothing_about_when() -> None:
    still = np.repeat(one_hot(0, 0, 7, (1, 6, 8)), 4, 0)
    words = "The evidence for “lift” is strongest on the right, at the top; {}, so it says nothing about when."
    assert said(heat(still)) == words.format("the map is the same at all times")
    assert said(heat(still[:1])) == words.format("one map stands for the whole window")
    still[1:] = np.nan
    assert said(heat(still)) == words.format("only one step has values")


def test_a_way_that_knows_no_class_speaks_of_none() -> None:
    for values in (one_hot(1, 2, 3), -one_hot(1, 2, 3), np.zeros((4, 2, 2)), np.full((2, 2, 2), np.nan)):
        told = said(heat(values, unit="feature units, positive part"), by_class=False)
        assert "lift" not in told
        assert "evidence" not in told
    told = said(heat(one_hot(1, 2, 3), unit="feature units"), by_class=False)
    assert told.startswith("What stands out to the network, whatever the class (feature units), is strongest between 0.32 and 0.60 s, ")


def test_a_picked_place_is_told_its_strongest_agreement_and_its_strongest_opposition() -> None:
    values = one_hot(1, 2, 3, value=0.5) + one_hot(3, 5, 0, value=-0.75)
    assert said(heat(values, unit="cosine", signed=True), place="The picked place") == (
        "The picked place: strongest agreement (cosine) 0.5 between 0.32 and 0.60 s, in the middle of the picture; "
        "strongest opposition −0.75 between 0.96 and 1.24 s, on the left, at the bottom."
    )


def test_a_place_that_only_opposes_is_told_most_and_least() -> None:
    values = np.full((4, 6, 8), -0.8, np.float32)
    values[1, 2, 3], values[3, 5, 0] = -0.763, -0.896
    assert said(heat(values, unit="cosine", signed=True), place="The picked place") == (
        "The picked place agrees with nothing here: no value is positive. It opposes most (cosine) at −0.896 between 0.96 and 1.24 s, on the left, "
        "at the bottom, and least at −0.763 between 0.32 and 0.60 s, in the middle of the picture."
    )
    assert said(heat(-values, unit="cosine", signed=True), place="The picked place").startswith(
        "The picked place opposes nothing here: no value is negative. It agrees most (cosine) at 0.896 between 0.96 and 1.24 s, "
    )


def test_before_a_place_is_picked_none_is_said_to_be() -> None:
    assert from_where(True) == "The picked place"
    assert "no place is picked yet" in from_where(False)


@settings(max_examples=200)
@given(maps())
def test_every_claim_about_a_class_follows_from_the_maps_numbers(found: Heat) -> None:
    sentence = claim.sentence(found, CLIP, "lift", "wave")
    if nothing_there(found, sentence):
        return
    top = max(known(found).values())
    if top < 1e-5:
        (value,) = re.findall(r"^Nothing on this map speaks for “lift” rather than “wave”: its largest value is (\S+) cosine\. ", sentence)
        assert rounded(value, top)
        opens_there(found, sentence, -1)
    else:
        assert sentence.startswith("The evidence for “lift” rather than “wave” is strongest ")
        opens_there(found, sentence, 1)


@given(maps())
def test_every_claim_of_a_way_that_knows_no_class_follows_from_the_maps_numbers(found: Heat) -> None:
    sentence = claim.sentence(found, CLIP, "lift", "wave", by_class=False)
    assert "lift" not in sentence
    if nothing_there(found, sentence):
        return
    none = max(known(found).values()) < 1e-5
    assert sentence.startswith("Nothing on this map stands out: " if none else "What stands out to the network, whatever the class (cosine), ")
    opens_there(found, sentence, -1 if none else 1)


@settings(max_examples=200)
@given(maps())
def test_every_claim_about_a_place_follows_from_the_maps_numbers(found: Heat) -> None:
    sentence = claim.sentence(found, CLIP, "lift", None, place="The picked place")
    if nothing_there(found, sentence):
        return
    cells = known(found)
    if not found.signed:
        assert sentence.startswith("The picked place attends most ")
        return opens_there(found, sentence, 1)
    low, high = min(cells.values()), max(cells.values())
    assert ("no value is negative" in sentence or "all values are about" in sentence) == (low >= 0 or high - low <= 1e-3 * max(-low, high))
    assert ("no value is positive" in sentence or "all values are about" in sentence) == (high <= 0 or high - low <= 1e-3 * max(-low, high))
    told = re.findall(rf"(?:at |\) |opposition )([−\d.e-]+) {MOMENT}, {PLACE}", sentence)
    if "all values are about" in sentence:
        return
    assert len(told) == 2
    for (value, *when, where), end in zip(told, (low, high) if "no value is positive" in sentence else (high, low), strict=True):
        assert rounded(value, end)
        there = [cell for cell, v in cells.items() if v == end and cell[0] in moments(found, [w or None for w in when])]
        assert where in {spot(found, cell) for cell in there}


@given(maps())
def test_no_map_gives_a_warning_and_every_caution_about_time_is_true(found: Heat) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = " ".join(cautions(found))
        caption(found)
    why = why_timeless(found) if known(found) and not found.empty else ""
    assert ("no time axis" in told) == (why == TIMELESS[0])
    assert ("Only one step of this map has values" in told) == (why == TIMELESS[1])
    assert ("does not change over time" in told) == (why in TIMELESS[2:])


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
