"""Points in space → shaded shapes in a picture: a weak-perspective camera, rounded blobs, and boxes, painted from far to near.

Colours are RGB, 0 … 255. Pictures are painted larger than wanted and reduced afterwards, which also smooths the edges.
A second picture (`parts`) takes the number of the part that is visible at each pixel (`number`); 0 is scenery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]
Colour = tuple[float, float, float]

SHIFT = 4  # cv2 takes coordinates in 1/16 pixel
ROUND = np.stack([np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)], -1)
STEPS = {n: np.linspace(0, 1, n)[:, None, None] for n in range(1, 10)}
FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))  # of a box whose corners count x, y, z in binary
NORMALS = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1.0]])


@dataclass(frozen=True)
class Camera:
    """yaw, pitch (rad): how the figure is turned from the camera, and how far the camera looks down. scale: pixels per metre at the figure.
    foot: where the figure's own origin stands in the picture (pixels). drift (T, 3): zoom, and shift in pixels, about `middle`."""

    yaw: float
    pitch: float
    scale: float
    foot: tuple[float, float]
    middle: tuple[float, float]
    drift: Array

    def project(self, points: Array) -> tuple[Array, Array]:
        """points (T, …, 3) in metres → places x, y and pixels per metre (T, …, 3), and depth (T, …), larger is nearer."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        near, across = x * c - z * s, x * s + z * c
        size = self.scale * 7.0 / (7.0 - near)
        place = np.stack([self.foot[0] + size * across, self.foot[1] - size * (y * np.cos(self.pitch) - near * np.sin(self.pitch))], -1)
        zoom = self.drift[:, 0].reshape(-1, *(1,) * (size.ndim - 1))
        shift = self.drift[:, 1:].reshape(-1, *(1,) * (size.ndim - 1), 2)
        place = (place - self.middle) * zoom[..., None] + self.middle + shift
        return np.concatenate([place, (size * zoom)[..., None]], -1), near * np.cos(self.pitch) + y * np.sin(self.pitch)


@dataclass(frozen=True)
class Blob:
    """The hull of circles, or of points: rim (T, M, 2) is where its outline may run, core (T, M, 2) what the shading shrinks towards,
    bulge (T) its size in pixels; depth (T); part: its number in the mask."""

    rim: Array
    core: Array
    bulge: Array
    depth: Array
    colour: Colour
    part: int
    layers: int = 6


def blob(camera: Camera, points: Sequence[Array], radii: Sequence[float], colour: Colour, part: int, near: float = 0.0, layers: int = 6) -> Blob:
    """A blob around points (each (T, 3)) with radii in metres; `near` pushes it towards the viewer in the painter's order."""
    place, depth = camera.project(np.stack(points, 1))
    radius = place[..., 2] * np.asarray(radii)
    core = np.repeat(place[..., :2], len(ROUND), 1)
    rim = core + (radius[:, :, None, None] * ROUND).reshape(len(core), -1, 2)
    return Blob(rim, core, radius.mean(1), depth.mean(1) + near, colour, part, layers if camera.scale > 110 else min(layers, 3))


def disc(camera: Camera, centre: Array, radius: float, thick: float, colour: Colour, part: int) -> Blob:
    """A wheel with its axle along z."""
    edge = np.concatenate([np.concatenate([ROUND * radius, np.full((20, 1), z)], 1) for z in (-thick, thick)])
    place, depth = camera.project(centre[:, None] + edge)
    rim = place[..., :2]
    core = np.broadcast_to(rim.mean(1, keepdims=True), rim.shape)
    return Blob(rim, core, np.full(len(rim), radius * camera.scale * 0.35), depth.mean(1), colour, part, 3)


@dataclass(frozen=True)
class Slab:
    """A box along the figure's axes: corners (T, 8, 2) in pixels, depth (T), the light on each of its six faces."""

    corners: Array
    depth: Array
    colour: Colour
    part: int
    light: Array


