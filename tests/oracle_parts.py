"""Parts of the deformable transformer in plain loops and double precision: convolutions, normalisations, multi-head attention, 3D token search."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = Mapping[str, Array]
Triple = tuple[int, int, int]


def conv3d(x: Array, weight: Array, stride: Triple, pad: Triple, bias: Array | None = None) -> Array:
    """(C, T, H, W) → (C′, …), zeros around."""
    x = np.pad(x, ((0, 0), *((n, n) for n in pad)))
    kernel = weight.shape[2:]
    size = tuple((n - k) // s + 1 for n, k, s in zip(x.shape[1:], kernel, stride, strict=True))
    found = np.zeros((len(weight), *size))
    for t, i, j in itertools.product(*map(range, size)):
        a, b, c = (n * s for n, s in zip((t, i, j), stride, strict=True))
        patch = x[:, a : a + kernel[0], b : b + kernel[1], c : c + kernel[2]]
        for channel in range(len(weight)):
            found[channel, t, i, j] = np.vdot(weight[channel], patch) + (0.0 if bias is None else bias[channel])
    return found


def norm(state: State, name: str, x: Array) -> Array:
    """Batch normalisation by running statistics, channels first."""
    found = np.zeros_like(x)
    for c in range(len(x)):
        mean, var = state[f"{name}.running_mean"][c], state[f"{name}.running_var"][c]
        found[c] = (x[c] - mean) / math.sqrt(var + 1e-5) * state[f"{name}.weight"][c] + state[f"{name}.bias"][c]
    return found


def basic_block(state: State, name: str, x: Array, time: int, stride: int) -> Array:
    """A residual unit of MC3-18 (tran2018closer): two convolutions of time × 3 × 3."""
    step, pad = (1, stride, stride), (time // 2, 1, 1)
    y = np.maximum(norm(state, f"{name}.conv1.1", conv3d(x, state[f"{name}.conv1.0.weight"], step, pad)), 0)
    y = norm(state, f"{name}.conv2.1", conv3d(y, state[f"{name}.conv2.0.weight"], (1, 1, 1), pad))
    if stride > 1:
        x = norm(state, f"{name}.downsample.1", conv3d(x, state[f"{name}.downsample.0.weight"], step, (0, 0, 0)))
    return np.maximum(x + y, 0)


def linear(state: State, name: str, x: Array) -> Array:
    found = np.zeros(len(state[f"{name}.weight"]))
    for n, row in enumerate(state[f"{name}.weight"]):
        found[n] = np.dot(row, x)
    return found + state[f"{name}.bias"] if f"{name}.bias" in state else found


def layer_norm(state: State, name: str, x: Array) -> Array:
    mean = sum(x) / len(x)
    var = sum((x - mean) ** 2) / len(x)
    return (x - mean) / math.sqrt(var + 1e-5) * state[f"{name}.weight"] + state[f"{name}.bias"]


def gelu(x: Array) -> Array:
    return np.array([v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x])


def attention(state: State, name: str, heads: int, queries: Sequence[Array], keys: Sequence[Array]) -> list[Array]:
    """Eqs. 6–7: every query token after MSA, its residual, and FFN(LN(·)) with its own."""
    k, v = ([linear(state, f"{name}.{which}", token) for token in keys] for which in ("w_k", "w_v"))
    found = []
    for token in queries:
        q, mixed = linear(state, f"{name}.w_q", token), np.zeros(len(token))
        wide = len(token) // heads
        for head in range(heads):
            part = slice(head * wide, (head + 1) * wide)
            weights = [math.exp(np.dot(q[part], one[part]) / math.sqrt(wide)) for one in k]
            total = sum(weights)
            for weight, value in zip(weights, v, strict=True):
                mixed[part] += weight / total * value[part]
        x = token + linear(state, f"{name}.w_o", mixed)
        found.append(x + linear(state, f"{name}.ffn.2", gelu(linear(state, f"{name}.ffn.0", layer_norm(state, f"{name}.norm", x)))))
    return found


def token_search(state: State, name: str, z: Array) -> list[Array]:
    """Algorithm A3 for Z (T, h, w, D): the tokens of Z̃."""
    x, weight = np.moveaxis(z, -1, 0), state[f"{name}.conv.weight"]
    for axis in (2, 3, 4):  # a kernel longer than Z: its middle
        over = max(weight.shape[axis] - x.shape[axis - 1], 0)
        weight = np.take(weight, range(over // 2, weight.shape[axis] - (over - over // 2)), axis)
    if weight.shape[1] == 1:  # a kernel for each channel by itself
        made = np.concatenate([conv3d(x[c : c + 1], weight[c : c + 1], (1, 1, 1), (0, 0, 0), state[f"{name}.conv.bias"][[c]]) for c in range(len(x))])
    else:
        made = conv3d(x, weight, (1, 1, 1), (0, 0, 0), state[f"{name}.conv.bias"])
    size, found = made.shape[1:], []
    for place in itertools.product(*map(range, size)):
        hidden = gelu(layer_norm(state, f"{name}.norm", made[(slice(None), *place)]))
        offset = [
            math.tanh(sum(w * hidden) + b) for w, b in zip(state[f"{name}.offset.weight"][:, :, 0, 0, 0], state[f"{name}.offset.bias"], strict=True)
        ]
        reference = [-1 + 2 * n / (many - 1) if many > 1 else 0.0 for n, many in zip(place, size, strict=True)]  # t, y, x
        moved = [p + d for p, d in zip(reference, offset[::-1], strict=True)]
        at = [(p + 1) / 2 * (many - 1) for p, many in zip(moved, z.shape[:3], strict=True)]
        token = np.zeros(z.shape[-1])
        for r in itertools.product(*map(range, z.shape[:3])):
            token += math.prod(max(0.0, 1 - abs(a - b)) for a, b in zip(at, r, strict=True)) * z[r]  # Φ = g(p_x, r_x) g(p_y, r_y) g(p_z, r_z)
        found.append(token)
    return found


def resized_1d(table: Array, size: int) -> Array:
    """(D, n) at another length, linear from end to end."""
    found = np.zeros((len(table), size))
    for i in range(size):
        at = i * (table.shape[1] - 1) / (size - 1) if size > 1 else 0.0
        low = min(int(at), table.shape[1] - 1)
        high = min(low + 1, table.shape[1] - 1)
        found[:, i] = table[:, low] * (1 - (at - low)) + table[:, high] * (at - low)
    return found


def resized_2d(table: Array, h: int, w: int) -> Array:
    down = np.stack([resized_1d(table[:, :, j], h) for j in range(table.shape[2])], 2)
    return np.stack([resized_1d(down[:, i], w) for i in range(h)], 1)


def bilinear(table: Array, x: float, y: float) -> Array:
    """(D, h, w) between its cells; beyond the edge as at the edge."""
    _, h, w = table.shape
    x, y = min(max(x, 0.0), w - 1), min(max(y, 0.0), h - 1)
    found = np.zeros(len(table))
    for i, j in itertools.product(range(h), range(w)):
        found += max(0.0, 1 - abs(y - i)) * max(0.0, 1 - abs(x - j)) * table[:, i, j]
    return found
