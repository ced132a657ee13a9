"""Joints estimated from the pictures, for clips that come without.

What was found in a frame is kept in the cache, by the clip's sha256: stopped work goes on where it stopped, and a second question about the clip
costs nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actrec.clips import video
from actrec.core import files, settings
from actrec.core.clip import Video
from actrec.core.errors import Progress, no_progress
from actrec.inputs.pose.estimator import Estimator
from actrec.inputs.pose.joints import Joints, JointsError, Values
from actrec.inputs.pose.keypoint_rcnn import KEYPOINT_RCNN
from actrec.inputs.pose.layouts import LAYOUTS
from actrec.inputs.pose.mediapipe import MEDIAPIPE
from actrec.inputs.pose.tracks import Found, gather

SAVE_EVERY = 20.0
"""Seconds of work that may be lost when it is stopped."""


def estimate(
    clip: Video,
    name: str = "keypointrcnn",
    progress: Progress = no_progress,
    *,
    model: Path | None = None,
    index: Sequence[int] | NDArray[np.int64] | None = None,
) -> Joints:
    """The joints of everybody in a clip, those seen longest and surest first.

    model: MediaPipe's .task file, or other weights of Keypoint R-CNN.  index: only these frames; by default all of them.

    Raises:
        JointsError: no such estimator, a package or model that is missing, no room on the GPU.
        WeightsError: weights that cannot be fetched.  ClipError: a frame that does not decode.
        Cancelled: raised by `progress`; what was found so far is kept.
    """
    way = ESTIMATORS.get(name)
    if way is None:
        raise JointsError(f"no estimator is called {name!r}; choose one of {', '.join(ESTIMATORS)}")
    numbers = np.arange(clip.frames) if index is None else np.unique(np.asarray(index, np.int64))
    if len(numbers) and not 0 <= numbers[0] <= numbers[-1] < clip.frames:
        raise JointsError(f"frames {numbers[0]} … {numbers[-1]} were asked for, and the clip has frames 0 … {clip.frames - 1}")
    layout = LAYOUTS[way.layout]
    kept = _Kept.read(_place(clip, way, model), len(layout))
    left = [int(number) for number in numbers if int(number) not in kept.people]
    if left:
        lack = way.lacks(model)
        if lack:
            raise JointsError(lack)
        _look(clip, way, model, left, kept, progress)
    found = [Found(int(number), joints) for number in numbers for joints in kept.people[int(number)]]
    return gather(found, layout, frames=numbers, source=f"{way.title}, estimated")


def _look(clip: Video, way: Estimator, model: Path | None, left: Sequence[int], kept: _Kept, progress: Progress) -> None:
    """Find the people of the frames that are left, and keep them."""
    saved = time.monotonic()
    with way.opened(model, progress) as detect:
        try:
            for done, (number, frame) in enumerate(video.stream(clip, left)):
                progress(done / len(left), f"{way.title}: frame {done + 1} of {len(left)}")
                kept.people[number] = detect(frame, float(clip.seconds[number]))
                if time.monotonic() - saved > SAVE_EVERY:
                    kept.write()
                    saved = time.monotonic()
        finally:
            kept.write()
    progress(1.0, f"{way.title}: {len(left)} frames done")


@dataclass
class _Kept:
    """What was found so far: joints of everybody by frame number; frames that were looked at in vain have an empty list."""

    path: Path
    joints: int
    people: dict[int, list[Values]]

    @classmethod
    def read(cls, path: Path, joints: int) -> _Kept:
        try:
            with np.load(path) as kept:
                looked, frames, places = kept["looked"], kept["frames"], np.asarray(kept["places"], np.float32)
        except Exception:  # none, or a damaged one in whatever way: both are made anew
            return cls(path, joints, {})
        people: dict[int, list[Values]] = {int(number): [] for number in looked}
        for number, one in zip(frames, places, strict=True):
            people[int(number)].append(one)
        return cls(path, joints, people)

    def write(self) -> None:
        """Save it under its name whole or not at all; without room or permission the work goes on unsaved."""
        rows = [(number, one) for number, found in self.people.items() for one in found]
        places = np.stack([one for _, one in rows]) if rows else np.zeros((0, self.joints, 3), np.float32)
        looked, frames = np.array(sorted(self.people), np.int64), np.array([number for number, _ in rows], np.int64)
        with contextlib.suppress(OSError), files.whole(self.path) as part, part.open("wb") as file:
            np.savez_compressed(file, looked=looked, frames=frames, places=places)


def _place(clip: Video, way: Estimator, model: Path | None) -> Path:
    """The cache's file for a clip and a model; another model file is another estimate."""
    file = way.model(model)
    made_by = ""
    if file is not None and file.is_file():
        stat = file.stat()
        made_by = "-" + hashlib.sha256(f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:8]
    return settings.cache() / "joints" / f"{clip.sha256[:32]}-{way.name}{made_by}.npz"


ESTIMATORS: Mapping[str, Estimator] = {way.name: way for way in (KEYPOINT_RCNN, MEDIAPIPE)}
"""The estimators there are, by name."""
