"""Things: what the actions use, the same standing idle about the place, and something that moves on its own.

What moves has no preferred direction of time: it glides, swings or flutters, and looks the same played backwards.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from actrec.clips.mannequin.brush import Array, Blob, Camera, Colour, Slab, blob, disc, shade, slab, vec
from actrec.clips.mannequin.skeleton import BALL, BOX, PLATE, SEAT, TABLE

ACCENTS: tuple[Colour, ...] = (
    (200, 92, 74), (64, 116, 158), (228, 176, 84), (88, 142, 112), (138, 104, 156), (214, 136, 120), (72, 150, 160), (232, 226, 214), (60, 66, 84),
)  # fmt: skip


def pick(rng: Generator, colours: tuple[Colour, ...], spread: float = 10.0) -> Colour:
    """One of the colours, a little changed."""
    r, g, b = (float(v) for v in np.clip(np.asarray(colours[int(rng.integers(len(colours)))]) + rng.normal(0, spread, 3), 12, 250))
    return r, g, b


def hue(rng: Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Colour:
    """Any hue, with saturation and value between the limits."""
    r, g, b = colorsys.hsv_to_rgb(float(rng.random()), float(rng.uniform(*saturation)), float(rng.uniform(*value)))
    return 255 * r, 255 * g, 255 * b


def furniture(kind: str, at: Array, camera: Camera, colour: Colour, part: int) -> list[Blob | Slab]:
    """The shapes of a "chair", "table" or "plant" that stands at (T, 3), or of a "ball", "box" or "barbell" with its centre there."""
    return _MAKERS[kind](at, camera, colour, part)


def _chair(at: Array, camera: Camera, colour: Colour, part: int) -> list[Blob | Slab]:
    wood, corners = shade(colour, 0.9), [(x, z) for x in (-0.19, 0.19) for z in (-0.19, 0.19)]
    seat, back = at + vec(0, SEAT - 0.02, 0), at + vec(-0.25, SEAT + 0.38, 0)
    legs = [blob(camera, [at + vec(x, 0.02, z), seat + vec(x, 0, z)], [0.018, 0.022], wood, part, layers=3) for x, z in corners]
    posts = [blob(camera, [seat + vec(-0.2, 0, z), back + vec(0, -0.02, z)], [0.02, 0.02], wood, part, layers=3) for z in (-0.17, 0.17)]
    planks = [slab(camera, back, (0.018, 0.1, 0.2), colour, part, -0.05), slab(camera, seat, (0.22, 0.022, 0.22), colour, part, 0.1)]
    return [*legs, *posts, *planks]


def _table(at: Array, camera: Camera, colour: Colour, part: int) -> list[Blob | Slab]:
    wood, corners = shade(colour, 0.9), [(x, z) for x in (-0.2, 0.2) for z in (-0.72, 0.72)]
    legs = [blob(camera, [at + vec(x, 0.02, z), at + vec(x, TABLE - 0.03, z)], [0.025, 0.03], wood, part, layers=3) for x, z in corners]
    return [*legs, slab(camera, at + vec(0, TABLE - 0.025, 0), (0.26, 0.025, 0.82), colour, part, 0.3)]


def _plant(at: Array, camera: Camera, colour: Colour, part: int) -> list[Blob | Slab]:
    def leaf(k: int) -> Blob:
        return blob(camera, [at + vec(0, 0.25, 0), at + vec(0, 0.5 + 0.1 * (k % 2), 0.16 * (k - 2))], [0.02, 0.06], (96, 140, 92), part, 0.1)

    return [blob(camera, [at + vec(0, 0.05, 0), at + vec(0, 0.2, 0)], [0.1, 0.13], (190, 120, 92), part), *map(leaf, range(5))]


def _ball(at: Array, camera: Camera, colour: Colour, part: int) -> list[Blob | Slab]:
    return [blob(camera, [at], [BALL], colour, part, layers=8)]


def _box(at: Array, camera: Camera, colour: Colour, part: int) -> list[Blob | Slab]:
    return [slab(camera, at, (BOX, BOX, BOX), colour, part)]


def _barbell(at: Array, camera: Camera, colour: Colour, part: int) -> list[Blob | Slab]:
    bar = blob(camera, [at - vec(0, 0, 0.72), at + vec(0, 0, 0.72)], [0.016, 0.016], (176, 180, 186), part, layers=3)
    wheels = [disc(camera, at + vec(0, 0, z), PLATE, 0.025, colour, part) for z in (-0.58, 0.58)]
    return [bar, *wheels, *(disc(camera, at + vec(0, 0, z), 0.7 * PLATE, 0.025, shade(colour, 0.75), part) for z in (-0.64, 0.64))]


_MAKERS = {"chair": _chair, "table": _table, "plant": _plant, "ball": _ball, "box": _box, "barbell": _barbell}
RESTS = {"chair": 0.0, "table": 0.0, "plant": 0.0, "ball": BALL, "box": BOX, "barbell": PLATE}
"""How high above the floor a thing's own place is when it stands or lies there."""


