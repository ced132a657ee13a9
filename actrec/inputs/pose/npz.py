"""Joints in numpy's archives: those that others write, and our own."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from actrec.core.errors import ActrecError, quoted
from actrec.core.outside import Budget, array
from actrec.inputs.pose import layouts
from actrec.inputs.pose.joints import Joints, JointsError, fits
from actrec.inputs.pose.layouts import LAYOUTS, Layout

_NAMES = ("joints", "layout", "frames", "fps", "size", "source", "centred")


def read_npz(path: Path, inside: Mapping[str, Callable[[], bytes]], layout: Layout | None, spend: Budget) -> Joints:
    """An npz with `joints` (T, R, 3) or (people, T, R, 3), or x and y only, and `layout`: a name, or the names of the joints.

    `frames` (T), `fps`, `size` (width, height), `centred` and `source` are read too if they are there.

    inside: the archive's files by name, to be unpacked by a call.

    Raises:
        JointsError: another file; the message says what is missing.  TooMuch.
    """
    try:
        found = {name: array(inside[f"{name}.npy"]()) for name in _NAMES if f"{name}.npy" in inside}
    except ActrecError:
        raise
    except Exception as error:  # zipfile and numpy fail in many ways on a damaged file
        raise JointsError(f"{path.name} cannot be read as an npz of joints ({quoted(error, kind=True)}); save it again") from None
    if "joints" not in found or ("layout" not in found and layout is None):
        missing = " and no ".join(name for name in ("joints", "layout") if name not in found)
        raise JointsError(f"{path.name} has no {missing}; save joints (T, R, 3) and layout, one of {', '.join(LAYOUTS)}")
    try:
        return _joints(found, layout, path.name, spend)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise JointsError(f"{path.name} holds no joints as numbers ({quoted(error)}); save joints (T, R, 3) and layout") from None


def _joints(found: Mapping[str, Any], layout: Layout | None, name: str, spend: Budget) -> Joints:
    shape = found["joints"].shape
    if len(shape) not in (3, 4) or shape[-1] not in (2, 3):
        raise JointsError(f"{name}: joints {shape} are not (T, R, 3) or (people, T, R, 3); save them in that shape")
    fits(shape[-4:-1] if len(shape) == 4 else (1, *shape[:2]), name)
    values = found["joints"].astype(np.float32).reshape(-1, *shape[-3:])
    if shape[-1] == 2:
        values = np.concatenate([values, np.ones((*values.shape[:3], 1), np.float32)], -1)
    size, fps = (None if key not in found else found[key].ravel() for key in ("size", "fps"))
    if (size is not None and len(size) != 2) or (fps is not None and len(fps) != 1):
        raise JointsError(f"{name}: size must be width and height, and fps one number; save it so, or without them")
    return Joints(
        values,
        layout or _said(found["layout"], spend),
        found["frames"] if "frames" in found else np.arange(values.shape[1]),
        str(found["source"])[:200] if "source" in found else name,
        fps=None if fps is None else float(fps[0]),
        size=None if size is None else (_side(size[0]), _side(size[1])),
        centred=bool(found["centred"].any()) if "centred" in found else False,
    )


def _side(said: Any) -> int:
    """Pixels of a picture's side; 0 for what is none, which no picture has."""
    return int(said) if np.isfinite(said) else 0


def _said(told: Any, spend: Budget) -> Layout:
    spend.bytes(told.nbytes)  # its words are made again
    return layouts.layout(str(told)) if told.ndim == 0 else layouts.named(told.ravel()[: layouts.MOST_JOINTS + 1].tolist())


def packed(joints: Joints) -> bytes:
    """An npz that `read` reads back to the same joints, and that others can read: (T, R, 3) for one person, (people, T, R, 3) for more."""
    known = LAYOUTS.get(joints.layout.name) == joints.layout
    about: dict[str, Any] = {
        "layout": joints.layout.name if known else np.array(joints.layout.joints),
        "frames": joints.frames,
        "source": joints.source,
    }
    about |= {"fps": joints.fps} if joints.fps is not None else {}
    about |= {"size": joints.size} if joints.size is not None else {}
    about |= {"centred": True} if joints.centred else {}
    stream = io.BytesIO()
    np.savez_compressed(stream, joints=joints.values[0] if joints.people == 1 else joints.values, **about)
    return stream.getvalue()
