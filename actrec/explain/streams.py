"""Both streams of a two-stream model beside each other: each one's exact CAM, what each says alone, and its share of what they say together.

Theory (qian2024, table 2; zhou2016 for each stream's map). Every stream is a network with global average pooling and one linear layer, so its CAM is
exact for its own logit. What the model says is a stated function of the streams (`twostream.fuse`):

* mean of the softmax scores: a stream's share of the fused score is exactly half its own score. The maps are of the streams' logits, and no map is of
  the fused score, because a softmax is not a sum over places;
* max: the fused score is that of the stream that is surer, before both are brought to a sum of 1;
* mean of the logits: the fused logit is the mean of theirs, so the maps are halved and add up to it, with the halves of the biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from actrec.core.abilities import Fuses
from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Finding
from actrec.core.words import apart, fixed, percent
from actrec.explain import Ask, Method
from actrec.explain._evidence import SIGNED_FIRST, heat, setting
from actrec.explain.cam import exact

if TYPE_CHECKING:
    from actrec.core.trace import Tap, Trace

TITLES = {"rgb": "pictures", "flow": "flow"}
MANY = ("rgb",)
"""Streams whose title is a plural: their verbs have no s."""
TOLERANCE = 1e-4


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """The last features of the streams, taken together; or why there are none."""
    if card.gaps and all(gap.tap in taps for gap in card.gaps.values()):
        return (" + ".join(gap.tap for gap in card.gaps.values()),)
    return "this model has one stream; its own CAM shows what it saw"


def watch(layer: str) -> tuple[str, ...]:
    return tuple(layer.split(" + "))


def explain(trace: Trace, ask: Ask) -> Evidence:
    """Each stream's exact map, and the shares of the decision.

    Raises:
        QuestionError: a network whose output is not what its streams give.
    """
    fused = trace.part("", Fuses)
    logits = {name: _logits(trace, gap.tap, gap.linear) for name, gap in ask.gaps.items()}
    if not torch.allclose(fused.fused(list(logits.values())), trace.logits.detach().to(torch.float32), atol=TOLERANCE, rtol=TOLERANCE):
        raise QuestionError("this model does not say what its streams say together, so their shares are not exact; look at each stream alone")
    half, signed = (0.5 if fused.fusion == "logits" else 1.0), setting(ask, SIGNED_FIRST) == "signed"
    what = "logit" if ask.versus is None else "logit difference"
    unit = f"{what} per cell" if half == 1 else f"fused {what} per cell (half the stream's)"
    heats = []
    for name, gap in ask.gaps.items():
        own = logits[name][0, ask.label] - (logits[name][0, ask.versus] if ask.versus is not None else 0)
        shares, _ = exact(trace, ask, gap, own)
        heats.append(heat(trace, gap.tap, f"CAM of the {TITLES[name]}", half * shares, unit if signed else f"{unit}, positive part", signed=signed))
    return Evidence(tuple(heats), findings=findings(logits, trace.logits.detach(), ask, fused.fusion), together=True)


def _logits(trace: Trace, tap: str, linear: str) -> Tensor:
    """A stream's own logits (1, classes), from its features of this pass."""
    head, features = trace.model.get_submodule(linear), trace.seen[tap].grid().detach().float()
    with torch.no_grad():
        found: Tensor = head(features.mean((2, 3, 4)))
    return found


def findings(logits: Mapping[str, Tensor], fused: Tensor, ask: Ask, fusion: str) -> tuple[Finding, ...]:
    """What each stream gives the class alone, what the model takes from it, and what the other stream changes."""
    alone = {name: float(each[0].softmax(0)[ask.label]) for name, each in logits.items()}
    together = float(fused[0].softmax(0)[ask.label])
    firsts = {name: float(each[0].softmax(0).max()) <= alone[name] for name, each in logits.items()}
    said = " and ".join(f"the {TITLES[name]} alone {_verb('give', name)} it {percent(share)}" for name, share in alone.items())
    told = [Finding("score of both streams", together, f"Together the streams give this class {percent(together)}: {said}.")]
    for name, share in alone.items():
        order = f"{_verb('put', name)} {'no class before this one' if firsts[name] else 'another class first'}"
        said = f"Alone the {TITLES[name]} {order}; together it has {apart(together, share)}."
        told.append(Finding(f"score of the {TITLES[name]} alone", share, said))
    if fusion == "mean":
        halves = " and ".join(f"{fixed(50 * share, digits=1)} percentage points from the {TITLES[name]}" for name, share in alone.items())
        told.append(Finding("shares of the fused score", together, f"The fused score is the mean of both: {halves}."))
    return tuple(told)


def _verb(verb: str, name: str) -> str:
    return verb if name in MANY else f"{verb}s"


METHODS: tuple[Method, ...] = (
    Method(
        "streams",
        "Streams side by side",
        "What the pictures and the flow say, each with its exact map, and how much of the decision comes from each.",
        "Each map is exact for its own stream's logit. Where scores are averaged, no map is of the fused one: a softmax is not a sum over places.",
        layers,
        explain,
        knobs=(SIGNED_FIRST,),
        watch=watch,
    ),
)
