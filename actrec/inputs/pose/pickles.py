"""Skeleton files of MMAction2 and pyskl: a pickle, read without running any of it (see `unpickle`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from actrec.core import settings
from actrec.core.errors import ActrecError, quoted
from actrec.core.kept import Kept
from actrec.core.outside import MOST_BYTES, MOST_ITEMS, Budget
from actrec.inputs.pose import unpickle
from actrec.inputs.pose.joints import MOST_PLACES, Joints, JointsError, Values, fits
from actrec.inputs.pose.layouts import LAYOUTS, Layout, known
from actrec.inputs.pose.tracks import Found, gather

Rows = dict[str, dict[str, Any]]

_kept: Kept[tuple[Any, int]] = Kept(4, lambda kept: kept[1], MOST_BYTES)
"""What was found in the last files, and their sizes."""


def read_pyskl(path: Path, clip: str | None = None, layout: Layout | None = None, spend: Budget | None = None) -> Joints:
    """One clip of a skeleton file: keypoint (people, T, R, 2), keypoint_score (people, T, R), img_shape (height, width).

    Kinetics' joints lie in files of their own, beside this one or in kpfiles/.

    clip: its frame_dir; may be left out where the file has one clip only. layout: by default the one with as many joints, coco17 for 17.  spend: what
    reading it may cost; by default as much as a data set of its size needs.

    Raises:
        JointsError: code in the file, another content, no such clip, joints elsewhere that are not there, or joints in metres.  TooMuch.
    """
    _, rows = annotated(path, spend)
    row = rows[next(iter(rows))] if clip is None and len(rows) == 1 else rows.get(str(clip))
    if row is None:
        some = ", ".join(list(rows)[:4]) + (" …" if len(rows) > 4 else "")
        raise JointsError(f"{path.name} has {len(rows)} clips and none is called {clip!r}; name one as {path.name}/CLIP: {some}")
    try:
        return _joints(path, row, layout) if "keypoint" in row else _kinetics(path, row, layout, spend)
    except ActrecError:
        raise
    except Exception as error:  # whatever stands in place of numbers fails in its own way, and each means the same
        raise JointsError(f"{path.name}: the joints of {row['frame_dir']} are damaged ({quoted(error, kind=True)}); fetch the file again") from None


def _joints(path: Path, row: Mapping[str, Any], layout: Layout | None) -> Joints:
    points, score = _numbers(row["keypoint"]), row.get("keypoint_score")
    if points.ndim != 4 or points.shape[3] < 2 or (score is None and points.shape[3] != 2):
        raise JointsError(
            f"{path.name}: joints {points.shape} of {row['frame_dir']} are in metres, with no place in the picture; use the file with 2-D joints"
        )
    fits(points.shape[:3], path.name)
    scores = np.ones(points.shape[:3], np.float32) if score is None else _numbers(score).reshape(points.shape[:3])
    values = np.concatenate([points[..., :2], scores[..., None]], -1)
    values[(values == 0).all(-1)] = np.nan  # how the format says that nobody is there
    return Joints(values, layout or _known(path, values.shape[2]), np.arange(values.shape[1]), path.name, size=_size(row))


def _numbers(value: Any) -> Values:
    """An array of numbers, or lists of them; what is named several times counts as often."""
    left, inside = 4 * MOST_PLACES, [value]
    while inside:
        lists = [part for part in inside if isinstance(part, list | tuple)]
        left -= sum(map(len, lists)) + sum(part.size for part in inside if isinstance(part, np.ndarray))
        if left < 0:
            raise ValueError("more numbers than the joints of a clip are")
        inside = [part for found in lists for part in found]
    with np.errstate(over="ignore"):  # what is too large is not finite, and so missing
        return np.asarray(value, np.float32)


def _kinetics(path: Path, row: Mapping[str, Any], layout: Layout | None, spend: Budget | None) -> Joints:
    """Joints in another file, one row (R, 3) a box; the surest box of a frame is the first person's, the next the second's."""
    told = row.get("raw_file")
    name = re.split(r"[\\/]", told)[-1] if isinstance(told, str) else ""  # its own folder is that of the machine it was made on
    part = next((place for place in (path.parent / "kpfiles" / name, path.parent / name) if name and place.is_file()), None)
    if part is None:
        where = path.parent / "kpfiles"
        raise JointsError(f"{path.name} has no joints of {row['frame_dir']} itself and {where} lacks {name or 'them'}; unpack pyskl's kpfiles there")
    every = _once(part, "marks", lambda: read_pickle(part, spend))
    marks = _numbers(every[str(row["frame_dir"])]["keypoint"]).copy()
    marks[(marks == 0).all(-1)] = np.nan
    frames, taken, found = _numbers(row["frame_inds"]), dict[int, int](), list[Found]()
    for number in np.argsort(-_numbers(row["box_score"]), kind="stable"):
        frame = int(frames[number])
        taken[frame] = taken.get(frame, 0) + 1
        found.append(Found(frame, marks[number], str(taken[frame])))
    layout, total = layout or _known(path, marks.shape[1]), min(int(row["total_frames"]), settings.limits().max_frames + 1)
    return gather(found, layout, frames=np.arange(total), source=path.name, size=_size(row))


def _known(path: Path, count: int) -> Layout:
    layout = known(count)
    if layout is None:
        raise JointsError(f"{path.name} has {count} joints and does not say which; name their layout: {', '.join(LAYOUTS)}")
    return layout


def _size(row: Mapping[str, Any]) -> tuple[int, int] | None:
    return (int(row["img_shape"][1]), int(row["img_shape"][0])) if row.get("img_shape") is not None else None


def annotated(path: Path, spend: Budget | None = None) -> tuple[dict[str, list[str]], Rows]:
    """A skeleton file's splits (name: clips; none in older files, which are lists) and its annotations by clip; kept for the next clip.

    Raises:
        JointsError: no such file, code in it, or another content.  TooMuch.
    """
    return _once(path, "annotations", lambda: _table(path, read_pickle(path, spend)))


def _table(path: Path, found: Any) -> tuple[dict[str, list[str]], Rows]:
    splits = found.get("split") if isinstance(found, dict) else None
    rows = found.get("annotations") if isinstance(found, dict) else found
    rows = [rows] if isinstance(found, dict) and rows is None and "keypoint" in found else rows
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and _is_name(row.get("frame_dir", len(rows) == 1)) for row in rows):
        raise JointsError(
            f"{path.name} is not a skeleton file of MMAction2 or pyskl: it needs annotations with frame_dir, keypoint and keypoint_score"
        )
    splits = splits if isinstance(splits, dict) else {}
    parts = {str(key): part for key, part in splits.items() if isinstance(part, list | tuple | set | np.ndarray)}
    names = {key: [str(name) for name in part if _is_name(name)] for key, part in parts.items()}
    return names, {str(row["frame_dir"]): row for row in ({"frame_dir": path.stem} | one for one in rows)}


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and value is not False


def read_pickle(path: Path, spend: Budget | None = None) -> Any:
    """What a pickle holds: containers, numbers, text and numpy arrays of them. spend: as for `read_pyskl`.

    Raises:
        JointsError: it names anything else (the message says what), or cannot be read as a pickle.  TooMuch.
    """
    try:
        with path.open("rb") as file:
            return unpickle.plain(file, spend or _of_its_size(path))
    except ActrecError:
        raise
    except unpickle.Code as name:
        raise JointsError(f"{path.name} asks for {name}, which is code, not data; none of it was run: save the joints as an npz instead") from None
    except Exception as error:  # a broken pickle may fail in any way, and each means the same
        raise JointsError(f"{path.name} cannot be read as a pickle ({quoted(error, kind=True)}); copy or fetch it again") from None


def _of_its_size(path: Path) -> Budget:
    """For a data set, which may be as large as it is; but a small file may not ask for much more than that."""
    size = path.stat().st_size
    return Budget(path.name, max(MOST_BYTES, 4 * size), max(MOST_ITEMS, size), until=float("inf"))


def _once(path: Path, what: str, read: Callable[[], Any]) -> Any:
    """What is read from a file, kept for the next clip of it."""
    try:
        facts = path.stat()
        return _kept.get_or((path, what, facts.st_mtime_ns), lambda: (read(), facts.st_size))[0]
    except OSError as error:
        raise JointsError(f"{path} cannot be opened: {error.strerror or error}") from None