def slab(camera: Camera, centre: Array, half: Sequence[float], colour: Colour, part: int, near: float = 0.0) -> Slab:
    corner = np.array([[(k >> 2 & 1) * 2 - 1, (k >> 1 & 1) * 2 - 1, (k & 1) * 2 - 1] for k in range(8)]) * np.asarray(half)
    place, _ = camera.project(centre[:, None] + corner)
    _, depth = camera.project(centre)
    c, s = np.cos(camera.yaw), np.sin(camera.yaw)
    across = NORMALS[:, 0] * s + NORMALS[:, 2] * c
    return Slab(place[..., :2], depth + near, colour, part, 0.84 + 0.2 * NORMALS[:, 1] - 0.13 * across)


def vec(x: float | Array, y: float | Array, z: float | Array) -> Array:
    """The direction (x, y, z); with arrays over time, (T, 3)."""
    return np.stack(np.broadcast_arrays(np.asarray(x, float), y, z), -1)


def fixed(points: Array) -> NDArray[np.int32]:
    return np.rint(points * (1 << SHIFT)).astype(np.int32)


def shade(colour: Colour, light: float) -> Colour:
    """The colour in more or less light; shadows turn a little blue, highlights a little warm."""
    tint = np.array([1.0, 1.0, 1.0]) + (light - 1.0) * np.array([0.05, 0.0, -0.08])
    r, g, b = (float(v) for v in np.clip(np.asarray(colour) * light * tint + max(light - 1.0, 0) * 60, 0, 255))
    return r, g, b


_shade = lru_cache(maxsize=512)(shade)


def paint(picture: Picture, shapes: Sequence[Blob | Slab], t: int, glow: tuple[float, float]) -> None:
    """Paint all shapes of step t, far ones first, into picture (H, W, 3); `glow` points to the light."""
    for shape in _far_first(shapes, t):
        if isinstance(shape, Blob):
            _paint_blob(picture, shape, t, glow)
        else:
            _paint_slab(picture, shape, t)


def number(parts: Picture, shapes: Sequence[Blob | Slab], t: int) -> None:
    """Write the part of every shape that is seen at step t into parts (H, W)."""
    for shape in _far_first(shapes, t):
        if isinstance(shape, Blob):
            core, spread = _hull(shape, t)
            outline = fixed(core + spread)
        else:
            outline = np.asarray(cv2.convexHull(fixed(shape.corners[t])), np.int32)
        cv2.fillConvexPoly(parts, outline, shape.part, cv2.LINE_8, SHIFT)


def _far_first(shapes: Sequence[Blob | Slab], t: int) -> list[Blob | Slab]:
    return sorted(shapes, key=lambda s: float(s.depth[t]))


def _hull(shape: Blob, t: int) -> tuple[Array, Array]:
    """A blob's outline, as its core and the way from there to its rim, each (n, 2)."""
    hull = cv2.convexHull(shape.rim[t].astype(np.float32), returnPoints=False)[:, 0]
    core = shape.core[t, hull]
    return core, shape.rim[t, hull] - core


def _paint_blob(picture: Picture, shape: Blob, t: int, glow: tuple[float, float]) -> None:
    core, spread = _hull(shape, t)
    x = STEPS[shape.layers]
    outlines = fixed(core + spread * (1 - 0.68 * x) + np.multiply(glow, 0.30 * shape.bulge[t]) * x)
    for outline, tone in zip(outlines, _tones(shape.colour, shape.layers), strict=True):
        cv2.fillConvexPoly(picture, outline, tone, cv2.LINE_AA, SHIFT)


@lru_cache(maxsize=512)
def _tones(colour: Colour, layers: int) -> tuple[Colour, ...]:
    """The colours of a blob's layers from its dark rim to its lit side."""
    return tuple(shade(colour, 0.70 + 0.42 * (k / max(layers - 1, 1)) ** 0.8) for k in range(layers))


def _paint_slab(picture: Picture, shape: Slab, t: int) -> None:
    corners = shape.corners[t]
    for face, light in zip(FACES, shape.light, strict=True):
        a, b, c, d = corners[list(face)]
        if (c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0]) < 0:
            quad = fixed(np.stack([a, b, c, d]))
            cv2.fillConvexPoly(picture, quad, _shade(shape.colour, float(light)), cv2.LINE_AA, SHIFT)
            cv2.polylines(picture, [quad], True, _shade(shape.colour, float(light) * 0.86), 1, cv2.LINE_AA, SHIFT)
