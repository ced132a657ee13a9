"""What is the shift worth: the check's numbers are those of reruns, and its sentence is true of any numbers."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
import tsm_made
from app_made import EXPLORE, visit
from claims_made import amount
from hypothesis import given
from hypothesis import strategies as st

from actrec import catalogue, cli
from actrec.core import trace
from actrec.core.errors import Cancelled, QuestionError
from actrec.core.question import Question
from actrec.explain import shift
from actrec.study.asking import Target
from actrec.study.checks import shift as check
from actrec.study.checks._followed import Effect
from actrec.study.checks.shift import Worth
from actrec.ui.frame import plain


@pytest.fixture(scope="module", autouse=True)
def shifting(home: Path) -> Path:
    """Small checkpoints, with a shift and words, and without a shift."""
    tsm_made.checkpoint(home / "checkpoints", "words", clusters=3)
    tsm_made.checkpoint(home / "checkpoints", "alone", before=0.0, behind=0.0)
    return home


LABELS = ("a", "b", "c", "d", "e")


def test_the_numbers_are_those_of_reruns() -> None:
    passed, target = tsm_made.seen(), Target(LABELS, 1, 3)
    told: list[float] = []
    found = check.of_trace(passed, target, lambda share, text: told.append(share))
    assert told == [number / 20 for number in range(20)]
    assert [row.name for row in found.ways] == list(shift.WAYS)
    assert [row.name for row in found.units] == tsm_made.UNITS
    assert (found.probability, found.score) == target.score(passed.logits)
    every = shift.units(trace.taps(passed.model))
    for row in (*found.ways, *found.units):
        edit, taps = (shift.WAYS[row.name], every.values()) if row.name in shift.WAYS else (shift.WAYS["off"], [every[row.name]])
        assert (row.probability, row.score) == target.score(passed.rerun(edits=dict.fromkeys(taps, edit)))
    assert len({row.score for row in (*found.ways, *found.units)}) == 20
    backwards = target.score(passed.rerun({"rgb": passed.inputs["rgb"].flip(2)}))  # type: ignore[union-attr]
    assert (found.ways[1].probability, found.ways[1].score) == pytest.approx(backwards, abs=1e-4 * abs(found.score))


def test_it_can_be_stopped() -> None:
    def stop(share: float, text: str) -> None:
        if share > 0.5:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        check.of_trace(tsm_made.seen(), Target(LABELS, 1), stop)


NUMBERS = st.floats(-30, 30) | st.floats(-2e-3, 2e-3) | st.sampled_from([math.nan, math.inf])
Row = tuple[float, float]
ROW = st.tuples(st.floats(0, 1) | st.sampled_from([0.5, 0.51, math.nan]), NUMBERS)
CALM = st.tuples(st.just(0.5), st.floats(-4e-4, 4e-4))
SAID = re.compile(
    r"How the shift is wired (hardly matters|matters) here: “lift” goes from (\d\.\d\d) to (\d\.\d\d) with it off, (\d\.\d\d) reversed, "
    r"(\d\.\d\d) only forward and (\d\.\d\d) only back; (?:of the single units, turning it off in (\S+) moves the (.*) most, by ([+−]\d+\.\d{3})|"
    r"turning it off in any single unit moves the (.*) by less than 0\.001)\."
)


def rows(row: st.SearchStrategy[Row]) -> st.SearchStrategy[tuple[Row, list[Row], list[Row]]]:
    """As it is, rewired in every way, and off in one unit at a time."""
    return st.tuples(row, st.lists(row, min_size=4, max_size=4), st.lists(row, min_size=1, max_size=5))


@given(rows(ROW) | rows(CALM), st.sampled_from([None, "wave"]))
def test_the_verdict_is_true_of_any_numbers(found_rows: tuple[Row, list[Row], list[Row]], versus: str | None) -> None:
    before, ways, units = found_rows
    single = {f"layer1.{number}": row for number, row in enumerate(units)}
    found = Worth(
        "lift",
        versus,
        *before,
        tuple(Effect(name, *row) for name, row in zip(shift.WAYS, ways, strict=True)),
        tuple(Effect(name, *row) for name, row in single.items()),
    )
    measure = "logit of “lift”" if versus is None else "logit lead of “lift” over “wave”"
    assert found.to_json()["verdict"] == found.verdict
    if not all(math.isfinite(value) for row in (before, *ways, *units) for value in row):
        assert found.verdict == "What the shift is worth is not known here: the model does not give a finite score with every wiring."
        return
    moves = {name: row[1] - before[1] for name, row in single.items()}
    if max(abs(row[1] - before[1]) for row in (*ways, *units)) < 1e-3:
        ways_told = "off, reversed, only forward, only back, or off in any single unit"
        assert found.verdict == f"The shift changes nothing here: {ways_told}, it moves the {measure} by less than 0.001."
        return
    said = SAID.fullmatch(found.verdict)
    assert said is not None, found.verdict
    assert [float(text) for text in said.groups()[1:6]] == pytest.approx([row[0] for row in (before, *ways)], abs=5.001e-3)
    assert (said[1] == "hardly matters") == (max(abs(row[0] - before[0]) for row in ways) < 0.05)
    largest = max(map(abs, moves.values()))
    if said[7] is None:
        assert largest < 1e-3
        assert said[10] == measure
    else:
        assert abs(moves[said[7]]) == largest >= 1e-3
        assert amount(said[9]) == pytest.approx(moves[said[7]], abs=5.001e-4)
        assert said[8] == measure


def test_a_model_without_a_shift_is_told_so_and_two_streams_are_rewired_together() -> None:
    with pytest.raises(QuestionError, match="shifts no channels from frame to frame"):
        check.worth(Question("short", "alone", ""))
    card = catalogue.architectures()["tsm-difference-r50"]
    assert not check.lacks(card, catalogue.taps(card))
    assert list(shift.units(catalogue.taps(card))) == [f"{stream}.{unit}" for stream in card.inputs for unit in tsm_made.UNITS]


def test_the_page_and_the_command_line_tell_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "short", "--model", "words", "--check", "shift", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["checks"]["shift"]
    assert [row["name"] for row in told["ways"]] == list(shift.WAYS)
    assert [row["name"] for row in told["units"]] == tsm_made.UNITS
    assert all(row["change"] == row["score"] - told["score"] for row in (*told["ways"], *told["units"]))
    page = visit(EXPLORE, clip="short", model="words", method="shift")
    assert "What is the shift worth?" in [heading.value for heading in page.header]
    assert plain(told["verdict"]) in [str(text.value) for text in page.markdown]
