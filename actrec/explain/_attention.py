"""What the views of a deformable transformer's attentions share: who asks, which head, and what the keys get.

Queries, keys and values are those under the taps of the very pass that predicted; the attention module itself makes rows of them, so what is shown is
what was used. A row sums to 1. The matrix of all tokens is never made: rows come `CHUNK` at a time and are averaged at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.explain import Ask, Knob

if TYPE_CHECKING:
    from actrec.core.abilities import Attends
    from actrec.core.trace import Seen, Tap

CHUNK = 512
"""Rows of an attention that are made at a time."""

MODAL = {"cls": "CLS", "rgb": "M_RGB", "pose": "M_pose"}
"""The modal tokens as the paper writes them."""


def modal(tap: Tap) -> tuple[str, ...]:
    """The modal tokens among an attention's tokens, in their order, as its taps tell them."""
    return tuple(tap.about["modal"].split())


def asking(taps: Mapping[str, Tap], kind: str) -> Tap:
    """The tap of the queries of the first attention of a kind ("deform", "joint", "temporal")."""
    return next(tap for name, tap in taps.items() if name.endswith(f".{kind}.attend.q"))


def head_knob(queries: Tap) -> Knob:
    """All heads together, or one of them."""
    heads = int(queries.about["heads"])
    return Knob("head", "Head", ("mean", *(str(n + 1) for n in range(heads))), "the mean of all heads, or one head by its number")


def blocks_with(card: Card, taps: Mapping[str, Tap], kind: str, tap: str, lacking: str) -> tuple[str, ...] | str:
    """The blocks' attentions of a kind ("deform", "joint", "temporal"), deepest first; or why there is none. tap: what only this kind has."""
    found = [name.removesuffix(f".{tap}") for name in taps if name.endswith(f".{kind}.{tap}")]
    return tuple(reversed(found)) or lacking.format(title=card.title)


def watched(layer: str) -> tuple[str, ...]:
    """The taps of an attention's queries and keys, of the windows that are read, and of the tokens that take part, passed where one does not."""
    return f"{layer}.attend.q", f"{layer}.attend.k", f"{layer}.attend.mask", f"{layer}.keys", f"{layer}.asking"


def keys_mask(seen: Mapping[str, Seen], layer: str) -> Tensor | None:
    """Which keys take part, bool (batch, M); None if all do."""
    found = seen.get(f"{layer}.attend.mask")
    return None if found is None else found.tensor


def asking_mask(seen: Mapping[str, Seen], layer: str) -> Tensor | None:
    """Which tokens of a window ask, bool (batch, N); None if all do."""
    found = seen.get(f"{layer}.asking")
    return None if found is None else found.tensor


def received(attend: Attends, q: Tensor, k: Tensor, mask: Tensor | None, queries: Tensor, ask: Ask, weight: Tensor | None = None) -> Tensor:
    """What every key gets from these queries: (batch, M), each row summing to the weights' sum.

    attend: the attention module, q (batch, heads, N, d), k (batch, heads, M, d), queries int64 (n).  weight (n): of the queries; None for their mean.

    Raises:
        QuestionError: a head that the module does not have.
    """
    total = q.new_zeros(q.shape[0], k.shape[2])
    counted = q.new_full((len(queries),), 1 / max(len(queries), 1)) if weight is None else weight.to(q)
    for part, (_, rows) in zip(counted.split(CHUNK), rows_of(attend, q, k, mask, queries, ask), strict=True):
        total += (rows * part[:, None]).sum(1)
    return total


def rows_of(attend: Attends, q: Tensor, k: Tensor, mask: Tensor | None, queries: Tensor, ask: Ask) -> Iterator[tuple[Tensor, Tensor]]:
    """Some queries' numbers and their rows (batch, n, M), head or mean of heads as asked, `CHUNK` at a time."""
    heads = heads_of(ask, q.shape[1])
    for some in queries.split(CHUNK):
        yield some, attend.rows(q[:, heads][:, :, some], k[:, heads], mask).mean(1)


def heads_of(ask: Ask, count: int) -> list[int]:
    """The heads asked for."""
    said = ask.knobs.get("head", "mean")
    if said == "mean":
        return list(range(count))
    if not said.isdigit() or not 1 <= int(said) <= count:
        raise QuestionError(f"head={said!r}: this attention has heads 1 … {count}; choose one of them, or mean")
    return [int(said) - 1]


def block_name(layer: str) -> str:
    """ "blocks.1.deform" for reading: "block 2"."""
    return f"block {int(layer.split('.')[1]) + 1}"


def exact(tensor: Tensor) -> Tensor:
    """A recorded tensor in float32 or better, without its graph."""
    found = tensor.detach()
    return found if found.dtype == torch.float64 else found.float()
