"""ResNet-50/101 for video: C2D, C3D and I3D in one reading (dam2024, table 2 and §3.1; wang2018nonlocal; wang2018region).

A clip (B, 3, T, H, W) passes Conv1, Pool1, Res1, Pool2, Res2, Res3, Res4, is averaged over time and space, and one linear layer names the action.
The backbones differ only in how long their kernels are in time:

==========  =========  ==================================================================================================================
backbone    Conv1      residual units
==========  =========  ==================================================================================================================
c2d         1×7×7      nothing looks across time but the pooling
c3d         1×7×7      C3D 3×1×1: the first 1×1 convolution of every second unit (0, 2, 4 … of each stage) becomes 3×1×1
c3d333      1×7×7      C3D 3×3×3: the 3×3 convolution of the same units becomes 3×3×3
i3d         5×7×7      3×1×1 in all units of Res1, units 0, 2, 4 of Res2 and Res3, and the odd ones of Res4
==========  =========  ==================================================================================================================

Strides (t, y, x), the same for all: Conv1 (2, 2, 2), so that where it is 1×7×7 every second sampled frame is never looked at; Pool1 3×3×3, stride 2;
Pool2 3×1×1, stride (2, 1, 1). The spatial stride of a stage is on the 3×3 convolution of its first unit. What the paper
leaves open: `_departures.dam`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from actrec.core.errors import WeightsError
from actrec.core.trace import Tap, Triple, follow

UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
BACKBONES = ("c2d", "c3d", "c3d333", "i3d")

Insert = Callable[[int, int, int, Triple], nn.Module | None]
"""(stage 1 … 4, unit, channels, stride) → the module to put before that unit, or None. Unit = number of units: after the last one."""


def no_insert(stage: int, unit: int, channels: int, stride: Triple) -> nn.Module | None:
    """Put nothing anywhere."""
    return None


def scaled(channels: int, width: float) -> int:
    """channels · width, rounded to a multiple of 8, at least 8."""
    return max(8, round(channels * width / 8) * 8)


def implied_width(shapes: Mapping[str, Sequence[int]], width: float) -> float:
    """The width that gives every stage the channels it has in a file: `width` itself where it does, or where no width does.

    shapes: of the file's tensors, by our names.
    """
    made = {32 * 2**stage: shapes.get(f"res{stage}.0.conv2.weight") for stage in (1, 2, 3, 4)}
    found = {channels: shape[0] for channels, shape in made.items() if shape}
    if not found:
        return width
    widest = max(found)
    tried = (width, found[widest] / widest, *((found[widest] + rest) / widest for rest in (-3, 3, -2, 2, -1, 1)))
    return next((w for w in tried if w > 0 and all(scaled(channels, w) == count for channels, count in found.items())), width)


def kernels(backbone: str, stage: int, unit: int) -> tuple[int, int]:
    """Lengths in time of a unit's first 1×1 and of its 3×3 convolution."""
    even = unit % 2 == 0
    if backbone == "c3d":
        return (3 if even else 1), 1
    if backbone == "c3d333":
        return 1, (3 if even else 1)
    if backbone == "i3d":
        return (3 if stage == 1 or (not even if stage == 4 else even) else 1), 1
    return 1, 1


def standing(stage: int, unit: int, width: float = 1.0, last_stride: int = 2) -> tuple[int, Triple]:
    """Channels, and input frames and pixels per cell (t, y, x), of what goes into a unit; unit = number of units: of what comes out of the last."""
    behind = stage - (unit == 0)  # the stage whose map it is; 0: that of Conv1 and Pool1
    side = float((4, 4, 8, 16, 16 * last_stride)[behind])
    return scaled(32 * 2**behind, width) * 4 if behind else scaled(64, width), (4.0 if stage == 1 else 8.0, side, side)


