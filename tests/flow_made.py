"""Pictures of smooth noise that move in a known way; and flow as an answer holds it."""

from __future__ import annotations

import cv2
import numpy as np

from actrec.core.evidence import Box, Flow, Heat

MARGIN = 24
"""Pixels that a picture is cut from within its texture, so that what moves in is a picture too."""


def texture(height: int, width: int, seed: int, smooth: float = 2.0) -> np.ndarray:
    """A picture (height, width, 3) of coloured noise."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((height, width, 3)), (0, 0), smooth)
    return np.clip(128 + 45 * noise / noise.std(), 0, 255).astype(np.uint8)


def affine(zoom: float = 1.0, degrees: float = 0.0, shift: tuple[float, float] = (0, 0), size: tuple[int, int] = (96, 128)) -> np.ndarray:
    """The map (2, 3) of pixel coordinates that turns and zooms about the middle of a picture of that height and width, and shifts."""
    middle = np.array([size[1] - 1, size[0] - 1]) / 2
    turn, c, s = np.eye(2, 3), *(zoom * f(np.radians(degrees)) for f in (np.cos, np.sin))
    turn[:, :2] = [[c, -s], [s, c]]
    turn[:, 2] = middle - turn[:, :2] @ middle + shift
    return turn


def moved(move: np.ndarray, size: tuple[int, int] = (96, 128), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two frames (2, height, width, 3), the second moved by the map, and the true flow (height, width, 2)."""
    height, width = size
    large = texture(height + 2 * MARGIN, width + 2 * MARGIN, seed)
    within = np.array(move)
    within[:, 2] += MARGIN - within[:, :2] @ [MARGIN, MARGIN]  # the same map, of the larger picture's coordinates
    second = cv2.warpAffine(large, within, (large.shape[1], large.shape[0]), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    place = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1)
    true = place @ move[:, :2].T + move[:, 2] - place
    cut = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return np.stack([large[cut], second[cut]]), true.astype(np.float32)


def field(steps: int = 3, box: Box = (0, 0, 64, 48), seen: Box | None = None, holes: bool = False, seed: int = 0, frames: int = 4) -> Flow:
    """Flow of chance on 5 × 7 cells, a step on so many source frames each; holes: some cells are not known."""
    random = np.random.default_rng(seed)
    moved = random.normal(0, 4, (steps, 5, 7, 2)).astype(np.float32)
    moved[random.random(moved.shape[:3]) < 0.2] = np.nan if holes else 0
    bands = np.arange(steps)[:, None] * frames + np.array([0, frames])
    lengths = Heat("Optical flow", np.linalg.norm(moved, axis=-1), "source px per step", box, seen or box, bands)
    return Flow(lengths, moved, np.full(steps, frames / 25))
