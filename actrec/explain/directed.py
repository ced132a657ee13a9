"""What one place in the clip relates to: a row of the attention, made on demand from the Q and K of the very pass that predicted.

Theory (dam2024 eqs. 2, 8; wang2018nonlocal for the softmax). An attention block relates a position p to every position j through q_p and k_j:

    cosine            q_p·k_j / (|q_p| |k_j|)             DA-NL-1, DA-DA: signed, in [−1, 1]; the block divides the sum over j by N
    scaled cosine     softmax_j(a · cosine)               DA-NL-2, a a number or one for every p and j
    softmax           softmax_j(s · q_p·k_j)              non-local blocks; the row sums to 1

Beside the block's own row stands the dot product q_p·k_j of the same features: where the two differ, it was the length of a feature vector, not its
direction, that spoke. One row costs N·d multiplications; the N × N matrix of a clip would take gigabytes and is never made.

Blocks that attend over time alone relate a place to itself at other steps, those over space alone to its own step: elsewhere the row is NaN.

How far a softmax row reaches is its mean distance (`measure.distance`); a signed row shares nothing out, so it has none. What the block adds is found
by a real rerun with nothing under its tap `added`: the features then go on alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from actrec.core.abilities import Scales
from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Finding, Heat
from actrec.core.trace import taps
from actrec.explain import Ask, Method
from actrec.explain._evidence import rerun
from actrec.inputs import cells
from actrec.measure import distance

if TYPE_CHECKING:
    from actrec.core.trace import Seen, Tap, Trace

RELATIONS = ("cosine", "scaled cosine", "softmax")
AXES = ("space-time", "time", "space")
EPS = 1e-6
"""Vectors shorter than this have no direction: their cosine with anything tends to 0."""
Cell = tuple[int, int, int]


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """Names of the attention blocks whose Q and K can be read, deepest first, those over space *and* time before the others; or why there is none."""
    blocks = [name.removesuffix(".q") for name, tap in taps.items() if tap.kind == "query" and f"{name.removesuffix('.q')}.k" in taps]
    if blocks:
        both = [name for name in blocks if taps[f"{name}.q"].about.get("axis") == "space-time"]
        return (*reversed(both), *(name for name in reversed(blocks) if name not in both))
    if "poly" in str(dict(card.arguments)):
        return "its Poly-NL blocks mix all places through one mean: they hold no attention between two places to show"
    return "there is no attention between places in this model, or none that can be read"


def explain(trace: Trace, ask: Ask) -> Evidence:
    """The picked place's own row, the dot-product row of the same features, how far the row reaches, and what the block adds.

    Raises:
        QuestionError: no place was picked.
    """
    if ask.place is None:
        raise QuestionError("directed attention starts from a place: click one in a frame, or give --at seconds,x,y")
    query, key = trace.seen[f"{ask.layer}.q"], trace.seen[f"{ask.layer}.k"]
    relation, axis = query.tap.about["relation"], query.tap.about["axis"]
    if relation not in RELATIONS or axis not in AXES:
        raise ValueError(f"tap {query.name!r} names the relation {relation!r} over {axis!r}; known are {RELATIONS} over {AXES}")
    q, k = query.grid()[0].detach(), key.grid()[0].detach()  # (d, T, h, w)
    t, y, x = _cell(ask, query, q)
    reach = _reach(axis, _cell(ask, key, k))
    with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
        rows = relate(relation, q[:, t, y, x].float(), k[(slice(None), *reach)].float(), _scale(trace, ask.layer, relation, (t, y, x), k))
    heats = tuple(_heat(trace, key, title, unit, row, reach, k) for title, unit, row in rows)
    return Evidence(heats, findings=(*_reached(trace, query, key, heats[0], (t, y, x)), *_added(trace, ask)))


def _reached(trace: Trace, query: Seen, key: Seen, row: Heat, cell: Cell) -> tuple[Finding, ...]:
    """How far a softmax row reaches from the cell; nothing for a signed one."""
    if row.signed:
        return ()
    asking, read = (cells.centres(trace.clip, trace.geometry, seen.tap.stride, seen.tap.first, seen.extent) for seen in (query, key))
    t, y, x = (float(axis[i]) for axis, i in zip(asking, cell, strict=True))
    return distance.findings(row.values, read, (t, y, x))


def _added(trace: Trace, ask: Ask) -> tuple[Finding, ...]:
    """What the class gains from the block, by a rerun in which it adds nothing; nothing for a block that has no tap where it adds."""
    tap = f"{ask.layer}.added"
    return (added(trace.logits, trace.rerun(edits={tap: torch.zeros_like}), ask),) if tap in taps(trace.model) else ()


def added(logits: Tensor, without: Tensor, ask: Ask) -> Finding:
    """How the class's probability changes, and its logit or its lead, between logits (1, classes) with a block and without it."""
    gained, told = rerun(logits, without, ask, "With this block turned off")
    unknown = "What the block adds is not known: the model gives no finite number with it or without it."
    return Finding("what the block adds", -gained, told or unknown)


