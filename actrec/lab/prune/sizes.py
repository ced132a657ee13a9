"""How large a model is at every pruning, as plain data, so that a browser can work it out while the threshold moves.

Everything is counted over the tensors: each has a shape, and a layer that is pruned narrows one or two of its sides. Then parameters are products of
sides, multiply–accumulates are parameters times the places at which they are used, and a file is its tensors behind a header that writes their
sides down. `ui/parts/prune.js` has the sums; a test holds them against the networks and files that pruning really makes.
"""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from actrec import catalogue
from actrec.catalogue.counting import products
from actrec.core.card import Card
from actrec.lab.prune.narrow import Whole, title, told
from actrec.lab.prune.scales import State, layers, worths


def sizes(whole: Whole) -> dict[str, Any]:
    """A model's networks with what their channels are worth, and all that its size depends on.

    networks: stream; layers (title, |γ| from small to large, whether it narrows the last linear layer); full: it was never pruned; tail: widths that
    its card names behind those of the layers.
    tensors: in the file's order, [letters of the header that never change, bytes of a number, 1 for a parameter, places at which each number is used,
    shape, for the first and second side the number of the layer that narrows it, or −1].
    rest: multiply–accumulates besides.  head: letters of the header besides.  half: numbers of 16 bits.
    """
    networks = [_network(stream, card, state) for stream, (card, state) in whole.states().items()]
    return {"networks": networks, **_tensors(whole), "head": _head(whole), "half": whole.half}


def _network(stream: str, card: Card, state: State) -> dict[str, Any]:
    known, last, values = layers(card), f"{card.head}.weight", worths(card, state)
    listed = [{"title": layer.title, "worths": sorted(values[layer.norm].tolist()), "fc": layer.read == last} for layer in known]
    tail = [] if listed[-1]["fc"] else [state[last].shape[1]]
    return {"stream": stream, "layers": listed, "full": not catalogue.implied(card, state).arguments["kept"], "tail": tail}


def _narrowed(whole: Whole) -> dict[str, list[int]]:
    """For each tensor that a pruned layer narrows, the layer's number for its first and second side, or −1."""
    found: dict[str, list[int]] = {}
    every = [(whole.before(stream), layer) for stream, (card, _) in whole.states().items() for layer in layers(card)]
    for number, (before, layer) in enumerate(every):
        made = [f"{layer.norm}.{name}" for name in ("weight", "bias", "running_mean", "running_var")] + [layer.made]
        for side, names in enumerate((made, [layer.read])):
            for name in names:
                found.setdefault(before + name, [-1, -1])[side] = number
    return found


def _tensors(whole: Whole) -> dict[str, Any]:
    made, by = products(whole.card), _narrowed(whole)
    parameters, rows, rest = {name for name, _ in whole.model.named_parameters()}, [], made[""]
    state = whole.model.state_dict()
    for name in sorted(state, key=lambda name: (state[name].is_floating_point(), name)):  # as safetensors has it: whole numbers first
        tensor, module = state[name], name.removesuffix(".weight")
        places = made.get(module, 0) // tensor.numel() if module != name else 0
        rest -= places * tensor.numel()
        fixed, size = _entry(name, tensor, whole.half)
        rows.append([fixed, size, int(name in parameters), places, list(tensor.shape), by.get(name, [-1, -1])])
    return {"tensors": rows, "rest": rest}


def _entry(name: str, tensor: Tensor, half: bool) -> tuple[int, int]:
    """Letters of a tensor's entry in the header but for its numbers, and bytes of one of its numbers in the file."""
    size = 8 if not tensor.is_floating_point() else 2 if half else 4
    kind = {8: "I64", 4: "F32", 2: "F16"}[size]
    return len(f',"{name}":{{"dtype":"{kind}","shape":[],"data_offsets":[,]}}') + max(tensor.ndim - 1, 0), size


def _head(whole: Whole) -> int:
    """Letters of the header besides the tensors' entries, but for the digits of what was kept, of the shares in the title and of the percentages."""
    streams = list(whole.states())
    inside: dict[str, Any] = {stream: {**catalogue.implied(card, state).arguments, "kept": []} for stream, (card, state) in whole.states().items()}
    arguments = {**whole.card.arguments, **(inside if whole.before(streams[0]) else inside[streams[0]])}
    said = told(whole, arguments, title(whole.card, dict.fromkeys(streams, "")), dict.fromkeys(streams, 0), True)
    text = json.dumps(json.dumps(said, sort_keys=True))
    return len('{"__metadata__":{"actrec":}}') + len(text) - len(streams)