def conv(inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)) -> nn.Conv3d:
    """A 'same'-padded convolution without bias, for odd kernels: cell 0 is centred on input 0."""
    t, h, w = (k // 2 for k in kernel)
    return nn.Conv3d(inputs, outputs, kernel, stride, (t, h, w), bias=False)


class Unit(nn.Module):
    """A bottleneck residual unit, 4 · planes channels out."""

    def __init__(self, inputs: int, planes: int, times: tuple[int, int], stride: int) -> None:
        super().__init__()
        outputs = 4 * planes
        self.conv1 = conv(inputs, planes, (times[0], 1, 1))
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = conv(planes, planes, (times[1], 3, 3), (1, stride, stride))
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = conv(planes, outputs, (1, 1, 1))
        self.bn3 = nn.BatchNorm3d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, (1, 1, 1), (1, stride, stride)), nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class VideoResNet(nn.Module):
    """(B, 3, T, H, W), normalised, any T ≥ 4 and any size → logits (B, classes).

    Units are called res1.0, res1.1 …; a module put before unit u of a stage is res1.attend{u}. Taps: stem.tap, res1.tap … res4.tap.
    """

    res1: nn.Sequential
    res2: nn.Sequential
    res3: nn.Sequential
    res4: nn.Sequential

    def __init__(
        self, backbone: str, depth: int, *, width: float, classes: int, dropout: float, last_stride: int = 2, insert: Insert = no_insert
    ) -> None:
        super().__init__()
        channels = scaled(64, width)
        self.stem = nn.Sequential(
            OrderedDict(
                conv1=conv(3, channels, (5 if backbone == "i3d" else 1, 7, 7), (2, 2, 2)),
                bn1=nn.BatchNorm3d(channels),
                relu=nn.ReLU(inplace=True),
                tap=Tap(stride=(2, 2, 2)),
            )
        )
        self.pool1 = nn.MaxPool3d(3, 2, 1)
        for stage, units in enumerate(UNITS[depth], 1):
            planes, step = scaled(32 * 2**stage, width), {1: 1, 4: last_stride}.get(stage, 2)
            parts: OrderedDict[str, nn.Module] = OrderedDict()
            for unit in range(units + 1):
                channels, stride = standing(stage, unit, width, last_stride)
                if (module := insert(stage, unit, channels, stride)) is not None:
                    parts[f"attend{unit}"] = module
                if unit < units:
                    parts[str(unit)] = Unit(channels, planes, kernels(backbone, stage, unit), step if unit == 0 else 1)
            parts["tap"] = Tap(stride=stride)
            self.add_module(f"res{stage}", nn.Sequential(parts))
            if stage == 1:  # in the order of `features`, which `follow` goes by
                self.pool2 = nn.MaxPool3d((3, 1, 1), (2, 1, 1), (1, 0, 0))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)
        _start(self)
        follow(self)

    def features(self, x: Tensor) -> Tensor:
        """The last feature map (B, C, T/8, H/32, W/32)."""
        x = self.res1(self.pool1(self.stem(x)))
        return self.res4(self.res3(self.res2(self.pool2(x))))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(self.features(x).mean((2, 3, 4))))


def _start(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
        elif isinstance(module, Unit):
            nn.init.zeros_(module.bn3.weight)  # every unit starts as its shortcut: from scratch that trains faster; loaded weights replace it


def name_2d(name: str) -> str:
    """What torchvision's ResNet calls the tensor that we call `name`: stem.conv1.weight → conv1.weight, res1.0.bn1.bias → layer1.0.bn1.bias."""
    head, _, rest = name.partition(".")
    if head == "stem":
        return rest
    return f"layer{head[3:]}.{rest}" if head.startswith("res") else name


RELATIVES = ("layer1.0.conv1.weight",)
"""A tensor that a state has from which `inflate` makes one: torchvision's."""


def inflate(model: nn.Module, state_2d: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of model's state that a torchvision ResNet's state dict gives: 2-D kernels repeated t times along time and divided by t.

    A clip that repeats one image then has the image's features at every step that no zero from beyond the clip's ends reaches. With c2d these are all
    steps: no convolution looks across time, and a pooling pads with nothing. In the other backbones each kernel that is longer than one frame reads
    zeros at the ends: at depth 50 the first and the last 8 or 9 steps of the last map differ from the image's, which are all steps of a clip of up to
    128 frames.

    Tensors that only we have (attention blocks) are left out, and so they stay the identity; the last layer is left out where its classes differ.
    Neither argument is written to.

    Raises:
        WeightsError: a backbone tensor is missing or has another shape.
    """
    state, problems = {}, []
    for name, ours in model.state_dict().items():
        theirs = state_2d.get(name_2d(name))
        if theirs is not None and ours.ndim == 5 and theirs.ndim == 4:
            theirs = (theirs[:, :, None] / ours.shape[2]).repeat(1, 1, ours.shape[2], 1, 1)
        if theirs is not None and theirs.shape == ours.shape:
            state[name] = theirs.to(ours.dtype)
        elif ".attend" not in name and not name.startswith("fc."):
            problems.append(f"{name_2d(name)} is missing" if theirs is None else f"{name_2d(name)} is {tuple(theirs.shape)}, not {tuple(ours.shape)}")
    if problems:
        raise WeightsError(
            f"these 2-D weights do not fit the backbone: {'; '.join(problems[:3])} ({len(problems)} in all); use the ResNet of its depth, at width 1"
        )
    return state
