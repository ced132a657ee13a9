"""Joints laid on the frames of a clip: moved, scaled and counted, with a report in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actrec.core.clip import Video
from actrec.inputs.pose import plausible, units
from actrec.inputs.pose.joints import MOST_PLACES, Joints, JointsError


@dataclass(frozen=True, eq=False)
class Fit:
    """Joints on the frames of a clip, and what had to be done for it, line by line.

    joints: one step for each frame of the clip.  offset: by how many frames the file was moved.  covered: frames with a person in them.
    doubts: why the joints are probably another clip's, or wrongly scaled or moved; they are the first of the lines.
    assumed: what had to be guessed about the file's units, in a sentence's half, or "".
    """

    joints: Joints
    offset: int
    covered: int
    lines: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    assumed: str = ""

    @property
    def doubtful(self) -> bool:
        return bool(self.doubts)

    def __str__(self) -> str:
        return "; ".join(self.lines)


def fit(joints: Joints, video: Video, offset: int = 0, people: int | None = None) -> Fit:
    """Joints with one step for every frame of the video, and a report in words.

    offset: added to every frame number of the file; 3 if its first step belongs to the clip's fourth frame. Places are scaled where the file was
    measured in another size or in fractions, and steps at another rate go to the frame nearest in time. Frames without a step are NaN.
    people: how many, the first, are asked whether they can be this clip's; all where it is left out.

    Raises:
        JointsError: not one step falls on the clip.
    """
    lines = [_counts(joints, video)]
    joints, left_out = _room(joints, video)
    joints, assumed = _with_units(joints, video)
    measured = joints.size
    joints, scaled = _scaled(joints, video)
    frames, rated = _on_frames(joints, video)
    frames = frames + offset
    on = (frames >= 0) & (frames < video.frames)
    if not on.any():
        raise JointsError(_beside(joints, frames - offset, offset, video))
    values = np.full((joints.people, video.frames, len(joints.layout), 3), np.nan, np.float32)
    values[:, frames[on]] = joints.values[:, on]
    made = replace(joints, values=values, frames=np.arange(video.frames), size=None, fps=None)
    covered = int(made.known.any((0, 2)).sum())
    lines += [*left_out, *[f"moved by {offset:+d} frames"] * bool(offset), *[assumed] * bool(assumed), *scaled, *rated]
    lines += [f"{_steps(int((~on).sum()))} before or after the clip left out"] * (not on.all())
    lines += [f"{video.frames - covered} of {video.frames} frames have no joints"] * (covered < video.frames)
    doubts = plausible.doubts(made.first(people or made.people), video, len(np.unique(frames[on])), measured)
    return Fit(made, offset, covered, (*doubts, *lines), tuple(doubts), assumed)


def _room(joints: Joints, video: Video) -> tuple[Joints, list[str]]:
    """As many people as there is memory for on all frames of the clip."""
    most = max(1, MOST_PLACES // max(video.frames * len(joints.layout), 1))
    return joints.first(most), [f"only the first {most} of {joints.people} people were taken"] * (joints.people > most)


def _with_units(joints: Joints, video: Video) -> tuple[Joints, str]:
    """Fractions taken as such where the file does not say what its places are, and what was assumed."""
    unit = units.fractions(joints.values) if joints.size is None else ""
    return units.taken(joints, unit, video), f"all places are so small that they were taken as {units.UNITS[unit]}" if unit else ""


def _beside(joints: Joints, frames: NDArray[np.int64], offset: int, video: Video) -> str:
    span, way = "no frame at all", "choose another file"
    if len(frames):
        span = f"frames {frames[0]} … {frames[-1]}"
        way = f"give an offset from {-int(frames[-1])} to {video.frames - 1 - int(frames[0])}"
    return f"{joints.source or 'the file'} has {span}, moved by {offset}, and the clip has frames 0 … {video.frames - 1}; {way}"


def _counts(joints: Joints, video: Video) -> str:
    steps, people = len(joints.frames), "1 person" if joints.people == 1 else f"{joints.people} people"
    if not steps:
        return "the file has no frames"
    last = int(joints.frames[-1])
    gaps = "" if last + 1 - int(joints.frames[0]) == steps else f" (not every frame of {int(joints.frames[0])} … {last})"
    same = "as many as the clip" if steps == video.frames and not gaps else f"the clip has {video.frames}"
    return f"{_steps(steps)} of {people} in {joints.layout.name}{gaps}, {same}"


def _scaled(joints: Joints, video: Video) -> tuple[Joints, list[str]]:
    """Places in the video's own pixels."""
    if joints.size is None or (joints.size == (video.width, video.height) and not joints.centred):
        return joints, []
    width, height = joints.size
    scale = np.array([video.width / width, video.height / height, 1.0], np.float32)
    begin = np.array([video.width / 2, video.height / 2, 0.0], np.float32) * joints.centred
    from_ = "fractions of the picture" if max(joints.size) <= 2 else f"{width}×{height}"
    values = joints.values * scale + begin
    return replace(joints, values=values, size=None, centred=False), [f"scaled from {from_} to {video.width}×{video.height}"]


def _on_frames(joints: Joints, video: Video) -> tuple[NDArray[np.int64], list[str]]:
    """The clip's frame for every step: its number, or, if the file was made at another rate, the frame nearest in time (the last step wins)."""
    if joints.fps is None or abs(joints.fps / video.fps - 1) < 0.02:
        return joints.frames, []
    at = joints.frames / joints.fps
    nearest = np.searchsorted(video.seconds[:-1] + np.diff(video.seconds) / 2, at)
    beyond = at > video.duration
    return np.where(beyond, video.frames + joints.frames, nearest), [f"{joints.fps:.4g} steps a second matched to {video.fps:.4g} frames a second"]


def _steps(count: int) -> str:
    return f"{count} frame{'s' * (count != 1)}"
