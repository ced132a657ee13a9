"""Explanations made by hand: a clip of plain frames with a map whose every number is known. No model takes part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actrec.core.answer import Explanation, Predictions
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.evidence import Box, Evidence, Finding, Heat, Matrix, Points, Skeleton, Track
from actrec.core.question import Question
from actrec.inputs import pose

HEIGHT, WIDTH, FRAMES = 48, 64, 40


def film(path: Path = Path("made.mp4"), frames: int = FRAMES, sha256: str = "a" * 64) -> Video:
    return Video(path, sha256, np.arange(frames) / 25, WIDTH, HEIGHT, 0, "h264")


def heat(
    values: NDArray[np.floating] | Sequence[object],
    *,
    box: Box = (0, 0, WIDTH, HEIGHT),
    seen: Box | None = None,
    bands: Sequence[tuple[int, int]] | None = None,
    signed: bool = False,
    unit: str = "logit per cell (mean + bias = logit)",
) -> Heat:
    """A map (K, h, w) over the whole frame, its steps sharing frames 0 … 31 evenly, if nothing else is said."""
    values = np.asarray(values, np.float32)
    edges = np.linspace(0, 32, len(values) + 1).astype(int)
    return Heat("CAM", values, unit, box, seen or box, np.array(bands or list(pairwise(edges)), np.int64), signed)


def one_hot(step: int, row: int, column: int, shape: tuple[int, int, int] = (4, 6, 8), value: float = 1.0) -> NDArray[np.float32]:
    values = np.zeros(shape, np.float32)
    values[step, row, column] = value
    return values


def explanation(
    *heats: Heat, video: Video | None = None, frames: NDArray[np.uint8] | None = None, index: Sequence[int] | None = None, **changes: object
) -> Explanation:
    """An answer about a clip of which every second frame of the first 32 was looked at. changes: of the answer's fields, or of its evidence's."""
    video, found = video or film(), heats or (heat(one_hot(1, 2, 3)),)
    numbers = np.array(index if index is not None else range(0, 32, 2), np.int64)
    if frames is None:
        frames = np.random.default_rng(0).integers(0, 256, (len(numbers), video.height, video.width, 3), np.uint8)
    logits = np.array([2.5, 1.25, -1.0], np.float32)
    probabilities = (np.exp(logits) / np.exp(logits).sum()).astype(np.float32)
    known = {
        "question": Question(str(video.path), "toy", "cam"),
        "model": "A toy",
        "predictions": Predictions(("lift", "put down", "wave"), logits, probabilities),
        "label": "lift",
        "versus": None,
        "probability": float(probabilities[0]),
        "score": 2.5,
        "claim": "The evidence is where it was put.",
        "cautions": ("Nothing was learnt here.",),
        "geometry": Geometry((video.height, video.width), (video.height, video.width), (video.height, video.width), (0, 0)),
        "provenance": {"weights_sha256": "b" * 64, "layer": "res4"},
    }
    clip = Clip(video, frames, numbers, video.seconds[numbers])
    curve = Track("evidence per frame", "logit", np.arange(3) / 25, np.arange(3), np.array([0.1, np.nan, 1 / 3]))
    held = {field.name for field in fields(Evidence)} - {"claim"}
    evidence = Evidence(found, **({"tracks": (curve,)} | {name: value for name, value in changes.items() if name in held}))  # type: ignore[arg-type]
    others = {name: value for name, value in changes.items() if name not in held}
    return Explanation(evidence=evidence, clip=clip, **(known | others))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------- what a cross-modal transformer's attentions give


def points(
    places: Sequence[tuple[float, float, float]],
    scores: Sequence[float] | None = None,
    *,
    reference: Sequence[tuple[float, float, float]] | None = None,
    steps: int = 16,
    frames: int = 2,
    seen: Box = (0, 0, WIDTH, HEIGHT),
) -> Points:
    """Tokens at (step, x, y), where they would be without being moved if nothing else is said; a step stands for so many source frames."""
    at = np.array(places, np.float32).reshape(-1, 3)
    bands = np.arange(steps)[:, None] * frames + np.array([0, frames])
    came = at if reference is None else np.array(reference, np.float32)
    given = np.ones(len(at), np.float32) if scores is None else np.array(scores, np.float32)
    return Points("Tokens chosen by block 2", "attention", at, came, given, bands, bands[:, 0] / 25, seen, (8.0, 8.0))


def skeleton(joints: NDArray[np.floating] | None = None, scores: NDArray[np.floating] | None = None, frames: int = 2) -> Skeleton:
    """A standing figure of 17 joints whose left wrist rises over 16 steps, with a score of 0.01 times its number for every joint."""
    body = [(32, 8), (33, 7), (31, 7), (34, 8), (30, 8), (37, 14), (27, 14), (40, 20), (24, 20), (41, 26), (23, 26)]
    body += [(35, 28), (29, 28), (36, 36), (28, 36), (36, 44), (28, 44)]
    if joints is None:
        joints = np.tile(np.array([(x, y, 1.0) for x, y in body], np.float32), (16, 1, 1))
        joints[:, 9, 1] -= np.arange(16)
    if scores is None:
        scores = np.tile(0.01 * np.arange(joints.shape[1]), (len(joints), 1))
    layout = pose.LAYOUTS["coco17"]
    bands = np.arange(len(joints))[:, None] * frames + np.array([0, frames])
    groups = tuple(pose.layouts.group(name) for name in layout.joints)
    found = np.asarray(scores, np.float32)
    return Skeleton("Attention of CLS on the joints", "attention", np.asarray(joints, np.float32), found, layout.joints, groups, layout.limbs, bands)


def lanes(body: Skeleton, seconds: NDArray[np.float64]) -> tuple[Track, ...]:
    """One curve for each joint, by limb."""
    named = enumerate(zip(body.names, body.groups, strict=True))
    return tuple(Track(name, body.unit, seconds, body.bands[:, 0], body.scores[:, i].astype(np.float64), group) for i, (name, group) in named)


def matrix(steps: int = 16, length: int = 8) -> Matrix:
    """Attention of each frame on those that share a window of `length` with it; windows overlap by half. Rows sum to 1."""
    spans = [(first, first + length) for first in range(0, steps - length + 1, length // 2)]
    together = np.array([[any(a <= t < b and a <= s < b for a, b in spans) for s in range(steps)] for t in range(steps)])
    near = np.where(together, np.exp(-np.abs(np.subtract.outer(np.arange(steps), np.arange(steps))) / 3), 0)
    values = np.where(together, near / near.sum(1, keepdims=True), np.nan).astype(np.float32)
    names = tuple(f"{2 * step / 25:.2f} s" for step in range(steps))
    return Matrix("Frame by frame, block 2", "attention", values, names, names, tuple(spans), "Row: the frame that asks.")


def attentive(**changes: object) -> Explanation:
    """An answer with everything: tokens moved around a grid, joints with scores, a curve for each, a matrix in windows, findings, one unknown."""
    random = np.random.default_rng(3)
    grid = [(t, x, y) for t in range(1, 16, 4) for y in (8, 24, 40) for x in (8, 24, 40, 56)]
    moved = np.array(grid) + random.normal(0, (1.2, 5, 4), (len(grid), 3))
    body = skeleton()
    known: dict[str, object] = {
        "points": points([tuple(place) for place in moved], sorted(random.gamma(1.0, 0.01, len(grid)))[::-1], reference=grid),
        "skeleton": body,
        "tracks": lanes(body, np.arange(16) * 2 / 25),
        "matrices": (matrix(), Matrix("Which windows read a joint", "attention", body.scores[:2], ("window 1", "window 2"), body.names)),
        "findings": (Finding("share", 0.25, "A quarter goes to the tokens."), Finding("speed", np.nan, "That cannot be told: nothing moves.")),
        "provenance": {"weights_sha256": "b" * 64, "layer": "blocks.1.deform", "knobs": {"query": "cls", "head": "mean"}},
    }
    return explanation(**(known | changes))  # type: ignore[arg-type]
