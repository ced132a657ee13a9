"""Networks small enough to check by hand, with taps like the real ones, and a clip that needs no file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actrec.core.card import Card, Readout
from actrec.core.clip import Clip, Geometry, Preprocess, Sampling, Video
from actrec.core.trace import Tap, Trace, run

FRAMES, SIDE, CLASSES = 8, 16, 5
GAP = Readout("tap", "fc")


def clip_of(frames: int = FRAMES, side: int = SIDE) -> tuple[Clip, Geometry]:
    """A grey clip of 25 frames a second that the model reads frame by frame, uncropped."""
    seconds = np.arange(frames) / 25
    video = Video(Path("grey.mp4"), "0" * 64, seconds, side, side, 0, "none")
    pictures = np.full((frames, side, side, 3), 128, np.uint8)
    return Clip(video, pictures, np.arange(frames), seconds), Geometry((side, side), (side, side), (side, side), (0, 0))


def noise(seed: int = 0, frames: int = FRAMES, side: int = SIDE) -> Tensor:
    return torch.randn(1, 3, frames, side, side, generator=torch.Generator().manual_seed(seed))


def card_of(readout: Readout | None = GAP) -> Card:
    return Card("tiny", "Tiny", "tiny", {}, Sampling("dense", FRAMES, FRAMES), Preprocess(SIDE, (SIDE, SIDE)), tuple("abcde"), readout=readout)


def traced(model: nn.Module, inputs: Tensor, *watch: str, grad: bool = False) -> Trace:
    clip, geometry = clip_of(inputs.shape[2], inputs.shape[3])
    return run(model, {"rgb": inputs}, clip, geometry, watch=watch, grad=grad)


def settled(model: nn.Module) -> nn.Module:
    """As the study keeps a model: evaluation mode, no gradients into parameters."""
    return model.eval().requires_grad_(False)


class ConvNet(nn.Module):
    """Two convolutions, global average pooling, fc. `early` is the tap between them; what follows may work in place, as in torchvision's nets."""

    def __init__(self, *, inplace: bool = False, channels: int = 6, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = nn.Conv3d(3, channels, 3, stride=(1, 2, 2), padding=1)
        self.early = Tap(stride=(1, 2, 2))
        self.act = nn.ReLU(inplace=inplace)
        self.body = nn.Sequential(nn.Conv3d(channels, channels, 3, stride=2, padding=1), nn.BatchNorm3d(channels), nn.ReLU())
        self.tap = Tap(stride=(2, 4, 4))
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.early(self.stem(x)))
        x = self.tap(self.body(x))
        return self.fc(self.drop(x.mean((2, 3, 4))))


class WindowNet(nn.Module):
    """Swin's layout: features (b, t, h, w, c) before the pooling. The arithmetic is that of a 4 × 4 × 4 patch convolution."""

    def __init__(self, channels_last: bool = True, channels: int = 6) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.patch, self.channels_last = nn.Conv3d(3, channels, 4, stride=4), channels_last
        self.tap = Tap("b t h w c" if channels_last else "b c t h w", stride=(4, 4, 4), first=(1.5, 1.5, 1.5))
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).relu()
        x = self.tap(x.movedim(1, -1)).movedim(-1, 1) if self.channels_last else self.tap(x)
        return self.fc((x**2).mean((2, 3, 4)))


class TokenNet(nn.Module):
    """A class token that attends to patches twice and alone is read by the head; taps after each attention, as after a transformer's blocks."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.patch = nn.Conv3d(3, width, 4, stride=4)
        self.cls = nn.Parameter(torch.randn(1, 1, width))
        self.mix = nn.ModuleList(nn.MultiheadAttention(width, 2, batch_first=True) for _ in range(2))
        self.taps = nn.ModuleList(Tap("b (1 t h w) c", stride=(4, 4, 4), first=(1.5, 1.5, 1.5)) for _ in range(2))
        self.fc = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x)
        grid = (x.shape[2], x.shape[3], x.shape[4])
        x = torch.cat([self.cls, x.flatten(2).transpose(1, 2)], 1)
        for mix, tap in zip(self.mix, self.taps, strict=True):
            x = tap(x + mix(x, x, x, need_weights=False)[0], grid)
        return self.fc(x[:, 0])


class Attention(nn.Module):
    """X + relation(Q, K)·V with the matrix written out, so that rows can be held against what the block truly uses."""

    def __init__(self, channels: int, relation: str, axis: str, scale: float) -> None:
        super().__init__()
        self.relation, self.axis = relation, axis
        about = {"relation": relation, "axis": axis}
        self.to_q, self.to_k, self.to_v = (nn.Conv3d(channels, n, 1) for n in (4, 4, channels))
        self.scale = nn.Parameter(torch.tensor(scale))
        self.q, self.k = (Tap(stride=(1, 2, 2), kind=kind, about=about) for kind in ("query", "key"))

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.matrix(self.q(self.to_q(x)), self.k(self.to_k(x))) @ self.to_v(x).flatten(2).mT).mT.view_as(x)

    def matrix(self, q: Tensor, k: Tensor) -> Tensor:
        """The weights (1, N, N), zero where the axis does not reach."""
        _, _, T, h, w = q.shape
        q, k = q.flatten(2).mT, k.flatten(2).mT
        step, place = torch.arange(T * h * w) // (h * w), torch.arange(T * h * w) % (h * w)
        same = {"time": place[:, None] == place, "space": step[:, None] == step}.get(self.axis, torch.ones(len(step), len(step)) > 0)
        if "cosine" in self.relation:
            q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        scores = q @ k.mT
        if self.relation == "cosine":
            return scores * same / same.sum(1)
        return (scores * self.scale).masked_fill(~same, -torch.inf).softmax(-1)


class AttentionNet(nn.Module):
    """A convolution, one attention block, GAP, fc."""

    def __init__(self, relation: str = "cosine", axis: str = "space-time", scale: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.stem = nn.Conv3d(3, 6, 3, stride=(1, 2, 2), padding=1)
        self.block = Attention(6, relation, axis, scale)
        self.tap = Tap(stride=(1, 2, 2))
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.tap(self.block(self.stem(x).relu_())).mean((2, 3, 4)))
