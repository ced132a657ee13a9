"""Sample clips whose truth is known: a jointed figure performs a named action somewhere, in front of somebody's wall.

`render("sit_down", seed=3)` gives the frames, the joints, and who is where in every pixel, so that any explanation can be scored against the truth.
The same action and seed always give the same bytes. Body, clothes, place, camera and distractor come from the seed alone, never from the action.

Pairs are each other's time reversal, exactly: `render("stand_up", s)` is `render("sit_down", s)` played backwards, with everything in the scene.
So no single frame, and no unordered set of frames, can tell which of the two it is. push_left and push_right mean the viewer's left and right:
do not mirror these clips when training.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from actrec.clips import video
from actrec.clips.mannequin.actions import MOVES
from actrec.clips.mannequin.body import LAYOUT, OBJECT, PARTS, Look, dress, figure, joints, things
from actrec.clips.mannequin.brush import Blob, Camera, Picture, Slab, paint
from actrec.clips.mannequin.room import Easel, place, props
from actrec.clips.mannequin.skeleton import Manner, Motion, smooth
from actrec.clips.mannequin.things import distractor
from actrec.core.errors import QuestionError

ACTIONS: tuple[str, ...] = tuple(MOVES)
PAIRS: tuple[tuple[str, str], ...] = (
    ("sit_down", "stand_up"),
    ("lift_box", "put_down_box"),
    ("push_left", "push_right"),
    ("raise_arms", "lower_arms"),
)
MASKS = ("actor", "object", "limbs")
MARGIN = 0.12  # of the frame's height, painted beyond its edges for the camera's drift


@dataclass(frozen=True, eq=False)
class Mannequin:
    """A clip with its truth.

    frames uint8 (T, H, W, 3) RGB.  joints float32 (T, 17, 3): x, y in pixels (pixel i covers [i, i + 1)) and a score: 1 seen, 0.5 hidden, 0 outside.
    parts uint8 (T, H, W): what is visible where, numbered as in `PARTS`; None if the truth was not asked for (then no joint counts as hidden).
    carriers: the parts that carry the action.
    """

    frames: NDArray[np.uint8]
    joints: NDArray[np.float32]
    parts: NDArray[np.uint8] | None
    label: str
    carriers: tuple[str, ...]
    layout: tuple[str, ...] = LAYOUT

    def where(self, *names: str) -> NDArray[np.bool_]:
        """The pixels (T, H, W) in which one of the named parts is seen."""
        if self.parts is None:
            raise QuestionError("this clip was rendered without its truth; render it with truth=True")
        return np.isin(self.parts, [PARTS.index(name) for name in names])

    @property
    def actor(self) -> NDArray[np.bool_]:
        """The figure without what it holds: bool (T, H, W)."""
        return self.where(*PARTS[1:OBJECT])

    @property
    def object(self) -> NDArray[np.bool_]:
        """What the action is done with: the ball, box or barbell, or the chair that is sat on: bool (T, H, W), empty for the other actions."""
        return self.where("object")

    @property
    def limbs(self) -> NDArray[np.bool_]:
        """The limbs that carry the action, and the object they handle: bool (T, H, W)."""
        return self.where(*self.carriers)


@dataclass(frozen=True)
class Scene:
    """Everything about a clip but its size; each part is drawn from its own stream of the seed.

    Raises:
        QuestionError: an action that is not one of `ACTIONS`, or a negative seed.
    """

    action: str
    seed: int

    def __post_init__(self) -> None:
        if self.action not in MOVES:
            raise QuestionError(f"no action is called {self.action!r}; choose one of {', '.join(ACTIONS)}")
        if self.seed < 0:
            raise QuestionError(f"the seed {self.seed} is negative; give 0, 1, 2 …")

    def stream(self, number: int) -> Generator:
        return default_rng([self.seed, number])

    def look(self) -> Look:
        return dress(self.stream(0))

    def manner(self, frames: int, fps: float) -> Manner:
        """When and how the action is done; nothing here prefers a direction of time."""
        rng = self.stream(1)
        seconds = np.arange(frames) / fps
        start, end = rng.uniform(0.03, 0.2, 2)
        phase = np.clip((np.linspace(0, 1, frames) - start) / (1 - start - end), 0, 1)
        ease = rng.uniform(0.5, 1.0)
        idle = rng.uniform(0, 2 * np.pi, 3) + 2 * np.pi * rng.uniform(0.2, 0.5, 3) * seconds[:, None]
        return Manner(
            seconds, phase, ease * smooth(phase) + (1 - ease) * phase, float(rng.uniform(0.8, 1.25)), float(rng.random()), int(rng.integers(2)),
            float(rng.random()), float(rng.uniform(0.85, 1.1)), np.sin(idle) * [0.008, 0.004, 0.012],
            hips=float(rng.uniform(0.085, 0.105)), shoulders=float(rng.uniform(0.165, 0.205)),
        )  # fmt: skip

    def camera(self, frames: int, height: int, width: int) -> Camera:
        """height and width in the pixels that are painted."""
        rng, move = self.stream(2), MOVES[self.action]
        yaw = (move.yaw[0] + (move.yaw[1] - move.yaw[0]) * rng.random()) * rng.choice([-1, 1])
        scale = height / 1.75 * rng.uniform(0.58, 0.70) * self.look().size
        foot = (width * (0.5 + rng.uniform(-0.05, 0.05)), height * rng.uniform(0.87, 0.93))
        t = np.linspace(-0.5, 0.5, frames)[:, None]
        wobble = np.sin(2 * np.pi * (rng.uniform(0.3, 1.2, 3) * t + rng.random(3))) * rng.uniform(0, 1, 3) * [0.012, 0.01, 0.008]
        drift = (wobble + t * rng.uniform(-1, 1, 3) * [0.05, 0.07, 0.03]) * [1, height, height] * rng.choice([0.0, 1.0], p=[0.2, 0.8])
        return Camera(float(yaw), float(rng.uniform(0.06, 0.2)), float(scale), foot, (width / 2, height / 2), drift + np.array([1, 0, 0]))

    def distractor(self, seconds: NDArray[np.float64], camera: Camera) -> list[Blob | Slab]:
        """What moves behind the figure on its own."""
        return distractor(self.stream(4), seconds, camera)

    def backdrop(self, height: int, width: int, camera: Camera) -> Picture:
        """The still background with its margin, as wide as the camera's drift may ask for."""
        rng, edge = self.stream(3), round(MARGIN * height)
        easel = Easel(height + 2 * edge, width + 2 * edge, height, edge / height, edge / height)
        floor = camera.foot[1] / height - float(rng.uniform(0.12, 0.22))
        place(rng, easel, floor, width / height)
        moved = replace(camera, foot=(camera.foot[0] + edge, camera.foot[1] + edge), middle=(0.0, 0.0))
        props(rng, easel.picture, moved)
        return np.asarray(cv2.GaussianBlur(easel.picture, (0, 0), max(0.0035 * height, 0.3)), np.uint8)


