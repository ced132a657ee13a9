"""The shift seen and undone: exact maps before and after a rerun with other wiring, and the sentences about them."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tsm_made
from app_made import EXPLORE, visit
from claims_made import CLIP, PLACE, amount, maps, moments, rounded, spot
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny_models import ConvNet, noise, traced

from actrec import catalogue, study
from actrec.core import trace
from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat
from actrec.core.question import Question
from actrec.core.reach import Beside, Slide
from actrec.draw import export
from actrec.explain import Ask, shift

READOUTS = {0: catalogue.architectures()["tsm-r50"].readout, 3: catalogue.architectures()["tsm-vlad-r50"].readout}


@pytest.fixture(scope="module", autouse=True)
def shifting(home: Path) -> Path:
    """Small checkpoints: with a shift and average pooling, with words, without a shift."""
    tsm_made.checkpoint(home / "checkpoints", "tsm")
    tsm_made.checkpoint(home / "checkpoints", "words", clusters=3)
    tsm_made.checkpoint(home / "checkpoints", "alone", before=0.0, behind=0.0)
    return home


def score(logits: torch.Tensor, ask: Ask) -> float:
    return float(logits[0, ask.label] - (0 if ask.versus is None else logits[0, ask.versus]))


@pytest.mark.parametrize("layer", [shift.ALL, "layer3.2"])
@pytest.mark.parametrize("way", shift.WAYS)
@pytest.mark.parametrize(("clusters", "versus"), [(0, None), (3, None), (0, 4), (3, 4)])
def test_both_maps_are_exact_for_the_score_before_and_after(clusters: int, versus: int | None, way: str, layer: str) -> None:
    passed = tsm_made.seen(clusters)
    ask = Ask(2, versus, layer, knobs={"shift": way}, readout=READOUTS[clusters])
    found = shift.explain(passed, ask)
    taps = [name for name, tap in trace.taps(passed.model).items() if tap.kind == "wiring" and (layer == shift.ALL or name.startswith(layer))]
    assert len(taps) == (16 if layer == shift.ALL else 1)
    then = passed.rerun(edits=dict.fromkeys(taps, shift.WAYS[way]))
    bias = passed.model.get_submodule("fc").bias
    off = float(bias[2] - (0 if versus is None else bias[versus]))
    size = max(float(np.abs(found.heats[0].values).mean()), 1)
    for heat, logits in zip(found.heats, (passed.logits, then), strict=True):
        assert float(heat.values.mean()) + off == pytest.approx(score(logits, ask), abs=1e-5 * size)
        assert heat.signed
    assert found.heats[0].unit == found.heats[1].unit
    assert found.together
    shares = [float(logits[0].softmax(0)[2]) for logits in (passed.logits, then)]
    gained = found.findings[0]
    assert gained.value == pytest.approx(shares[1] - shares[0], abs=1e-6)
    said = re.fullmatch(rf"{shift.SAID[way]} in (.*), the model gives .*; its (logit|lead in logits .*) is (\S+) instead of (\S+)\.", gained.sentence)
    assert said is not None, gained.sentence
    assert said[1] == (layer if layer == shift.ALL else f"{layer} alone")
    assert [amount(text) for text in said.groups()[2:]] == pytest.approx([score(then, ask), score(passed.logits, ask)], abs=6e-4)


def test_the_maps_say_what_their_own_wiring_has_read() -> None:
    passed = tsm_made.seen(every=4)
    fields = {}
    for way in shift.WAYS:
        before, after = shift.explain(passed, Ask(0, None, shift.ALL, knobs={"shift": way}, readout=READOUTS[0])).heats
        fields[way] = after.fields
        np.testing.assert_array_equal(before.fields, [[max(k - 5, 0), min(k + 6, 8)] for k in range(8)])
    np.testing.assert_array_equal(fields["off"], [[k, k + 1] for k in range(8)])
    np.testing.assert_array_equal(fields["only forward"], [[max(k - 5, 0), k + 1] for k in range(8)])
    np.testing.assert_array_equal(fields["only back"], [[k, min(k + 6, 8)] for k in range(8)])
    np.testing.assert_array_equal(fields["reversed"], [[max(k - 5, 0), min(k + 6, 8)] for k in range(8)])


@given(st.lists(st.lists(st.integers(-1, 1), min_size=1, max_size=4), max_size=4))
def test_a_way_through_time_is_rewired_shift_by_shift(wired: list[list[int]]) -> None:
    slide = Slide(3, 1, 1)
    past = [hop for _ in wired for hop in (slide, Beside(True, True))] + [slide]
    found = shift.rewired(past, map(torch.tensor, wired))
    assert found[::2] == (slide,) * (len(wired) + 1)
    assert found[1::2] == tuple(Beside(1 in moves, -1 in moves) for moves in wired)


@pytest.mark.parametrize("shares", [(0.125, 0.125), (0.25, 0.0), (0.0, 0.5), (0.5, 0.5)])
def test_the_matrix_and_its_sentence_count_channels(shares: tuple[float, float]) -> None:
    before, behind = shares
    found = shift.explain(tsm_made.seen(before=before, behind=behind), Ask(0, None, "layer2.1", readout=READOUTS[0]))
    (matrix,) = found.matrices
    assert matrix.rows == tuple(tsm_made.UNITS)
    assert matrix.columns == ("next frame", "own frame", "previous frame")
    np.testing.assert_array_equal(matrix.values, [[behind, 1 - before - behind, before]] * 16)
    assert found.findings[-1].value == before + behind
    said = (
        f"In the 16 units that shift, {100 * before:.1f} % of the channels come from the previous frame and {100 * behind:.1f} % from the next frame."
    )
    assert found.findings[-1].sentence == said


def test_nothing_is_changed_by_going_forward_only_where_nothing_comes_back() -> None:
    found = shift.explain(tsm_made.seen(behind=0.0), Ask(0, None, shift.ALL, knobs={"shift": "only forward"}, readout=READOUTS[0]))
    np.testing.assert_array_equal(found.heats[0].values, found.heats[1].values)
    assert [finding.value for finding in found.findings[:2]] == [0, 0]
    assert found.findings[1].sentence == "The map stays the same: no place changes by 0.00001 logit per cell or more."


CLOSE = st.floats(-1, 1, width=32) | st.just(0.0) | st.sampled_from([math.nan, math.inf])


@given(maps(), st.data())
def test_where_a_map_changes_most_is_told_as_it_is(before: Heat, data: st.DataObject) -> None:
    other = data.draw(arrays(np.float32, before.values.shape, elements=CLOSE) | st.just(before.values))
    found = shift.changed(before, replace(before, values=other), CLIP)
    with np.errstate(invalid="ignore"):
        change = other.astype(np.float32) - before.values
    known = {cell: float(change[cell]) for cell in np.ndindex(change.shape) if math.isfinite(change[cell])}
    top = max(map(abs, known.values()), default=0.0)
    if not known:
        assert math.isnan(found.value)
        assert found.sentence == "Where the map changes is not known: no place has a value both before and after."
    elif top < 1e-5:
        assert found.value == pytest.approx(top)
        assert found.sentence == "The map stays the same: no place changes by 0.00001 cosine or more."
    else:
        said = re.fullmatch(
            r"The map changes most (?:between ([\d.]+) and ([\d.]+) s|at ([\d.]+) s|in a step that only repeats the frame at ([\d.]+) s), "
            rf"{PLACE}: from (\S+) to (\S+) cosine\.",
            found.sentence,
        )
        assert said is not None, found.sentence
        steps = moments(before, said.groups()[:4])
        tops = [cell for cell, value in known.items() if abs(value) == top and cell[0] in steps and spot(before, cell) == said[5]]
        assert abs(found.value) == top
        assert any(rounded(said[6], float(before.values[cell])) and rounded(said[7], float(other[cell])) for cell in tops)


def test_it_fits_networks_that_shift_one_stream_at_a_time() -> None:
    method = catalogue.methods()["shift"]
    architectures = catalogue.architectures()
    assert catalogue.layers(architectures["tsm-r50"], method) == (shift.ALL, *tsm_made.UNITS)
    assert catalogue.layers(architectures["tsm-vlad-r50"], method) == (shift.ALL, *tsm_made.UNITS)
    assert len(catalogue.layers(architectures["tsm-r101"], method)) == 1 + 2 + 2 + 12 + 2
    assert catalogue.layers(architectures["tsn-r50"], method) == "this model shifts no channels from frame to frame"
    both = catalogue.layers(architectures["tsm-difference-r50"], method)
    assert isinstance(both, str)
    assert both.endswith("choose one of them: tsm-difference-r50:rgb or tsm-difference-r50:difference")
    for part in catalogue.parts(architectures["tsm-difference-r50"]).values():
        assert catalogue.layers(part, method) == (shift.ALL, *tsm_made.UNITS)
    other = replace(architectures["tsm-r50"], readout=None)
    assert "no exact map" in str(catalogue.layers(other, method))
    with pytest.raises(QuestionError, match="exact only for a head"):
        shift.explain(traced(ConvNet(), noise()), Ask(0))


def test_an_answer_has_both_claims_and_is_saved(home: Path, tmp_path: Path) -> None:
    for model in ("tsm", "words"):
        found = study.answer(Question("short", model, "shift", knobs=(("shift", "reversed"), ("layer", "layer2.0"))))
        titles = ["Exact map, as it is", "Exact map, shift reversed in layer2.0 alone"]
        assert [heat.title for heat in found.heats] == titles
        assert all(f"{title}: " in found.claim for title in titles)
        assert any("never trained like that" in line for line in found.cautions)
    files = export.write(found, tmp_path)
    with np.load(files.arrays) as kept:
        assert any(kept[name].shape == (16, 3) for name in kept)
    with pytest.raises(QuestionError, match="has no setting 'turn'"):
        study.answer(Question("short", "tsm", "shift", knobs=(("turn", "off"),)))
    with pytest.raises(QuestionError, match="shifts no channels"):
        study.answer(Question("short", "alone", "shift"))
    page = visit(EXPLORE, clip="short", model="tsm", method="shift")
    assert any("instead of" in str(text.value) for text in page.markdown)
