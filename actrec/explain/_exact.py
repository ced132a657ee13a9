"""A head's score as a sum over the places of its features, exactly: what every cell adds to it. Held against the very pass that is explained.

With global average pooling and a linear layer a cell's share is w · A(p); with NetVLAD between them it is what the cell adds to the residual sums,
their lengths and the shares of the words held fixed (`Gathers.parts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from actrec.core.abilities import Gathers
from actrec.core.errors import QuestionError

if TYPE_CHECKING:
    from actrec.core.card import Readout
    from actrec.core.trace import Trace
    from actrec.explain import Ask

TOLERANCE = 1e-3
"""Largest gap between the map's mean and the score, as a share of what is added up. Half precision is allowed two of its own steps."""


def exact(trace: Trace, ask: Ask, readout: Readout, expected: Tensor) -> tuple[Tensor, float]:
    """Every cell's share of a head's score (T, h, w), and its bias: their mean and the bias are the expected score.

    Raises:
        QuestionError: they are not, or the head has no weights.
    """
    weight, bias = row(trace, ask, readout)
    features = trace.seen[readout.tap].grid()[0].detach()
    with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
        if readout.pool:
            words = by_word(trace, ask, readout)[0]
            shares, size = words.sum(0) * words[0].numel(), float(words.abs().sum())
        else:
            shares = torch.tensordot(weight, features.to(weight.dtype), dims=1)
            size = float(weight.abs() @ features.abs().flatten(1).mean(1, dtype=weight.dtype))
        _check(trace, float(expected.detach()), float(shares.mean() + bias), size, features)
    return shares, float(bias)


def by_word(trace: Trace, ask: Ask, readout: Readout) -> tuple[Tensor, float]:
    """What every cell adds to the score through every visual word (K, T, h, w), and the bias: all of them and the bias are the score.

    Raises:
        QuestionError: the head has no weights.
    """
    weight, bias = row(trace, ask, readout)
    features = trace.seen[readout.tap].grid().detach()
    with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
        return trace.part(readout.pool, Gathers).parts(features.to(weight.dtype), weight), float(bias)


def row(trace: Trace, ask: Ask, readout: Readout) -> tuple[Tensor, Tensor]:
    """The class's weights (C) and bias, or their difference to those of `versus`, in float32 or better."""
    linear = trace.model.get_submodule(readout.linear)
    weight, bias = linear.weight, linear.bias
    if not isinstance(weight, Tensor):
        raise QuestionError(f"an exact map reads the head's weights, and {readout.linear!r} has none; use Grad-CAM")
    flat = weight.detach().flatten(1)  # a 1×1×1 convolution is a linear layer too
    flat = flat if flat.dtype == torch.float64 else flat.float()
    offset = torch.zeros(len(flat), dtype=flat.dtype, device=flat.device) if not isinstance(bias, Tensor) else bias.detach().to(flat.dtype)
    if ask.versus is None:
        return flat[ask.label], offset[ask.label]
    return flat[ask.label] - flat[ask.versus], offset[ask.label] - offset[ask.versus]


def _check(trace: Trace, expected: float, found: float, size: float, features: Tensor) -> None:
    """Hold the identity against the logits of this pass; its rounding grows with the size of what is added, so the tolerance does too."""
    logits = trace.logits[0].detach()
    step = max(torch.finfo(features.dtype).eps, torch.finfo(logits.dtype).eps)
    if not abs(found - expected) <= max(TOLERANCE, 2 * step) * (size + float(logits.abs().max())):  # written so that NaN is refused
        raise QuestionError(f"CAM is not exact for this model: its map's mean plus bias is {found:.6g}, the score is {expected:.6g}; use Grad-CAM")
