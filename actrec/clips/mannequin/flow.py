"""The true optical flow of a clip: where all that is painted goes from each frame to the next.

Every shape has one affine map a step. It carries the shape's own points (a limb's two ends, a box's corners), and turns and grows with them across;
a ball, which has one point, is shifted and scaled. The background goes with the camera.

The floor in a shadow is not `known`: it rests while the shadow glides over it. Brightness, fall-off, flicker and grain belong to the picture and not
to what is in it; they do not move along. Nor does the shading of a limb turn with it, which stays on the lit side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.clips.mannequin.actions import MOVES
from actrec.clips.mannequin.body import PARTS
from actrec.clips.mannequin.brush import ROUND, Array, Blob, Camera, Picture, Slab
from actrec.clips.mannequin.exposure import grounds, numbers, shadow
from actrec.clips.mannequin.rendering import moving, staged

Mask = NDArray[np.bool_]

INERTIA = 0.25
"""The second moment of a disc of radius 1: how much the discs around a shape's points weigh beside the points themselves. A limb turns with its ends;
the more it looks like a ball, pointing at the viewer, the less it turns."""
JUMP = 0.5
"""Pixels: shapes of the same part whose motion differs by more have a border between them."""
DARK = 0.02
"""Of the deepest shadow: from here on the floor is in the shadow."""


@dataclass(frozen=True, eq=False)
class Flow:
    """The true motion between following frames.

    moved float32 (T − 1, H, W, 2): x, y in pixels: what is at pixel p of frame i is at p + moved[i, p] of frame i + 1.
    known bool (T − 1, H, W): where both frames show it. False within a pixel of a border of parts in either frame, in a shadow on the floor, and
    where the next frame covers it or it leaves the picture; `moved` still holds the motion of what is painted there.
    """

    moved: NDArray[np.float32]
    known: Mask


@dataclass(frozen=True, eq=False)
class _Seen:
    """One frame: which shape is seen (H, W), 0 for the background; where parts meet; where the floor is in a shadow."""

    shape: Picture
    border: Mask
    shadow: Mask


def render_flow(action: str, seed: int, *, frames: int = 64, height: int = 240, width: int = 320, fps: float = 25.0, fine: int = 2) -> Flow:
    """The flow of the clip that `render` makes of the same arguments.

    Raises:
        QuestionError: as `render`.
    """
    scene, manner, camera, motion = staged(action, seed, frames, height, width, fps, fine)
    shapes = moving(scene, manner, camera, motion)
    below = grounds(motion, camera)
    order = range(frames - 1, -1, -1) if MOVES[action].backwards else range(frames)
    seen = [_seen(shapes, below[t], t, (height, width, fine)) for t in order]
    pixels = np.stack([*np.meshgrid(np.arange(width), np.arange(height)), np.ones((height, width))], -1)
    moved = np.empty((frames - 1, height, width, 2), np.float32)
    known = np.empty((frames - 1, height, width), np.bool_)
    for i, (t, u) in enumerate(pairwise(order)):
        ways = _ways(shapes, camera, t, u, fine)
        moved[i] = np.einsum("hwij,hwj->hwi", ways[seen[i].shape], pixels)
        known[i] = _known(seen[i], seen[i + 1], moved[i], pixels[..., :2] + moved[i])
    return Flow(moved, known)


def _seen(shapes: Sequence[Blob | Slab], below: Array, t: int, size: tuple[int, int, int]) -> _Seen:
    height, width, fine = size
    shape = numbers([replace(shape, part=k) for k, shape in enumerate(shapes, 1)], t, height, width, fine)
    parts = np.array([0, *(shape.part or len(PARTS) for shape in shapes)], np.uint8)  # a table or balloon before the background is a part too
    dark = np.zeros((height * fine, width * fine), np.bool_)
    rows, soft = shadow(below, height * fine, width * fine)
    dark[rows] = soft > DARK
    return _Seen(shape, _range(parts[shape]) > 0, dark[fine // 2 :: fine, fine // 2 :: fine] & (shape == 0))


def _range(values: NDArray) -> NDArray:
    """The largest difference among a pixel (H, W, …) and its eight neighbours."""
    around = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(values, around) - cv2.erode(values, around))


def _known(here: _Seen, there: _Seen, moved: NDArray[np.float32], place: Array) -> Mask:
    height, width = here.shape.shape
    inside = ((place >= 0) & (place <= [width - 1, height - 1])).all(-1)
    x, y = (np.clip(np.rint(place[..., k]).astype(int), 0, n - 1) for k, n in ((0, width), (1, height)))
    seam = (_range(here.shape) > 0) & (_range(moved).max(-1) > JUMP)
    lost = there.border[y, x] | there.shadow[y, x] | (there.shape[y, x] != here.shape)
    return np.asarray(inside & ~here.border & ~here.shadow & ~seam & ~lost)


def _ways(shapes: Sequence[Blob | Slab], camera: Camera, t: int, u: int, fine: int) -> Array:
    """What to multiply (x, y, 1), a place in the frame in pixels, by to have its way from step t to u: (1 + shapes, 2, 3), the background first."""
    zoom = camera.drift[u, 0] / camera.drift[t, 0]
    fixed = camera.middle - zoom * (camera.middle + camera.drift[t, 1:]) + camera.drift[u, 1:]
    still = np.concatenate([zoom * np.eye(2), fixed[:, None]], 1)
    maps = np.stack([still, *(carried(*_marks(shape, t), *_marks(shape, u)) for shape in shapes)])
    turned, shift = maps[..., :2] - np.eye(2), maps[..., 2:]
    first = np.full((2, 1), (fine - 1) / 2)  # the middle of pixel 0, on the grid that is painted
    return np.concatenate([turned, (turned @ first + shift) / fine], -1)


def _marks(shape: Blob | Slab, t: int) -> tuple[Array, Array]:
    """The points (n, 2) that carry a shape, and the radii (n) of what is around them, in painted pixels."""
    if isinstance(shape, Slab):
        return shape.corners[t], np.ones(8)
    radii = np.linalg.norm(shape.rim[t] - shape.core[t], axis=-1)
    return shape.core[t, :: len(ROUND)], radii.reshape(-1, len(ROUND)).mean(1)


def carried(p: Array, a: Array, q: Array, b: Array) -> Array:
    """The affine map (2, 3) nearest to carrying points p (n, 2) to q, and the discs of radii a (n) around p, turned as the points are, to those of
    radii b around q. It carries a limb's two ends, is a similarity across the limb, and stays finite where the points lie in a line or one spot.
    """
    from_middle, to_middle = p - p.mean(0), q - q.mean(0)
    cos = (from_middle * to_middle).sum() + INERTIA * a @ b
    sin = (from_middle[:, 0] * to_middle[:, 1] - from_middle[:, 1] * to_middle[:, 0]).sum()
    turn = np.array([[cos, -sin], [sin, cos]]) / np.hypot(cos, sin)
    discs = INERTIA * a @ a
    linear = (to_middle.T @ from_middle + discs * turn * b.sum() / a.sum()) @ np.linalg.inv(from_middle.T @ from_middle + discs * np.eye(2))
    return np.concatenate([linear, (q.mean(0) - linear @ p.mean(0))[:, None]], 1)
