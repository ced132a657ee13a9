"""Temporal stride attention: the frame matrix is made of the rows that mixed the values; what does not fit is named."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from claims_made import as_percent, opens_there
from hypothesis import given
from hypothesis import strategies as st
from views_made import CELLS, FRAMES, METHODS, explained, look, make, people, traced, values_of

from actrec import catalogue
from actrec.core import trace
from actrec.core.errors import QuestionError
from actrec.core.words import percent
from actrec.explain import _attention, temporal_stride
from actrec.models import deform

pytestmark = pytest.mark.usefixtures("one_seed")


# --- temporal stride -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["cls", "rgb", "pose", "all"])
@pytest.mark.parametrize("joints", [True, False])
def test_rows_of_the_frame_matrix_sum_to_one_and_blanks_are_what_no_window_reads(query: str, joints: bool) -> None:
    given = people() if joints else None
    if given is not None:
        given[:, 1, 3] = torch.nan
    (matrix,) = look(make(), "temporal-stride", "blocks.1.temporal", given, query=query).matrices
    np.testing.assert_allclose(np.nansum(matrix.values, 1), 1, atol=1e-5)
    assert matrix.windows == ((0, 4), (2, 6))
    related = [[any(a <= t < b and a <= s < b for a, b in matrix.windows) for s in range(FRAMES)] for t in range(FRAMES)]
    np.testing.assert_array_equal(np.isfinite(matrix.values), related)
    assert matrix.rows[1] == "0.10 s"


def test_the_claim_is_about_the_picture_and_a_finding_about_the_frame_that_gets_most_with_all_its_tokens() -> None:
    seen = traced(make(), "temporal-stride", "blocks.1.temporal", people())
    found = explained(seen, "temporal-stride", "blocks.1.temporal", query="cls")
    matrix = found.matrices[0]
    assert found.claim.startswith("CLS of block 2 attends most to the picture ")
    opens_there(found.heat, found.claim, 1, temporal_stride.even(matrix.windows, matrix.windows, FRAMES).mean(0).tolist(), seen.clip)
    got = np.nan_to_num(matrix.values).mean(0)
    most = next(f for f in found.findings if f.name == "attention on the most read frame")
    assert most.value == pytest.approx(got.max())
    assert f"CLS gives most attention to the frame at {got.argmax() / 10:.2f} s: {percent(got.max(), 0)} (an even spread would give" in most.sentence
    own = next(f for f in found.findings if f.name == "attention on the own frame")
    assert own.value == pytest.approx(np.trace(matrix.values) / FRAMES)
    assert own.sentence.startswith(f"CLS gives {percent(own.value, 0)} of its attention to its own frame")


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda v: sum(v) > 0))
def test_what_is_said_of_kinds_of_tokens_follows_from_their_shares(values: list[float]) -> None:
    picture, joints, modal = (value / sum(values) for value in values)
    found = temporal_stride._kinds(torch.tensor([picture, joints, modal], dtype=torch.float64), "the mean token")
    told = r"^The mean token gives (<? ?\d+) % of its attention to the picture(?:, (<? ?\d+) % to the joints)? and (<? ?\d+) % to modal tokens\.$"
    first, second, third = re.findall(told, found.sentence)[0]
    assert as_percent(first, picture)
    assert as_percent(third, modal)
    assert as_percent(second, joints) if second else joints == 0


def test_an_even_spread_over_windows_gives_the_ends_less() -> None:
    """Twelve frames in windows of four every two: the first frame's own row, half of two rows, nothing else."""
    windows = [(first, first + 4) for first in range(0, 9, 2)]
    rows = np.zeros((12, 12))
    for t in range(12):
        mine = [w for w in windows if w[0] <= t < w[1]]
        for first, last in mine:
            rows[t, first:last] += 0.25 / len(mine)
    found = temporal_stride.even(tuple(windows), tuple(windows), 12)
    np.testing.assert_allclose(found, rows)
    assert found.mean(0)[0] == pytest.approx(0.75 / 12)
    assert np.trace(found) / 12 == pytest.approx(1 / 4)
    np.testing.assert_allclose(temporal_stride.even(((0, 6),), ((0, 6),), 6), 1 / 6)


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_the_views_know_the_architectures_modal_tokens(tokens: str) -> None:
    taps = trace.taps(make(tokens=tokens))
    left_out = {"deform": "pose", "joint": "rgb", "temporal": ""}
    for kind, other in left_out.items():
        assert _attention.modal(_attention.asking(taps, kind)) == tuple(name for name in deform.TOKENS[tokens] if name != other)


