"""The nine attention blocks of dam2024, eqs. 1–22, place by place in plain loops and double precision: from the paper, sharing no code with ours.

A block is told apart only by its name and the tensors of its state. X is (C, T, H, W); a place is (t, y, x).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = Mapping[str, Array]
Place = tuple[int, int, int]

PARTS = {
    "da-nl-1": [("cosine", "all")],
    "da-nl-2": [("softmax of A times cosine", "all")],
    "dp-nl": [("softmax of dot product", "all")],
    "poly-nl": [("third order", "all")],
    "da-da": [("cosine", "time"), ("cosine", "space")],
    "da-poly": [("cosine", "time"), ("third order", "space")],
    "da-dp": [("cosine", "time"), ("softmax of dot product", "space")],
    "poly-da": [("third order", "time"), ("cosine", "space")],
    "dp-da": [("softmax of dot product", "time"), ("cosine", "space")],
}


def block(name: str, state: State, x: Array) -> Array:
    """Z of the named block for one clip's X: time first, then space, each with its own residual (§2.2, §2.3)."""
    for relation, axis in PARTS[name]:
        own = {key.removeprefix(f"{axis}."): value for key, value in state.items() if axis == "all" or key.startswith(f"{axis}.")}
        x = poly(own, axis, x) if relation == "third order" else attend(own, relation, axis, x)
    return x


def conv_norm(state: State, name: str, values: Array) -> Array:
    """A 1×1×1 convolution and a normalisation by running statistics, at one place: (C) → (C′)."""
    weight, found = state[f"{name}.conv.weight"][:, :, 0, 0, 0], np.zeros(len(state[f"{name}.conv.weight"]))
    for channel in range(len(found)):
        made = 0.0
        for i in range(len(values)):
            made += weight[channel, i] * values[i]
        mean, var = state[f"{name}.norm.running_mean"][channel], state[f"{name}.norm.running_var"][channel]
        found[channel] = (made - mean) / math.sqrt(var + 1e-5) * state[f"{name}.norm.weight"][channel] + state[f"{name}.norm.bias"][channel]
    return found


def places(x: Array) -> list[Place]:
    return [(t, i, j) for t in range(x.shape[1]) for i in range(x.shape[2]) for j in range(x.shape[3])]


def meeting(axis: str, place: Place, every: list[Place]) -> list[Place]:
    """The places that a place relates to: all, its own location at all times (eq. 14), or all locations at its own time (eq. 17)."""
    if axis == "time":
        return [other for other in every if other[1:] == place[1:]]
    return every if axis == "all" else [other for other in every if other[0] == place[0]]


def length(values: Array) -> float:
    return math.sqrt(sum(float(v) ** 2 for v in values))


def dot(a: Array, b: Array) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def attend(state: State, relation: str, axis: str, x: Array) -> Array:
    """Eqs. 1–4, 6–10, 12–18, 20, 22."""
    every = places(x)
    d_v = state["omega_z.conv.weight"].shape[1]
    d = (len(state["embed.conv.weight"]) - d_v) // 2
    embedded = {place: conv_norm(state, "embed", x[(slice(None), *place)]) for place in every}
    z = x.copy()
    for place in every:
        others = meeting(axis, place, every)
        q = embedded[place][:d]
        weights = []
        for other in others:
            k = embedded[other][d : 2 * d]
            cosine = dot(q, k) / (length(q) * length(k))
            if relation == "cosine":
                weights.append(cosine / len(others))
            elif relation == "softmax of A times cosine":
                a = state["scale"]
                weights.append(math.exp(float(a if a.ndim == 0 else a[every.index(place), every.index(other)]) * cosine))
            else:
                weights.append(math.exp(dot(q, k) / math.sqrt(d)))
        if relation != "cosine":
            weights = [weight / sum(weights) for weight in weights]
        y = np.zeros(d_v)
        for weight, other in zip(weights, others, strict=True):
            y += weight * embedded[other][2 * d :]
        z[(slice(None), *place)] += conv_norm(state, "omega_z", y)
    return z


def poly(state: State, axis: str, x: Array) -> Array:
    """Eqs. 19 and 21, with W_1 and W_2 C wide, as the product with X needs."""
    every, channels = places(x), len(x)
    products = {}
    for place in every:
        both = conv_norm(state, "omega_12", x[(slice(None), *place)])
        products[place] = both[:channels] * both[channels:]
    z = x.copy()
    for place in every:
        others = meeting(axis, place, every)
        mean = np.zeros(channels)
        for other in others:
            mean += products[other] / len(others)
        y = conv_norm(state, "omega_3", mean * x[(slice(None), *place)])
        z[(slice(None), *place)] += conv_norm(state, "omega_z", y)
    return z
