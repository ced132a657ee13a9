"""ResNet frame by frame with the shift module, the temporal shift module TSM (shiftvlad, §2.1; lin2019tsm), and NetVLAD or average pooling behind it.

Every frame passes the same 2-D ResNet. Before the first convolution of a residual branch some channels are taken from the previous frame, as many
from the next frame, and beyond the clip's ends there are zeros (fig. 1); the shortcut is not shifted. That costs no parameter and no operation,
and without it this is torchvision's ResNet on each frame, number for number. The head is NetVLAD over all places of all frames (`_netvlad`), or
their mean.

Names are torchvision's, but that the convolution behind a shift is called `conv1.net`, as in the shift module's published checkpoints: weights that
were trained with a shift do not fit a network without one. What the paper leaves open: `_departures.shift`.
"""

from __future__ import annotations

import inspect
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from actrec.core.card import Card, Readout
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import WeightsError
from actrec.core.reach import Behind, Beside
from actrec.core.trace import Tap, follow
from actrec.models import _departures
from actrec.models._netvlad import NetVLAD
from actrec.models._resnet import UNITS, name_2d, scaled

SHARE = 0.125
"""The part of the channels that comes from the previous frame, and as much from the next frame, in the shift module's published weights."""


class Shifted(nn.Module):
    """A convolution behind a shift: (B · T, C, H, W) → as `net` gives it. Of the channels, the first `behind` come from the next frame, the next
    `before` from the previous frame, the others stay; zeros where there is no such frame.

    `wiring` is where the shift can be changed for one pass: under its tap lie, for each channel, how many frames earlier it is taken from (1, −1, 0).
    """

    def __init__(self, net: nn.Conv2d, before: int, behind: int, tap: Tap) -> None:
        super().__init__()
        self.net, self.before, self.behind, self.wiring = net, before, behind, tap
        moves = torch.zeros(net.in_channels, dtype=torch.int64)
        moves[:behind], moves[behind : behind + before] = -1, 1
        self.register_buffer("moves", moves, persistent=False)
        self.hops = (Beside(before > 0, behind > 0),)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        moves = self.wiring(self.moves)
        clips = x.unflatten(0, (-1, frames))
        shifted = self._shifted(clips) if moves is self.moves else rewired(clips, moves)
        return self.net(shifted.flatten(0, 1))

    def _shifted(self, x: Tensor) -> Tensor:
        """(B, T, C, H, W) as it is wired."""
        first, last = self.behind, self.behind + self.before
        out = x.clone()
        out[:, :-1, :first], out[:, -1:, :first] = x[:, 1:, :first], 0
        out[:, 1:, first:last], out[:, :1, first:last] = x[:, :-1, first:last], 0
        return out


def rewired(x: Tensor, moves: Tensor) -> Tensor:
    """(B, T, C, H, W) with each channel taken from so many frames earlier, moves (C), each −1, 0 or 1; zeros where there is no such frame."""
    blank = torch.zeros_like(x[:, :1])
    earlier, later = torch.cat([blank, x[:, :-1]], 1), torch.cat([x[:, 1:], blank], 1)
    moves = moves.view(-1, 1, 1)
    return torch.where(moves > 0, earlier, torch.where(moves < 0, later, x))


