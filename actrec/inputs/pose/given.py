"""Joints as a model is given them: laid on the clip's frames, in the order of joints and the number of people that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actrec.clips import library, mannequin
from actrec.core import files
from actrec.core.card import Card
from actrec.core.clip import Video
from actrec.inputs.pose import units
from actrec.inputs.pose.files import read
from actrec.inputs.pose.fitting import Fit, fit
from actrec.inputs.pose.joints import Joints, JointsError, Values
from actrec.inputs.pose.layouts import LAYOUTS, Layout, layout, named
from actrec.inputs.pose.named import Named

NONE = "none"
"""In place of a file: no joints, not even those that are known."""

VIDEO_ONLY = "Video only: no joints were given."
UNREAD = "The joints were not used: this model reads frames only."


@dataclass(frozen=True, eq=False)
class Given:
    """joints: one step for every frame of the video, places in its pixels; None: the model gets none.

    about: for the provenance, empty for a model that reads none.  cautions: what the reader must know.
    """

    joints: Joints | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def lay(joints: Joints, video: Video, layout: Layout | None = None, people: int = 1, offset: int = 0) -> Fit:
    """The joints of the first `people` in a layout, on every frame of the video; who or what is not there is NaN.

    Raises:
        LayoutError: they cannot be converted to that layout.  JointsError: not one step falls on the clip.
    """
    laid = fit(joints if layout is None else joints.convert(layout), video, offset, people)
    values = laid.joints.values[:people]
    nobody = np.full((people - len(values), *values.shape[1:]), np.nan, np.float32)
    return replace(laid, joints=replace(laid.joints, values=np.concatenate([values, nobody])))


def given(name: str | None, video: Video, card: Card, hide: Sequence[str] = ()) -> Given:
    """What a model is given of the joints in a file, or of those that are known of a sample clip if no file is named.

    name: a file's, with choices behind a # (see `Named`).  hide: people, limbs and joints to leave out (see `Joints.without`).

    Raises:
        JointsError, LayoutError: a file that cannot be used, or does not fit the clip or the model; nothing there to be hidden.
    """
    chosen = source(name, video)
    if chosen is None:
        if hide:
            raise JointsError(f"{hide[0]!r} cannot be hidden: no joints were given; give a file of joints, or hide nothing")
        return Given(None, {"joints": None}, (VIDEO_ONLY,))
    found = opened(chosen, video)
    laid = lay(found, video, named(card.layout) if card.layout else None, card.people, chosen.offset)
    about = {
        "source": "the sample clip's own, known because the clip was rendered" if name is None else chosen.title,
        "sha256": files.digest(_on_disk(chosen.file)),
        "layout": laid.joints.layout.name,
        "people": min(card.people, found.people),
        "fit": "; ".join((*laid.lines, *chosen.told)),
        "doubts": list(laid.doubts),
    }
    doubts = (f"The joints are doubtful: {laid}.",) if laid.doubtful else ()
    cautions = []
    guessed = [line for line in (laid.assumed * (not laid.doubtful), found.note) if line]
    cautions += [f"About the joints: {'; '.join(guessed)}."] if guessed else []
    if found.people > card.people:
        there, last = found.people + chosen.person - 1, chosen.person + card.people - 1
        which = f"person {last}" if card.people == 1 else f"persons {chosen.person} to {last}"
        cautions.append(f"The file has the joints of {there} people; this model is given only those of {which}.")
    if hide:
        about["hidden"] = list(hide)
        cautions.append(f"Hidden from the model: {', '.join(part.replace('_', ' ') for part in hide)}.")
    return Given(laid.joints.without(hide), {"joints": about}, tuple(cautions), doubts)


def unread(name: str | None, card: Card, hide: Sequence[str] = ()) -> tuple[str, ...]:
    """What the reader of a model must know that reads no joints, where some were named.

    Raises:
        JointsError: something to be hidden, and nothing to hide it from.
    """
    if hide:
        raise JointsError(f"{hide[0]!r} cannot be hidden: {card.title} reads no joints; choose a model that does, or hide nothing")
    return (UNREAD,) if name not in (None, NONE) else ()


def source(name: str | None, video: Video) -> Named | None:
    """The file of joints that a question's name stands for: the sample clip's own if it names none; None where there are no joints.

    A file that is there is taken as it is called, whatever its name; the name of another sample clip stands for that clip's joints.

    Raises:
        JointsError, LayoutError: choices behind the # that there are none of.
    """
    truth = mannequin.truth_beside(video.path)
    if name is None:
        return Named(str(truth)) if truth.is_file() else None
    chosen = Named(name) if name != NONE and Path(name).exists() else Named.of(name)
    if chosen.file == NONE:
        return None
    others = None if Path(chosen.file).exists() else sample(chosen.file)
    return chosen if others is None else replace(chosen, file=str(others))


def sample(name: str) -> Path | None:
    """The file of the joints that are known of a sample clip."""
    clip = library.samples().get(name)
    truth = None if clip is None else mannequin.truth_beside(clip)
    return truth if truth is not None and truth.is_file() else None


def opened(chosen: Named, video: Video) -> Joints:
    """The file's joints as its name wants them: in the layout said, sides swapped, from the person on who comes first.

    Raises:
        JointsError, LayoutError: a file that cannot be used, a layout that it contradicts, or fewer people than asked for.
    """
    wanted = layout(chosen.layout) if chosen.layout else None
    found = read(Path(chosen.file), video, wanted)
    if wanted is not None and found.layout != wanted:
        raise JointsError(f"{Path(chosen.file).name} is always in {found.layout.name}; leave out layout={chosen.layout}")
    found = found.swap_sides() if chosen.swapped else found
    if chosen.person > max(found.people, 1):
        raise JointsError(f"person={chosen.person}: {Path(chosen.file).name} has the joints of {found.people}; choose 1 … {found.people}")
    return units.taken(replace(found, values=found.values[chosen.person - 1 :]), chosen.units, video)


def mended(file: Path, video: Video, card: Card | None = None) -> Named:
    """The file's name with the choices that it needs to be of any use here: a layout if it says none, an offset if else nothing falls on the clip.

    The layout is the first that it can be read in; others may have as many joints.

    Raises:
        JointsError, LayoutError: it cannot be used, whatever is chosen; or the card's model cannot be told of its joints.
    """
    chosen = Named(str(file))
    try:
        found = opened(chosen, video)
    except JointsError as error:
        tried = LAYOUTS if "layout" in str(error) else ()  # what else is wrong with a file is so in every layout
        readable = [name for name in tried if _reads(replace(chosen, layout=name), video)]
        if not readable:
            raise
        chosen = replace(chosen, layout=readable[0])
        found = opened(chosen, video)
    wanted = named(card.layout) if card is not None and card.layout else None
    try:
        lay(found, video, wanted)
    except JointsError:
        if not len(found.frames):
            raise
        chosen = replace(chosen, offset=-int(found.frames[0]))
        lay(found, video, wanted, offset=chosen.offset)
    return chosen


def _reads(chosen: Named, video: Video) -> bool:
    try:
        return opened(chosen, video) is not None
    except JointsError:
        return False


def _on_disk(name: str) -> Path:
    """The file or folder itself, also where a clip inside it is named (FILE.pkl/CLIP)."""
    path = Path(name)
    return path if path.exists() else next((parent for parent in path.parents if parent.is_file()), path)


def stamp(name: str | None, video: Video) -> tuple[object, ...]:
    """Another one whenever what `given` would read may have changed."""
    chosen = source(name, video)
    file = Path() if chosen is None else _on_disk(chosen.file)
    if chosen is None or not file.exists():
        return ()
    return tuple((part.name, part.stat().st_mtime_ns, part.stat().st_size) for part in (sorted(file.iterdir()) if file.is_dir() else [file]))


def flat_on(joints: Joints, index: Sequence[int] | NDArray[np.int64]) -> Values:
    """The joints on some frames as the pose tokens take them, all people's side by side: (T, people · R, 3)."""
    values = joints.at(index)
    return np.ascontiguousarray(values.transpose(1, 0, 2, 3).reshape(values.shape[1], -1, 3))
