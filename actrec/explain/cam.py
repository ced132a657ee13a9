"""Class activation mapping, exact: the last features weighted by the class's own row of the last linear layer.

Theory (zhou2016; dam2024 fig. 7). With global average pooling and one linear layer the logit is a mean over cells:

    logit_k = b_k + mean_p M_k(p),        M_k(p) = Σ_c w_kc · A_c(p)

so M_k is no approximation: every cell has its own share of the logit, some of it negative. The map is therefore signed by default (negative cells
speak against the class); the setting "positive" gives the half that the paper's figure paints. "A rather than B" takes w_A − w_B, and so its map is
exactly minus that of "B rather than A". No gradient is needed.

The identity is checked on the very pass that is explained. A head that only resembles GAP + linear is refused, rather than drawn wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from actrec.core.card import Card, Gap
from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat
from actrec.explain import Ask, Method
from actrec.explain._evidence import SIGNED_FIRST, heat, score, setting

if TYPE_CHECKING:
    from actrec.core.trace import Tap, Trace

TOLERANCE = 1e-3
"""Largest gap between the map's mean and the score, as a share of what is added up. Half precision is allowed two of its own steps."""


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """The one layer where CAM is exact, or why there is none."""
    if card.gap is not None:
        return (card.gap.tap,) if card.gap.tap in taps else f"the features before this model's head ({card.gap.tap}) cannot be read; use Grad-CAM"
    if any(tap.axes == "b (1 t h w) c" for tap in taps.values()):
        return "this model answers from a class token, so CAM would not be exact; use Grad-CAM"
    return "this model's head is not average pooling and one linear layer, so CAM would not be exact; use Grad-CAM"


def explain(trace: Trace, ask: Ask) -> tuple[Heat, ...]:
    """Every cell's share of the logit (or of the logit difference).

    Raises:
        QuestionError: the head is not GAP and one linear layer.
    """
    if ask.gap is None or ask.gap.tap != ask.layer:
        raise QuestionError(
            f"CAM is exact only before the head of a model with average pooling and one linear layer, not at {ask.layer!r}; use Grad-CAM"
        )
    shares, _ = exact(trace, ask, ask.gap, score(trace, ask))
    signed = setting(ask, SIGNED_FIRST) == "signed"
    score_name = "logit" if ask.versus is None else "logit difference"
    unit = f"{score_name} per cell" + (f" (mean = {score_name} − bias)" if signed else ", positive part")
    return (heat(trace, ask.layer, "CAM", shares, unit, signed=signed),)


def exact(trace: Trace, ask: Ask, gap: Gap, expected: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Every cell's share of a head's score (T, h, w), and its bias: their mean and the bias are the expected score.

    Raises:
        QuestionError: they are not, or the head has no weights.
    """
    weight, bias = _row(trace, ask, gap)
    features = trace.seen[gap.tap].grid()[0].detach()
    with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
        shares = torch.tensordot(weight, features.to(weight.dtype), dims=1)
        _check(trace, expected, shares, weight, bias, features)
    return shares, float(bias)


def _row(trace: Trace, ask: Ask, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
    """The class's weights (C) and bias, or their difference to those of `versus`, in float32 or better."""
    linear = trace.model.get_submodule(gap.linear)
    weight, bias = linear.weight, linear.bias
    if not isinstance(weight, torch.Tensor):
        raise QuestionError(f"CAM reads the head's weights, and {gap.linear!r} has none; use Grad-CAM")
    flat = weight.detach().flatten(1)  # a 1×1×1 convolution is a linear layer too
    flat = flat if flat.dtype == torch.float64 else flat.float()
    offset = torch.zeros(len(flat), dtype=flat.dtype, device=flat.device) if not isinstance(bias, torch.Tensor) else bias.detach().to(flat.dtype)
    if ask.versus is None:
        return flat[ask.label], offset[ask.label]
    return flat[ask.label] - flat[ask.versus], offset[ask.label] - offset[ask.versus]


def _check(trace: Trace, score: torch.Tensor, shares: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, features: torch.Tensor) -> None:
    """Hold the identity against the logits of this pass; its rounding grows with the size of what is added, so the tolerance does too."""
    logits = trace.logits[0].detach()
    expected, found = float(score.detach()), float(shares.mean() + bias)
    size = float(weight.abs() @ features.abs().flatten(1).mean(1, dtype=weight.dtype)) + float(logits.abs().max())
    step = max(torch.finfo(features.dtype).eps, torch.finfo(logits.dtype).eps)
    if not abs(found - expected) <= max(TOLERANCE, 2 * step) * size:  # written so that NaN is refused
        raise QuestionError(f"CAM is not exact for this model: its map's mean plus bias is {found:.6g}, the score is {expected:.6g}; use Grad-CAM")


METHODS: tuple[Method, ...] = (
    Method(
        "cam",
        "CAM",
        "Exactly how much every place adds to the class's logit, or takes from it.",
        "A cell's features have already seen far around the cell, so its share need not come from the pixels under it; the bias is left out.",
        layers,
        explain,
        knobs=(SIGNED_FIRST,),
    ),
)
