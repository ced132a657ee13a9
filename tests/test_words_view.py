"""Visual words: what each adds to the score is exact, its map sums to it, and every sentence about them follows from the numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import shift_made
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from actrec import catalogue, cli, study
from actrec.core.errors import QuestionError
from actrec.core.question import Question
from actrec.core.terms import Terms
from actrec.draw import charts, export
from actrec.draw.figures import terms as figure
from actrec.measure import words as measured

WORDS = 6


@pytest.fixture(scope="module", autouse=True)
def models(home: Path) -> Path:
    """Both streams with NetVLAD, together and each by itself, and a model without it."""
    shift_made.both(home / "checkpoints", "vlad", clusters=WORDS)
    shift_made.stream(home / "checkpoints", "rgb", called="pooled")
    return home


def ask(word: str = "all", model: str = "vlad-rgb", **more: object) -> study.Explanation:
    knobs = {"word": word} | dict(more.pop("knobs", ()))  # type: ignore[call-overload]
    return study.answer(Question("short", model, "words", knobs=tuple(knobs.items()), **more))  # type: ignore[arg-type]


def test_it_is_the_default_where_a_head_is_netvlad() -> None:
    assert study.default_method(catalogue.card("vlad-rgb")) == "words"
    assert study.default_method(catalogue.card("pooled-rgb")) == "cam"
    assert study.default_method(catalogue.card("vlad")) == "streams"
    for model, reason in (("pooled-rgb", "its head is not NetVLAD"), ("vlad", "ask one stream alone")):
        with pytest.raises(QuestionError, match=reason):
            ask(model=model)
    with pytest.raises(QuestionError, match="does not fit"):
        study.answer(Question("short", "vlad-rgb", "cam"))


@pytest.mark.parametrize("model", ["vlad-rgb", "vlad-difference"])
@pytest.mark.parametrize("versus", [None, "jump", "run"])
@pytest.mark.parametrize("label", shift_made.LABELS[:2])
def test_the_words_and_the_bias_are_the_score_and_their_maps_sum_to_them(model: str, label: str, versus: str | None) -> None:
    if versus == label:
        return
    found = ask(model=model, label=label, versus=versus)
    terms = found.terms
    assert terms is not None
    assert terms.total == pytest.approx(found.score, abs=1e-5)
    assert float(found.heat.values.sum(dtype=np.float64)) + terms.bias == pytest.approx(found.score, abs=1e-5)
    assert list(np.abs(terms.values)) == sorted(np.abs(terms.values), reverse=True)
    whole = np.zeros_like(found.heat.values, dtype=np.float64)
    shares = np.zeros_like(whole)
    for name, value in zip(terms.names, terms.values, strict=True):
        one = ask(name.removeprefix("word "), model, label=label, versus=versus)
        part, taken = one.heats
        assert float(part.values.sum(dtype=np.float64)) == pytest.approx(value, abs=1e-5)
        assert one.terms is not None
        assert one.terms.names[one.terms.chosen or 0] == name
        assert taken.values.min() >= 0
        whole, shares = whole + part.values, shares + taken.values
    np.testing.assert_allclose(whole, found.heat.values, atol=1e-5)
    np.testing.assert_allclose(shares, 1, atol=1e-5)


def test_a_words_claim_names_what_its_part_is_of() -> None:
    """The part of a lead in logits speaks for one class rather than the other, and never for the class alone."""
    for word in map(str, range(1, WORDS + 1)):
        alone, rather = ask(word, label="walk").claim, ask(word, label="walk", versus="run").claim
        assert "rather than the other" not in alone
        assert "rather than the other" in rather or "shows no" in rather


def test_the_one_class_rather_than_the_other_is_minus_the_other_way_round() -> None:
    one, other = ask(label="walk", versus="run"), ask(label="run", versus="walk")
    np.testing.assert_allclose(one.heat.values, -other.heat.values, atol=1e-6)
    assert one.terms is not None
    assert other.terms is not None
    assert dict(zip(one.terms.names, one.terms.values, strict=True)) == pytest.approx(
        {name: -value for name, value in zip(other.terms.names, other.terms.values, strict=True)}, abs=1e-6
    )


def test_what_adds_up_is_said_and_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explain", "short", "--model", "vlad-rgb", "--knob", "word=2", "--out", str(tmp_path), "--json"]
    assert cli.main(command) == 0
    told = json.loads(capsys.readouterr().out)
    found = ask("2")
    terms = found.terms
    assert terms is not None
    assert told["claim"] == found.claim
    assert "Word 2" in found.claim
    assert [line["sentence"] for line in told["findings"]] == [finding.sentence for finding in found.findings]
    saved = np.load(tmp_path / "evidence.npz")
    np.testing.assert_array_equal(saved["terms"], terms.values)
    assert saved["terms_bias"] == terms.bias
    assert float(saved["terms"].sum() + saved["terms_bias"]) == pytest.approx(found.score, abs=1e-5)
    assert saved["title_2"] == "Places that go to word 2"
    kept = json.loads((tmp_path / "provenance.json").read_text())["terms"]
    assert [part["name"] for part in kept["parts"]] == list(terms.names)
    drawn = " ".join(re.sub("<[^>]*>", " ", (tmp_path / "terms.svg").read_text(encoding="utf-8")).split())
    for name, value in zip(terms.names, terms.values, strict=True):
        assert name in drawn
        assert f"{value:+.3f}".replace("-", "−") in drawn
    assert cli.main(["explain", "short", "--model", "vlad-rgb", "--knob", "word=7", "--out", str(tmp_path)]) == 2
    assert "word='7' is not a setting" in capsys.readouterr().err


NUMBERS = st.floats(-50, 50).map(lambda x: 0.0 if abs(x) < 1e-9 else x)


@st.composite
def sums(draw: st.DrawFn) -> Terms:
    values = np.array(draw(st.lists(NUMBERS, min_size=1, max_size=30)), np.float64)
    values = values[np.argsort(-np.abs(values), kind="stable")]
    names = tuple(f"word {n + 1}" for n in range(len(values)))
    return Terms("Parts", "logit", names, values, draw(NUMBERS), names, draw(st.none() | st.integers(0, len(values) - 1)))


@given(found=sums(), most=st.integers(1, 20))
def test_the_steps_of_a_sum_follow_one_another_to_the_total(found: Terms, most: int) -> None:
    steps = found.steps(most)
    assert steps[0][1] == 0
    assert [end for *_, end in steps[:-1]] == [start for _, start, _ in steps[1:]]
    assert steps[-1][0] == "bias"
    assert steps[-1][2] == pytest.approx(found.total, abs=1e-9)
    assert len(steps) == min(len(found.names), most) + (len(found.names) > most) + 1
    bars = charts.terms(found, most=most).data[0]
    assert [base + move for base, move in zip(bars.base, bars.x, strict=True)] == pytest.approx([*(e for *_, e in steps), found.total], abs=1e-9)
    assert [name for name in bars.customdata if name] == list(found.names[:most])
    low, high = figure.ends(found)
    assert low <= 0 <= high


@st.composite
def shared(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """What words add, and how places are shared among them."""
    words, places = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    given = draw(arrays.arrays(np.float64, (words, places), elements=st.floats(0, 1)))
    parts = draw(arrays.arrays(np.float64, words, elements=NUMBERS))
    return parts, (given + 1e-9) / (given + 1e-9).sum(0)


@given(found=shared(), bias=NUMBERS)
def test_every_sentence_about_words_follows_from_their_numbers(found: tuple[np.ndarray, np.ndarray], bias: float) -> None:
    parts, shares = found
    total, among, unused = measured.findings(parts, shares, bias, "logit")
    assert total.value == pytest.approx(parts.sum() + bias)
    said = total.sentence.replace("−", "-")
    if adds := re.search(r"word (\d+) adds most, \+(\d+\.\d+)", said):
        assert parts[int(adds[1]) - 1] == parts.max() > 0
        assert float(adds[2]) == pytest.approx(parts.max(), abs=6e-4)
    if takes := re.search(r"word (\d+) takes most, -(\d+\.\d+)", said):
        assert parts[int(takes[1]) - 1] == parts.min() < 0
    assert bool(adds) == (parts.max() >= 5e-4)
    assert bool(takes) == (parts.min() <= -5e-4)
    assert 1 - 1e-9 <= among.value <= len(parts) + 1e-9
    assert f"{among.value:.1f} words" in among.sentence
    nearest = set(shares.argmax(0).tolist())
    assert unused.value == len(parts) - len(nearest)
    if unused.value == 1:
        (left,) = set(range(len(parts))) - nearest
        assert f"word {left + 1}, gets" in unused.sentence


def test_an_even_spread_and_a_hard_choice_are_told_as_such() -> None:
    assert measured.spread(np.full((4, 9), 0.25)) == pytest.approx(4)
    assert measured.spread(np.eye(3)) == pytest.approx(1)
    assert measured.never(np.eye(4, 3)).tolist() == [3]
    np.testing.assert_allclose(measured.taken(np.eye(3)), 1 / 3)


def test_a_file_whose_head_is_not_what_its_card_says_is_refused() -> None:
    """A network whose logits are not what NetVLAD and its last layer give has no exact map."""
    loaded = study.load("vlad-rgb")
    handle = loaded.model.get_submodule("fc").register_forward_hook(lambda module, given, out: out.square())
    try:
        with pytest.raises(QuestionError, match="not exact"):
            study.answer(Question("short", "vlad-rgb", "words", label="walk", start=0.01))
    finally:
        handle.remove()


def test_gradients_of_the_map_meet_its_first_order() -> None:
    """With shares and lengths held fixed the map is linear in the features: doubling one place's distance from all centres doubles its part."""
    pool = study.load("vlad-rgb").model.get_submodule("pool")
    features, weight = torch.randn(1, pool.centres.shape[1], 2, 3, 3), torch.randn(pool.centres.numel())
    parts = pool.parts(features, weight)
    assert float(parts.sum()) == pytest.approx(float(weight @ pool(features)[0]), abs=1e-5)
    assert parts.shape == (WORDS, 2, 3, 3)


def test_all_figures_of_the_view_are_drawn(tmp_path: Path) -> None:
    files = export.write(ask(), tmp_path, with_video=False)
    assert files.more["terms"].stat().st_size > 10_000
