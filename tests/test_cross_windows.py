"""Windows that read the window after them: what is read, what it costs, and that the views show just that."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import deform_made
import numpy as np
import pytest
import torch
from deform_made import CLOSE, all_there, tokens_of
from hypothesis import given
from hypothesis import strategies as st
from joints_made import TINY, ask_tokens, checkpoint
from views_made import CELLS, COCO, FRAMES, explained, make, people, traced, values_of

from actrec.draw.charts.attention import matrix as chart
from actrec.explain import Ask
from actrec.explain.joint_stride import windows as joint_windows
from actrec.explain.temporal_stride import even
from actrec.models import _deform_windows as windows
from actrec.models import deform
from actrec.models._deform_attend import JointStride, TemporalStride
from actrec.study.checks import windows_cost

pytestmark = pytest.mark.usefixtures("one_seed")


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_every_window_is_read_once_and_windows_that_only_fill_up_read_themselves(real: list[int]) -> None:
    held = max(real)
    x = torch.arange(held).expand(len(real), held)
    found = windows.following(x, torch.tensor(real)).tolist()
    assert found == [[*range(1, many), 0, *range(many, held)] for many in real]


def test_the_shipped_reading_is_the_default_and_has_the_same_weights() -> None:
    plain, own, cross = deform_made.make(), deform_made.make(windows="self"), deform_made.make(windows="cross")
    assert list(plain.state_dict()) == list(cross.state_dict())
    for other in (own, cross):
        other.load_state_dict(plain.state_dict())
    video, joints = deform_made.clip(), deform_made.people()
    assert torch.equal(own(video, joints), plain(video, joints))
    assert (cross(video, joints) - plain(video, joints)).abs().max() > 1e-4
    with pytest.raises(ValueError, match="there are self, cross"):
        deform.build(windows="both")


@pytest.mark.parametrize("kind", [JointStride, TemporalStride])
def test_where_one_window_holds_everything_it_reads_itself(kind: type[Any]) -> None:
    own, cross = (kind(deform_made.DIM, 4, 2.0, 9, 0, cross=which).double() for which in (False, True))
    cross.load_state_dict(own.state_dict())
    p, modal, there = tokens_of(2, 4, 5), [tokens_of(2, 4)], all_there(2, 5)
    given_it = (p,) if kind is JointStride else (tokens_of(2, 4, 2, 2).movedim(-1, 1), p)
    for one, other in zip(own(*given_it, modal, there), cross(*given_it, modal, there), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


# --- the views -------------------------------------------------------------------------------------------------------------------------------


def test_a_frame_has_an_entry_for_another_just_where_it_depends_on_it() -> None:
    """Gradients of what temporal stride attention makes of a frame, less the way past it, against the matrix that is shown."""
    model = make(windows="cross", temporal_window=2, blocks=1)
    found = explained(traced(model, "temporal-stride", "blocks.0.temporal", people()), "temporal-stride", "blocks.0.temporal").matrices[0]
    assert found.windows == ((0, 2), (1, 3), (2, 4), (3, 5), (4, 6))
    assert found.read == (*found.windows[1:], found.windows[0])
    module, z = model.blocks[0].temporal, tokens_of(1, FRAMES, 1, 1).movedim(-1, 1).requires_grad_()
    out = module(z, tokens_of(1, FRAMES, 0), [], all_there(1, 0))[0]
    for t in range(FRAMES):
        (reach,) = torch.autograd.grad(out[:, :, t].sum(), z, retain_graph=True)
        reached = reach[0].abs().amax((0, 2, 3)) > 0
        known = torch.from_numpy(np.isfinite(found.values[t]))
        known[t] = True  # the residual
        assert torch.equal(reached, known)
    boxes = chart(found).layout.shapes
    assert [(b.y0 + 0.5, b.x0 + 0.5) for b in boxes] == [(rows[0], columns[0]) for rows, columns in zip(found.windows, found.read, strict=True)]
    assert "each against the window that it reads" in found.line


@pytest.mark.parametrize("head", [0, 3])
def test_the_frame_matrix_is_made_of_the_rows_that_mixed_the_values(head: int) -> None:
    model, layer, joints = make(windows="cross", temporal_window=2), "blocks.0.temporal", people()
    joints[:, 1, 3] = torch.nan
    seen = traced(model, "temporal-stride", layer, joints, f"{layer}.attend.v", f"{layer}.attend.mixed")
    value, mixed = values_of(seen, layer, head)
    wide = CELLS**2 + 17 + 3
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[:, head] for tap in "qk")
    mask = seen.seen[f"{layer}.attend.mask"].tensor
    rows = (q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).masked_fill(~mask[:, None], -torch.inf).softmax(-1)
    torch.testing.assert_close(rows @ value, mixed)
    found = explained(seen, "temporal-stride", layer, query="all", head=str(head + 1)).matrices[0]
    held, read = seen.seen[f"{layer}.frames"].tensor[0].tolist(), [[1, 2], [2, 3], [3, 4], [4, 5], [0, 1]]
    wanted = np.zeros((FRAMES, FRAMES))
    for window, inside in enumerate(held):
        for place, frame in enumerate(inside):
            asks = [n for n in range(wide) if not (frame == 1 and n == CELLS**2 + 3)]  # a missing joint's token asks nothing
            one = rows[window].unflatten(0, (2, wide))[place][asks].mean(0).unflatten(0, (2, wide)).sum(1)
            wanted[frame, read[window]] += one.numpy() / sum(frame in other for other in held)
    np.testing.assert_allclose(np.nan_to_num(found.values), wanted, atol=1e-6)
    np.testing.assert_allclose(wanted.sum(1), 1)


@pytest.mark.parametrize("score", ["cls", "received"])
def test_a_joints_score_is_what_the_window_before_its_own_gives_it(score: str) -> None:
    model, layer, joints = make(windows="cross"), "blocks.1.joint", people()
    joints[:, 1, 3], joints[:, :, 5] = torch.nan, torch.nan
    seen = traced(model, "joint-stride", layer, joints)
    found = joint_windows(seen, Ask(0, None, layer, None, {"score": score, "head": "2", "windows": "each"}, layout=COCO.joints))
    held = seen.seen[f"{layer}.joints"].tensor[0].tolist()
    assert found.index.tolist() == [*held[1:], held[0]]
    np.testing.assert_allclose(found.gets.sum((1, 2)) + found.modal, 1, atol=1e-6)
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[:, 1].unflatten(1, (FRAMES, 6)) for tap in "qk")
    there = seen.seen["seen"].tensor[0]
    order = seen.seen["joints"].tensor[0].tolist()
    for window, (mine, theirs) in enumerate(zip(held, found.index.tolist(), strict=True)):
        shown = [torch.stack([there[:, order.index(joint)] for joint in side], 1) for side in (mine, theirs)]
        asks, keys = (torch.cat([side, torch.ones(FRAMES, 2, dtype=torch.bool)], 1) for side in shown)
        rows = (torch.einsum("tad,sbd->tasb", q[window], k[window]) / math.sqrt(q.shape[-1])).masked_fill(~keys, -torch.inf)
        rows = rows.flatten(2).softmax(-1).unflatten(2, (FRAMES, 6))
        row = rows[:, -1].mean(0) if score == "cls" else rows[asks].mean(0)
        np.testing.assert_allclose(found.gets[window], row[:, :4].numpy(), atol=1e-6)


def test_an_even_spread_follows_what_is_read() -> None:
    spans = ((0, 2), (1, 3), (2, 4))
    found = even(spans, (*spans[1:], spans[0]), 4)
    np.testing.assert_allclose(found, [[0, 0.5, 0.5, 0], [0, 0.25, 0.5, 0.25], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]])


def test_what_the_windows_cost_counts_the_tokens_that_are_read(home: Path, joints_home: Path) -> None:
    path = checkpoint(home / "checkpoints", "crossed", arguments={**TINY, "windows": "cross"})
    found, plain = (windows_cost.cost(ask_tokens(home, **model)) for model in ({"model": "crossed"}, {}))
    assert [(row.windows, row.tokens, row.pairs, row.full_pairs) for row in found.rows] == [
        (row.windows, row.tokens, row.pairs, row.full_pairs) for row in plain.rows
    ]
    path.unlink()
