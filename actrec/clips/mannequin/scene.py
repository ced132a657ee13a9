"""What happens in a clip, where, and seen from where: everything but its size, drawn from the action and the seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from actrec.clips.mannequin.actions import MOVES
from actrec.clips.mannequin.body import Dress, dress
from actrec.clips.mannequin.brush import Blob, Camera, Picture, Slab
from actrec.clips.mannequin.room import Easel, place, props
from actrec.clips.mannequin.skeleton import Manner, smooth
from actrec.clips.mannequin.things import distractor
from actrec.core.errors import QuestionError

ACTIONS: tuple[str, ...] = tuple(MOVES)
PAIRS: tuple[tuple[str, str], ...] = (
    ("sit_down", "stand_up"),
    ("lift_box", "put_down_box"),
    ("push_left", "push_right"),
    ("raise_arms", "lower_arms"),
)
MARGIN = 0.12
"""Of the frame's height: what is painted beyond its edges for the camera's drift."""


@dataclass(frozen=True)
class Scene:
    """Everything about a clip but its size; each part is drawn from its own stream of the seed.

    look: a seed for the clothes and the place, so that the same motion is seen otherwise; None: the clip's own.

    Raises:
        QuestionError: an action that is not one of `ACTIONS`, or a negative seed.
    """

    action: str
    seed: int
    look: int | None = None

    def __post_init__(self) -> None:
        if self.action not in MOVES:
            raise QuestionError(f"no action is called {self.action!r}; choose one of {', '.join(ACTIONS)}")
        for seed in (self.seed, self.look or 0):
            if seed < 0:
                raise QuestionError(f"the seed {seed} is negative; give 0, 1, 2 …")

    def stream(self, number: int) -> Generator:
        return default_rng([self.seed, number])

    def dress(self) -> Dress:
        own = dress(self.stream(0))
        return own if self.look is None else replace(dress(self._looks(0)), size=own.size)

    def _looks(self, number: int) -> Generator:
        return self.stream(number) if self.look is None else default_rng([self.look, number])

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
        scale = height / 1.75 * rng.uniform(0.58, 0.70) * self.dress().size
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
        rng, edge = self._looks(3), round(MARGIN * height)
        easel = Easel(height + 2 * edge, width + 2 * edge, height, edge / height, edge / height)
        floor = camera.foot[1] / height - float(rng.uniform(0.12, 0.22))
        place(rng, easel, floor, width / height)
        moved = replace(camera, foot=(camera.foot[0] + edge, camera.foot[1] + edge), middle=(0.0, 0.0))
        props(rng, easel.picture, moved)
        return np.asarray(cv2.GaussianBlur(easel.picture, (0, 0), max(0.0035 * height, 0.3)), np.uint8)