class Unit(nn.Module):
    """A bottleneck residual unit on frames, 4 · planes channels out; torchvision's, with a shift before its first convolution or without."""

    def __init__(self, inputs: int, planes: int, stride: int, shift: tuple[int, int], tap: Tap) -> None:
        super().__init__()
        outputs = 4 * planes
        first = nn.Conv2d(inputs, planes, 1, bias=False)
        self.shifts = any(shift)
        self.conv1 = Shifted(first, *shift, tap) if self.shifts else first
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor, frames: int) -> Tensor:
        y = self.conv1(x, frames) if self.shifts else self.conv1(x)
        y = self.relu(self.bn1(y))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ShiftNet(nn.Module):
    """Clips (B, inputs, T, H, W), any T and any size → logits (B, classes). Taps: stem, layer1.tap … layer4.tap."""

    def __init__(self, arguments: Mapping[str, Any], classes: int) -> None:
        super().__init__()
        width, came = arguments["width"], scaled(64, arguments["width"])
        self.conv1 = nn.Conv2d(arguments["inputs"], came, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(came)
        self.relu = nn.ReLU(inplace=True)
        self.stem = Tap(stride=(1, 2, 2))
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        side = 4.0
        for stage, count in enumerate(UNITS[arguments["depth"]], 1):
            planes, step = scaled(32 * 2**stage, width), {1: 1, 4: arguments["last_stride"]}.get(stage, 2)
            parts: OrderedDict[str, nn.Module] = OrderedDict()
            for unit in range(count):
                shifted = unit % arguments["every"] == 0
                moved = [int(came * arguments[name]) * shifted for name in ("before", "behind")]
                tap = Tap(stride=(1, side, side), kind="wiring")
                parts[str(unit)] = Unit(came, planes, step if unit == 0 else 1, (moved[0], moved[1]), tap)
                came, side = 4 * planes, side * (step if unit == 0 else 1)
            words = {"words": str(arguments["clusters"])} if stage == 4 and arguments["clusters"] else {}
            parts["tap"] = Tap(stride=(1, side, side), about=words)
            self.add_module(f"layer{stage}", nn.ModuleDict(parts))
        self.pool = NetVLAD(came, arguments["clusters"]) if arguments["clusters"] else None
        self.dropout = nn.Dropout(arguments["dropout"])
        self.fc = nn.Linear(came * max(arguments["clusters"], 1), classes)
        _start(self)
        follow(self, (Behind(arguments["inputs"] // 3),) if arguments["inputs"] > 3 else ())

    def features(self, x: Tensor) -> Tensor:
        """The last feature map (B, C, T, ⌈H/32⌉, ⌈W/32⌉)."""
        frames = x.shape[2]
        x = _tapped(self.stem, self.relu(self.bn1(self.conv1(x.transpose(1, 2).flatten(0, 1)))), frames)
        x = self.maxpool(x)
        for stage in range(1, 5):
            for part in self.get_submodule(f"layer{stage}").children():
                x = _tapped(part, x, frames) if isinstance(part, Tap) else part(x, frames)
        return x.unflatten(0, (-1, frames)).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.fc(self.dropout(x.mean((2, 3, 4)) if self.pool is None else self.pool(x)))


def _tapped(tap: Tap, x: Tensor, frames: int) -> Tensor:
    """Frames (B · T, C, H, W) through a tap, which sees them as clips."""
    return tap(x.unflatten(0, (-1, frames)).transpose(1, 2)).transpose(1, 2).flatten(0, 1)


def _start(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
        elif isinstance(module, Unit):
            nn.init.zeros_(module.bn3.weight)  # every unit starts as its shortcut; loaded weights replace it


def build(
    depth: int = 50,
    before: float = SHARE,
    behind: float = SHARE,
    every: int = 1,
    inputs: int = 3,
    width: float = 1.0,
    last_stride: int = 2,
    clusters: int = 0,
    dropout: float = 0.5,
    classes: int = 400,
) -> ShiftNet:
    """An untrained network: clips (B, inputs, T, H, W) → logits (B, classes). All arguments go through JSON, so a checkpoint can carry them.

    depth: 50 or 101.  before, behind: the shares of the channels that come from the previous frame and from the next frame; 0 and 0 for no shift.
    every: shift in every so-manieth unit of a stage, from the first on.  inputs: 3 for pictures, 3 a difference for RGB differences.
    width: factor on all channel counts.  last_stride: spatial stride of the last stage; 1 keeps a last map of H/16 × W/16.
    clusters: of NetVLAD; 0 for global average pooling.

    Raises:
        ValueError: no such depth, or shares that are none.
    """
    if depth not in UNITS:
        raise ValueError(f"there is no ResNet-{depth} of bottleneck units here; depth is 50 or 101")
    if not (before >= 0 and behind >= 0 and before + behind <= 1) or every < 1 or clusters < 0 or inputs < 1:
        raise ValueError(
            f"before={before}, behind={behind}: give two shares of the channels that sum to 1 at most; every ≥ 1, clusters ≥ 0, inputs ≥ 1"
        )
    given = {"depth": depth, "before": before, "behind": behind, "every": every, "inputs": inputs, "width": width, "last_stride": last_stride}
    return ShiftNet(given | {"clusters": clusters, "dropout": dropout}, classes)


RELATIVES = ("layer1.0.conv1.weight", "res1.0.conv1.weight")
"""Tensors that a state has from which `inflate` makes one: torchvision's, and those of our C2D, whose kernels are flat too."""


def inflate(model: nn.Module, state_2d: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of model's state that a ResNet's of its depth and width gives, torchvision's or our C2D's. A first convolution of pictures becomes one
    of differences by the mean of its three channels for each (wang2016tsn). The head is left out where it differs.

    Raises:
        WeightsError: a tensor is missing, is left over or has another shape.
    """
    flat = {name_2d(name): t[:, :, 0] if t.ndim == 5 and t.shape[2] == 1 else t for name, t in state_2d.items()}
    wanted = {name: name.replace(".conv1.net.", ".conv1.") for name in model.state_dict()}
    known = set(wanted.values())
    state, problems = {}, [name for name in flat if name.startswith("layer") and name not in known]
    for name, ours in model.state_dict().items():
        theirs = flat.get(wanted[name])
        if name == "conv1.weight" and theirs is not None and theirs.shape[1] == 3 != ours.shape[1]:
            theirs = theirs.mean(1, keepdim=True).expand(-1, ours.shape[1], -1, -1)
        if theirs is not None and theirs.shape == ours.shape:
            state[name] = theirs.to(ours.dtype)
        elif not name.startswith(("fc.", "pool.")):
            problems.append(name)
    if problems:
        raise WeightsError(
            f"these weights do not fit this ResNet: {', '.join(problems[:3])} ({len(problems)} in all); use one of its depth and width"
        )
    return state


def implied(arguments: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The arguments as a file's tensors imply them: how many differences, width, visual words, and in which units channels are shifted. How many of
    them no shape tells; nor do pictures become differences, or a network with a shift one without.
    """
    usual = {name: each.default for name, each in inspect.signature(build).parameters.items()} | dict(arguments)
    found: dict[str, Any] = {}
    if usual["inputs"] != 3 and len(first := shapes.get("conv1.weight", ())) == 4 and first[1] > 3 and first[1] % 3 == 0:
        found["inputs"] = first[1]
    if second := next((unit for unit in range(1, max(UNITS[101])) if f"layer3.{unit}.conv1.net.weight" in shapes), 0):
        found["every"] = second
    widths = {2 ** (stage + 5): shapes.get(f"layer{stage}.0.conv2.weight") for stage in (1, 2, 3, 4)}
    if (last := widths[512]) and all(shape and scaled(channels, last[0] / 512) == shape[0] for channels, shape in widths.items()):
        found["width"] = last[0] / 512
    if centres := shapes.get("pool.centres"):
        found["clusters"] = centres[0]
    return {**arguments, **{name: value for name, value in found.items() if value != usual[name]}}


def follows(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the card that follow from the network's arguments."""
    return {"readout": Readout("layer4.tap", "fc", "pool" if arguments.get("clusters") else "")}


def departures(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What a network that `build` makes of all these arguments reads in the paper in its own way, adds or changes."""
    return _departures.shift(arguments)


def named(card: Card, file: str) -> Card:
    """The card as a checkpoint's file name has it: the shift module's authors write into it how many frames were read, and from where, and the part
    of the channels that is shifted each way.

    TSM_kinetics_RGB_resnet50_shift8_blockres_avg_segment16_e50.pth: an eighth, and 16 frames, one of each equal part; with `_dense`, of 64
    consecutive frames. MMAction2's tsm_imagenet-pretrained-r50_8xb16-1x1x16-50e_…: 16 frames; with `-dense-` as above.
    """
    said = re.search(r"TSM_.*?_RGB(?:Diff)?_.*?segment([1-9]\d?)_|tsm_.*?-1x1x([1-9]\d?)-", file)
    if said is None:
        return card
    frames, part = int(said.group(1) or said.group(2)), re.search(r"_shift([2-9]|[1-9]\d)_", file)
    shares = {name: 1 / int(part.group(1)) for name in ("before", "behind") if card.arguments.get(name, SHARE)} if part else {}
    return replace(
        card,
        sampling=Sampling("dense", frames, 64) if re.search("[_-]dense[_.-]", file) else Sampling("segments", frames),
        arguments={**card.arguments, **{name: share for name, share in shares.items() if share != card.arguments.get(name, SHARE)}},
    )


BESIDE = "Of time this model sees only what the shift brings: in every unit some channels from the previous frame and some from the next frame."
ALONE = "This model looks at every frame by itself and takes their mean: the order of the frames means nothing to it."


def _card(id: str, title: str, note: str, figures: Mapping[str, float], **arguments: Any) -> Card:
    return Card(
        id=id,
        title=title,
        family="shift",
        arguments=arguments,
        sampling=Sampling("segments", 8),
        preprocess=Preprocess(256, (224, 224)),
        labels=(),
        paper="shiftvlad" if arguments.get("clusters") else "wang2016tsn" if arguments.get("before") == 0 else "lin2019tsm",
        note=note,
        paper_figures=figures,
        counted_at=(8, 224, 224),
        **follows(arguments),
    )


CARDS: tuple[Card, ...] = (
    _card("tsm-vlad-r50", "TSM with NetVLAD, ResNet-50", BESIDE, {"gflops": 33.0}, clusters=64),
    _card("tsm-r50", "TSM, ResNet-50", BESIDE, {}),
    _card("tsm-r101", "TSM, ResNet-101", BESIDE.replace("every unit", "every second unit"), {}, depth=101, every=2),
    _card("tsn-r50", "TSN, ResNet-50", ALONE, {}, before=0.0, behind=0.0),
)
