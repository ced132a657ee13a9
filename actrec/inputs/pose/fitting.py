"""Joints laid on the frames of a clip: moved, scaled and counted, with a report in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actrec.core.clip import Video
from actrec.inputs.pose.joints import Joints, JointsError


@dataclass(frozen=True, eq=False)
class Fit:
    """Joints on the frames of a clip, and what had to be done for it, line by line.

    joints: one step for each frame of the clip.  offset: by how many frames the file was moved.  covered: frames with a person in them.
    doubtful: the joints are probably another clip's, or wrongly scaled or moved; the lines say why.
    """

    joints: Joints
    offset: int
    covered: int
    doubtful: bool
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join(self.lines)


def fit(joints: Joints, video: Video, offset: int = 0) -> Fit:
    """Joints with one step for every frame of the video, and a report in words.

    offset: added to every frame number of the file; 3 if its first step belongs to the clip's fourth frame. Places are scaled where the file was
    measured in another size, and steps at another rate go to the frame nearest in time. Frames without a step are NaN.

    Raises:
        JointsError: not one step falls on the clip.
    """
    lines = [_counts(joints, video)]
    joints, scaled = _scaled(joints, video)
    frames, rated = _on_frames(joints, video)
    frames = frames + offset
    on = (frames >= 0) & (frames < video.frames)
    if not on.any():
        span = f"frames {frames[0] - offset} … {frames[-1] - offset}" if len(frames) else "no frame at all"
        way = (
            f"give an offset from {offset - int(frames[-1])} to {video.frames - 1 + offset - int(frames[0])}"
            if len(frames)
            else "choose another file"
        )
        raise JointsError(f"{joints.source or 'the file'} has {span}, moved by {offset}, and the clip has frames 0 … {video.frames - 1}; {way}")
    values = np.full((joints.people, video.frames, len(joints.layout), 3), np.nan, np.float32)
    values[:, frames[on]] = joints.values[:, on]
    made = replace(joints, values=values, frames=np.arange(video.frames), size=None, fps=None)
    covered = int(made.known.any((0, 2)).sum())
    lines += [f"moved by {offset:+d} frames"] * bool(offset) + scaled + rated
    lines += [f"{_steps(int((~on).sum()))} before or after the clip left out"] * (not on.all())
    lines += [f"{video.frames - covered} of {video.frames} frames have no joints"] * (covered < video.frames)
    strange = _strange(made, video, covered)
    return Fit(made, offset, covered, bool(strange), tuple(lines + strange))


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
    if joints.size is None or joints.size == (video.width, video.height):
        return joints, []
    width, height = joints.size
    scale = np.array([video.width / width, video.height / height, 1.0], np.float32)
    from_ = "fractions of the picture" if joints.size == (1, 1) else f"{width}×{height}"
    return replace(joints, values=joints.values * scale, size=None), [f"scaled from {from_} to {video.width}×{video.height}"]


def _on_frames(joints: Joints, video: Video) -> tuple[NDArray[np.int64], list[str]]:
    """The clip's frame for every step: its number, or, if the file was made at another rate, the frame nearest in time (the last step wins)."""
    if joints.fps is None or abs(joints.fps / video.fps - 1) < 0.02:
        return joints.frames, []
    at = joints.frames / joints.fps
    nearest = np.searchsorted(video.seconds[:-1] + np.diff(video.seconds) / 2, at)
    beyond = at > video.duration
    return np.where(beyond, video.frames + joints.frames, nearest), [f"{joints.fps:.4g} steps a second matched to {video.fps:.4g} frames a second"]


def _strange(joints: Joints, video: Video, covered: int) -> list[str]:
    """Reasons to doubt that these are the joints of this clip."""
    x, y, known = joints.values[..., 0], joints.values[..., 1], joints.known
    out = known & ~((x >= 0) & (x < video.width) & (y >= 0) & (y < video.height))
    lines = []
    if known.any() and out.sum() > 0.3 * known.sum():
        share = 100 * out.sum() / known.sum()
        lines.append(f"{share:.0f} % of the joints lie outside the picture of {video.width}×{video.height}: is this another clip's file?")
    if covered < 0.5 * video.frames:
        lines.append("fewer than half of the frames have joints: check the offset, and that the file belongs to this clip")
    return lines


def _steps(count: int) -> str:
    return f"{count} frame{'s' * (count != 1)}"
