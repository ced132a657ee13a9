"""DAM, the directed attention model, and its baselines (dam2024): a ResNet for video with attention blocks between its residual units.

DAM-k has k modules: 1, 3 or 6 DA-NL in Res3, DAM-9 also 3 DA-DA in Res2, DAM-12 also 3 DA-Poly in Res1. How that was found, and all else that the
paper leaves open, is in `_departures.dam`.

The paper's increments of GFLOPs are the products between places alone (`products`). Ours are in the linear form, which has next to none of them, and
count the 1×1×1 convolutions, which the paper leaves out: `python -m actrec models` shows ours, the paper's and the paper's rule side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from actrec.core.card import Card, Readout
from actrec.core.clip import Preprocess, Sampling
from actrec.core.trace import Triple
from actrec.models import _departures
from actrec.models._attend import BLOCKS, Relation
from actrec.models._attend import block as make_block
from actrec.models._resnet import BACKBONES, RELATIVES, UNITS, VideoResNet, implied_width, inflate, standing

__all__ = ["CARDS", "NON_LOCAL", "RELATIVES", "build", "departures", "formula", "inflate", "places", "products"]

Place = tuple[int, int, str]
"""Stage 1 … 4, the unit before which the module stands (from 0; the number of units: after the last), the block's name."""

_RES3 = {1: (5,), 3: (1, 3, 5), 6: (1, 2, 3, 4, 5, 6)}


def places(dam: int) -> tuple[Place, ...]:
    """Where the modules of DAM-k stand in a ResNet-50.

    Raises:
        ValueError: k is none of 0, 1, 3, 6, 9, 12.
    """
    if dam not in (0, 1, 3, 6, 9, 12):
        raise ValueError(f"there is no DAM-{dam}; k is 1, 3, 6, 9 or 12, or 0 for the bare backbone")
    res1 = [(1, unit, "da-poly") for unit in (1, 2, 3)] if dam == 12 else []
    res2 = [(2, unit, "da-da") for unit in (1, 2, 3)] if dam >= 9 else []
    res3 = [(3, unit, "da-nl-1") for unit in _RES3.get(min(dam, 6), ())]
    return (*res1, *res2, *res3)


def build(
    backbone: str = "c2d",
    depth: int = 50,
    dam: int = 0,
    modules: Sequence[Sequence[int | str]] = (),
    block: str = "da-nl-1",
    width: float = 1.0,
    classes: int = 400,
    dropout: float = 0.5,
    qk: float = 0.25,
    v: float = 0.5,
    positions: bool = False,
    scale: float | str = "learnt",
    matrix_for: Sequence[int] = (32, 224, 224),
    last_stride: int = 2,
) -> VideoResNet:
    """An untrained network: clips (B, 3, T, H, W), T ≥ 4 → logits (B, classes). All arguments go through JSON, so a checkpoint can carry them.

    backbone: c2d, c3d, c3d333 or i3d.  dam: the paper's DAM-k, 0 for none.  modules: further places, [stage, unit] or [stage, unit, block].
    block: the kind for places that name none.  width: factor on all channel counts.  qk, v: widths inside the blocks as shares of their channels.
    positions: give each block a learnable temporal position encoding (the published blocks have none).
    scale: A of DA-NL-2 (eq. 8): a number that stays as it is, "learnt" for one per block, "matrix" for one for every two places of a clip of
    `matrix_for` (frames, height, width), up to 1024 places; such a network reads clips of that size alone.
    last_stride: spatial stride of Res4; 1 keeps a last map of H/16 × W/16, so that there is a picture to look at.

    Raises:
        ValueError: an unknown name, a place that does not exist or is taken twice, or a matrix A over too many places.
    """
    if backbone not in BACKBONES or depth not in UNITS:
        raise ValueError(f"no backbone {backbone!r} of depth {depth}; there are {', '.join(BACKBONES)}, of depth 50 or 101")
    wanted: dict[tuple[int, int], str] = {}
    for place in (*places(dam), *modules):
        stage, unit, kind = int(place[0]), int(place[1]), str(place[2]) if len(place) > 2 else block
        if not (1 <= stage <= 4 and 0 <= unit <= UNITS[depth][stage - 1]) or (stage, unit) in wanted:
            raise ValueError(f"no free place for {kind} before unit {unit} of Res{stage}: stages 1 … 4 have {UNITS[depth]} units, one module each")
        wanted[stage, unit] = kind

    def insert(stage: int, unit: int, channels: int, stride: Triple) -> nn.Module | None:
        kind = wanted.get((stage, unit))
        cells = math.prod(math.ceil(n / step) for n, step in zip(matrix_for, stride, strict=True))
        return None if kind is None else make_block(kind, channels, stride, qk=qk, v=v, positions=positions, scale=scale, places=cells)

    return VideoResNet(backbone, depth, width=width, classes=classes, dropout=dropout, last_stride=last_stride, insert=insert)


