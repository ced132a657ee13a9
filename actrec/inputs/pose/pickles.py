"""Skeleton files of MMAction2 and pyskl: a pickle, read without running any of it.

A pickle is a program that may call any function it can name. This reader lets it name plain containers and what numpy writes for arrays of numbers
and text, and even those it answers with functions of its own that rebuild the array from its bytes. Any other name is refused, and told.
"""

from __future__ import annotations

import functools
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from actrec.core import settings
from actrec.inputs.pose.joints import Joints, JointsError
from actrec.inputs.pose.layouts import LAYOUTS, Layout, known
from actrec.inputs.pose.tracks import Found, gather

Rows = dict[str, dict[str, Any]]

_MAKERS: dict[str, Callable[..., Any]] = {"set": set, "frozenset": frozenset, "list": list, "dict": dict, "tuple": tuple, "bytearray": bytearray}
_NUMPY = {"numpy", *(f"{core}.{part}" for core in ("numpy.core", "numpy._core") for part in ("multiarray", "numeric"))}
_KINDS = "biufcSU"  # numbers, text and truth values; never objects


def read_pyskl(path: Path, clip: str | None = None, layout: Layout | None = None) -> Joints:
    """One clip of a skeleton file: keypoint (people, T, R, 2), keypoint_score (people, T, R), img_shape (height, width).

    Kinetics' joints lie in files of their own, beside this one or in kpfiles/.

    clip: its frame_dir; may be left out where the file has one clip only. layout: by default the one with as many joints, coco17 for 17.

    Raises:
        JointsError: code in the file, another content, no such clip, joints elsewhere that are not there, or joints in metres.
    """
    _, rows = annotated(path)
    row = rows[next(iter(rows))] if clip is None and len(rows) == 1 else rows.get(str(clip))
    if row is None:
        some = ", ".join(list(rows)[:4]) + (" …" if len(rows) > 4 else "")
        raise JointsError(f"{path.name} has {len(rows)} clips and none is called {clip!r}; name one as {path.name}/CLIP: {some}")
    try:
        return _joints(path, row, layout) if "keypoint" in row else _kinetics(path, row, layout)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise JointsError(
            f"{path.name}: the joints of {row['frame_dir']} are damaged ({type(error).__name__}: {error}); fetch the file again"
        ) from None


def _joints(path: Path, row: dict[str, Any], layout: Layout | None) -> Joints:
    points = np.asarray(row["keypoint"], np.float32)
    score = row.get("keypoint_score")
    if points.ndim != 4 or points.shape[3] < 2 or (score is None and points.shape[3] != 2):
        raise JointsError(
            f"{path.name}: joints {points.shape} of {row['frame_dir']} are in metres, with no place in the picture; use the file with 2-D joints"
        )
    scores = np.ones(points.shape[:3], np.float32) if score is None else np.asarray(score, np.float32).reshape(points.shape[:3])
    values = np.concatenate([points[..., :2], scores[..., None]], -1)
    values[(values == 0).all(-1)] = np.nan  # how the format says that nobody is there
    return Joints(values, layout or _known(path, values.shape[2]), np.arange(values.shape[1]), path.name, size=_size(row))


def _kinetics(path: Path, row: dict[str, Any], layout: Layout | None) -> Joints:
    """Joints in another file, one row (R, 3) a box; the surest box of a frame is the first person's, the next the second's."""
    name = re.split(r"[\\/]", str(row.get("raw_file") or ""))[-1]  # its own folder is that of the machine it was made on
    part = next((place for place in (path.parent / "kpfiles" / name, path.parent / name) if name and place.is_file()), None)
    if part is None:
        where = path.parent / "kpfiles"
        raise JointsError(f"{path.name} has no joints of {row['frame_dir']} itself and {where} lacks {name or 'them'}; unpack pyskl's kpfiles there")
    marks = np.array(_kept(part, part.stat().st_mtime_ns)[str(row["frame_dir"])]["keypoint"], np.float32)
    marks[(marks == 0).all(-1)] = np.nan
    frames, taken, found = np.asarray(row["frame_inds"], int), dict[int, int](), list[Found]()
    for number in np.argsort(-np.asarray(row["box_score"], np.float32), kind="stable"):
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


