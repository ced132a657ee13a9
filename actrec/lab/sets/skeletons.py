"""Joints of labelled clips, laid on the clips' own frames and kept: reading a file takes longer than taking a window of it."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from actrec.clips import mannequin
from actrec.core import files, settings
from actrec.core.clip import Video
from actrec.core.errors import ActrecError
from actrec.inputs import pose
from actrec.lab.sets.items import DataError, Item


def laid(item: Item, table: Video, layout: pose.Layout, people: int) -> NDArray[np.float32]:
    """Joints (people, T, R, 3) of the clip's own frames, in the pixels of the table; NaN where missing, all of them if the clip has no joints.

    Raises:
        DataError: joints that cannot be read, do not fall on the clip, or cannot be converted to this layout.
    """
    first, last = item.media.span(table)
    if not item.posed:
        return np.full((people, last - first, len(layout), 3), np.nan, np.float32)
    if item.media.kind == "mannequin":
        action, seed = item.media.path.parts
        spots = mannequin.render_joints(action, int(seed), frames=table.frames, height=table.height, width=table.width)
        found = pose.Joints(spots[None], pose.layout("mannequin"), np.arange(len(spots)))
        return pose.lay(found, table, layout, people).joints.values
    assert item.joints is not None
    file = next((place for place in (item.joints, *item.joints.parents) if place.exists()), item.joints)
    facts = f"{item.joints} {file.stat().st_size} {file.stat().st_mtime_ns} {layout.joints} {people} {table.width}x{table.height}"
    kept = settings.cache() / "joints" / f"{item.media.key}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.npy"
    try:
        values: NDArray[np.float32] = np.load(kept)
        return values
    except (OSError, ValueError, EOFError):
        pass
    values = _read(item, table, (first, last), layout, people)
    with files.whole(kept) as part, part.open("wb") as opened:
        np.save(opened, values)
    return values


def _read(item: Item, table: Video, span: tuple[int, int], layout: pose.Layout, people: int) -> NDArray[np.float32]:
    """As `laid`. Skeleton files of many clips count a clip's frames from its first, the others count the video's."""
    first, last = span
    joints = item.skeleton()
    part = Video(table.path, "", table.seconds[first:last] - table.seconds[first], table.width, table.height, 0, "")
    try:
        if item.layout == "pyskl":
            return pose.lay(joints, part, layout, people).joints.values
        return pose.lay(joints, table, layout, people).joints.values[:, first:last]
    except ActrecError as error:
        raise DataError(f"{item.joints}: {error}") from None
