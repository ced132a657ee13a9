"""The models that are checked, on a sample clip, and what every way of explaining answers, as plain numbers by name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from actrec import catalogue
from actrec.clips import library, video
from actrec.core import devices, trace
from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry
from actrec.core.evidence import Evidence, Points
from actrec.explain import Ask, Method
from actrec.inputs import pixels, pose, sampling
from actrec.models import weights

CLIP = "lift_barbell"
"""A sample clip with known joints."""

READS = {"dam": (8, 112), "deform": (8, 96), "s3d": (16, 224), "swin3d": (8, 112)}
"""Frames and pixels that an architecture is given instead of its card's, by how its id or its family begins, so that the processor keeps pace."""

Numbers = Mapping[str, np.ndarray]
Ways = Sequence[tuple[Method, str]]
"""Ways of explaining, each with the layer it is asked about."""


@dataclass(frozen=True)
class Given:
    """What a model is given of the clip. layout: names of one person's joints, where the model reads any."""

    clip: Clip
    geometry: Geometry
    inputs: tuple[Tensor, ...]
    layout: tuple[str, ...] = ()

    def to(self, *where: torch.device | torch.dtype) -> Given:
        return replace(self, inputs=tuple(_to(part, where) for part in self.inputs))


def _to(part: Tensor, where: Sequence[torch.device | torch.dtype]) -> Tensor:
    for one in where:
        part = part.to(one)
    return part


def demos() -> list[Card]:
    """The demo checkpoints, as they ship."""
    return [card for card in catalogue.cards().values() if card.weights is not None and card.weights.file is not None and _ships(card.weights.file)]


def _ships(file: Path) -> bool:
    return file.parent.parent.name == "assets"


def reduced(card: Card) -> Card:
    """An architecture's card that reads as much as `READS` says, by random weights."""
    size = next((size for start, size in READS.items() if card.id.startswith(start) or card.family == start), None)
    if size is None:
        return card
    frames, side = size
    resize = 8 * side // 7 if isinstance(card.preprocess.resize, int) else (8 * side // 7,) * 2
    span = None if card.sampling.span is None else 2 * frames
    return replace(
        card, sampling=replace(card.sampling, frames=frames, span=span), preprocess=replace(card.preprocess, resize=resize, crop=(side, side))
    )


def all_cards() -> list[Card]:
    """Every model there is: demo checkpoints first, then the architectures, reduced."""
    return [*demos(), *map(reduced, catalogue.architectures().values())]


def given(card: Card, clip_name: str = CLIP) -> Given:
    """The sample clip as the card's model reads it, with its known joints."""
    film = video.probe(library.samples()[clip_name])
    clip, geometry = sampling.load(film, card.sampling), pixels.geometry(film, card.preprocess)
    frames = pixels.to_input(clip.frames, card.preprocess, geometry)
    known = pose.given(None, film, card).joints
    if known is None:
        return Given(clip, geometry, (frames,))
    clip = replace(clip, joints=pose.side_by_side(known, clip.index))
    joints = torch.from_numpy(pose.side_by_side(known.to_input(geometry), clip.index))[None]
    return Given(clip, geometry, (frames, joints), known.layout.joints)


def size(seen: Given) -> str:
    """Frames, height and width, for reading."""
    return "×".join(map(str, seen.inputs[0].shape[2:]))


def network(card: Card, seen: Given) -> nn.Module:
    """The card's network on the processor: its own weights where they ship, else random ones, settled on the clip."""
    torch.manual_seed(0)
    model = catalogue.build(card)
    if card.weights is not None and card.weights.file is not None:
        weights.load(model, weights.read(card.weights.file)[0])
    else:
        settle(model, seen.inputs)
    return model.eval().requires_grad_(False)