def render(
    action: str, seed: int, *, frames: int = 64, height: int = 240, width: int = 320, fps: float = 25.0, truth: bool = True, fine: int = 2
) -> Mannequin:
    """The clip of an action: `frames` frames of height × width pixels; painted `fine` times larger, then reduced.

    Raises:
        QuestionError: an unknown action, or a clip too small to show anything.
    """
    scene, manner, camera, motion = _staged(action, seed, frames, height, width, fps, fine)
    look = scene.look()
    shapes = [*figure(motion, camera, look), *things(motion, camera, look), *scene.distractor(manner.seconds, camera)]
    pictures, parts = _expose(scene, camera, motion, shapes, (frames, height, width, fine), truth)
    spots = joints(motion, camera, parts, (height, width, fine))
    move = MOVES[action]
    carriers = tuple(name.replace("side", ("left", "right")[manner.side]) for name in move.carriers)
    if move.backwards:
        pictures, spots, parts = pictures[::-1].copy(), spots[::-1].copy(), None if parts is None else parts[::-1].copy()
    return Mannequin(pictures, spots, parts, action, carriers)


def render_joints(
    action: str, seed: int, *, frames: int = 64, height: int = 240, width: int = 320, fps: float = 25.0, fine: int = 2
) -> NDArray[np.float32]:
    """The joints (T, 17, 3) that `render(…, truth=False)` gives, without painting a picture: no joint counts as hidden.

    Raises:
        QuestionError: as `render`.
    """
    _, _, camera, motion = _staged(action, seed, frames, height, width, fps, fine)
    spots = joints(motion, camera, None, (height, width, fine))
    return spots[::-1].copy() if MOVES[action].backwards else spots


def _staged(action: str, seed: int, frames: int, height: int, width: int, fps: float, fine: int) -> tuple[Scene, Manner, Camera, Motion]:
    """All that moves, before it is dressed and painted."""
    scene = Scene(action, seed)
    if frames < 2 or height < 16 or width < 16 or fps <= 0 or fine < 1:
        raise QuestionError(
            f"{frames} frames of {width}×{height} at {fps} fps painted {fine} times larger: give at least 2 frames, 16×16, fps > 0, fine ≥ 1"
        )
    manner = scene.manner(frames, fps)
    return scene, manner, scene.camera(frames, height * fine, width * fine), MOVES[action].motion(manner)


