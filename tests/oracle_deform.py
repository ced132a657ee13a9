"""The cross-modal 3D deformable transformer, eqs. 1–7 and algorithms A1–A3, in plain loops and double precision: read from the paper, sharing no code
with ours.

One clip at a time. A token that is not there (a joint that a frame does not show) does not exist here at all; a joint that no frame shows does not
count. Tokens are vectors in lists: Z[t][y][x], P[t] {joint: token}, modal {name: [token per frame]}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from oracle_parts import Array, State, attention, basic_block, bilinear, conv3d, linear, norm, resized_1d, resized_2d, token_search

MODAL = {"cross-modal": ["rgb", "pose", "cls"], "single": ["cls"], "none": []}


@dataclass
class Config:
    """What the tensors do not say."""

    heads: int = 4
    blocks: int = 2
    joint_window: int = 4
    joint_stride: int = 0
    temporal_window: int = 4
    temporal_stride: int = 0
    windows: str = "self"
    sigma: float = 1.0
    confidence: float = 0.3
    tokens: str = "cross-modal"
    deform: bool = True
    joint: bool = True
    temporal: bool = True
    pose_positions: bool = False
    layout: int = 0


@dataclass
class Tokens:
    """What goes from attention to attention."""

    z: Array  # (T, h, w, D)
    p: list[dict[int, Array]]  # per frame, by the joint's number
    modal: dict[str, list[Array]]


def network(state: State, config: Config, video: Array, joints: Array | None) -> Array:
    """Logits of one clip: video (3, T, H, W), joints (T, R, 3) or None."""
    x = conv3d(video, state["stem.0.weight"], (1, 2, 2), (1, 3, 3))
    x = np.maximum(norm(state, "stem.1", x), 0)
    f_a = basic_block(state, "layer1.1", basic_block(state, "layer1.0", x, 3, 1), 3, 1)
    x = basic_block(state, "layer2.1", basic_block(state, "layer2.0", f_a, 1, 2), 1, 1)
    f_b = basic_block(state, "layer3.1", basic_block(state, "layer3.0", x, 1, 2), 1, 1)
    _, frames, h, w = f_b.shape
    time, place = resized_1d(state["positions.time"][0], frames), resized_2d(state["positions.place"], h, w)
    z = np.array([[[f_b[:, t, i, j] + time[:, t] + place[:, i, j] for j in range(w)] for i in range(h)] for t in range(frames)])
    p = pose_tokens(state, config, f_a, joints, time, place)
    names = MODAL[config.tokens]
    tables = [resized_1d(state["modal"][n], frames) for n in range(len(names))]
    tokens = Tokens(z, p, {name: [table[:, t] for t in range(frames)] for name, table in zip(names, tables, strict=True)})
    for number in range(config.blocks):
        own = {key.removeprefix(f"blocks.{number}."): value for key, value in state.items() if key.startswith(f"blocks.{number}.")}
        block(own, config, tokens)
    if tokens.modal:
        last = np.concatenate([sum(tokens.modal[name]) / frames for name in names])
    else:
        there = [token for frame in tokens.p for token in frame.values()]
        pose = sum(there) / len(there) if there else np.zeros(tokens.z.shape[-1])
        last = np.concatenate([tokens.z.mean((0, 1, 2)), pose])
    return linear(state, "head.fc", last)


def pose_tokens(state: State, config: Config, f_a: Array, joints: Array | None, time: Array, place: Array) -> list[dict[int, Array]]:
    """Eqs. 1–2: at every frame the token of every joint that it shows."""
    _, frames, high, wide = f_a.shape
    found: list[dict[int, Array]] = [{} for _ in range(frames)]
    for t in range(frames if joints is not None else 0):
        for r, (px, py, score) in enumerate(joints[t]):
            if not (np.isfinite([px, py, score]).all() and score >= config.confidence):
                continue
            x, y, token = (px - 0.5) / 2, (py - 0.5) / 2, np.zeros(len(f_a))
            for j in range(high):
                for i in range(wide):
                    token += f_a[:, t, j, i] * np.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * config.sigma**2))
            token = linear(state, "pose.linear", token)
            if config.pose_positions:
                token = token + time[:, t] + bilinear(place, (px - 0.5) / 8, (py - 0.5) / 8)
            if config.layout:
                token = token + state["kinds"][r % config.layout]
            found[t][r] = token
    return found


def block(state: State, config: Config, tokens: Tokens) -> None:
    """Fig. 2 a: the three attentions, and the linear layer for M_CLS."""
    if config.deform:
        deformable(state, config, tokens)
    if config.joint:
        memorised = tokens.modal.get("cls")
        joint_stride(state, config, tokens)
        if memorised is not None:
            tokens.modal["cls"] = [linear(state, "fuse", np.concatenate(both)) for both in zip(memorised, tokens.modal["cls"], strict=True)]
    if config.temporal:
        temporal_stride(state, config, tokens)


def deformable(state: State, config: Config, tokens: Tokens) -> None:
    """Eqs. 3–7."""
    names = [name for name in tokens.modal if name != "pose"]
    modal = [token for name in names for token in tokens.modal[name]]
    frames, h, w, _ = tokens.z.shape
    cells = [tokens.z[t, i, j] for t in range(frames) for i in range(h) for j in range(w)]
    out = attention(state, "deform.attend", config.heads, [*cells, *modal], [*token_search(state, "deform.search", tokens.z), *modal])
    tokens.z = np.array(out[: len(cells)]).reshape(tokens.z.shape)
    for n, name in enumerate(names):
        tokens.modal[name] = out[len(cells) + n * frames : len(cells) + (n + 1) * frames]


def sliding(things: Sequence[int], window: int, stride: int) -> list[list[int]]:
    """Windows of `window` things every `stride`, half a window if 0, the last flush with the end."""
    found, first = [], 0
    while first + window < len(things):
        found.append(list(things[first : first + window]))
        first += stride or max(window // 2, 1)
    return [*found, list(things[-window:])]


def read_by(config: Config, windows: list[list[int]], number: int) -> list[int]:
    """The window whose tokens are keys and values of the queries of window `number`."""
    return windows[number] if config.windows == "self" else windows[(number + 1) % len(windows)]


def joint_stride(state: State, config: Config, tokens: Tokens) -> None:
    """Algorithm A1: every window's joint tokens of all frames, M_pose and M′_CLS."""
    frames, names = len(tokens.p), [name for name in tokens.modal if name != "rgb"]
    windows = sliding(sorted({r for frame in tokens.p for r in frame}), config.joint_window, config.joint_stride)
    if windows == [[]] and not names:
        return
    new: dict[Any, list[Array]] = {}
    for number, window in enumerate(windows):
        asked = [("p", t, r) for t in range(frames) for r in window if r in tokens.p[t]]
        keys = [tokens.p[t][r] for t in range(frames) for r in read_by(config, windows, number) if r in tokens.p[t]]
        modal = [(name, t, 0) for name in names for t in range(frames)]
        given = [tokens.modal[name][t] for name, t, _ in modal]
        queries = [tokens.p[t][r] for _, t, r in asked]
        for who, token in zip([*asked, *modal], attention(state, "joint.attend", config.heads, queries + given, keys + given), strict=True):
            new.setdefault(who, []).append(token)
    averaged(tokens, new)


