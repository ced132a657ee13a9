"""Joints as a model is given them: laid on the clip's frames, in the order of joints and the number of people that it was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actrec.pose.files import read
from actrec.pose.fitting import Fit, fit
from actrec.pose.joints import Joints, Values
from actrec.pose.layouts import Layout, named
from actrec.types import Card, Video

NONE = "none"
"""In place of a file: no joints, not even those that are known."""

VIDEO_ONLY = "Video only: no joints were given."
UNREAD = "The joints were not used: this model reads frames alone."


@dataclass(frozen=True, eq=False)
class Given:
    """joints: one step for every frame of the video, places in its pixels; None: the model gets none.

    about: for the provenance, empty for a model that reads none.  cautions: what the reader must know.
    """

    joints: Joints | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()


def lay(joints: Joints, video: Video, layout: Layout | None = None, people: int = 1) -> Fit:
    """The joints of the first `people` in a layout, on every frame of the video; who or what is not there is NaN.

    Raises:
        LayoutError: they cannot be said in that layout.  JointsError: not one step falls on the clip.
    """
    laid = fit(joints if layout is None else joints.convert(layout), video)
    values = laid.joints.values[:people]
    nobody = np.full((people - len(values), *values.shape[1:]), np.nan, np.float32)
    return replace(laid, joints=replace(laid.joints, values=np.concatenate([values, nobody])))


def given(name: str | None, video: Video, card: Card) -> Given:
    """What a model is given of the joints in a file, or of those that are known of a sample clip if no file is named.

    Raises:
        JointsError, LayoutError: a file that cannot be used, or does not fit the clip or the model.
    """
    if "pose" not in card.inputs:
        return Given(cautions=(UNREAD,) if name not in (None, NONE) else ())
    truth = video.path.with_suffix(".truth.npz")
    known = name is None and truth.is_file()
    file = truth if known else None if name in (None, NONE) else Path(str(name))
    if file is None:
        return Given(None, {"joints": None}, (VIDEO_ONLY,))
    found = read(file, video)
    laid = lay(found, video, named(card.layout) if card.layout else None, card.people)
    about = {
        "source": "the sample clip's own, known from its making" if known else str(name),
        "sha256": digest(file),
        "layout": laid.joints.layout.name,
        "people": min(card.people, found.people),
        "fit": str(laid),
    }
    cautions = [f"The joints are doubtful: {laid}."] if laid.doubtful else []
    if found.people > card.people:
        cautions.append(f"The file has the joints of {found.people} people; this model is given the first {card.people}.")
    return Given(laid.joints, {"joints": about}, tuple(cautions))


def digest(file: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's."""
    found = hashlib.sha256()
    for part in sorted(file.iterdir()) if file.is_dir() else [file]:
        if part.is_file():
            found.update(part.name.encode() if file.is_dir() else b"")
            found.update(part.read_bytes())
    return found.hexdigest()


def stamp(name: str | None, video: Video) -> tuple[object, ...]:
    """Another one whenever what `given` would read may have changed."""
    file = video.path.with_suffix(".truth.npz") if name is None else Path(name)
    if name == NONE or not file.exists():
        return ()
    return tuple((part.name, part.stat().st_mtime_ns, part.stat().st_size) for part in (sorted(file.iterdir()) if file.is_dir() else [file]))


def side_by_side(joints: Joints, index: Sequence[int] | NDArray[np.int64]) -> Values:
    """The joints on some frames as the pose tokens take them: (T, people · R, 3)."""
    values = joints.at(index)
    return np.ascontiguousarray(values.transpose(1, 0, 2, 3).reshape(values.shape[1], -1, 3))