def _expose(
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
    grounds = _grounds(motion, camera)
    out = np.empty((frames, height, width, 3), np.uint8)
    parts = np.zeros((frames, height, width), np.uint8) if truth else None
    for t in range(frames):
        picture = _still(backdrop, camera, t, height * fine, width * fine)
        _shadow(picture, grounds[t])
        mask = np.zeros(picture.shape[:2], np.uint8) if truth else None
        paint(picture, mask, shapes, t, glow)
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        small *= gain * np.float32(flicker[t])
        small += noise[corner[t, 0] :, corner[t, 1] :][:height, :width]
        out[t] = np.clip(small, 0, 255)
        if parts is not None and mask is not None:
            parts[t] = mask[fine // 2 :: fine, fine // 2 :: fine]
    return out, parts


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


def _grounds(motion: Motion, camera: Camera) -> NDArray[np.float64]:
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


def _shadow(picture: Picture, grounds: NDArray[np.float64]) -> None:
    """Darken the floor softly under what stands on it."""
    height, width = picture.shape[:2]
    step = max(height // 96, 1)
    soft = np.zeros((-(-height // step), -(-width // step)), np.float32)
    for x, y, rx, ry, dark in grounds:
        layer = np.zeros_like(soft)
        cv2.ellipse(layer, ((x / step, y / step), (2 * rx / step, max(2 * ry / step, 1)), 0.0), float(dark), -1)
        soft = np.maximum(soft, layer)
    rows = slice(max(int(grounds[:, 1].min() - 0.15 * height), 0), min(int(grounds[:, 1].max() + 0.15 * height) + 1, height))
    if rows.stop <= rows.start:
        return
    soft = cv2.resize(cv2.GaussianBlur(soft, (0, 0), 1.6), (soft.shape[1] * step, soft.shape[0] * step))[rows, :width]
    picture[rows] = (picture[rows] * (1 - 0.55 * soft[..., None])).astype(np.uint8)


SAMPLES: tuple[tuple[str, int, int], ...] = (
    ("sit_down", 32, 72), ("stand_up", 32, 72), ("push_left", 2, 72), ("bounce_ball", 31, 75), ("throw_ball", 35, 64), ("lift_barbell", 38, 84),
    ("jumping_jack", 36, 75), ("walk", 37, 72),
)  # fmt: skip
"""The clips that ship: action, seed, frames. The first two are the same scene forwards and backwards."""


def write_samples(folder: Path) -> None:
    """Make the shipped clips afresh: `folder/<action>.mp4`, `index.csv`, and `<action>.truth.npz` (read it with `read_truth`)."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label", "seed", "frames"])
        for action, seed, frames in SAMPLES:
            made = render(action, seed, frames=frames)
            video.write(folder / f"{action}.mp4", made.frames, 25.0, crf=20)
            write_truth(folder / f"{action}.truth.npz", made)
            rows.writerow([f"{action}.mp4", action, seed, frames])


def write_truth(path: Path, clip: Mannequin, *, every: int = 2) -> None:
    """Save joints (T, 17, 3) and the masks of actor, object and limbs at every second pixel, eight pixels to a byte."""
    actor, thing, limbs = (np.packbits(mask[:, ::every, ::every], axis=-1) for mask in (clip.actor, clip.object, clip.limbs))
    facts = {"layout": np.array(clip.layout), "label": np.array(clip.label), "columns": -(-clip.frames.shape[2] // every), "every": every}
    np.savez_compressed(path, joints=clip.joints, actor=actor, object=thing, limbs=limbs, **facts)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Truth:
    """What `write_truth` saved: joints float32 (T, 17, 3) in the clip's pixels; actor, object, limbs: bool (T, h, w), `every` pixels apart."""

    joints: NDArray[np.float32]
    layout: tuple[str, ...]
    label: str
    actor: NDArray[np.bool_]
    object: NDArray[np.bool_]
    limbs: NDArray[np.bool_]
    every: int


def read_truth(path: Path) -> Truth:
    """The truth beside a sample clip.

    Raises:
        QuestionError: a file that is missing or was not written by `write_truth`.
    """
    try:
        with np.load(path) as kept:
            masks = {name: np.unpackbits(kept[name], axis=-1, count=int(kept["columns"])).astype(bool) for name in MASKS}
            return Truth(kept["joints"], tuple(map(str, kept["layout"])), str(kept["label"]), **masks, every=int(kept["every"]))
    except (OSError, KeyError, ValueError) as error:
        raise QuestionError(f"{path} holds no truth about a clip ({error}); make it again with mannequin.write_samples") from None
