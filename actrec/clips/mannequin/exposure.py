"""Light, shadow and camera: a scene's shapes painted onto its background, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from actrec.clips.mannequin.brush import Blob, Camera, Picture, Slab, number, paint
from actrec.clips.mannequin.scene import Scene
from actrec.clips.mannequin.skeleton import Motion


def expose(
    scene: Scene, camera: Camera, motion: Motion, shapes: Sequence[Blob | Slab], size: tuple[int, int, int, int], truth: bool
) -> tuple[Picture, Picture | None]:
    """Paint every frame: frames (T, H, W, 3) and parts (T, H, W)."""
    frames, height, width, fine = size
    rng = scene.stream(5)
    backdrop = scene.backdrop(height * fine, width * fine, camera)
    glow = (float(rng.choice([-0.6, 0.6])), -0.8)
    gain, noise = _light(rng, height, width)
    flicker = 1 + 0.03 * rng.random() * np.sin(2 * np.pi * (rng.uniform(0.3, 1.0) * np.linspace(0, 1, frames) + rng.random()))
    corner = rng.integers(0, 32, (frames, 2))
    below = grounds(motion, camera)
    out = np.empty((frames, height, width, 3), np.uint8)
    parts = np.zeros((frames, height, width), np.uint8) if truth else None
    for t in range(frames):
        picture = _still(backdrop, camera, t, height * fine, width * fine)
        rows, soft = shadow(below[t], height * fine, width * fine)
        picture[rows] = (picture[rows] * (1 - 0.55 * soft[..., None])).astype(np.uint8)
        paint(picture, shapes, t, glow)
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        small *= gain * np.float32(flicker[t])
        small += noise[corner[t, 0] :, corner[t, 1] :][:height, :width]
        out[t] = np.clip(small, 0, 255)
        if parts is not None:
            parts[t] = numbers(shapes, t, height, width, fine)
    return out, parts


def numbers(shapes: Sequence[Blob | Slab], t: int, height: int, width: int, fine: int) -> Picture:
    """The part of the shape that is seen in the middle of every pixel at step t: (H, W)."""
    mask = np.zeros((height * fine, width * fine), np.uint8)
    number(mask, shapes, t)
    return mask[fine // 2 :: fine, fine // 2 :: fine]


def _still(backdrop: Picture, camera: Camera, t: int, height: int, width: int) -> Picture:
    """The background as the camera sees it at step t."""
    zoom, dx, dy = camera.drift[t]
    edge = (backdrop.shape[0] - height) / 2
    back = np.array([[zoom, 0, 0], [0, zoom, 0]], float)
    middle = np.array(camera.middle)
    back[:, 2] = middle + np.array([dx, dy]) - zoom * (middle + edge)
    return np.asarray(cv2.warpAffine(backdrop, back, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _light(rng: Generator, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The gain of every pixel (H, W, 3): brightness, tint, a soft fall-off; and grain (H + 32, W + 32, 1)."""
    y, x = np.mgrid[0:height, 0:width]
    side = rng.uniform(-0.1, 0.1) * (x / width - 0.5)
    fall = 1.03 - rng.uniform(0.0, 0.25) * ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2)
    tint = np.array([1, 1, 1]) + rng.normal(0, 0.025, 3)
    gain = (rng.uniform(0.9, 1.14) * (fall + side)[..., None] * tint).astype(np.float32)
    grain = default_rng(int(rng.integers(2**31))).standard_normal((height + 32, width + 32, 1), np.float32)
    return gain, grain * np.float32(rng.uniform(0.5, 2.0))


def grounds(motion: Motion, camera: Camera) -> NDArray[np.float64]:
    """What throws a shadow on the floor: x, y, half width, half height in painted pixels, and darkness: (T, n, 5)."""
    p = motion.points
    spots = [(p["hip"], 0.30, 0.5), (p["ankles"][:, 0] + [0.05, 0, 0], 0.15, 0.6), (p["ankles"][:, 1] + [0.05, 0, 0], 0.15, 0.6)]
    spots += [(thing.at, {"table": 0.75, "chair": 0.34, "barbell": 0.5}.get(thing.kind, 0.22), 0.5) for thing in motion.things]
    out = []
    for at, radius, dark in spots:
        place, _ = camera.project(at * [1, 0, 1])
        fade = dark / (1 + 1.5 * np.maximum(at[:, 1] - 0.1, 0)) if radius < 0.3 else np.full(len(at), dark)
        out.append(np.stack([place[:, 0], place[:, 1], radius * place[:, 2], radius * place[:, 2] * 0.26, fade], -1))
    return np.stack(out, 1)


def shadow(grounds: NDArray[np.float64], height: int, width: int) -> tuple[slice, NDArray[np.float32]]:
    """How dark the floor is under what stands on it, 0 … 1: the rows of the painted picture where it is dark at all, and (rows, W)."""
    step = max(height // 96, 1)
    soft = np.zeros((-(-height // step), -(-width // step)), np.float32)
    for x, y, rx, ry, dark in grounds:
        layer = np.zeros_like(soft)
        cv2.ellipse(layer, ((x / step, y / step), (2 * rx / step, max(2 * ry / step, 1)), 0.0), float(dark), -1)
        soft = np.maximum(soft, layer)
    rows = slice(max(int(grounds[:, 1].min() - 0.15 * height), 0), min(int(grounds[:, 1].max() + 0.15 * height) + 1, height))
    if rows.stop <= rows.start:
        return slice(0), np.zeros((0, width), np.float32)
    return rows, cv2.resize(cv2.GaussianBlur(soft, (0, 0), 1.6), (soft.shape[1] * step, soft.shape[0] * step))[rows, :width].astype(np.float32)
