"""Where the figure is: a room, a park or a town, with idle things standing about.

All of it is drawn from the seed alone, never from the action, so that nothing here can tell the action.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from actrec.clips.mannequin.brush import Camera, Colour, Picture, paint, shade, vec
from actrec.clips.mannequin.things import ACCENTS, RESTS, furniture, hue, pick

WALLS: tuple[Colour, ...] = (
    (226, 214, 196), (206, 217, 214), (214, 206, 220), (232, 222, 190), (190, 205, 222), (222, 200, 190), (196, 212, 190), (238, 232, 224),
    (150, 168, 184), (176, 150, 140), (140, 160, 150), (92, 108, 128),
)  # fmt: skip
FLOORS: tuple[Colour, ...] = (
    (176, 138, 100), (150, 116, 88), (198, 172, 138), (128, 120, 116), (168, 164, 158), (112, 96, 90), (186, 150, 128), (120, 138, 140),
)  # fmt: skip


class Easel:
    """A canvas with coordinates that do not depend on its size: x to the right and y down in frame heights, (0, 0) at its left top."""

    def __init__(self, height: int, width: int, unit: float, left: float, top: float) -> None:
        self.picture: Picture = np.zeros((height, width, 3), np.uint8)
        self.unit, self.left, self.top = unit, left, top
        self.x0, self.x1 = -left, (width / unit) - left
        self.y0, self.y1 = -top, (height / unit) - top

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        spot = np.rint((np.asarray(points) + np.array([self.left, self.top])) * self.unit * 16).astype(np.int32)
        cv2.fillPoly(self.picture, [spot], colour, cv2.LINE_AA, 4)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        self.polygon([(x + rx * float(np.cos(a)), y + ry * float(np.sin(a))) for a in turn], colour)

    def ramp(self, y0: float, y1: float, above: Colour, below: Colour) -> None:
        """Fill the rows from y0 to y1 with a vertical gradient."""
        a, b = (round(np.clip((y + self.top) * self.unit, 0, len(self.picture))) for y in (y0, y1))
        w = np.linspace(0, 1, max(b - a, 1))[:, None, None]
        self.picture[a:b] = (np.asarray(above) * (1 - w) + np.asarray(below) * w)[: b - a]


def place(rng: Generator, easel: Easel, floor: float, aspect: float) -> None:
    """Paint a room or an outdoor place; `floor` is the height where the floor meets the wall."""
    if rng.random() < 0.7:
        _room(rng, easel, floor, aspect)
    else:
        _outdoors(rng, easel, floor, aspect)


def _room(rng: Generator, e: Easel, floor: float, aspect: float) -> None:
    wall, ground = pick(rng, WALLS), pick(rng, FLOORS)
    e.ramp(e.y0, floor, shade(wall, rng.uniform(0.85, 1.0)), shade(wall, rng.uniform(0.95, 1.06)))
    kind, step = int(rng.integers(5)), float(rng.uniform(0.05, 0.14))
    tone = shade(wall, rng.choice([0.93, 0.95, 1.05]))
    columns = np.arange(e.x0 - step, e.x1, step) + float(rng.uniform(0, step))
    if kind == 1:
        for x in columns:
            e.box(x, e.y0, x + step * 0.45, floor, tone)
    elif kind == 2:
        for row, y in enumerate(np.arange(e.y0, floor, step)):
            for x in columns:
                e.oval(x + step / 2 * (row % 2), y, step * 0.14, step * 0.14, tone)
    elif kind == 3:
        e.box(e.x0, floor - 0.26, e.x1, floor, shade(wall, 0.86))
        e.box(e.x0, floor - 0.27, e.x1, floor - 0.255, shade(wall, 1.07))
    elif kind == 4:
        for row, y in enumerate(np.arange(e.y0, floor, step * 0.5)):
            e.box(e.x0, y, e.x1, y + 0.004, tone)
            for x in columns:
                e.box(x + step / 2 * (row % 2), y, x + step / 2 * (row % 2) + 0.004, y + step * 0.5, tone)
    e.ramp(floor, e.y1, shade(ground, 0.82), shade(ground, 1.05))
    _boards(rng, e, floor, aspect, shade(ground, 0.86))
    e.box(e.x0, floor - 0.018, e.x1, floor + 0.003, shade(wall, float(rng.choice([0.75, 1.1]))))
    for _ in range(int(rng.integers(1, 4))):
        (_window, _poster, _shelf, _door, _poster)[int(rng.integers(5))](rng, e, floor, aspect)
    if rng.random() < 0.35:
        _rug(rng, e, floor, aspect)


def _boards(rng: Generator, e: Easel, floor: float, aspect: float, tone: Colour) -> None:
    """Lines on the floor: boards that run towards a vanishing point, or rows that come closer."""
    vanish, kind = aspect * float(rng.uniform(0.3, 0.7)), int(rng.integers(3))
    if kind != 1:
        for x in np.arange(-3.0, 4.5, float(rng.uniform(0.14, 0.3))):
            top = vanish + (x - vanish) * 0.45
            e.polygon([(top, floor), (top + 0.003, floor), (x + 0.006, e.y1), (x, e.y1)], tone)
    if kind != 2:
        for k in range(6):
            y = floor + (e.y1 - floor) * (k / 6) ** 1.5
            e.box(e.x0, y, e.x1, y + 0.004, tone)


def _outdoors(rng: Generator, e: Easel, floor: float, aspect: float) -> None:
    sky = ((126, 170, 214), (188, 208, 222), (238, 190, 150), (160, 190, 196))[int(rng.integers(4))]
    e.ramp(e.y0, floor, shade(sky, 0.92), shade(sky, 1.12))
    if rng.random() < 0.5:
        e.oval(float(rng.uniform(0, aspect)), float(rng.uniform(0.05, 0.25)), 0.05, 0.05, shade(sky, 1.25))
    town = rng.random() < 0.45
    for depth in (0.55, 0.8, 1.0):
        if town:
            x = e.x0
            while x < e.x1:
                wide, high = float(rng.uniform(0.08, 0.24)), float(rng.uniform(0.1, 0.55)) * (1.3 - 0.6 * depth)
                tone = shade(hue(rng, (0.05, 0.22), (0.6, 0.75)), 1.15 - 0.3 * depth)
                e.box(x, floor - high, x + wide, floor, tone)
                for wx in np.arange(x + 0.02, x + wide - 0.02, 0.035):
                    for wy in np.arange(floor - high + 0.025, floor - 0.03, 0.05):
                        e.box(wx, wy, wx + 0.014, wy + 0.022, shade(tone, 0.84))
                x += wide + float(rng.uniform(0, 0.1))
        else:
            green = hue(rng, (0.2, 0.35), (0.5, 0.62)) if rng.random() < 0.2 else shade((120, 152, 110), float(rng.uniform(0.85, 1.1)))
            for _ in range(5):
                x, r = float(rng.uniform(e.x0, e.x1)), float(rng.uniform(0.15, 0.5))
                e.oval(x, floor + 0.02, r, r * (0.75 - 0.5 * depth), shade(green, 1.25 - 0.3 * depth))
    if not town:
        for _ in range(int(rng.integers(1, 4))):
            _tree(rng, e, floor, aspect)
    ground = shade(pick(rng, ((134, 160, 104), (196, 178, 140), (160, 160, 160), (150, 140, 124))), 1.0)
    e.ramp(floor, e.y1, shade(ground, 0.86), shade(ground, 1.06))
    for _ in range(40):
        x, y = float(rng.uniform(e.x0, e.x1)), float(rng.uniform(floor, e.y1))
        e.oval(x, y, 0.03, 0.004, shade(ground, float(rng.uniform(0.9, 1.05))))


def _tree(rng: Generator, e: Easel, floor: float, aspect: float) -> None:
    x, high = float(rng.uniform(e.x0, e.x1)), float(rng.uniform(0.25, 0.5))
    green = shade((96, 138, 92), float(rng.uniform(0.85, 1.2)))
    e.polygon([(x - 0.014, floor + 0.02), (x + 0.014, floor + 0.02), (x + 0.007, floor - high), (x - 0.007, floor - high)], (112, 90, 72))
    for dx, dy, r, tone in ((-0.05, 0.0, 0.09, 0.86), (0.06, 0.02, 0.085, 0.92), (0.0, -0.06, 0.1, 1.0), (-0.02, -0.07, 0.06, 1.09)):
        e.oval(x + dx, floor - high + dy, r, r, shade(green, tone))


def _window(rng: Generator, e: Easel, floor: float, aspect: float) -> None:
    x, y, w, h = (float(rng.uniform(*r)) for r in ((-0.05, aspect - 0.2), (0.05, 0.15), (0.2, 0.4), (0.22, 0.38)))
    sky = ((176, 208, 232), (238, 206, 176), (120, 144, 182))[int(rng.integers(3))]
    e.box(x - 0.018, y - 0.018, x + w + 0.018, y + h + 0.018, (238, 234, 226))
    for k in range(8):
        e.box(x, y + h * k / 8, x + w, y + h * (k + 1) / 8, shade(sky, 0.94 + 0.02 * k))
    e.polygon([(x, y + h * 0.8), (x + w * 0.4, y + h * 0.66), (x + w, y + h * 0.85), (x + w, y + h), (x, y + h)], (136, 160, 130))
    e.box(x + w / 2 - 0.006, y, x + w / 2 + 0.006, y + h, (238, 234, 226))
    e.box(x, y + h / 2 - 0.006, x + w, y + h / 2 + 0.006, (238, 234, 226))
    if rng.random() < 0.5:
        cloth = pick(rng, ACCENTS)
        for side in (x - 0.05, x + w - 0.03):
            for k in range(4):
                e.box(side + 0.02 * k, y - 0.03, side + 0.02 * k + 0.02, min(y + h + 0.1, floor), shade(cloth, 0.9 + 0.1 * (k % 2)))


def _poster(rng: Generator, e: Easel, floor: float, aspect: float) -> None:
    x, y, w, h = (float(rng.uniform(*r)) for r in ((0.0, aspect - 0.15), (0.08, 0.25), (0.12, 0.26), (0.14, 0.26)))
    e.box(x - 0.01, y - 0.01, x + w + 0.01, y + h + 0.01, shade(pick(rng, ACCENTS), 0.5))
    e.box(x, y, x + w, y + h, pick(rng, WALLS))
    for _ in range(int(rng.integers(2, 5))):
        cx, cy, r = x + w * float(rng.uniform(0.25, 0.75)), y + h * float(rng.uniform(0.25, 0.75)), 0.24 * min(w, h)
        if rng.random() < 0.5:
            e.oval(cx, cy, r, r, pick(rng, ACCENTS))
        else:
            e.polygon([(cx - r, cy + r), (cx + r, cy + r), (cx, cy - r)], pick(rng, ACCENTS))


def _shelf(rng: Generator, e: Easel, floor: float, aspect: float) -> None:
    x, y, w = float(rng.uniform(-0.05, aspect - 0.2)), float(rng.uniform(0.15, 0.32)), float(rng.uniform(0.22, 0.4))
    spot = x + 0.01
    while spot < x + w - 0.03:
        wide, high = float(rng.uniform(0.014, 0.034)), float(rng.uniform(0.06, 0.1))
        e.box(spot, y - high, spot + wide, y, pick(rng, ACCENTS))
        spot += wide + (0.05 if rng.random() < 0.15 else 0.001)
    e.box(x, y, x + w, y + 0.014, (120, 92, 70))


def _door(rng: Generator, e: Easel, floor: float, aspect: float) -> None:
    x, tone = float(rng.uniform(-0.05, aspect - 0.2)), pick(rng, WALLS)
    e.box(x - 0.015, floor - 0.615, x + 0.285, floor, shade(tone, 1.08))
    e.box(x, floor - 0.6, x + 0.27, floor, shade(tone, 0.86))
    for y in (0.56, 0.27):
        e.box(x + 0.04, floor - y, x + 0.23, floor - y + 0.22, shade(tone, 0.8))
    e.oval(x + 0.25, floor - 0.3, 0.008, 0.008, (214, 184, 110))


def _rug(rng: Generator, e: Easel, floor: float, aspect: float) -> None:
    tone, x = pick(rng, ACCENTS), aspect * float(rng.uniform(0.35, 0.65))
    for k, light in enumerate((0.9, 1.1, 0.96)):
        e.oval(x, floor + 0.13, 0.46 - 0.05 * k, 0.075 - 0.012 * k, shade(tone, light))


def props(rng: Generator, picture: Picture, camera: Camera) -> None:
    """Paint up to three idle things beside the figure: the same chairs, tables, boxes, balls and barbells that the actions use, and plants."""
    for spot in rng.permutation(np.array([-1.55, -1.15, 1.15, 1.55]))[: int(rng.integers(0, 4))]:
        where = np.array([[float(rng.uniform(-1.0, -0.5)), 0.0, float(spot)]])
        turned = Camera(0.0, camera.pitch, camera.scale, camera.foot, camera.middle, np.array([[1.0, 0, 0]]))
        kind = ("chair", "table", "box", "ball", "barbell", "plant")[int(rng.integers(6))]
        paint(picture, furniture(kind, where + vec(0, RESTS[kind], 0), turned, pick(rng, ACCENTS), 0), 0, (-0.5, -0.8))
