"""Models that can be pruned, with scales of chance, and what pruning really makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streams_made
import torch
from torch import Tensor, nn

from actrec import catalogue
from actrec.catalogue import counting
from actrec.core.card import Card
from actrec.lab import fuse, prune
from actrec.models import weights


def scaled(file: Path, scale: Callable[[str, Tensor], Tensor]) -> Path:
    """The checkpoint with the scale of every normalisation that can be pruned replaced. scale: of its name and its old numbers (n)."""
    state, about = weights.read(file)
    card = catalogue.card(f"{about['architecture']}@{file}")
    before = {name: f"{name}." if catalogue.parts(card) else "" for name in prune.networks(card)}
    norms = [f"{before[name]}{layer.norm}.weight" for name, each in prune.networks(card).items() for layer in prune.layers(each)]
    model = catalogue.build(card)
    half = all(t.dtype == torch.float16 for t in state.values() if t.is_floating_point())
    model.load_state_dict({name: scale(name, tensor.float()) if name in norms else tensor for name, tensor in state.items()})
    weights.save(file, model, about, half=half)
    return file


def spread(name: str, old: Tensor) -> Tensor:
    """Many small scales and a few large ones, as sparse training leaves them."""
    return torch.rand(len(old)) ** 4 * torch.where(torch.rand(len(old)) < 0.5, -1, 1)


def tied(name: str, old: Tensor) -> Tensor:
    """Scales of four sizes."""
    return torch.randint(0, 4, (len(old),)) / 4


def low(name: str, old: Tensor) -> Tensor:
    """One layer in which all scales are smaller than any other, so that it keeps its largest alone."""
    return torch.rand(len(old)) * 1e-6 if "layer2.0.conv1" in name else 1 + torch.rand(len(old))


def alike(name: str, old: Tensor) -> Tensor:
    """Scales as they are before training."""
    return torch.ones_like(old)


def both(folder: Path, scale: Callable[[str, Tensor], Tensor] = spread, name: str = "two", **arguments: Any) -> Path:
    """Two streams fused, in half precision, and each by itself (tiny-rgb, tiny-flow), in single precision."""
    for seed, stream in enumerate(("rgb", "flow")):
        scaled(streams_made.stream(folder, stream, seed, **arguments), scale)
    made = [f"tst-rescnn-a:{stream}@{folder / f'tiny-{stream}.safetensors'}" for stream in ("rgb", "flow")]
    fuse.fuse(made[0], made[1], folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


MADE: list[tuple[Callable[[str, Tensor], Tensor], dict[str, Any], list[tuple[str, str, bool]]]] = [
    (spread, {}, [("two", "0", True), ("two", "ucf101", True), ("two", "9,0", True), ("rgb", "0", True), ("rgb", "12.5", True), ("rgb", "99", True)]),
    (spread, {"cut": True, "units": [1, 2, 1, 2]}, [("two", "99", True), ("two", "40,70", False), ("flow", "60", True), ("flow", "60", False)]),
    (tied, {"cut": True}, [("rgb", "0", False), ("rgb", "40", True), ("two", "80", False)]),
    (low, {}, [("rgb", "50", True), ("two", "30,99", True)]),
]
"""Scales, arguments of each stream, and of which model how much goes, with fc or without."""


def made(folder: Path) -> list[dict[str, Any]]:
    """For several models and percentages: what the browser is told, and the network and the file that pruning makes."""
    torch.manual_seed(3)
    found = []
    for number, (scale, more, cases) in enumerate(MADE):
        home = folder / f"{number}"
        home.mkdir()
        both(home, scale, **more)
        found += [_case(home, *case) for case in cases]
    again = folder / "0" / "again"
    again.mkdir()
    prune.save(_name(folder / "0", "rgb"), {"rgb": 30.0}, again / "tiny-rgb.safetensors")
    return [*found, _case(again, "rgb", "0", True), _case(again, "rgb", "50", True)]


def _name(home: Path, model: str) -> str:
    base, file = ("tst-rescnn-34", "two") if model == "two" else (f"tst-rescnn-a:{model}", f"tiny-{model}")
    return f"{base}@{home / file}.safetensors"


def _case(home: Path, model: str, asked: str, fc: bool) -> dict[str, Any]:
    whole = prune.opened(_name(home, model))
    percents = prune.percents(whole.card, asked)
    out = home / "pruned.safetensors"
    plans = {stream: prune.plan(prune.worths(card, state, fc), percents[stream]) for stream, (card, state) in whole.states().items()}
    card: Card = prune.written(whole, plans, out, fc=fc)
    network: nn.Module = catalogue.build(card)
    parameters, products = sum(p.numel() for p in network.parameters()), counting.products(card)[""]
    assert counting.counted(card).parameters == parameters
    kept = [[int(each.sum()) for each in chosen.kept.values()] for chosen in plans.values()]
    told = {"percents": list(percents.values()), "fc": fc, "kept": kept, "shares": [chosen.share for chosen in plans.values()]}
    return told | {"sizes": prune.sizes(whole), "parameters": parameters, "products": products, "bytes": out.stat().st_size}
