"""A video without a file, and joints made up for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from actrec.core.clip import Video
from actrec.inputs.pose import layouts
from actrec.inputs.pose.joints import Joints


def film(frames: int = 6, width: int = 96, height: int = 64, fps: float = 25.0) -> Video:
    return Video(Path("clip.mp4"), "0" * 64, np.arange(frames) / fps, width, height, 0, "h264")


def some(layout: str = "coco17", people: int = 1, frames: int = 6, seed: int = 0) -> Joints:
    """Joints of people who stand beside each other and move a little."""
    rng = np.random.default_rng(seed)
    count = len(layouts.layout(layout))
    values = rng.uniform(8, 28, (people, 1, count, 3)) + rng.normal(0, 0.3, (people, frames, count, 3)).cumsum(1)
    values[..., :2] += [0, 28] + np.stack([40 * np.arange(people), np.zeros(people)], -1)[:, None, None]
    values[..., 2] = rng.uniform(0.3, 0.9, values.shape[:3])
    return Joints(values.astype(np.float32), layouts.layout(layout), np.arange(frames), "made up")


def pyskl(joints: Joints) -> dict[str, object]:
    """What a pickle of MMAction2 and pyskl holds."""
    row = {
        "frame_dir": "clip",
        "label": 3,
        "img_shape": (64, 96),
        "original_shape": (64, 96),
        "total_frames": len(joints.frames),
        "keypoint": joints.xy.astype(np.float16),
        "keypoint_score": joints.score.astype(np.float16),
    }
    return {"split": {"train": ["clip", "other"]}, "annotations": [row, row | {"frame_dir": "other", "label": np.int64(4)}]}


class Evil:
    """Unpickled, it would call something."""

    def __init__(self, call: Callable[..., object] = exec, *given: object) -> None:
        self.call, self.given = call, given or ("import os; os.environ['ACTREC_EVIL'] = 'it ran'",)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.given
