"""A jointed figure: from what a move decides (hips, lean, hands, feet) to every point of the body, by two-bone inverse kinematics.

The figure's own axes, in metres for a body of 1.7 m: x forward, y up from the floor, z to the figure's left. Index 0 is left, 1 is right.
Arrays run over T time steps; nothing here knows about actions, colours or cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

THIGH, SHIN, ANKLE, TRUNK, UPPER_ARM, FOREARM, HAND = 0.42, 0.415, 0.075, 0.49, 0.29, 0.255, 0.085
STAND = 0.985 * (THIGH + SHIN) + ANKLE
SIDES = np.array([1.0, -1.0])  # the sign of z: left, right
BALL, BOX, PLATE = 0.13, 0.17, 0.21  # the radius of the ball, half the box, the radius of the barbell's plates
SEAT, TABLE = 0.44, 0.88  # heights


@dataclass(frozen=True)
class Manner:
    """When and how an action is done.

    seconds (T): clip time.  phase (T): 0 … 1 through the active part, linear, with pauses before and after.
    progress (T): `phase` eased alike at both ends.  rate: cycles per second relative to the usual.  shift: where in a cycle the clip begins (0 … 1).
    side: 0 left or 1 right, the limb a one-sided action uses.  style, reach: free knobs in [0, 1] and about 1.  sway (T, 3): idle movement, metres.
    hips, shoulders: half widths, metres.
    """

    seconds: Array
    phase: Array
    progress: Array
    rate: float
    shift: float
    side: int
    style: float
    reach: float
    sway: Array
    hips: float = 0.095
    shoulders: float = 0.185


@dataclass(frozen=True)
class Thing:
    """Something the action is done with: kind "ball", "box", "barbell", "chair" or "table"; at (T, 3) its centre, or its middle on the floor."""

    kind: str
    at: Array


@dataclass(frozen=True)
class Motion:
    """Named points (T, 3) or, for what comes in pairs, (T, 2, 3); and the things."""

    points: dict[str, Array]
    things: tuple[Thing, ...] = ()


@dataclass(frozen=True)
class Posture:
    """What a move decides; everything else follows by kinematics.

    hip (T, 3); lean, roll, twist (T) radians: forward, to the left, towards the left; wrists and ankles (T, 2, 3).
    lift (T, 2): how far the heels rise (rad).  knees, elbows: directions (2, 3) in which they point.
    """

    hip: Array
    lean: Array
    wrists: Array | None = None
    ankles: Array | None = None
    roll: Array | float = 0.0
    twist: Array | float = 0.0
    lift: Array | float = 0.0
    knees: Array = field(default_factory=lambda: np.array([[1, 0, 0.25], [1, 0, -0.25]]))
    elbows: Array = field(default_factory=lambda: np.array([[-0.7, -0.4, 0.55], [-0.7, -0.4, -0.55]]))


def unit(v: Array) -> Array:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def smooth(x: Array | float) -> Array:
    """A step from 0 to 1 with flat ends, the same read backwards: s(1 − x) = 1 − s(x)."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6 * x - 15) + 10)


def blend(a: Array | float, b: Array | float, w: Array) -> Array:
    """a + w·(b − a), broadcast."""
    return np.asarray(a, float) + w * (np.asarray(b, float) - np.asarray(a, float))


def keys(phase: Array, *marks: tuple[float, Sequence[float] | float]) -> Array:
    """Values at `phase` that rest at each mark (place, value) and go smoothly between them: (T) or (T, n)."""
    out = np.broadcast_to(np.asarray(marks[0][1], float), phase.shape + np.shape(marks[0][1])).copy()
    for (p0, v0), (p1, v1) in pairwise(marks):
        out += (np.asarray(v1, float) - np.asarray(v0, float)) * smooth((phase - p0) / (p1 - p0)).reshape(phase.shape + (1,) * np.ndim(v0))
    return out


def two_bones(root: Array, target: Array, first: float, second: float, pole: Array) -> tuple[Array, Array]:
    """The middle joint and the end of two bones that reach from root to target (…, 3) as far as they can, bent towards pole."""
    way = target - root
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    reach = np.clip(length, abs(first - second) + 0.02, 0.9985 * (first + second))
    along = way / np.maximum(length, 1e-9)
    x = (first**2 - second**2 + reach**2) / (2 * reach)
    aside = unit(pole - (pole * along).sum(-1, keepdims=True) * along)
    return root + x * along + np.sqrt(np.maximum(first**2 - x**2, 0)) * aside, root + reach * along


