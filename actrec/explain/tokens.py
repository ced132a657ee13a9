"""Where a deformable transformer looks: the tokens it chose, where it took them from, and how much attention each of them gets.

Theory (kim2023deform eqs. 3–7, figs. 5 and A3–A5). 3DTS moves a regular grid of places p by offsets Δp and samples the RGB tokens Z trilinearly
there: z̃_j = Σ_c w_jc z_c. A query then gives the sampled token j the share a_j, out of a softmax over all keys. Shown are

* the tokens themselves, at p + Δp with an arrow from p, scored by a_j;
* their attention on the cells of Z, Σ_j a_j w_jc: what query and sampling together take from cell c. Exact, since sampling is linear, and by the very
  weights of `grid_sample`: Σ_c of it times z_c is what the sampled tokens amount to.

Beside it stands the same attention laid on the regular grid, which no token was ever taken from: where the two differ is what deforming bought. With
"places" on the regular grid the model is run again with this block's tokens put back there, and the attention of that pass is shown.

Who asks: the modal tokens CLS or M_RGB (one for every frame; their mean), all queries together, or a picked place's own RGB token. What the query
gives to the modal tokens themselves is not on the map; a finding says how much it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from actrec.core.abilities import Attends, Chooses
from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Finding, Heat, Points
from actrec.core.words import percent
from actrec.explain import Ask, Knob, Method, from_where
from actrec.explain._attention import MODAL, asking, block_name, blocks_with, exact, head_knob, modal, received, watched
from actrec.explain._evidence import heat, setting
from actrec.inputs.cells import cell_of
from actrec.measure import strongest

if TYPE_CHECKING:
    from actrec.core.trace import Seen, Tap, Trace

PLACES = Knob(
    "places",
    "Places",
    ("chosen", "regular grid"),
    "where the network takes its tokens from, or, in another run, the grid it would have without offsets",
)
TOP = Knob(
    "top", "Strongest", ("all", "16", "32", "64", "128", "256"), "how many tokens are kept, the strongest first; the map is always that of all"
)


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """Blocks with 3D deformable attention, deepest first; or why there is none."""
    return blocks_with(card, taps, "deform", "search.points", "{title} does not choose the places that its tokens come from")


def knobs(taps: Mapping[str, Tap]) -> tuple[Knob, ...]:
    """Who asks, which head, which places, how many."""
    queries = asking(taps, "deform")
    who = (*sorted(modal(queries)), "all", "place")  # CLS before RGB
    line = "whose attention: a modal token's, that of all queries, or a picked place's"
    return Knob("query", "Query", who, line), head_knob(queries), PLACES, TOP


def watch(layer: str) -> tuple[str, ...]:
    return f"{_block(layer)}.z", f"{layer}.search.reference", f"{layer}.search.points", *watched(layer)[:2]


def _block(layer: str) -> str:
    return layer.rpartition(".")[0]


def explain(trace: Trace, ask: Ask) -> Evidence:
    """The chosen tokens, their attention on Z's cells, and the same on the regular grid.

    Raises:
        QuestionError: a query that this model does not have, or no picked place.
    """
    layer, seen = ask.layer, trace.seen
    reference = exact(seen[f"{layer}.search.reference"].tensor)
    logits, again = trace.again(watch=watch(layer), edits={f"{layer}.search.points": lambda p: reference.to(p.dtype).expand_as(p)})
    put_back = setting(ask, PLACES) == "regular grid"
    with torch.no_grad():
        shown = again if put_back else seen
        points = exact(shown[f"{layer}.search.points"].tensor)[0]
        given = _attention(trace, shown, ask)
    count = points[..., 0].numel()
    scores, others = given[:count], float(given[count:].sum())
    title = f"The regular grid of {block_name(layer)}" if put_back else f"Tokens chosen by {block_name(layer)}"
    maps = [_on_cells(trace, ask, title, points, scores)]
    if not put_back:
        maps.append(_on_cells(trace, ask, "The same attention on the regular grid", reference, scores))
    tokens = _points(trace, ask, title, points, reference, scores, maps[0])
    found = (_share(scores, others), _moved(trace, ask, points, reference), _without(trace, ask, logits))
    who = f"{_asker(ask)} attends most to {block_name(layer)}'s tokens"
    return Evidence(tuple(maps), points=tokens, findings=found, claim=strongest.attention(maps[0], trace.clip, who))


def _attention(trace: Trace, seen: Mapping[str, Seen], ask: Ask) -> Tensor:
    """What the query gives to every key: (M), the sampled tokens first."""
    q, k = (exact(seen[f"{ask.layer}.attend.{name}"].tensor) for name in "qk")
    cells = seen[f"{_block(ask.layer)}.z"].grid()[0, 0].numel()
    queries = _queries(trace, ask, cells, q.shape[2]).to(q.device)
    return received(trace.part(f"{ask.layer}.attend", Attends), q, k, None, queries, ask)[0]


def _queries(trace: Trace, ask: Ask, cells: int, count: int) -> Tensor:
    """Numbers of the asking tokens: Z's cells stand first, then one token a frame for each modal token but M_pose."""
    who, frames = ask.knobs.get("query", "all"), trace.frames
    if who == "all":
        return torch.arange(count)
    if who == "place":
        if ask.place is None:
            raise QuestionError("this view starts from a place: click one in a frame, or give --at seconds,x,y")
        tap = trace.seen[f"{_block(ask.layer)}.z"]
        grid = tap.extent
        t, y, x = cell_of(ask.place, tap.tap.stride, tap.tap.first, grid)
        return torch.tensor([(t * grid[1] + y) * grid[2] + x])
    names = modal(trace.seen[f"{ask.layer}.attend.q"].tap)
    if who not in names:
        raise QuestionError(f"query={who!r}: this attention has the modal tokens {', '.join(names) or '(none)'}; choose one of them, all or place")
    return cells + names.index(who) * frames + torch.arange(frames)