def implied(arguments: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The arguments as a file's tensors imply them: their width. What no shape tells, such as strides, stays as it is. shapes: by our names."""
    width = float(arguments.get("width", 1.0))
    found = implied_width(shapes, width)
    return {**arguments, "width": found} if found != width else dict(arguments)


def _modules(arguments: Mapping[str, Any]) -> list[Place]:
    """All modules of a network: those of DAM-k and the further ones, with their kinds."""
    return [
        (int(place[0]), int(place[1]), str(place[2]) if len(place) > 2 else arguments["block"])
        for place in (*places(arguments["dam"]), *arguments["modules"])
    ]


def departures(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What a network that `build` makes of all these arguments reads in the paper in its own way, adds or changes."""
    return _departures.dam(arguments, [kind for _, _, kind in _modules(arguments)])


RULE: Mapping[Relation, float] = {"cosine": 0.77, "scaled cosine": 0.79, "softmax": 0.257, "poly": 0.0}
"""What dam2024's tables 3 and 4 count for every channel and two places that meet, in multiply–accumulates; a test holds them to every row."""

COUNTED = (32, 256, 256)
"""Frames, height and width of the clip that the paper's GFLOPs are for."""


def products(block: str, channels: int, grid: tuple[int, int, int]) -> float:
    """GFLOPs (multiply–accumulates / 1e9) of the products between the places of a grid (t, y, x), which are all that the paper counts of a block."""
    t, y, x = grid
    meet = {"space-time": t * y * x, "time": t, "space": y * x}
    return sum(RULE[relation] * channels * t * y * x * meet[axis] for relation, axis in BLOCKS[block]) / 1e9


def formula(arguments: Mapping[str, Any]) -> float | None:
    """The paper's own count of a network of all these arguments: its GFLOPs of C2D on ResNet-50, and `products` of every module on the grid where it
    stands; None for what the paper's rule says nothing about: other backbones, and widths that are not the paper's.
    """
    usual = {"backbone": "c2d", "depth": 50, "width": 1.0, "qk": 0.25, "v": 0.5, "last_stride": 2}
    if any(arguments[name] != value for name, value in usual.items()):
        return None
    total = C2D_GFLOPS
    for stage, unit, kind in _modules(arguments):
        channels, stride = standing(stage, unit)
        t, y, x = (math.ceil(n / step) for n, step in zip(COUNTED, stride, strict=True))
        total += products(kind, channels, (t, y, x))
    return total


NON_LOCAL: tuple[Place, ...] = ((2, 2, "dp-nl"), (2, 4, "dp-nl"), (3, 2, "dp-nl"), (3, 4, "dp-nl"), (3, 6, "dp-nl"))
"""I3D+NL's five blocks (wang2018nonlocal)."""

C2D_GFLOPS = 26.19

SKIPS = "Conv1's stride of 2 in time skips every second sampled frame."
EDGES = (
    "The order of the frames reaches the model only through its pooling windows, the first of which sees fewer frames than the last; "
    "a model trained on clips and their reversals "
    "learns to use even that, so look at its scores for the frames reversed and shuffled. "
)
BLIND = (
    "Nothing in this model compares earlier with later: attention takes its places as a set, and C2D only pools over time. "
    + EDGES
    + "The paper's Something-Something figures cannot be expected from this form. "
    + SKIPS
)
BARE = "No kernel of this model looks across time. " + EDGES + SKIPS


def _card(id: str, title: str, note: str, arguments: Mapping[str, Any], figures: Mapping[str, float]) -> Card:
    return Card(
        id=id,
        title=title,
        family="dam",
        arguments=arguments,
        sampling=Sampling("dense", 32, 64),
        preprocess=Preprocess(256, (224, 224)),
        labels=(),
        paper="dam2024",
        readout=Readout("res4.tap", "fc"),
        note=note,
        paper_figures=figures,
        counted_at=COUNTED,
    )


def _figures(
    parameters: float, gflops: float, mini: tuple[float, float] | None = None, something: tuple[float, float] | None = None
) -> dict[str, float]:
    """Tables 3 and 6: parameters in millions, matmul GFLOPs, top-1 and top-5 on Mini-Kinetics-400 and on Something-Something V1, in per cent."""
    figures = {"parameters": parameters, "gflops": gflops}
    for name, pair in (("Mini-Kinetics-400", mini), ("Something-Something V1", something)):
        figures |= {f"{name} top-1": pair[0], f"{name} top-5": pair[1]} if pair else {}
    return figures


CARDS: tuple[Card, ...] = (
    _card("c2d-r50", "C2D, ResNet-50", BARE, {}, _figures(24.18, C2D_GFLOPS, (71.76, 89.85), (18.7, 45.3))),
    _card("c2d-r101", "C2D, ResNet-101", BARE, {"depth": 101}, {}),
    _card("c3d-r50", "C3D 3×1×1, ResNet-50", SKIPS, {"backbone": "c3d"}, _figures(28.51, 35.67, None, (32.8, 60.3))),
    _card("i3d-r50", "I3D, ResNet-50", "", {"backbone": "i3d"}, _figures(28.0, 153.0, None, (41.6, 72.2))),
    _card(
        "i3d-nl-r50",
        "I3D with five non-local blocks, ResNet-50",
        "",
        {"backbone": "i3d", "modules": NON_LOCAL, "qk": 0.5, "v": 0.5},
        _figures(35.3, 168.0, None, (44.4, 76.0)),
    ),
    _card("dam-1", "DAM, 1 module on C2D", BLIND, {"dam": 1}, _figures(25.53, 27.02, (73.21, 90.73))),
    _card("dam-3", "DAM, 3 modules on C2D", BLIND, {"dam": 3}, {}),
    _card("dam-6", "DAM, 6 modules on C2D", BLIND, {"dam": 6}, {}),
    _card("dam-9", "DAM, 9 modules on C2D", BLIND, {"dam": 9}, {}),
    _card(
        "dam-12",
        "DAM, 12 modules on C2D",
        BLIND,
        {"dam": 12},
        _figures(40.38, 36.36, None, (51.7, 80.1)) | {"UCF101 mean class accuracy": 95.7, "HMDB51 mean class accuracy": 71.8},
    ),
    _card(
        "dam-12-c3d",
        "DAM, 12 modules on C3D 3×1×1",
        "The backbone's temporal kernels tell before from after, which the attention blocks alone cannot. " + SKIPS,
        {"backbone": "c3d", "dam": 12},
        {},
    ),
)
