"""ST-ResCNN, the spatio-temporal residual network of the two-stream model (qian2024, §2; tran2018closer): R(2+1)D of 10, 12 or 34 layers.

A clip (B, c, T, H, W) passes Conv1 and the residual stages Conv2 … Conv5, is averaged over time and space, and one linear layer names the action.
Every 3-D convolution is a spatial one, 1×d×d, and a temporal one, t×1×1, with a normalisation and an activation between. Between them are

    M = ⌊t·d²·N_in·N_out / (d²·N_in + t·N_out)⌋

channels, for each convolution by itself, so that both together have the parameters of the t×d×d one (torchvision's network has one M for both
convolutions of a unit, which makes the second of a down-sampling unit smaller). With that, and torchvision's 45 in Conv1, the networks have the
paper's parameters: 63.54 M (34 layers, 101 classes) and 14.379, 15.265, 17.921 and 28.541 M (A to D, 51 classes).

Names are torchvision's, so that checkpoints of R(2+1)D-34 load: stem, layer1 (Conv2) … layer4 (Conv5). A non-local block is layer{n}.attend.
What the paper leaves open: `_departures.rescnn`. Pruned networks are narrower ones of this family: `kept`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from actrec.core.card import Card, Readout
from actrec.core.clip import Preprocess, Sampling
from actrec.core.reach import Slide
from actrec.core.trace import Tap, Triple, follow
from actrec.models import _departures
from actrec.models._attend import ConvNorm, over, softmax_attention

STEM = 45
"""Channels between the convolutions of Conv1, as in torchvision and in the published weights; M would be 83."""

STAGES = (64, 128, 256, 512)

UNITS: dict[str, tuple[int, int, int, int]] = {"34": (3, 4, 6, 3), "a": (1, 1, 1, 1), "b": (1, 2, 1, 1), "c": (1, 1, 2, 1), "d": (1, 1, 1, 2)}
"""Residual units of Conv2 … Conv5 (qian2024, table 1)."""


def middle(inputs: int, outputs: int) -> int:
    """M for a 3×3×3 convolution."""
    return 3 * 9 * inputs * outputs // (9 * inputs + 3 * outputs)


class Split(nn.Sequential):
    """A 3×3×3 convolution in two: spatial (1×3×3, a stride in space) and temporal (3×1×1, the same stride in time), both 'same'-padded.

    between: channels between them.  outputs: of the temporal one, which pruning makes fewer; `between` stays as it was.
    """

    def __init__(self, inputs: int, outputs: int, between: int, stride: int, activation: nn.Module, eps: float) -> None:
        super().__init__(
            nn.Conv3d(inputs, between, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
            nn.BatchNorm3d(between, eps),
            activation,
            nn.Conv3d(between, outputs, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
        )


class Unit(nn.Module):
    """A residual unit. kept: channels of the first temporal convolution, and of the last one, which has as many as the shortcut but in a unit that
    has none.
    """

    downsample: nn.Module | None

    def __init__(self, inputs: int, planes: int, stride: int, kept: tuple[int, int], shortcut: bool, slope: float, eps: float) -> None:
        super().__init__()
        first, last = kept
        self.relu = activation(slope)
        self.conv1 = nn.Sequential(
            Split(inputs, first, middle(inputs, planes), stride, self.relu, eps), nn.BatchNorm3d(first, eps), activation(slope)
        )
        self.conv2 = nn.Sequential(Split(first, last, middle(planes, planes), 1, activation(slope), eps), nn.BatchNorm3d(last, eps))
        self.shortcut, self.downsample = shortcut, None
        if shortcut and (stride != 1 or inputs != planes):
            self.downsample = nn.Sequential(nn.Conv3d(inputs, planes, 1, stride, bias=False), nn.BatchNorm3d(planes, eps))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        if self.shortcut:
            y = y + (x if self.downsample is None else self.downsample(x))
        return self.relu(y)


def activation(slope: float) -> nn.Module:
    """LeakyReLU; ReLU for no slope."""
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


class NonLocal(nn.Module):
    """Z = W_Z softmax(θᵀφ) g + X over all places of all frames (qian2024, eqs. 3–5), θ, φ and g with half the channels, as wang2018nonlocal has them.

    No N×N matrix is formed: `_attend.softmax_attention`. W_Z's normalisation starts at 0, so the block is the identity until it is trained.
    """

    scale = 1.0

    def __init__(self, channels: int, stride: Triple, first: Triple) -> None:
        super().__init__()
        half, about = max(channels // 2, 1), {"relation": "softmax", "axis": "space-time"}
        self.theta, self.phi, self.g = (nn.Conv3d(channels, half, 1) for _ in range(3))
        self.q = Tap(stride=stride, first=first, kind="query", about=about)
        self.k = Tap(stride=stride, first=first, kind="key", about=about)
        self.added = Tap(stride=stride, first=first, kind="added")
        self.z = ConvNorm(half, channels, start=0.0)
        self.hops = over("space-time")

    def forward(self, x: Tensor) -> Tensor:
        y = softmax_attention(self.q(self.theta(x)), self.k(self.phi(x)), self.g(x), "space-time", self.scale)
        return x + self.added(self.z(y))


class ResCNN(nn.Module):
    """(B, c, T, H, W), normalised → logits (B, classes). Taps: stem.tap, layer1.tap … layer4.tap, and q, k and added of a non-local block."""

    def __init__(self, arguments: Mapping[str, Any], classes: int) -> None:
        super().__init__()
        units, slope, eps, inputs = tuple(arguments["units"]), arguments["slope"], arguments["eps"], arguments["inputs"]
        start = (arguments["delay"], 0.0, 0.0)
        planes = [channels(stage, arguments["width"]) for stage in STAGES]
        between = channels(STEM, arguments["width"], 1)
        self.stem = nn.Sequential(
            nn.Conv3d(inputs, between, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(between, eps),
            activation(slope),
            nn.Conv3d(between, planes[0], (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(planes[0], eps),
            activation(slope),
        )
        self.stem.add_module("tap", Tap(stride=(1, 2, 2), first=start))
        widths, came = iter(_widths(arguments)), planes[0]
        for stage, count in enumerate(units):
            stride: Triple = (2.0**stage, 2.0 * 2**stage, 2.0 * 2**stage)
            parts: OrderedDict[str, nn.Module] = OrderedDict()
            if arguments["non_local"] == stage + 2:
                parts["attend"] = NonLocal(came, tuple(s / (2 if stage else 1) for s in stride), start)  # type: ignore[arg-type]
            for unit in range(count):
                kept, last = next(widths), (stage, unit) == (3, count - 1)
                step = 2 if stage and not unit else 1
                parts[str(unit)] = Unit(came, planes[stage], step, kept, not (last and arguments["cut"]), slope, eps)
                came = kept[1]
            parts["tap"] = Tap(stride=stride, first=start)
            self.add_module(f"layer{stage + 1}", nn.Sequential(parts))
        self.fc = nn.Linear(came, classes)
        _start(self, slope)
        follow(self, (Slide(2, 1, 0),) if arguments["delay"] else ())  # a field of flow is made of two frames

    def features(self, x: Tensor) -> Tensor:
        """The last feature map (B, C, ⌈T/8⌉, ⌈H/16⌉, ⌈W/16⌉)."""
        x = self.stem(x)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).mean((2, 3, 4)))


def channels(count: int, width: float, step: int = 8) -> int:
    """count · width, a multiple of `step`."""
    return max(step, round(count * width / step) * step)


def _widths(arguments: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Channels of the first and of the last temporal convolution of every unit: as `kept` has them, else all."""
    planes = [channels(stage, arguments["width"]) for stage, count in zip(STAGES, arguments["units"], strict=True) for _ in range(count)]
    kept = list(arguments["kept"]) or [*planes, planes[-1]]
    if len(kept) != len(planes) + 1 or any(not 1 <= k <= most for k, most in zip(kept, [*planes, planes[-1]], strict=True)):
        raise ValueError(f"kept={kept} are not {len(planes)} channel counts of the units' first convolutions and one of the last, at most {planes}")
    if kept[-1] < planes[-1] and not arguments["cut"]:
        raise ValueError("the last convolution is as wide as the shortcut beside it; it can be narrower where that was cut")
    yield from ((first, kept[-1] if unit == len(planes) - 1 else planes[unit]) for unit, first in enumerate(kept[:-1]))


