"""How the figure looks: its build and clothes, and its limbs, trunk, head and things as shaded shapes; and where its joints are in the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from actrec.clips.mannequin.brush import Blob, Camera, Colour, Picture, Slab, blob, shade
from actrec.clips.mannequin.skeleton import Motion
from actrec.clips.mannequin.things import ACCENTS, furniture, hue, pick

PARTS: tuple[str, ...] = ("scenery", "head", "trunk", "hips", "left_arm", "right_arm", "left_leg", "right_leg", "object")
"""What the numbers in `Mannequin.parts` mean."""
OBJECT = PARTS.index("object")
LAYOUT: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""The joints, in COCO's order; left is the figure's own left."""

SKINS: tuple[Colour, ...] = ((244, 208, 180), (226, 178, 144), (196, 142, 108), (152, 104, 78), (110, 74, 58), (236, 192, 164))
HAIRS: tuple[Colour, ...] = ((48, 38, 36), (92, 62, 44), (146, 100, 60), (206, 168, 108), (160, 84, 52), (170, 168, 170), (34, 34, 44))


@dataclass(frozen=True)
class Dress:
    """The figure's colours and build. hair: "short", "long", "bun", "cap" or "none"."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    thing: Colour
    style: str
    sleeves: bool
    shorts: bool
    girth: float
    size: float


def dress(rng: Generator) -> Dress:
    """A body and its clothes, at random."""
    tops = ACCENTS if rng.random() < 0.6 else (hue(rng, (0.25, 0.75), (0.45, 0.95)),)
    skin, shirt = pick(rng, SKINS, 5), pick(rng, tops)
    shirt = shirt if np.abs(np.subtract(skin, shirt)).max() > 60 else (70, 130, 140)
    style = ("short", "short", "long", "bun", "cap", "none")[int(rng.integers(6))]
    low: tuple[Colour, ...] = ((58, 66, 90), (88, 88, 96), (70, 92, 84), (44, 44, 52), (168, 168, 172), (84, 106, 134), (112, 56, 68))
    return Dress(
        skin, pick(rng, HAIRS, 5), shirt, pick(rng, low), pick(rng, ((236, 232, 226), (60, 56, 60), (190, 84, 70))),
        pick(rng, ((206, 112, 62), (196, 160, 112), (72, 120, 160), (186, 70, 76), (100, 150, 110), (60, 60, 72), (224, 190, 90))),
        style, bool(rng.random() < 0.5), bool(rng.random() < 0.35), float(rng.uniform(0.9, 1.22)), float(rng.uniform(0.92, 1.06)),
    )  # fmt: skip


def figure(motion: Motion, camera: Camera, clothes: Dress) -> list[Blob]:
    """The body: limbs, trunk and head as rounded shapes."""
    p, g = motion.points, clothes.girth
    over = 0.6 if any(thing.kind == "table" for thing in motion.things) else 0.0  # arms above the table's top
    sleeve, leg = (clothes.shirt if clothes.sleeves else clothes.skin), (clothes.skin if clothes.shorts else clothes.trousers)
    shapes = []
    for k in (0, 1):
        arm, limb = PARTS.index(("left_arm", "right_arm")[k]), PARTS.index(("left_leg", "right_leg")[k])
        hip, knee, ankle, toe, heel = (p[name][:, k] for name in ("hips", "knees", "ankles", "toes", "heels"))
        shoulder, elbow, wrist, hand = (p[name][:, k] for name in ("shoulders", "elbows", "wrists", "hands"))
        mid = 0.5 * (shoulder + elbow)
        shapes += [
            blob(camera, [heel, ankle, toe], [0.038, 0.036, 0.03], clothes.shoes, limb, 0.01),
            blob(camera, [knee, ankle], [0.056 * g, 0.038], leg, limb),
            blob(camera, [hip, knee], [0.088 * g, 0.060 * g], clothes.trousers, limb),
            blob(camera, [wrist, hand], [0.034, 0.036], clothes.skin, arm, over + 0.02),
            blob(camera, [elbow, wrist], [0.042 * g, 0.033], sleeve, arm, over + 0.01),
            blob(camera, [shoulder, elbow], [0.056 * g, 0.044 * g], sleeve, arm, over),
            blob(camera, [shoulder, mid], [0.062 * g, 0.054 * g], clothes.shirt, arm, over + 0.005),
        ]
    trunk, hips = PARTS.index("trunk"), PARTS.index("hips")
    inner = p["chest"][:, None] + 0.66 * (p["shoulders"] - p["chest"][:, None])
    hem = p["hips"] + 0.085 * _upwards(p)[:, None]
    shapes += [
        blob(camera, [p["hips"][:, 0], p["hips"][:, 1], p["waist"]], [0.095 * g, 0.095 * g, 0.09 * g], clothes.trousers, hips, -0.02),
        blob(camera, [hem[:, 0], hem[:, 1], inner[:, 0], inner[:, 1]], [0.075 * g, 0.075 * g, 0.1 * g, 0.1 * g], clothes.shirt, trunk, 0.07),
        blob(camera, [p["neck"], p["head"] - 0.06 * p["up"]], [0.052, 0.048], shade(clothes.skin, 0.9), PARTS.index("head"), -0.01),
    ]
    return shapes + _head(motion, camera, clothes)


def _upwards(points: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """The direction from the hips to the chest (T, 3)."""
    way = points["chest"] - points["hip"]
    return way / np.linalg.norm(way, axis=-1, keepdims=True)


def _head(motion: Motion, camera: Camera, clothes: Dress) -> list[Blob]:
    p, part = motion.points, PARTS.index("head")
    head, up, face, left = p["head"], p["up"], p["face"], p["left"]
    _, here = camera.project(head)
    _, there = camera.project(head + face)
    facing = (there - here) > 0  # (T) the face looks towards the viewer

    def feature(points: list[NDArray[np.float64]], radii: list[float], colour: Colour, order: float, layers: int = 6) -> Blob:
        made = blob(camera, points, radii, colour, part, layers=layers)
        return replace(made, depth=here + np.where(facing, order, -order))

    shapes = [replace(feature([head, head - 0.05 * up + 0.015 * face], [0.108, 0.086], clothes.skin, 0.0), depth=here)]
    crown = head + 0.028 * up - 0.03 * face
    if clothes.style != "none":
        shapes.append(feature([crown], [0.112], clothes.hair, -0.02))
        shapes.append(replace(feature([head + 0.075 * up - 0.012 * face], [0.072], clothes.hair, 0.0, 4), depth=here + 0.005))
    if clothes.style == "long":
        shapes.append(feature([crown, head - 0.15 * up - 0.06 * face], [0.108, 0.075], clothes.hair, -0.03))
    if clothes.style == "bun":
        shapes.append(feature([head + 0.10 * up - 0.09 * face], [0.05], clothes.hair, -0.04))
    if clothes.style == "cap":
        shapes.append(
            replace(feature([head + 0.07 * up + 0.015 * face, head + 0.07 * up - 0.045 * face], [0.08, 0.08], clothes.shirt, 0.0), depth=here + 0.01)
        )
        shapes.append(feature([head + 0.075 * up + 0.07 * face, head + 0.07 * up + 0.15 * face], [0.035, 0.025], shade(clothes.shirt, 0.8), 0.02, 3))
    for k in (1, -1):
        eye = head + 0.097 * face + 0.036 * k * left + 0.008 * up
        _, depth = camera.project(eye)
        shapes.append(replace(feature([eye], [0.0115], (44, 36, 40), 0.0, 1), depth=here + np.where(depth - here > 0.005, 0.015, -0.015)))
    shapes.append(feature([head + 0.105 * face - 0.022 * up], [0.017], shade(clothes.skin, 0.95), 0.016, 3))
    return shapes


def things(motion: Motion, camera: Camera, clothes: Dress) -> list[Blob | Slab]:
    """What the action is done with; the table is scenery, all else is the object."""
    shapes: list[Blob | Slab] = []
    table = any(thing.kind == "table" for thing in motion.things)
    for thing in motion.things:
        made = furniture(thing.kind, thing.at, camera, clothes.thing, 0 if thing.kind == "table" else OBJECT)
        order = {"chair": -2.0, "table": -0.15}.get(thing.kind, 0.45 if table else 0.0)
        shapes += [replace(shape, depth=shape.depth + order) for shape in made]
    return shapes


def joints(motion: Motion, camera: Camera, parts: Picture | None, size: tuple[int, int, int]) -> NDArray[np.float32]:
    """The joints in the frame's own pixels: (T, 17, 3)."""
    height, width, fine = size
    p = motion.points
    head, up, face, left = p["head"], p["up"], p["face"], p["left"]
    eyes = [head + 0.095 * face + 0.036 * k * left + 0.01 * up for k in (1, -1)]
    ears = [head + 0.095 * k * left for k in (1, -1)]
    pairs = [p[name][:, k] for name in ("shoulders", "elbows", "wrists", "hips", "knees", "ankles") for k in (0, 1)]
    place, _ = camera.project(np.stack([head + 0.11 * face - 0.02 * up, *eyes, *ears, *pairs], 1))
    spot = (place[..., :2] + 0.5) / fine
    inside = ((spot >= 0) & (spot < [width, height])).all(-1)
    score = np.where(inside, 1.0, 0.0)
    if parts is not None:
        x, y = (np.clip(spot[..., k].astype(int), 0, n - 1) for k, n in ((0, width), (1, height)))
        here = parts[np.arange(len(parts))[:, None], y, x]
        score[inside & ((here == 0) | (here == OBJECT))] = 0.5
    return np.concatenate([spot, score[..., None]], -1).astype(np.float32)