def _size(row: dict[str, Any]) -> tuple[int, int] | None:
    return (int(row["img_shape"][1]), int(row["img_shape"][0])) if row.get("img_shape") is not None else None


def annotated(path: Path) -> tuple[dict[str, list[str]], Rows]:
    """A skeleton file's splits (name: clips; none in older files, which are lists) and its annotations by clip; kept for the next clip.

    Raises:
        JointsError: no such file, code in it, or another content.
    """
    try:
        return _table(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise JointsError(f"{path} cannot be opened: {error.strerror or error}") from None


@functools.lru_cache(4)
def _kept(path: Path, _stamp: int) -> Any:
    return read_pickle(path)


@functools.lru_cache(2)
def _table(path: Path, _stamp: int) -> tuple[dict[str, list[str]], Rows]:
    found = read_pickle(path)
    splits = found.get("split") if isinstance(found, dict) else None
    rows = found.get("annotations") if isinstance(found, dict) else found
    rows = [rows] if isinstance(found, dict) and rows is None and "keypoint" in found else rows
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and ("frame_dir" in row or len(rows) == 1) for row in rows):
        raise JointsError(
            f"{path.name} is not a skeleton file of MMAction2 or pyskl: it needs annotations with frame_dir, keypoint and keypoint_score"
        )
    splits = splits if isinstance(splits, dict) else {}
    names = {str(key): [str(name) for name in part] for key, part in splits.items() if isinstance(part, list | tuple | set | np.ndarray)}
    return names, {str(row.setdefault("frame_dir", path.stem)): row for row in rows}


def read_pickle(path: Path) -> Any:
    """What a pickle holds: containers, numbers, text and numpy arrays of them.

    Raises:
        JointsError: it names anything else (the message says what), or cannot be read as a pickle.
    """
    try:
        with path.open("rb") as file:
            return _finished(_Reader(file, path.name).load())
    except JointsError:
        raise
    except RecursionError:
        raise JointsError(f"{path.name} is nested too deeply for joints; save them as an npz instead") from None
    except Exception as error:  # a broken pickle may fail in any way, and each means the same
        raise JointsError(f"{path.name} cannot be read as a pickle ({type(error).__name__}: {error}); copy or fetch it again") from None


class _Kind:
    """A numpy dtype while the file is read."""

    def __init__(self, code: Any) -> None:
        self.dtype = np.dtype(str(code))
        if self.dtype.kind not in _KINDS:
            raise ValueError(f"an array of {code!r} holds no numbers")

    def __setstate__(self, state: Any) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])

    def values(self, raw: Any) -> NDArray[Any]:
        return np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, self.dtype)


class _Array:
    """A numpy array while the file is read."""

    def __init__(self) -> None:
        self.value: NDArray[Any] = np.zeros(0)

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_columns, raw = state
        self.value = kind.values(raw).reshape(shape, order="F" if by_columns else "C")


class _Reader(pickle.Unpickler):
    """Every name is answered with a function made for this one file, so that nothing a pickle does to it outlives the reading."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        super().__init__(file, encoding="latin1")
        self.name = name

    def find_class(self, module: str, name: str) -> Any:
        if module in ("builtins", "__builtin__") and name in _MAKERS:
            return lambda *given: _MAKERS[name](*given)
        if (module, name) == ("collections", "OrderedDict"):
            return lambda *given: dict(*given)
        if module in _NUMPY and name in ("ndarray", "_reconstruct"):
            return lambda *given: _Array()
        if module in _NUMPY and name == "dtype":
            return lambda code, *given: _Kind(code)
        if module in _NUMPY and name == "scalar":
            return lambda kind, raw: kind.values(raw)[0].item()
        if module in _NUMPY and name == "_frombuffer":
            return lambda raw, kind, shape, order: kind.values(raw).reshape(shape, order="F" if order == "F" else "C")
        if (module, name) == ("_codecs", "encode"):
            return lambda text, coding="latin1": text.encode("latin1")
        raise JointsError(f"{self.name} asks for {module}.{name}, which is code, not data; none of it was run: save the joints as an npz instead")


def _finished(value: Any) -> Any:
    """The same with real arrays in place of their stand-ins."""
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {key: _finished(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_finished(item) for item in value)
    return value