def relate(relation: str, q: Tensor, k: Tensor, scale: float | Tensor) -> list[tuple[str, str, Tensor]]:
    """Title, unit and row of every way to read q (d) against k (d, …): the relation's own first, the plain dot product last."""
    dot = torch.tensordot(q, k, dims=1)
    cosine = (dot / (q.norm().clamp(min=EPS) * torch.linalg.vector_norm(k, dim=0).clamp(min=EPS))).clamp(-1, 1)
    rows = []
    if relation != "cosine":
        logits = scale * (cosine if relation == "scaled cosine" else dot)
        rows.append(("Attention (softmax)", "probability", logits.flatten().softmax(0).view_as(logits)))
    if relation != "softmax":
        rows.append(("Directed attention (cosine)", "cosine", cosine))
    return [*rows, ("Dot product of the same features", "dot product", dot)]


def _cell(ask: Ask, seen: Seen, grid: Tensor) -> Cell:
    assert ask.place is not None
    _, T, h, w = grid.shape
    return cells.cell_of(ask.place, seen.tap.stride, seen.tap.first, (T, h, w))


def _reach(axis: str, cell: Cell) -> tuple[slice, slice, slice]:
    """Which cells of (T, h, w) the block relates a cell to."""
    t, y, x = (slice(i, i + 1) for i in cell)
    everywhere = slice(None)
    return {"time": (everywhere, y, x), "space": (t, everywhere, everywhere)}.get(axis, (everywhere, everywhere, everywhere))


def _scale(trace: Trace, layer: str, relation: str, cell: Cell, k: Tensor) -> float | Tensor:
    """What the block multiplies the cell's relation by before the softmax: a number, or one for every place (T, h, w)."""
    if relation == "cosine":
        return 1.0
    scale = trace.part(layer, Scales).scale
    if not isinstance(scale, Tensor):
        return float(scale)
    (t, y, x), (_, _, h, w) = cell, k.shape
    return scale[(t * h + y) * w + x].view(k.shape[1:]).float() if scale.ndim else scale.item()


def _heat(trace: Trace, key: Seen, title: str, unit: str, row: Tensor, reach: tuple[slice, slice, slice], k: Tensor) -> Heat:
    values = torch.full(k.shape[1:], torch.nan)
    values[reach] = row.cpu()
    tap, signed = key.tap, unit != "probability"
    return cells.heat(
        title, values.numpy(), stride=tap.stride, first=tap.first, past=tap.past, clip=trace.clip, geometry=trace.geometry, unit=unit, signed=signed
    )


METHODS: tuple[Method, ...] = (
    Method(
        "directed",
        "Directed attention",
        "Pick a place: which places of the clip its features agree with, and which they oppose.",
        "This is what a block relates the place to, not what the answer depends on: the block's output is added to features that go on without it.",
        layers,
        explain,
        watch=lambda block: (f"{block}.q", f"{block}.k"),
        picks=lambda knobs: True,
        by_class=False,
    ),
)
