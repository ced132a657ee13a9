"""Whether a network's numbers look as they do before training: then its answer and its map are chance, however definite they look.

Two things are the same in every network that has not been trained, however its numbers were drawn, and in none that has:

* the scales of its normalisations are all alike, or, where old torch and some papers draw them by chance, their shifts are. Training moves each by
  itself: in the demo models they differ by 0.014 to 0.041 (root mean square), after one step of AdamW at a rate of 0.001 by 0.001;
* the filters of a layer are independent draws of one distribution, so their sizes differ no more than chance has it. How much that is, the
  distribution's own fourth moment says: the ratio of what is found to what is expected is 1 give or take (0.3 to 2.1 in random builds of every
  architecture here), and 5 to 800 in some layers of every trained one.

The first alone would take normalisations that were folded into the filters for untrained ones; the second alone, many a trained layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)

MOVED = 0.005
"""Root mean square by which scales and shifts have moved apart, from which on a network counts as trained."""

UNLIKE = 5.0
"""How many times more the sizes of a layer's filters differ than chance has it, from which on the layer counts as trained."""

MOST = 0.1
"""Share of such layers that an untrained network may have where its normalisations have not moved: after a few steps it has some."""


def untrained(model: nn.Module) -> str:
    """A sentence if the model looks untrained, else ""."""
    moved = _moved(model)
    if moved is not None and moved >= MOVED:
        return ""
    ratios = [ratio for p in model.parameters() if p.ndim >= 2 and (ratio := _unlike(p.detach())) is not None]
    if not ratios or sum(ratio >= UNLIKE for ratio in ratios) > (0 if moved is None else MOST * len(ratios)):
        return ""
    return (
        "This model looks untrained: its weights are as they are before training, independent draws of chance. Its answer and its maps mean nothing, "
        "however definite they look; check that the right file was saved."
    )


def _moved(model: nn.Module) -> float | None:
    """How far the scales of each normalisation are apart, root mean square over all of them, or its shifts if less; None where there are none."""
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    scales, shifts = ([t.detach().double() for t in tables if t is not None] for tables in ([m.weight for m in norms], [m.bias for m in norms]))
    apart = [torch.cat([(table - table.mean()).flatten() for table in tables]) for tables in (scales, shifts) if tables]
    return min((float(each.square().mean().sqrt()) for each in apart), default=None)


def _unlike(weight: Tensor) -> float | None:
    """How many times more the sizes of a layer's filters, or of its inputs, differ than those of independent draws; None where there are too few.

    Of n independent draws with fourth moment κ (over the squared variance) the mean square has the relative variance (κ − 1) / n.
    """
    table = weight.flatten(1)[:256, :1024].double()  # a part of them is as telling
    if min(table.shape) < 8:
        return None
    size, fourth = table.square().mean(), table.pow(4).mean()
    if not size > 0:  # all zero: nothing was learnt here
        return 0.0
    excess = (fourth / size.square() - 1).clamp(min=0.1)
    return max(float(table.square().mean(axis).var() / size.square() * table.shape[axis] / excess) for axis in (0, 1))
