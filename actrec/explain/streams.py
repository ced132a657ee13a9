"""Both streams of a two-stream model beside each other: each one's exact map, what each says alone, and its share of what they say together.

Theory (qian2024, table 2; zhou2016 for each stream's map). Every stream is a network with global average pooling and one linear layer, so its CAM is
exact for its own logit; with NetVLAD between them it is the map of `words.py`. What the model says is a stated function of the streams
(`models/_streams.fuse`):

* mean of the softmax scores: a stream's share of the fused score is exactly half its own score. The maps are of the streams' logits, and no map is of
  the fused score, because a softmax is not a sum over places;
* max: the fused score is that of the stream that is surer, before both are brought to a sum of 1;
* mean of the logits: the fused logit is the mean of theirs, so the maps are halved and add up to it, with the halves of the biases. Where both have
  as many cells, their sum is a third map, exact for the fused logit; it is drawn on the pictures' steps, which lie half a frame before the flow's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from actrec.core.abilities import Fuses
from actrec.core.card import Card, Readout
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Finding, Heat
from actrec.core.words import STREAMS, apart, fixed, percent
from actrec.explain import Ask, Method
from actrec.explain._evidence import SIGNED_FIRST, heat, setting
from actrec.explain._exact import exact

if TYPE_CHECKING:
    from actrec.core.trace import Tap, Trace

MANY = ("rgb", "difference")
"""Streams whose title is a plural: their verbs have no s."""
TOLERANCE = 1e-4
SUM = "sum of both maps"


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """The last features of the streams, taken together; or why there are none."""
    if card.readouts and all(readout.tap in taps for readout in card.readouts.values()):
        return (" + ".join(readout.tap for readout in card.readouts.values()),)
    return "this model has one stream; its own map shows what it saw"


def watch(layer: str) -> tuple[str, ...]:
    return tuple(layer.split(" + "))


def explain(trace: Trace, ask: Ask) -> Evidence:
    """Each stream's exact map, and the shares of the decision.

    Raises:
        QuestionError: a network whose output is not what its streams give.
    """
    fused = trace.part("", Fuses)
    logits = {name: _logits(trace, readout) for name, readout in ask.readouts.items()}
    if not torch.allclose(fused.fused(list(logits.values())), trace.logits.detach().to(torch.float32), atol=TOLERANCE, rtol=TOLERANCE):
        raise QuestionError("this model does not say what its streams say together, so their shares are not exact; look at each stream alone")
    half, signed = (0.5 if fused.fusion == "logits" else 1.0), setting(ask, SIGNED_FIRST) == "signed"
    shares, bias = _shares(trace, ask, logits, half)
    what = "logit" if ask.versus is None else "logit difference"
    unit = f"{'fused ' if half < 1 else ''}{what} per cell{'' if signed else ', positive part'}"
    heats = [
        heat(trace, readout.tap, f"{'Exact map' if readout.pool else 'CAM'} of the {STREAMS[name]}", shares[name], unit, signed=signed)
        for name, readout in ask.readouts.items()
    ]
    told = findings(logits, trace.logits.detach(), ask, fused.fusion)
    if fused.fusion != "logits":
        return Evidence(tuple(heats), findings=told, together=True)
    both, said = summed(list(shares.values()), bias, what)
    heats += [] if both is None else [_both(heats, both)]
    return Evidence(tuple(heats), findings=(*told, said), together=True)


def _shares(trace: Trace, ask: Ask, logits: Mapping[str, Tensor], part: float) -> tuple[dict[str, Tensor], float]:
    """That part of every stream's exact map (T, h, w), and of their biases together."""
    found, biases = {}, 0.0
    for name, readout in ask.readouts.items():
        own = logits[name][0, ask.label] - (logits[name][0, ask.versus] if ask.versus is not None else 0)
        shares, bias = exact(trace, ask, readout, own)
        found[name], biases = (part * shares).cpu(), biases + part * bias
    return found, biases


def summed(maps: Sequence[Tensor], bias: float, what: str) -> tuple[Tensor | None, Finding]:
    """The maps' sum, cell by cell, which with the bias makes the fused score; None where they have not the same cells."""
    one, other = maps
    total = float(one.mean() + other.mean()) + bias
    makes = f"the biases, {fixed(bias)}, make the fused {what}, {fixed(total)}"
    if one.shape != other.shape:
        grids = " and ".join("×".join(map(str, each.shape)) for each in maps)
        return None, Finding(SUM, total, f"The maps have different cells ({grids}), so no third map adds them up; their means and {makes}.")
    third = "Each map is half of its stream’s. Cell by cell they add up to the third, drawn on the pictures’ steps"
    return one + other, Finding(SUM, total, f"{third}: its mean and {makes}.")


def _both(heats: Sequence[Heat], both: Tensor) -> Heat:
    """The sum of the streams' maps, where the first one's steps are drawn; what either has read, it has read."""
    first, other = heats
    kinds, values, fields = {heat.title.rpartition(" of ")[0] for heat in heats}, both.float().numpy(), None
    if first.fields is not None and other.fields is not None:
        fields = np.stack([np.minimum(first.fields[:, 0], other.fields[:, 0]), np.maximum(first.fields[:, 1], other.fields[:, 1])], 1)
    title = f"{kinds.pop() if len(kinds) == 1 else 'Exact map'} of both"
    return replace(first, title=title, values=values if first.signed else np.maximum(values, 0), fields=fields)


def _logits(trace: Trace, readout: Readout) -> Tensor:
    """A stream's own logits (1, classes), from its features of this pass."""
    head, features = trace.model.get_submodule(readout.linear), trace.seen[readout.tap].grid().detach().float()
    with torch.no_grad():
        found: Tensor = head(trace.model.get_submodule(readout.pool)(features) if readout.pool else features.mean((2, 3, 4)))
    return found


def findings(logits: Mapping[str, Tensor], fused: Tensor, ask: Ask, fusion: str) -> tuple[Finding, ...]:
    """What each stream gives the class alone, what the model takes from it, and what the other stream changes."""
    alone = {name: float(each[0].softmax(0)[ask.label]) for name, each in logits.items()}
    together = float(fused[0].softmax(0)[ask.label])
    firsts = {name: float(each[0].softmax(0).max()) <= alone[name] for name, each in logits.items()}
    said = " and ".join(f"the {STREAMS[name]} alone {_verb('give', name)} it {percent(share)}" for name, share in alone.items())
    told = [Finding("score of both streams", together, f"Together the streams give this class {percent(together)}: {said}.")]
    for name, share in alone.items():
        order = f"{_verb('put', name)} {'no class before this one' if firsts[name] else 'another class first'}"
        said = f"Alone the {STREAMS[name]} {order}; together it has {apart(together, share)}."
        told.append(Finding(f"score of the {STREAMS[name]} alone", share, said))
    if fusion == "mean":
        halves = " and ".join(f"{fixed(50 * share, digits=1)} percentage points from the {STREAMS[name]}" for name, share in alone.items())
        told.append(Finding("shares of the fused score", together, f"The fused score is the mean of both: {halves}."))
    return tuple(told)


def _verb(verb: str, name: str) -> str:
    return verb if name in MANY else f"{verb}s"


METHODS: tuple[Method, ...] = (
    Method(
        "streams",
        "Streams side by side",
        "What each of the model’s two streams says, with its exact map, and how much of the decision comes from each.",
        "Each stream's map is exact for its own logit. Where scores are fused, no map is of the fused one: a softmax is not a sum over places.",
        layers,
        explain,
        knobs=(SIGNED_FIRST,),
        watch=watch,
    ),
)
