"""A flow network at work: frames to its device, one pair at a time, and its flow back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from actrec.core import devices
from actrec.core.errors import QuestionError
from actrec.inputs.flow.backend import Flow, Frames, Pair
from actrec.models import weights

Estimate = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""From a network and two pictures (1, 3, H, W) RGB in 0 … 1 to the flow (1, 2, H, W) in their pixels."""


def ready(network: nn.Module, state: Mapping[str, Tensor], estimate: Estimate, title: str) -> Pair:
    """A network with these weights, on the best device there is.

    Raises:
        WeightsError: the weights of another network.
    """
    weights.load(network, state)
    device = devices.best()
    network.eval().to(device)

    def picture(frame: Frames) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(frame)).to(device).permute(2, 0, 1)[None].float() / 255

    def pair(first: Frames, second: Frames) -> Flow:
        try:
            with devices.turn(device), torch.inference_mode():
                found: Flow = estimate(network, picture(first), picture(second))[0].permute(1, 2, 0).cpu().numpy()
        except torch.OutOfMemoryError:
            size = f"{first.shape[1]}×{first.shape[0]}"
            raise QuestionError(f"{device} has too little memory for {title} on {size}; set ACTREC_DEVICE=cpu, or choose dis") from None
        return found

    return pair
