"""Directed attention: a row made on demand is the row of the matrix that the block used, at the place that was picked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_models import Attention, AttentionNet, ConvNet, card_of, noise, settled, traced
from torch.utils.flop_counter import FlopCounterMode

from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat
from actrec.core.trace import Tap, Trace, taps
from actrec.explain import Ask, directed

PLACE, CELL = (5, 6.5, 12.9), (5, 6, 3)  # input frame, x, y in input pixels; step, row, column of the 8 × 8 × 8 grid of stride (1, 2, 2)


def watched(relation: str = "cosine", axis: str = "space-time", scale: float = 1.0) -> Trace:
    return traced(settled(AttentionNet(relation, axis, scale)), noise(2), "block.q", "block.k")


def rows(seen: Trace, place: tuple[int, float, float] = PLACE) -> tuple[Heat, ...]:
    return directed.explain(seen, Ask(0, None, "block", place)).heats


def matrix_row(seen: Trace) -> NDArray[np.float32]:
    """The picked cell's row of the full matrix, as the block itself computes it."""
    block: Attention = seen.model.get_submodule("block")
    q, k = seen.seen["block.q"].tensor, seen.seen["block.k"].tensor
    number = int(np.ravel_multi_index(CELL, (8, 8, 8)))
    return block.matrix(q, k)[0, number].reshape(8, 8, 8).numpy()


@pytest.mark.parametrize("axis", ["space-time", "time", "space"])
@pytest.mark.parametrize(("relation", "scale"), [("cosine", 1.0), ("scaled cosine", 10.0), ("softmax", 0.5)])
def test_the_first_row_is_the_blocks_own(relation: str, scale: float, axis: str) -> None:
    seen = watched(relation, axis, scale)
    own = rows(seen)[0].values
    known = np.isfinite(own)
    assert known.sum() == {"space-time": 512, "time": 8, "space": 64}[axis]
    factor = known.sum() if relation == "cosine" else 1  # DA divides the sum by the number of places, not the cosine
    assert np.allclose(own[known], matrix_row(seen)[known] * factor, atol=1e-5)
    assert np.allclose(matrix_row(seen)[~known], 0)


@pytest.mark.parametrize("axis", ["time", "space"])
def test_where_a_block_does_not_look_the_row_says_nothing(axis: str) -> None:
    for heat in rows(watched("cosine", axis)):
        known = np.isfinite(heat.values)
        t, y, x = CELL
        assert known[:, y, x].all() if axis == "time" else known[t].all()
        assert known.sum() == (8 if axis == "time" else 64)


def test_which_rows_come_and_in_which_units() -> None:
    assert [heat.unit for heat in rows(watched("cosine"))] == ["cosine", "dot product"]
    assert [heat.unit for heat in rows(watched("softmax"))] == ["probability", "dot product"]
    assert [heat.unit for heat in rows(watched("scaled cosine"))] == ["probability", "cosine", "dot product"]
    assert [heat.signed for heat in rows(watched("scaled cosine"))] == [False, True, True]


def test_cosines_are_signed_and_lie_between_minus_one_and_one() -> None:
    cosine = rows(watched())[0].values
    assert -1 <= cosine.min() < 0 < cosine.max() <= 1


@pytest.mark.parametrize("axis", ["space-time", "time", "space"])
@pytest.mark.parametrize("relation", ["softmax", "scaled cosine"])
def test_a_softmax_row_adds_up_to_one(relation: str, axis: str) -> None:
    own = rows(watched(relation, axis, 3.0))[0].values
    assert np.nansum(own) == pytest.approx(1, abs=1e-5)
    assert np.nanmin(own) >= 0


def test_the_picked_cell_is_the_one_under_the_click() -> None:
    seen = watched()
    same = replace(seen.seen["block.k"], tensor=seen.seen["block.q"].tensor)
    for place, cell in (((0, 0.5, 0.5), (0, 0, 0)), (PLACE, CELL), ((7, 15.9, 15.9), (7, 7, 7)), ((3, 4.5, 9.2), (3, 4, 2))):
        cosine = rows(replace(seen, seen=seen.seen | {"block.k": same}), place)[0].values
        assert np.unravel_index(cosine.argmax(), cosine.shape) == cell
        assert cosine[cell] == pytest.approx(1, abs=1e-5)


def test_a_keys_length_moves_the_dot_product_and_not_the_cosine() -> None:
    seen = watched()
    longer = seen.seen["block.k"].tensor.clone()
    longer[:, :, 2, 3, 4] *= 2
    other = replace(seen, seen=seen.seen | {"block.k": replace(seen.seen["block.k"], tensor=longer)})
    (cosine, dot), (cosine2, dot2) = rows(seen), rows(other)
    assert np.allclose(cosine2.values, cosine.values, atol=1e-6)
    assert dot2.values[2, 3, 4] == pytest.approx(2 * dot.values[2, 3, 4])
    assert (np.abs(dot2.values - dot.values) > 1e-6).sum() == 1


def test_a_place_without_features_relates_to_nothing() -> None:
    seen = watched()
    nothing = replace(seen.seen["block.q"], tensor=torch.zeros_like(seen.seen["block.q"].tensor))
    for heat in rows(replace(seen, seen=seen.seen | {"block.q": nothing})):
        assert heat.empty
        assert np.isfinite(heat.values).all()


def test_a_row_costs_as_much_as_a_row() -> None:
    seen = watched()
    with FlopCounterMode(display=False) as counter:
        rows(seen)
    assert counter.get_total_flops() <= 2 * 512 * 4


def test_half_precision_features_give_a_row_in_float32() -> None:
    model = settled(AttentionNet()).bfloat16()
    want, got = rows(watched())[0].values, rows(traced(model, noise(2).bfloat16(), "block.q", "block.k"))[0].values
    assert got.dtype == np.float32
    assert np.abs(got - want).max() < 0.05


def test_a_question_without_a_place_says_how_to_pick_one() -> None:
    with pytest.raises(QuestionError, match="click one"):
        directed.explain(watched(), Ask(0, None, "block"))


def test_a_block_over_space_and_time_comes_first_then_the_deepest() -> None:
    def pair(name: str, axis: str) -> dict[str, Tap]:
        about = {"relation": "cosine", "axis": axis}
        return {f"{name}.q": Tap(stride=(1, 1, 1), kind="query", about=about), f"{name}.k": Tap(stride=(1, 1, 1), kind="key", about=about)}

    known = pair("a", "space-time") | pair("b.time", "time") | pair("b.space", "space")
    assert directed.layers(card_of(), known) == ("a", "b.space", "b.time")
    assert directed.layers(card_of(), pair("a", "space-time") | pair("b", "space-time")) == ("b", "a")
    assert directed.layers(card_of(), taps(AttentionNet())) == ("block",)


def test_a_model_without_attention_between_places_is_told_why() -> None:
    assert "no attention" in directed.layers(card_of(), taps(ConvNet()))
    assert "Poly-NL" in directed.layers(replace(card_of(), arguments={"modules": [[3, 5, "poly-nl"]]}), {})
