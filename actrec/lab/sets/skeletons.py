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


def doubts(item: Item, table: Video) -> str:
    """Why the joints of a clip's file are probably not its own, or what had to be guessed about their units; "" where they are plain.

    Raises:
        DataError: as `laid`.
    """
    found = _fitted(item, table, item.media.span(table), None, 1)[0]
    return f"{item.joints}: {'; '.join(found.doubts) or found.assumed}" if found.doubts or found.assumed else ""


def _read(item: Item, table: Video, span: tuple[int, int], layout: pose.Layout, people: int) -> NDArray[np.float32]:
    """As `laid`."""
    found, whole = _fitted(item, table, span, layout, people)
    return found.joints.values[:, slice(*span)] if whole else found.joints.values


def _fitted(item: Item, table: Video, span: tuple[int, int], layout: pose.Layout | None, people: int) -> tuple[pose.Fit, bool]:
    """Joints on the frames that their file counts, and whether those are the whole video's: skeleton files of many clips count each clip's own."""
    first, last = span
    joints, whole = item.skeleton(), item.layout != "pyskl"
    part = table if whole else Video(table.path, "", table.seconds[first:last] - table.seconds[first], table.width, table.height, 0, "")
    try:
        return pose.lay(joints, part, layout, people), whole
    except ActrecError as error:
        raise DataError(f"{item.joints}: {error}") from None