def averaged(tokens: Tokens, new: Mapping[Any, list[Array]]) -> None:
    """A token that several windows hold becomes the mean of what each makes of it."""
    for (kind, t, which), made in new.items():
        if kind == "p":
            tokens.p[t][which] = sum(made) / len(made)
        elif kind == "z":
            tokens.z[(t, *which)] = sum(made) / len(made)
        else:
            tokens.modal[kind] = [*tokens.modal[kind][:t], sum(made) / len(made), *tokens.modal[kind][t + 1 :]]


def temporal_stride(state: State, config: Config, tokens: Tokens) -> None:
    """Algorithm A2: all tokens of the frames of a window."""
    frames, h, w, _ = tokens.z.shape
    windows = sliding(range(frames), config.temporal_window, config.temporal_stride)
    of_frame: list[dict[Any, Array]] = []
    for t in range(frames):
        here: dict[Any, Array] = {("z", t, (i, j)): tokens.z[t, i, j].copy() for i in range(h) for j in range(w)}
        here |= {("p", t, r): token for r, token in tokens.p[t].items()}
        of_frame.append(here | {(name, t, 0): tokens.modal[name][t] for name in tokens.modal})
    new: dict[Any, list[Array]] = {}
    for number, window in enumerate(windows):
        queries = {who: token for t in window for who, token in of_frame[t].items()}
        keys = [token for t in read_by(config, windows, number) for token in of_frame[t].values()]
        for who, token in zip(queries, attention(state, "temporal.attend", config.heads, list(queries.values()), keys), strict=True):
            new.setdefault(who, []).append(token)
    averaged(tokens, new)