def _on_cells(trace: Trace, ask: Ask, title: str, points: Tensor, scores: Tensor) -> Heat:
    """Attention on the cells of Z: the sampling's own adjoint, so with the very weights that it used."""
    z = trace.seen[f"{_block(ask.layer)}.z"]
    grid = z.extent
    with torch.enable_grad():
        blank = torch.zeros(1, 1, *grid, device=points.device, dtype=points.dtype, requires_grad=True)
        sampled = F.grid_sample(blank, points[None], mode="bilinear", padding_mode="zeros", align_corners=True)
        (cells,) = torch.autograd.grad((sampled.flatten() * scores).sum(), blank)
    return heat(trace, z.name, title, cells[0, 0], "attention", signed=False)


def _points(trace: Trace, ask: Ask, title: str, points: Tensor, reference: Tensor, scores: Tensor, first: Heat) -> Points:
    """The tokens as places in the clip, the strongest first."""
    order = torch.argsort(scores, descending=True, stable=True)
    most = setting(ask, TOP)
    order = order if most == "all" else order[: int(most)]
    scale = trace.geometry.scale
    z = trace.seen[f"{_block(ask.layer)}.z"]
    return Points(
        title,
        "attention",
        _places(trace, ask, points)[order.cpu()],
        _places(trace, ask, reference)[order.cpu()],
        scores[order].cpu().numpy().astype(np.float32),
        first.bands,
        trace.clip.seconds,
        first.seen,
        (z.tap.stride[2] / scale[1], z.tap.stride[1] / scale[0]),
    )


def _places(trace: Trace, ask: Ask, points: Tensor) -> np.ndarray:
    """Points (…, 3) in [−1, 1]³ as step, x and y in source pixels: float32 (n, 3)."""
    grid = trace.seen[f"{_block(ask.layer)}.z"].extent
    places = _chooser(trace, ask).places(points.flatten(0, 2), grid).cpu().numpy().astype(np.float64)
    x, y = trace.geometry.to_source(places[:, 1], places[:, 2])
    return np.stack([places[:, 0], x, y], -1).astype(np.float32)


def _chooser(trace: Trace, ask: Ask) -> Chooses:
    return trace.part(f"{ask.layer}.search", Chooses)


def _asker(ask: Ask) -> str:
    who = ask.knobs.get("query", "all")
    return {"all": "the mean query", "place": from_where(ask.picked)}.get(who, MODAL.get(who, who))


def _share(scores: Tensor, others: float) -> Finding:
    share = float(scores.sum())
    rest = f"; the other {percent(others, 0)} goes to the modal tokens" if others > 5e-3 else ""
    alike = 1 / float((scores / scores.sum()).square().sum())  # n for an even spread, 1 if one token has it all
    spread = f"as if {alike:.0f} of them shared it evenly"
    sentence = f"{percent(share, 0)} of the attention goes to the {len(scores)} sampled tokens, {spread}{rest}."
    return Finding("attention on sampled tokens", share, sentence)


def _moved(trace: Trace, ask: Ask, points: Tensor, reference: Tensor) -> Finding:
    """How far the offsets go, and how many tokens leave the clip."""
    places = _chooser(trace, ask).places
    grid = trace.seen[f"{_block(ask.layer)}.z"].extent
    steps, x, y = (places(points, grid) - places(reference, grid)).flatten(0, 2).unbind(-1)
    pixels, frames = float(torch.hypot(x, y).median()), float(steps.abs().median())
    outside = float((points.abs() > 1 + 1e-6).any(-1).float().mean())
    gone = f"; {percent(outside, 0)} of them lie partly outside the clip, where there is nothing to read" if outside > 5e-3 else ""
    sentence = f"Half of the tokens were moved by {pixels:.1f} input pixels or more, and half by {frames:.1f} frames or more{gone}."
    return Finding("median offset in input pixels", pixels, sentence)


def _without(trace: Trace, ask: Ask, logits: Tensor) -> Finding:
    """The class's probability with this block's tokens on the regular grid."""
    before, after = (float(row[0].detach().float().softmax(0)[ask.label]) for row in (trace.logits, logits))
    sentence = f"With {block_name(ask.layer)}'s tokens put back onto the regular grid, the class's probability goes from {before:.3f} to {after:.3f}."
    return Finding("change of the probability on the regular grid", after - before, sentence)


METHODS: tuple[Method, ...] = (
    Method(
        "tokens",
        "Token selection",
        "Where the network took its tokens from, frame by frame, and how much attention each of them gets.",
        "Attention says what a block reads, not what the answer depends on; and a token's features have already seen beyond its place and moment.",
        layers,
        explain,
        knobs=knobs,
        watch=watch,
        picks=lambda knobs: knobs.get("query") == "place",
        by_class=False,
        called=block_name,
    ),
)
