"""A clip made from a scene: its frames, its joints, and who is where in every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.clips.mannequin.actions import MOVES
from actrec.clips.mannequin.body import LAYOUT, OBJECT, PARTS, figure, joints, things
from actrec.clips.mannequin.brush import Blob, Camera, Slab
from actrec.clips.mannequin.exposure import expose
from actrec.clips.mannequin.scene import Scene
from actrec.clips.mannequin.skeleton import Manner, Motion
from actrec.core.errors import QuestionError


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


def render(
    action: str,
    seed: int,
    *,
    frames: int = 64,
    height: int = 240,
    width: int = 320,
    fps: float = 25.0,
    truth: bool = True,
    fine: int = 2,
    look: int | None = None,
) -> Mannequin:
    """The clip of an action: `frames` frames of height × width pixels; painted `fine` times larger, then reduced.

    look: a seed for other clothes and another place about the same motion.

    Raises:
        QuestionError: an unknown action, or a clip too small to show anything.
    """
    scene, manner, camera, motion = staged(action, seed, frames, height, width, fps, fine, look)
    shapes = moving(scene, manner, camera, motion)
    pictures, parts = expose(scene, camera, motion, shapes, (frames, height, width, fine), truth)
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
    _, _, camera, motion = staged(action, seed, frames, height, width, fps, fine)
    spots = joints(motion, camera, None, (height, width, fine))
    return spots[::-1].copy() if MOVES[action].backwards else spots


def staged(
    action: str, seed: int, frames: int, height: int, width: int, fps: float, fine: int, look: int | None = None
) -> tuple[Scene, Manner, Camera, Motion]:
    """All that moves, before it is dressed and painted."""
    scene = Scene(action, seed, look)
    if frames < 2 or height < 16 or width < 16 or fps <= 0 or fine < 1:
        raise QuestionError(
            f"{frames} frames of {width}×{height} at {fps} fps painted {fine} times larger: give at least 2 frames, 16×16, fps > 0, fine ≥ 1"
        )
    manner = scene.manner(frames, fps)
    return scene, manner, scene.camera(frames, height * fine, width * fine), MOVES[action].motion(manner)


def moving(scene: Scene, manner: Manner, camera: Camera, motion: Motion) -> list[Blob | Slab]:
    """The shapes of all that moves: the figure, its things, and the distractor."""
    clothes = scene.dress()
    return [*figure(motion, camera, clothes), *things(motion, camera, clothes), *scene.distractor(manner.seconds, camera)]