def axes(p: Posture) -> tuple[Array, Array, Array]:
    """The trunk's forward, up and left directions, each (T, 3)."""
    zero = np.zeros_like(p.lean)
    twist, roll = zero + p.twist, zero + p.roll
    front = np.stack([np.cos(twist), zero, np.sin(twist)], -1)
    left = np.stack([-np.sin(twist), zero, np.cos(twist)], -1)
    up = unit(np.sin(p.lean)[:, None] * front + np.cos(p.lean)[:, None] * np.array([0, 1.0, 0]) + np.sin(roll)[:, None] * left)
    left = unit(left - (left * up).sum(-1, keepdims=True) * up)
    return np.cross(up, left), up, left


def shoulders(m: Manner, p: Posture) -> Array:
    """Both shoulders (T, 2, 3)."""
    _, up, left = axes(p)
    return (p.hip + TRUNK * up)[:, None] + SIDES[:, None] * m.shoulders * left[:, None]


def arm(flex: Array | float, out: Array | float, length: float = 0.54) -> Array:
    """Where the wrists are from the shoulders, (T or 1, 2, 3): arms turned `flex` rad forward from hanging, and `out` rad sidewards."""
    flex, out = np.broadcast_arrays(np.atleast_1d(flex), np.atleast_1d(out))
    one = np.stack([np.sin(flex) * np.cos(out), -np.cos(flex) * np.cos(out), np.sin(out)], -1)
    return length * np.stack([one, one * np.array([1, 1, -1])], 1)


def feet(m: Manner, width: float = 0.11, ahead: float = 0.0) -> Array:
    """Both ankles of a figure that stands: (T, 2, 3)."""
    spot = np.array([[ahead, ANKLE, width], [-ahead, ANKLE, -width]])
    return np.broadcast_to(spot, (len(m.seconds), 2, 3)).copy()


def hip_at(m: Manner, x: Array | float, y: Array | float, z: Array | float = 0.0) -> Array:
    """The middle of the hips (T, 3), with the idle sway."""
    zero = np.zeros_like(m.seconds)
    return np.stack([zero + x, zero + y, zero + z], -1) + m.sway


def skeleton(m: Manner, p: Posture, things: tuple[Thing, ...] = ()) -> Motion:
    """Every point of the body from what the move decided."""
    front, up, left = axes(p)
    ankles = feet(m) if p.ankles is None else p.ankles
    top = shoulders(m, p)
    wrists = top + arm(0.08, 0.12) if p.wrists is None else p.wrists
    hips = p.hip[:, None] + SIDES[:, None] * m.hips * left[:, None]
    hips = hips - np.array([0, 0.02, 0])
    knees, ankles = two_bones(hips, ankles, THIGH, SHIN, p.knees)
    elbows, wrists = two_bones(top, wrists, UPPER_ARM, FOREARM, p.elbows)
    lift = np.broadcast_to(np.asarray(p.lift, float), ankles.shape[:2])[..., None]
    toe = ankles + 0.17 * np.cos(lift) * np.array([1, 0, 0.0]) - (0.17 * np.sin(lift) + 0.035) * np.array([0, 1.0, 0]) + SIDES[:, None] * [0, 0, 0.02]
    neck = p.hip + (TRUNK + 0.03) * up
    nod = unit(up + np.array([0, 0.9, 0]))  # a head keeps more upright than its trunk
    face = unit(front - (front * nod).sum(-1, keepdims=True) * nod)
    head = neck + 0.15 * nod + 0.02 * face
    points = {
        "hip": p.hip, "waist": p.hip + 0.2 * up, "chest": p.hip + 0.37 * up, "neck": neck, "head": head, "up": nod, "face": face, "left": left,
        "shoulders": top, "elbows": elbows, "wrists": wrists, "hands": wrists + HAND * unit(wrists - elbows),
        "hips": hips, "knees": knees, "ankles": ankles, "toes": toe, "heels": ankles + np.array([-0.045, -0.02, 0]) + np.sin(lift) * [-0.03, 0.02, 0],
    }  # fmt: skip
    return Motion(points, things)
