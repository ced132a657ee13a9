"""Which frames look at which, in temporal stride attention.

Theory (kim2023deform alg. A2). All tokens of a frame, [Z ‖ P ‖ M_RGB ‖ M_pose ‖ M_CLS], attend to each other in windows of `wnd` frames, or, where
windows are crossed, to the window after theirs; where windows overlap the results are averaged. The matrix is put together the same way: entry (t, s)
is what frame t's asking tokens give to all tokens of frame s, averaged over the windows that hold frame t. Every row sums to 1. Where no window that
holds t reads s there is no entry.

The map is the mean row laid on Z's cells: what the asking tokens of all frames give to each cell. What goes to joints and modal tokens is not on it;
a finding says how much that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec.core.abilities import Attends
from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Finding, Matrix, Track
from actrec.core.words import percent
from actrec.explain import Ask, Knob, Method
from actrec.explain._attention import MODAL, asking, asking_mask, block_name, blocks_with, exact, head_knob, keys_mask, modal, rows_of, watched
from actrec.explain._evidence import heat
from actrec.measure import strongest

if TYPE_CHECKING:
    from actrec.core.trace import Tap, Trace

Spans = tuple[tuple[int, int], ...]
"""Of every window its first frame and the one after its last."""


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """Blocks with temporal stride attention, deepest first; or why there is none."""
    return blocks_with(card, taps, "temporal", "frames", "{title} has no temporal stride attention")


def knobs(taps: Mapping[str, Tap]) -> tuple[Knob, ...]:
    """Whose attention, and which head."""
    queries = asking(taps, "temporal")
    who = (*sorted(modal(queries)), "all")
    return Knob("query", "Query", who, "whose attention: a modal token's, or that of all tokens of a frame"), head_knob(queries)


def watch(layer: str) -> tuple[str, ...]:
    return f"{layer.rpartition('.')[0]}.z", f"{layer}.frames", *watched(layer)


def explain(trace: Trace, ask: Ask) -> Evidence:
    """The frame × frame matrix, the map on Z's cells, and how much each frame gets.

    Raises:
        QuestionError: a query that this model does not have.
    """
    z = f"{ask.layer.rpartition('.')[0]}.z"
    _, _, frames, h, w = trace.seen[z].grid().shape
    with torch.no_grad():
        matrix, cells, kinds = assembled(trace, ask, h * w)
    who = MODAL.get(ask.knobs.get("query", "all"), "the mean token")
    seconds = tuple(f"{s:.2f} s" for s in trace.clip.seconds)
    spans, read = (_spans(trace.seen[f"{ask.layer}.{name}"].tensor[0]) for name in ("frames", "keys"))
    called = f"Frame by frame, {block_name(ask.layer)}"
    named = Matrix(
        called, "attention", matrix.cpu().numpy().astype(np.float32), seconds, seconds, spans, _line(spans, read), () if read == spans else read
    )
    title = f"Temporal stride attention of {who}, {block_name(ask.layer)}"
    first = heat(trace, z, title, cells.view(frames, h, w), "attention", signed=False)
    got = np.nan_to_num(named.values).mean(0, dtype=np.float64)
    track = Track("attention per frame", "attention", trace.clip.seconds, trace.clip.index, got)
    alike = even(spans, read, frames)
    expected = alike.mean(0)
    findings = (_kinds(kinds, who), _most_read(trace, who, got, expected), _reach(named, who, alike))
    said = strongest.attention(first, trace.clip, f"{who} of {block_name(ask.layer)} attends most to the picture", expected)
    return Evidence((first,), (track,), matrices=(named,), findings=findings, claim=said)


def _spans(index: Tensor) -> tuple[tuple[int, int], ...]:
    """First frame of every window, and the one after its last."""
    return tuple((int(window.min()), int(window.max()) + 1) for window in index)


def _line(spans: Spans, read: Spans) -> str:
    every = f", every {spans[1][0] - spans[0][0]}" if len(spans) > 1 else ""
    told = f"the windows of {spans[0][1] - spans[0][0]} frames{every}" + ("" if spans == read else ", each against the window that it reads")
    return f"Row: the frame that asks. Column: the frame that is read; each row sums to 1. Outlined: {told}."


def even(spans: Spans, read: Spans, frames: int) -> NDArray[np.float64]:
    """The matrix (T, T) if all tokens that a window reads got the same; frames at the ends get less, since fewer windows read them."""
    held, keys = (np.array([[first <= frame < last for frame in range(frames)] for first, last in side], np.float64) for side in (spans, read))
    return np.asarray((held / held.sum(0)).T @ (keys / keys.sum(1, keepdims=True)))  # a frame's row is the mean over its windows


def _most_read(trace: Trace, who: str, got: NDArray[np.float64], even: NDArray[np.float64]) -> Finding:
    """Which frame gets most, with all its tokens."""
    top = int(got.argmax())
    share = f"{percent(got[top], 0)} (an even spread would give {percent(even[top], 0)})"
    sentence = f"Counting all tokens of a frame, {who} gives most attention to the frame at {trace.clip.seconds[top]:.2f} s: {share}."
    return Finding("attention on the most read frame", float(got[top]), sentence)


def assembled(trace: Trace, ask: Ask, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """The matrix (T, T), NaN where a frame does not read another; what each of Z's cells gets from the mean row (T, cells); and the shares of
    tokens of the picture, of joints and modal tokens (3)."""
    index, keys = (trace.seen[f"{ask.layer}.{name}"].tensor[0] for name in ("frames", "keys"))
    q, k = (exact(trace.seen[f"{ask.layer}.attend.{name}"].tensor) for name in "qk")
    mask, asks = keys_mask(trace.seen, ask.layer), asking_mask(trace.seen, ask.layer)
    frames, length = trace.frames, index.shape[1]
    wide = q.shape[2] // length  # tokens of a frame
    queries = _queries(trace, ask, wide, cells)
    times = torch.bincount(index.flatten(), minlength=frames)  # windows that hold a frame
    matrix, related = q.new_zeros(frames, frames), torch.zeros(frames, frames, dtype=torch.bool, device=q.device)
    got = q.new_zeros(frames, wide)
    attend = trace.part(f"{ask.layer}.attend", Attends)
    for window, inside in enumerate(index):
        one = slice(window, window + 1)
        left_out = None if mask is None else mask[one]
        for place, frame in enumerate(inside.tolist()):
            at = place * wide + queries.to(q.device)
            if asks is not None:  # a missing joint's token asks nothing
                at = at[asks[window, at]]
            row = sum(rows.sum(1) for _, rows in rows_of(attend, q[one], k[one], left_out, at, ask))
            row = (row / max(len(at), 1)).view(length, wide) / times[frame]  # type: ignore[union-attr]
            matrix[frame].index_add_(0, keys[window], row.sum(1))
            related[frame, keys[window]] = True
            got.index_add_(0, keys[window], row / frames)
    named = wide - len(_names(trace, ask))
    kinds = torch.stack([got[:, :cells].sum(), got[:, cells:named].sum(), got[:, named:].sum()])
    return matrix.masked_fill(~related, torch.nan), got[:, :cells], kinds


def _names(trace: Trace, ask: Ask) -> tuple[str, ...]:
    """The modal tokens of a frame."""
    return modal(trace.seen[f"{ask.layer}.attend.q"].tap)


def _queries(trace: Trace, ask: Ask, wide: int, cells: int) -> Tensor:
    """Numbers of a frame's asking tokens: Z's cells, the joints, then the modal tokens."""
    who, names = ask.knobs.get("query", "all"), _names(trace, ask)
    if who == "all":
        return torch.arange(wide)
    if who not in names:
        raise QuestionError(f"query={who!r}: this model has the modal tokens {', '.join(names) or '(none)'}; choose one of them, or all")
    return torch.tensor([wide - len(names) + names.index(who)])


def _kinds(kinds: Tensor, who: str) -> Finding:
    picture, joints, modal = (float(v) for v in kinds)
    told = f", {percent(joints, 0)} to the joints" if joints > 0 else ""
    sentence = f"{who[0].upper()}{who[1:]} gives {percent(picture, 0)} of its attention to the picture{told} and {percent(modal, 0)} to modal tokens."
    return Finding("attention on the picture", picture, sentence)


def _reach(matrix: Matrix, who: str, even: NDArray[np.float64]) -> Finding:
    """How much a frame reads of others."""
    values = np.nan_to_num(matrix.values)
    own = float(np.trace(values) / len(values))
    alike = f"an even spread over the frames that it reads would give {percent(float(np.trace(even) / len(even)), 0)}"
    sentence = f"{who[0].upper()}{who[1:]} gives {percent(own, 0)} of its attention to its own frame, on average over the frames; {alike}."
    return Finding("attention on the own frame", own, sentence)


METHODS: tuple[Method, ...] = (
    Method(
        "temporal-stride",
        "Temporal stride attention",
        "Which frames look at which: the attention inside the windows of frames, put together.",
        "A frame gives attention only to the frames that its windows read: a blank comes from the design, not from what the network learnt.",
        layers,
        explain,
        knobs=knobs,
        watch=watch,
        by_class=False,
        called=block_name,
    ),
)
