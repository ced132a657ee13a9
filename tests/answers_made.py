"""Explanations made by hand: a clip of plain frames with a map whose every number is known. No model takes part."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actrec.types import Box, Clip, Explanation, Geometry, Heat, Predictions, Question, Track, Video

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
    """An answer about a clip of which every second frame of the first 32 was looked at."""
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
        "tracks": (Track("evidence per frame", "logit", np.arange(3) / 25, np.arange(3), np.array([0.1, np.nan, 1 / 3])),),
        "geometry": Geometry((video.height, video.width), (video.height, video.width), (video.height, video.width), (0, 0)),
        "provenance": {"weights_sha256": "b" * 64, "layer": "res4"},
    }
    clip = Clip(video, frames, numbers, video.seconds[numbers])
    return Explanation(heats=found, clip=clip, **(known | changes))  # type: ignore[arg-type]