def settle(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Have a random network pass on something at every depth, as a trained one does: normalisations that begin at zero would switch whole blocks off,
    and without the clip's own statistics the numbers would grow or vanish from stage to stage."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    model.eval()
    for module in norms:
        if not module.weight.any():
            nn.init.constant_(module.weight, 0.5)
        module.train().momentum = 1.0
    with torch.no_grad():
        model(*inputs)
    for module in norms:
        module.momentum = 0.1


def moved(model: nn.Module, *where: torch.device | torch.dtype) -> nn.Module:
    """The model itself, on another device or in another precision."""
    for one in where:
        model = model.to(one)
    return model


def ways(card: Card, number: int) -> Ways:
    """Every way of explaining that fits the card, with its number-th layer, 0 for the default; those that have none such are left out."""
    found = [(method, catalogue.layers(card, method)) for method in catalogue.methods().values()]
    return [(method, layers[number]) for method, layers in found if not isinstance(layers, str) and len(layers) > number]


def answers(card: Card, model: nn.Module, seen: Given, asked: Ways, label: int | None = None) -> tuple[int, Numbers]:
    """The explained class (the strongest, if none is asked) and everything the ways find, by name; the logits among it.

    Ways that read the same layers of one kind of pass share the pass.
    """
    device = seen.inputs[0].device
    found: dict[str, np.ndarray] = {}
    with devices.turn(device):
        for method, layer, run in _passes(model, seen, asked):
            if label is None:
                label = int(run.logits[0].argmax())
            found.setdefault("logits", run.logits[0].detach().double().cpu().numpy())
            knobs = {knob.name: knob.choices[0] for knob in method.knobs_for(card)}
            height, width = seen.geometry.crop
            place = (len(seen.clip.index) // 2, width / 2, height / 2)
            said = method.explain(run, Ask(label, None, layer, place, knobs, card.gap, seen.layout))
            evidence = said if isinstance(said, Evidence) else Evidence(said)
            found |= {f"{method.id} at {layer}, {name}": values for name, values in numbers(evidence)}
    return label or 0, found


def _passes(model: nn.Module, seen: Given, asked: Ways) -> Iterator[tuple[Method, str, trace.Trace]]:
    """The ways with their layers and a pass in which those were watched."""
    before: tuple[object, trace.Trace] | None = None
    for method, layer in sorted(asked, key=lambda way: (way[0].grad, way[1])):
        watch = method.watch(layer)
        if before is None or before[0] != (method.grad, watch):
            before = (method.grad, watch), trace.run(model, seen.inputs, seen.clip, seen.geometry, watch=watch, grad=method.grad)
        yield method, layer, before[1]


def numbers(found: object, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every array of decimal numbers in the evidence, whatever kinds of evidence there are, with the name of the field it stands in."""
    if isinstance(found, np.ndarray):
        if found.dtype.kind == "f" and found.size:
            yield name, found
    elif isinstance(found, tuple):
        for place, part in enumerate(found):
            yield from numbers(part, name if len(found) == 1 else f"{name} {place + 1}")
    elif dataclasses.is_dataclass(found):
        found = _in_order(found) if isinstance(found, Points) else found
        for field in dataclasses.fields(found):
            yield from numbers(getattr(found, field.name), f"{name} {field.name}".strip())


def _in_order(found: Points) -> Points:
    """By where they come from: sorted by score, near-equals would change places."""
    order = np.lexsort(found.reference.round(2).T)
    return replace(found, places=found.places[order], reference=found.reference[order], scores=found.scores[order])


def difference(one: np.ndarray, two: np.ndarray, least: float) -> tuple[float, int]:
    """The largest difference as a share of `one`'s peak (of `least`, where that is more), infinite where only one of them knows a value; and the
    rank in `two` of `one`'s strongest cell."""
    known = np.isfinite(one)
    if one.shape != two.shape or (known != np.isfinite(two)).any():
        return math.inf, 0
    if not known.any():
        return 0.0, 1
    a, b = np.abs(one[known]).astype(float), np.abs(two[known]).astype(float)
    apart = float(np.abs(one[known].astype(float) - two[known]).max())
    return apart / max(float(a.max()), least), 1 + int((b > b[a.argmax()]).sum())
