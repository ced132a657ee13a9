"""The models that are checked, on a sample clip, and what every way of explaining answers, as plain numbers by name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.evidence import Evidence, Points
from actrec.core.question import Question
from actrec.core.trace import Trace
from actrec.explain import Ask, Method
from actrec.models import weights
from actrec.study import Asked, Loaded, asking, open_clip

CLIP = "lift_barbell"
"""A sample clip with known joints."""

READS = {"dam": (8, 112), "deform": (8, 96), "s3d": (16, 224), "swin3d": (8, 112), "shift": (8, 112), "shiftdifference": (8, 112)}
"""Frames and pixels that an architecture is given instead of its card's, by how its id or its family begins, so that the processor keeps pace."""

Numbers = Mapping[str, np.ndarray]
Ways = Sequence[tuple[Method, str]]
"""Ways of explaining, each with the layer it is asked about."""


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


def ready(card: Card) -> Asked:
    """The sample clip asked of the card's network on the processor: with its own weights where they ship, else random ones, settled on the clip."""
    torch.manual_seed(0)
    model, device = catalogue.build(card), torch.device("cpu")
    found = asking.opened(Question(CLIP, card.id), open_clip(CLIP), Loaded(card, model, device, ""))
    if card.weights is not None and card.weights.file is not None:
        weights.load(model, weights.read(card.weights.file)[0])
    else:
        settle(model, found.inputs.values())
    model.eval().requires_grad_(False)
    return found


def size(subject: Asked) -> str:
    """Frames, height and width, for reading."""
    return "×".join(map(str, (len(subject.clip.index), *subject.geometry.crop)))


def settle(model: nn.Module, inputs: Iterable[Tensor | None]) -> None:
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


def moved(subject: Asked, *where: torch.device | torch.dtype) -> Asked:
    """The same on another device or in another precision. The network itself moves: there is but one."""
    model, inputs = subject.loaded.model, subject.inputs
    for one in where:
        model, inputs = model.to(one), {name: None if part is None else part.to(one) for name, part in inputs.items()}
    return replace(subject, loaded=replace(subject.loaded, model=model, device=next(model.parameters()).device), inputs=inputs)


def ways(card: Card, number: int) -> Ways:
    """Every way of explaining that fits the card, with its number-th layer, 0 for the default; those that have none such are left out."""
    found = [(method, catalogue.layers(card, method)) for method in catalogue.methods().values()]
    return [(method, layers[number]) for method, layers in found if not isinstance(layers, str) and len(layers) > number]


def answers(subject: Asked, asked: Ways, label: int | None = None) -> tuple[int, Numbers]:
    """The explained class (the strongest, if none is asked) and everything the ways find, by name; the logits among it.

    Ways that read the same layers of one kind of pass share the pass.
    """
    found: dict[str, np.ndarray] = {}
    names = next((given.names for given in subject.given.values() if given.names), ())
    with subject.turn():
        for method, layer, run in _passes(subject, asked):
            if label is None:
                label = int(run.logits[0].argmax())
            found.setdefault("logits", run.logits[0].detach().double().cpu().numpy())
            knobs = {knob.name: knob.choices[0] for knob in catalogue.knobs(subject.card, method)}
            card, place = subject.card, asking.place(subject)
            ask = Ask(label, None, layer, place, knobs, card.readout, card.readouts, names, preprocess=card.preprocess)
            said = method.explain(run, ask)
            evidence = said if isinstance(said, Evidence) else Evidence(said)
            found |= {f"{method.id} at {layer}, {name}": values for name, values in numbers(evidence)}
    return label or 0, found


def _passes(subject: Asked, asked: Ways) -> Iterator[tuple[Method, str, Trace]]:
    """The ways with their layers and a pass in which those were watched."""
    before: tuple[object, Trace] | None = None
    for method, layer in sorted(asked, key=lambda way: (way[0].grad, way[1])):
        watch = method.watch(layer)
        if before is None or before[0] != (method.grad, watch):
            before = (method.grad, watch), subject.run(watch, method.grad)
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
