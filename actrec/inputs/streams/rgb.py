"""The frames themselves, as every model reads them."""

from __future__ import annotations

import torch
from torch import Tensor

from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry
from actrec.core.errors import Progress, no_progress
from actrec.inputs import pixels
from actrec.inputs.streams import Given, Stream

NAME = "rgb"


class Frames(Stream):
    """Frames (1, 3, T, H, W), resized, cut and normalised."""

    name, title, channels = NAME, "frames", 3

    def tensor(self, given: Given, clip: Clip, geometry: Geometry, device: torch.device, progress: Progress = no_progress) -> Tensor:
        return pixels.to_input(clip.frames, self.preprocess, geometry).to(device)

    def batch(self, frames: Tensor, own: Tensor | None) -> Tensor:
        return pixels.batch_to_input(frames, self.preprocess)


def of(card: Card) -> Frames:
    return Frames(card.preprocess)