def test_where_one_window_holds_all_frames_the_matrix_is_that_of_full_attention() -> None:
    model, layer = make(temporal_window=FRAMES), "blocks.0.temporal"
    seen = traced(model, "temporal-stride", layer, people())
    found = explained(seen, "temporal-stride", layer, query="cls")
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor for tap in "qk")
    rows = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1).mean(1)[0]
    wide = CELLS**2 + 17 + 3
    rows = rows.unflatten(0, (FRAMES, wide))[:, -1].unflatten(1, (FRAMES, wide))  # CLS of every frame
    np.testing.assert_allclose(found.matrices[0].values, rows.sum(2).numpy(), atol=1e-6)
    np.testing.assert_allclose(found.heat.values.reshape(FRAMES, -1), rows.mean(0)[:, : CELLS**2].numpy(), atol=1e-7)


@pytest.mark.parametrize("head", [0, 3])
def test_the_frame_matrix_is_made_of_the_rows_that_mixed_the_values(head: int) -> None:
    """Rows of each window rebuilt from the shown map, window by window, give the values that the attention handed on to CLS."""
    model, layer = make(), "blocks.0.temporal"
    seen = traced(model, "temporal-stride", layer, people(), f"{layer}.attend.v", f"{layer}.attend.mixed")
    value, mixed = values_of(seen, layer, head)
    wide = CELLS**2 + 17 + 3
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[:, head] for tap in "qk")
    rows = (q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).softmax(-1)
    torch.testing.assert_close(rows @ value, mixed)
    found = explained(seen, "temporal-stride", layer, query="cls", head=str(head + 1))
    index = seen.seen[f"{layer}.frames"].tensor[0]
    matrix, times = np.zeros((FRAMES, FRAMES)), np.bincount(index.flatten().numpy(), minlength=FRAMES)
    for window, inside in enumerate(index.tolist()):
        for place, frame in enumerate(inside):
            matrix[frame, inside] += rows[window, place * wide + wide - 1].unflatten(0, (4, wide)).sum(1).numpy() / times[frame]
    np.testing.assert_allclose(np.nan_to_num(found.matrices[0].values), matrix, atol=1e-6)


# --- what is refused -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "knobs", "words"),
    [
        ("tokens", {"query": "pose"}, "rgb, cls"),
        ("tokens", {"head": "9"}, "heads 1 … 4"),
        ("tokens", {"query": "place"}, "click one in a frame"),
        ("joint-stride", {"score": "rgb"}, "pose, cls"),
        ("temporal-stride", {"query": "who"}, "rgb, pose, cls"),
    ],
)
def test_what_an_attention_does_not_have_is_named(method: str, knobs: dict[str, str], words: str) -> None:
    layer = {"tokens": "blocks.0.deform", "joint-stride": "blocks.0.joint", "temporal-stride": "blocks.0.temporal"}[method]
    with pytest.raises(QuestionError, match=words):
        look(make(), method, layer, people(), **knobs)


def test_the_views_fit_where_their_attention_is_and_say_why_not_elsewhere() -> None:
    card = catalogue.card("deform-mc3")
    for method in METHODS.values():
        found = catalogue.layers(card, method)
        assert not isinstance(found, str)
        assert found[0].startswith("blocks.1.")
        assert isinstance(catalogue.layers(catalogue.card("r3d_18"), method), str)
    taps = trace.taps(make(deform=False))
    assert isinstance(METHODS["tokens"].layers(card, taps), str)
    assert not isinstance(METHODS["temporal-stride"].layers(card, taps), str)