def _start(model: nn.Module, slope: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, a=slope, mode="fan_out", nonlinearity="leaky_relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)


def build(
    units: Sequence[int] = (3, 4, 6, 3),
    classes: int = 400,
    inputs: int = 3,
    width: float = 1.0,
    non_local: int = 0,
    cut: bool = False,
    kept: Sequence[int] = (),
    slope: float = 0.01,
    eps: float = 1e-5,
    delay: float = 0.0,
) -> ResCNN:
    """An untrained network: clips (B, inputs, T, H, W) → logits (B, classes). All arguments go through JSON, so a checkpoint can carry them.

    units: residual units of Conv2 … Conv5.  inputs: 3 for pictures, 2 for optical flow.  width: factor on all channel counts.
    non_local: 2 … 5 puts a non-local block before Conv2_1 … Conv5_1; 0: none.  cut: leave out the shortcut of the last unit.
    kept: of a pruned network, the channels of each unit's first temporal convolution, and last those of the last unit's second.
    slope: of LeakyReLU, 0 for ReLU.  eps: of the normalisations.  delay: the frame on which its first input lies, 0.5 for flow between frames.

    Raises:
        ValueError: no such stage, or channel counts that no pruning gives.
    """
    if len(units) != 4 or min(units) < 1 or non_local not in (0, 2, 3, 4, 5):
        raise ValueError(f"units={list(units)}, non_local={non_local}: give four counts of at least 1, and 0 or a stage from 2 to 5")
    given = {"units": units, "inputs": inputs, "width": width, "non_local": non_local, "cut": cut, "kept": kept, "slope": slope, "eps": eps}
    return ResCNN(given | {"delay": delay}, classes)


def implied(arguments: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The arguments as a file's tensors imply them: units, inputs, width, what was kept and cut, and where a non-local block stands."""
    units = [_units(shapes, stage) for stage in range(1, 5)]
    if not all(units):
        return dict(arguments)
    last = f"layer4.{units[3] - 1}"
    kept = [shapes[f"layer{s}.{u}.conv1.1.weight"][0] for s, count in enumerate(units, 1) for u in range(count)]
    kept.append(shapes[f"{last}.conv2.1.weight"][0])
    width = shapes["stem.3.weight"][0] / STAGES[0] if "stem.3.weight" in shapes else float(arguments.get("width", 1.0))
    planes = [channels(stage, width) for stage, count in zip(STAGES, units, strict=True) for _ in range(count)]
    whole = kept == [*planes, planes[-1]]
    cut = bool(arguments.get("cut")) or kept[-1] < planes[-1] or (units[3] == 1 and f"{last}.downsample.0.weight" not in shapes)
    attends = next((stage for stage in range(2, 6) if f"layer{stage - 1}.attend.theta.weight" in shapes), 0)
    inputs = shapes["stem.0.weight"][1] if "stem.0.weight" in shapes else arguments.get("inputs", 3)
    found = {"units": units, "inputs": inputs, "width": width, "kept": [] if whole else kept, "cut": cut, "non_local": attends}
    return {**arguments, **found}


def _units(shapes: Mapping[str, Sequence[int]], stage: int) -> int:
    count = 0
    while all(f"layer{stage}.{count}.{name}.1.weight" in shapes for name in ("conv1", "conv2")):
        count += 1
    return count


class Prunable(NamedTuple):
    """A layer whose channels can go: the normalisation that tells what they are worth, and the weights that make and that read them.

    title: as the paper calls it.
    """

    norm: str
    made: str
    read: str
    title: str


def prunable(arguments: Mapping[str, Any]) -> tuple[Prunable, ...]:
    """What qian2024, §2.2 prunes, in the order of `kept`: the first temporal convolution of each unit, and where the last unit has no shortcut its
    second one too, which narrows the linear layer. Never a spatial convolution, never what a shortcut is added to.
    """
    units = [(stage, unit) for stage, count in enumerate(arguments.get("units", UNITS["34"]), 1) for unit in range(count)]
    first = [_prunable(*place, "conv1", f"layer{place[0]}.{place[1]}.conv2.0.0.weight") for place in units]
    return (*first, _prunable(*units[-1], "conv2", "fc.weight")) if arguments.get("cut") else tuple(first)


def _prunable(stage: int, unit: int, conv: str, read: str) -> Prunable:
    name = f"layer{stage}.{unit}.{conv}"
    return Prunable(f"{name}.1", f"{name}.0.3.weight", read, f"Conv{stage + 1}_{unit + 1}" + (", last" if conv == "conv2" else ""))


def departures(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What a network that `build` makes of all these arguments reads in the paper in its own way, adds or changes."""
    return _departures.rescnn(arguments)


READOUT = Readout("layer4.tap", "fc")


def _card(id: str, title: str, units: str, parameters: float, **more: Any) -> Card:
    arguments: dict[str, Any] = {"units": list(UNITS[units])} | more
    return Card(
        id=id,
        title=title,
        family="rescnn",
        arguments=arguments,
        sampling=Sampling("dense", 16, rate=30),
        preprocess=Preprocess((128, 171), (112, 112), (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)),
        labels=(),
        paper="qian2024",
        readout=READOUT,
        paper_figures={"parameters": parameters} if parameters else {},
    )


CARDS: tuple[Card, ...] = (
    _card("st-rescnn-34", "ST-ResCNN, 34 layers", "34", 63.5),
    _card("st-rescnn-a", "ST-ResCNN A, 10 layers", "a", 14.38),
    _card("st-rescnn-b", "ST-ResCNN B, 12 layers", "b", 15.26),
    _card("st-rescnn-c", "ST-ResCNN C, 12 layers", "c", 17.92),
    _card("st-rescnn-d", "ST-ResCNN D, 12 layers", "d", 28.54),
    _card("r2plus1d-34", "R(2+1)D-34 with the activation and the widths of IG-65M", "34", 0.0, slope=0.0, eps=1e-3),
)
