"""PWC-Net's network (Sun et al., "PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume", 2018), in plain torch.

Levels are counted from the picture: level l has 1/2^l of its side. A decoder stands at every level from 6 down to 2; each warps the second picture's
features by the flow of the level above, compares them with the first's, and estimates the whole flow again. Flows within are in twentieths of the
picture's pixels at every level. Parts have the names of the public PyTorch layout ("netOne" …), so that its checkpoints fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NAMES = ("One", "Two", "Thr", "Fou", "Fiv", "Six")
CHANNELS = (3, 16, 32, 64, 96, 128, 196)  # by level; 0 is the picture
DENSE = (128, 128, 96, 64, 32)  # of a decoder's convolutions, each of which reads the ones before it too
REFINER = ((128, 1), (128, 2), (128, 4), (96, 8), (64, 16), (32, 1))  # channels and dilation
TOP, BOTTOM = 6, 2
RADIUS = 4
VOLUME = (2 * RADIUS + 1) ** 2


class PWCNet(nn.Module):
    """Pictures (B, 3, H, W) BGR in 0 … 1, sides multiples of 64 → flow (B, 2, H/4, W/4) in twentieths of the pictures' pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.netExtractor = Pyramid()
        for level in range(BOTTOM, TOP + 1):
            self.add_module(f"net{NAMES[level - 1]}", Decoder(level))
        self.netRefiner = Refiner(read(BOTTOM) + sum(DENSE))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        ours, theirs = self.netExtractor(first), self.netExtractor(second)
        flow = features = None
        for level in range(TOP, BOTTOM - 1, -1):
            decoder = self.get_submodule(f"net{NAMES[level - 1]}")
            flow, features = decoder(ours[level - 1], theirs[level - 1], flow, features)
        return flow + self.netRefiner(features)


class Pyramid(nn.Module):
    """A picture (B, 3, H, W) → its features of levels 1 to 6, (B, CHANNELS[l], H/2^l, W/2^l)."""

    def __init__(self) -> None:
        super().__init__()
        for name, (before, after) in zip(NAMES, pairwise(CHANNELS), strict=True):
            self.add_module(f"net{name}", nn.Sequential(*conv(before, after, stride=2), *conv(after, after), *conv(after, after)))

    def forward(self, picture: Tensor) -> list[Tensor]:
        levels = [picture]
        for level in self.children():
            levels.append(level(levels[-1]))
        return levels[1:]


class Decoder(nn.Module):
    """Features of both pictures at one level, and what the decoder above gave, half as large (None at the top) → flow and features.

    The flow (B, 2, h, w) is in twentieths of the picture's pixels; the features are all that its last convolution reads.
    """

    def __init__(self, level: int) -> None:
        super().__init__()
        self.pixels = 20 / 2**level  # of this level in one unit of flow
        channels = read(level)
        if level < TOP:
            self.netUpflow = nn.ConvTranspose2d(2, 2, 4, 2, 1)
            self.netUpfeat = nn.ConvTranspose2d(read(level + 1) + sum(DENSE), 2, 4, 2, 1)
        self.dense = [f"net{name}" for name in NAMES[: len(DENSE)]]
        for name, more in zip(self.dense, DENSE, strict=True):
            self.add_module(name, nn.Sequential(*conv(channels, more)))
            channels += more
        self.netSix = nn.Sequential(nn.Conv2d(channels, 2, 3, padding=1))

    def forward(self, first: Tensor, second: Tensor, flow: Tensor | None, features: Tensor | None) -> tuple[Tensor, Tensor]:
        if flow is None:
            features = F.leaky_relu(cost_volume(first, second), 0.1)
        else:
            flow = self.netUpflow(flow)
            volume = F.leaky_relu(cost_volume(first, warped(second, flow * self.pixels)), 0.1)
            features = torch.cat([volume, first, flow, self.netUpfeat(features)], 1)
        for name in self.dense:
            features = torch.cat([self.get_submodule(name)(features), features], 1)
        return self.netSix(features), features


class Refiner(nn.Module):
    """What the last decoder's flow was made of → what is added to that flow (B, 2, h, w): the context network."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for after, dilation in REFINER:
            layers += conv(channels, after, dilation=dilation)
            channels = after
        self.netMain = nn.Sequential(*layers, nn.Conv2d(channels, 2, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        refined: Tensor = self.netMain(features)
        return refined


def read(level: int) -> int:
    """Channels that a decoder's first convolution reads: the cost volume; below the top also features, the flow from above and two channels more."""
    return VOLUME if level == TOP else VOLUME + CHANNELS[level] + 2 + 2


def conv(before: int, after: int, stride: int = 1, dilation: int = 1) -> Iterator[nn.Module]:
    """A 3×3 convolution that keeps the size but for its stride, and its leaky ReLU."""
    yield nn.Conv2d(before, after, 3, stride, padding=dilation, dilation=dilation)
    yield nn.LeakyReLU(0.1)


def cost_volume(first: Tensor, second: Tensor) -> Tensor:
    """How alike each cell of the first (B, C, h, w) is to those of the second at most 4 cells away: (B, 81, h, w), means of products over channels.

    Channel 9·(dy + 4) + dx + 4 compares cell (y, x) with cell (y + dy, x + dx); outside there is nothing, and the product is 0.
    """
    height, width = first.shape[-2:]
    around = F.pad(second, [RADIUS] * 4)
    steps = range(2 * RADIUS + 1)
    return torch.stack([(first * around[..., y : y + height, x : x + width]).mean(1) for y in steps for x in steps], 1)


def warped(second: Tensor, flow: Tensor) -> Tensor:
    """The second (B, C, h, w) where the first's cells have gone by the flow (B, 2, h, w) in cells: bilinear, 0 where that is not all inside."""
    height, width = second.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height, device=flow.device), torch.arange(width, device=flow.device), indexing="ij")
    place = torch.stack([(2 * (x + flow[:, 0]) + 1) / width - 1, (2 * (y + flow[:, 1]) + 1) / height - 1], -1)
    inside = F.grid_sample(torch.ones_like(second[:, :1]), place, align_corners=False) > 0.999
    return F.grid_sample(second, place, align_corners=False) * inside
