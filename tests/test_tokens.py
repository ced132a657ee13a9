"""Token selection: the points are where the offsets say, and map and points get all of the attention."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from claims_made import as_percent
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn
from views_made import CELLS, FRAMES, HEADS, explained, look, make, people, traced, values_of

from actrec.explain import tokens

pytestmark = pytest.mark.usefixtures("one_seed")


@given(arrays(np.float32, st.integers(1, 20), elements=st.floats(2.0**-9, 1, width=16)), st.floats(0, 5))
def test_what_is_said_of_the_attention_on_tokens_follows_from_it(scores: np.ndarray, others: float) -> None:
    total = float(scores.sum()) + others
    shares = [float(s) / total for s in scores]
    found = tokens._share(torch.tensor(shares), others / total)
    share, count, alike = re.findall(
        r"^(<? ?\d+) % of the attention goes to the (\d+) sampled tokens, as if (\d+) of them shared it evenly", found.sentence
    )[0]
    assert as_percent(share, sum(shares))
    assert int(count) == len(shares)
    assert float(alike) == pytest.approx(sum(shares) ** 2 / sum(s * s for s in shares), abs=0.5001)
    rest = re.findall(r"the other (<? ?\d+) % goes to the modal tokens\.$", found.sentence)
    assert bool(rest) == (others / total > 5e-3)
    assert all(as_percent(text, others / total) for text in rest)


def moved(model: nn.Module, block: int, offset: tuple[float, float, float]) -> None:
    """Offsets x, y, t in [−1, 1], the same for every token of a block."""
    search = model.get_submodule(f"blocks.{block}.deform.search")
    nn.init.zeros_(search.offset.weight)
    search.offset.bias.copy_(torch.tensor(offset, dtype=torch.float64).atanh())


def test_zero_offsets_show_the_regular_grid_from_the_first_cell_to_the_last() -> None:
    model = make()
    moved(model, 0, (0, 0, 0))
    points = look(model, "tokens", "blocks.0.deform", people()).points
    assert points is not None
    np.testing.assert_array_equal(points.places, points.reference)
    assert len(points.scores) == 4**3
    last = 2 * ((CELLS - 1) * 8 + 0.5)  # source pixels of the last cell's centre
    np.testing.assert_allclose(np.unique(points.places[:, 1]), np.linspace(1, last, 4), atol=1e-4)
    np.testing.assert_allclose(np.unique(points.places[:, 2]), np.linspace(1, last, 4), atol=1e-4)
    np.testing.assert_allclose(np.unique(points.places[:, 0]), np.linspace(0, FRAMES - 1, 4), atol=1e-5)
    assert points.inside.all()
    assert points.reach == (16, 16)


def test_a_known_offset_lands_on_the_known_place_and_moment() -> None:
    model = make()
    moved(model, 0, (2 / (CELLS - 1), -2 / (CELLS - 1), 2 / (FRAMES - 1)))  # one cell right, one up, one frame on
    points = look(model, "tokens", "blocks.0.deform", people()).points
    assert points is not None
    np.testing.assert_allclose(points.places - points.reference, np.tile([1, 16, -16], (len(points.scores), 1)), atol=1e-3)
    late = points.places[:, 0] > FRAMES - 1
    assert late.any()
    assert not points.inside[late].any()
    assert (points.weights(3) == np.clip(1 - np.abs(points.places[:, 0] - 3), 0, 1).astype(np.float32)).all()


def test_a_token_outside_the_clip_puts_nothing_on_the_map() -> None:
    model = make()
    moved(model, 0, (0, 0, 0.999999))  # half the clip later: what began behind the middle has left it
    found = look(model, "tokens", "blocks.0.deform", people(), query="all")
    points = found.points
    assert points is not None
    halves = np.clip(FRAMES - points.places[:, 0], 0, 1)  # behind the last frame a sample fades to nothing within one frame
    assert (halves == 0).any()
    assert float(found.heat.values.sum()) == pytest.approx(float((points.scores * halves).sum()), abs=1e-4)


@pytest.mark.parametrize("head", range(HEADS))
@pytest.mark.parametrize("names", ["cross-modal", "single", "none"])
def test_the_map_of_a_place_times_the_values_of_zs_cells_is_what_the_attention_handed_on(names: str, head: int) -> None:
    """Σ_c map_c · W_v z_c, and the modal tokens' part, is the mixed value of the picked place's own token."""
    model, layer = make(tokens=names), "blocks.1.deform"
    extra = [f"{layer}.attend.{tap}" for tap in ("v", "mixed")]
    seen = traced(model, "tokens", layer, people(), *extra)
    place = (2, 3 * 8 + 0.5, 4 * 8 + 0.5)
    found = explained(seen, "tokens", layer, place, query="place", head=str(head + 1))
    value, mixed = values_of(seen, layer, head)
    z = seen.seen["blocks.1.z"].tensor[0].flatten(1).T  # (cells, D)
    w_v = model.get_submodule(f"{layer}.attend").w_v.weight.chunk(HEADS)[head]
    at = (2 * CELLS + 4) * CELLS + 3
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[0, head] for tap in "qk")
    row = (q[at] @ k.T / math.sqrt(q.shape[-1])).softmax(-1)
    count = found.points.scores.size  # type: ignore[union-attr]
    rebuilt = torch.from_numpy(found.heat.values).double().flatten() @ (z @ w_v.T) + row[count:] @ value[0, count:]
    torch.testing.assert_close(rebuilt, mixed[0, at], atol=1e-5, rtol=1e-4)
    assert np.sort(found.points.scores)[::-1].tolist() == found.points.scores.tolist()  # type: ignore[union-attr]
    np.testing.assert_allclose(np.sort(found.points.scores), np.sort(row[:count].numpy()), atol=1e-7)  # type: ignore[union-attr]


@pytest.mark.parametrize("query", ["cls", "rgb", "all"])
def test_the_tokens_and_the_rest_get_all_of_the_attention_and_heads_average(query: str) -> None:
    model, layer = make(), "blocks.0.deform"
    seen = traced(model, "tokens", layer, people())
    each = [explained(seen, "tokens", layer, query=query, head=str(n + 1)) for n in range(HEADS)]
    mean = explained(seen, "tokens", layer, query=query)
    np.testing.assert_allclose(mean.heat.values, np.mean([e.heat.values for e in each], 0), atol=1e-7)
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor for tap in "qk")
    rows = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1).mean(1)[0]
    cells = FRAMES * CELLS**2
    asking = {"rgb": slice(cells, cells + FRAMES), "cls": slice(cells + FRAMES, None), "all": slice(None)}[query]
    wanted = rows[asking].mean(0)
    assert float(wanted.sum()) == pytest.approx(1)
    assert mean.findings[0].value == pytest.approx(float(wanted[: len(mean.points.scores)].sum()), abs=1e-6)  # type: ignore[union-attr]


def test_on_the_regular_grid_the_attention_of_that_other_run_is_shown() -> None:
    model, layer = make(), "blocks.0.deform"
    seen = traced(model, "tokens", layer, people())
    chosen, grid = (explained(seen, "tokens", layer, query="cls", places=which) for which in ("chosen", "regular grid"))
    assert grid.points is not None
    np.testing.assert_array_equal(grid.points.places, grid.points.reference)
    moved(model, 0, (0, 0, 0))
    other = look(model, "tokens", layer, people(), query="cls")
    np.testing.assert_allclose(grid.heat.values, other.heat.values, atol=1e-7)
    assert np.abs(chosen.heat.values - grid.heat.values).max() > 1e-4
    before, after = (row[0].softmax(0)[0] for row in (seen.logits, model(*seen.inputs.values())))
    assert chosen.findings[2].value == pytest.approx(float(after - before), abs=1e-6)
    assert len(chosen.heats) == 2


def test_the_strongest_are_kept_and_the_map_stays_that_of_all() -> None:
    seen = traced(make(), "tokens", "blocks.0.deform", people())
    every, few = (explained(seen, "tokens", "blocks.0.deform", top=top) for top in ("all", "16"))
    assert every.points is not None
    assert few.points is not None
    np.testing.assert_array_equal(few.points.scores, every.points.scores[:16])
    np.testing.assert_array_equal(few.heat.values, every.heat.values)


def test_sampling_is_linear_as_the_map_takes_it() -> None:
    """The adjoint of grid_sample is taken by autograd: held against weights written out by hand."""
    grid = torch.zeros(1, 1, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    point = torch.tensor([0.5, -0.5, 0.0], dtype=torch.float64).view(1, 1, 1, 1, 3)  # x ¾, y ¼, t ½ of the way
    (found,) = torch.autograd.grad(F.grid_sample(grid, point, mode="bilinear", padding_mode="zeros", align_corners=True).sum(), grid)
    wanted = [[[t * y * x for x in (0.25, 0.75)] for y in (0.75, 0.25)] for t in (0.5, 0.5)]
    torch.testing.assert_close(found[0, 0], torch.tensor(wanted, dtype=torch.float64))
