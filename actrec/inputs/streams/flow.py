"""Optical flow: how far everything has moved from one of the model's frames to the next."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry
from actrec.inputs import flow, pixels
from actrec.inputs.streams import Given, Stream, View

NAME = "flow"

UNIT = 2.0
"""Pixels per step that are 1 in the network's input (our choice): people in small clips move about as far."""

STILL = 0.05
"""Pixels per step that nothing moves by in a clip that stands still: less is the noise of finding flow."""


class Flow(Stream):
    """Displacements (1, 2, T − 1, H, W), x and y, in units of 2 input pixels from a frame to the next one the model is given.

    They are found between whole frames as the model resizes them, then cut as the frames are, so the picture's middle never moves with the crop.
    """

    name, title, channels = NAME, "optical flow", 2

    def tensor(self, given: Given, clip: Clip, geometry: Geometry, device: torch.device) -> Tensor:
        fields = flow.kept(pixels.shrink(clip.frames, self.preprocess, geometry))
        return _network(torch.from_numpy(_cut(fields, geometry))[None]).to(device)

    def told_of(self, tensor: Tensor) -> tuple[str, ...]:
        most = float(tensor.abs().amax()) * UNIT
        if most >= STILL:
            return ()
        return (
            f"Nothing moves between the frames that the model was given (at most {most:.2f} pixels a step, which is noise): the flow stream had "
            "nothing to see, and what it says comes from what it learnt alone.",
        )

    def blank(self, clips: int, frames: int, size: tuple[int, int], device: torch.device | str) -> Tensor:
        return torch.zeros(clips, self.channels, max(frames - 1, 1), *size, device=device)

    def reordered(self, tensor: Tensor, order: Tensor, clip: Clip, geometry: Geometry) -> Tensor:
        """Found again: frames that have changed places move differently."""
        frames = pixels.shrink(clip.frames[order.cpu().numpy()], self.preprocess, geometry)
        return _network(torch.from_numpy(_cut(flow.between(frames), geometry))[None]).to(tensor.device)

    def view(self, view: View) -> NDArray[np.float32]:
        return view.cut.flow(view.flow())

    def batch(self, frames: Tensor, own: Tensor | None) -> Tensor | None:
        return None if own is None else _network(own)


def _network(fields: Tensor) -> Tensor:
    """(N, T − 1, H, W, 2) in pixels → (N, 2, T − 1, H, W) in units."""
    return (fields / UNIT).permute(0, 4, 1, 2, 3).contiguous()


def _cut(fields: NDArray[np.float32], geometry: Geometry) -> NDArray[np.float32]:
    """The crop of fields (T − 1, h, w, 2) of the resized frames; nothing moves beyond their edges."""
    (top, left), (height, width) = geometry.offset, geometry.crop
    out = np.zeros((len(fields), height, width, 2), np.float32)
    above, before = max(-top, 0), max(-left, 0)
    part = fields[:, max(top, 0) : top + height, max(left, 0) : left + width]
    out[:, above : above + part.shape[1], before : before + part.shape[2]] = part
    return out


def of(card: Card) -> Flow:
    return Flow(card.preprocess)