@dataclass(frozen=True)
class Flight:
    """Where a distractor goes. t (T): seconds from the middle of the clip. across, high (T): its way, metres. turn (T, 3): three slow phases (rad).
    size, rise, spot: random numbers of its own."""

    view: Camera
    colour: Colour
    t: Array
    across: Array
    high: Array
    turn: Array
    size: float
    rise: float
    spot: float

    def at(self, z: Array, y: Array | float) -> Array:
        """Places (T, 3) behind the figure."""
        return vec(np.full_like(self.t, -0.9), y + 0 * self.t, z)

    def shape(self, points: list[Array], radii: list[float], order: float, colour: Colour | None = None, layers: int = 4) -> Blob:
        return blob(self.view, points, radii, colour or self.colour, 0, order - 3, layers)


def distractor(rng: Generator, seconds: Array, camera: Camera) -> list[Blob | Slab]:
    """Something that moves behind the figure on its own: a rolling ball, a balloon, a butterfly, a drone or a swinging lamp; or nothing."""
    kind = (None, _rolling, _balloon, _butterfly, _drone, _lamp)[int(rng.integers(6))]
    t = seconds - seconds.mean()
    turn = 2 * np.pi * (rng.uniform(0.25, 0.6, 3) * t[:, None] + rng.random(3))
    across = rng.uniform(-1.3, 1.3) + rng.choice([-1, 1]) * rng.uniform(0.25, 1.1) * t
    high = rng.uniform(1.2, 2.1) + 0.12 * np.sin(turn[:, 1])
    size, rise, spot = (float(v) for v in rng.uniform([0.09, -0.25, -1.2], [0.14, 0.25, 1.2]))
    flight = Flight(replace(camera, yaw=0.0), pick(rng, ACCENTS), t, across, high, turn, size, rise, spot)
    return [] if kind is None else list(kind(flight))


def _rolling(f: Flight) -> list[Blob]:
    return [f.shape([f.at(f.across, f.size)], [f.size], 0, layers=6)]


def _balloon(f: Flight) -> list[Blob]:
    spot = f.at(f.across * 0.5, f.high + f.rise * f.t)
    string = f.shape([spot - vec(0, 0.6, 0), spot], [0.004, 0.004], -0.1, (120, 120, 124), 1)
    return [string, f.shape([spot + vec(0, 0.04, 0), spot - vec(0, 0.06, 0)], [0.13, 0.09], 0, layers=7)]


def _butterfly(f: Flight) -> list[Blob]:
    spot = f.at(f.across * 0.7, f.high + 0.1 * np.sin(3 * f.turn[:, 0]))
    flap = 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * (2.2 * f.t + f.spot)))
    wings = [
        f.shape([spot, spot + vec(0, y * (0.03 + 0.09 * flap), k * 0.11 * flap)], [0.015, 0.045], 0, shade(f.colour, 1.1))
        for k in (-1, 1)
        for y in (-0.5, 1)
    ]
    return [*wings, f.shape([spot - vec(0, 0.04, 0), spot + vec(0, 0.05, 0)], [0.012, 0.012], 0.1, (50, 44, 48), 1)]


def _drone(f: Flight) -> list[Blob]:
    spot = f.at(f.across * 0.3 + 0.3 * np.sin(f.turn[:, 0]), f.high)
    arms = [f.shape([spot, spot + vec(0, 0.03, k * 0.2)], [0.02, 0.012], 0, (70, 74, 84)) for k in (-1, 1)]
    ends = [spot + vec(0, 0.05, k * 0.2) for k in (-1, 1)]
    rotors = [f.shape([end - vec(0, 0, 0.09), end + vec(0, 0, 0.09)], [0.008, 0.008], 0.1, (206, 208, 214), 1) for end in ends]
    return [*arms, *rotors, f.shape([spot - vec(0, 0, 0.06), spot + vec(0, 0, 0.06)], [0.05, 0.05], 0.2)]


def _lamp(f: Flight) -> list[Blob]:
    angle, cord, ceiling = 0.35 * np.sin(2 * f.turn[:, 0]), 0.85 + 0.6 * f.rise, 2.75
    bob = f.at(f.spot + cord * np.sin(angle), ceiling - cord * np.cos(angle))
    foot = bob + 0.11 * vec(0, -np.cos(angle), np.sin(angle))
    cable = f.shape([f.at(f.spot + 0 * f.t, ceiling), bob], [0.008, 0.008], -0.1, (70, 70, 76), 1)
    return [cable, f.shape([foot], [0.06], -0.05, (255, 240, 190)), f.shape([bob, foot], [0.05, 0.13], 0)]
