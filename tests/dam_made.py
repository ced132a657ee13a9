"""Blocks and networks whose normalisations are awake, and the attention written out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from actrec.models._attend import block

STRIDE = (8.0, 16.0, 16.0)


def awake(model: nn.Module) -> nn.Module:
    """The model in eval mode with every normalisation at random numbers, so that no part of it is an identity."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            for values in (module.weight, module.running_var):
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (module.bias, module.running_mean):
                nn.init.normal_(values, 0, 0.1)
    return model.eval()


def settled(model: nn.Module, clip: Tensor) -> nn.Module:
    """The model awake, its running statistics those of the clip, so that logits are of order one."""
    for module in awake(model).modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(clip)
    return model.eval()


def make(name: str, channels: int = 12, **arguments: float | bool) -> nn.Module:
    return awake(block(name, channels, STRIDE, **arguments).double())


SMALL = {"width": 0.125, "classes": 5}
