"""Joints from files: what a file is, is told by its content, never by its name alone; and npz files of our own.

>>> joints = read(Path("pushup.json"), video)
>>> fitted = fit(joints, video)
>>> print(fitted)
45 frames of 1 person in mediapipe33, as many as the clip
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actrec.core import files, settings
from actrec.core.clip import Video
from actrec.core.errors import ActrecError, quoted
from actrec.core.outside import Budget, archive, content
from actrec.inputs.pose import units
from actrec.inputs.pose.joints import HIDDEN, Joints, JointsError
from actrec.inputs.pose.json_files import OPENPOSE, read_json, read_openpose
from actrec.inputs.pose.layouts import LAYOUTS, Layout
from actrec.inputs.pose.mat import variables
from actrec.inputs.pose.npz import packed, read_npz
from actrec.inputs.pose.ntu import read_ntu
from actrec.inputs.pose.pickles import read_pyskl

FORMATS: Mapping[str, str] = {
    "npz": "npz with joints (T, R, 3) or (people, T, R, 3) and layout",
    "json": "COCO annotations or results, MMPose predictions, OpenPose frames (a file; the folder of --write_json, or a zip of it)",
    "mat": "PennAction labels, JHMDB joint_positions",
    "skeleton": "NTU RGB+D .skeleton (places in the colour picture)",
    "pkl": "MMAction2 / pyskl skeletons, read without running code; several clips: FILE.pkl/CLIP",
}
"""What can be read, by kind."""

SUFFIXES: tuple[str, ...] = ("npz", "json", "mat", "skeleton", "pkl", "pickle", "zip")
"""Endings of files worth trying, for a file chooser; a zip holds OpenPose's folder."""


def read(path: Path, video: Video | None = None, layout: Layout | None = None) -> Joints:
    """The joints of a file or folder, as they are in it; `fit` lays them on the clip.

    video: its name chooses the clip in files that hold several.  layout: for files that do not say theirs, or say it wrongly.

    Raises:
        JointsError: nothing there, too large, of an unknown kind, damaged, or code.  TooMuch: reading it would cost more than it may.
        LayoutError: a layout that is not known.
    """
    path = Path(path)
    inside = next((parent for parent in path.parents if parent.suffix.lower() in (".pkl", ".pickle") and parent.is_file()), None)
    spend = Budget((inside or path).name)
    with np.errstate(over="ignore"):  # what is too large is not finite, and so missing
        if inside is not None:
            return read_pyskl(_checked(inside), path.relative_to(inside).as_posix(), layout, spend)
        if path.is_dir():
            return read_openpose(path, {file.name: partial(content, file, spend) for file in path.glob(f"*{OPENPOSE}")}, layout, spend)
        kind = kind_of(_checked(path))
        if kind == "npz":
            return _zipped(path, layout, spend)
        if kind == "mat":
            return read_mat(path, spend)
        if kind == "skeleton":
            return read_ntu(path, spend)
        if kind == "pkl":
            return read_pyskl(path, None if video is None else video.path.stem, layout, spend)
        return read_json(path, layout, spend)


def _zipped(path: Path, layout: Layout | None, spend: Budget) -> Joints:
    """An npz, or a zip of OpenPose's frames."""
    try:
        with archive(path, spend) as inside:
            frames = {name: unpack for name, unpack in inside.items() if name.endswith(OPENPOSE)}
            return read_openpose(path, frames, layout, spend) if frames else read_npz(path, inside, layout, spend)
    except ActrecError:
        raise
    except Exception as error:  # zipfile fails in many ways on a damaged file
        raise JointsError(f"{path.name} cannot be read as an npz or zip ({quoted(error, kind=True)}); save it again") from None


def kind_of(path: Path) -> str:
    """The kind of a file (a key of `FORMATS`), by its first bytes.

    Raises:
        JointsError: none that is known.
    """
    with path.open("rb") as file:
        head = file.read(256)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PK"):
        return "npz"
    if head.startswith(b"MATLAB 5.0") or head[124:128] in (b"\0\1IM", b"\1\0MI"):
        return "mat"
    if head.startswith(b"MATLAB 7.3") or (head.startswith(b"\x89HDF") and path.suffix.lower() == ".mat"):
        raise JointsError(f"{path.name} is a MATLAB 7.3 file (HDF5); save it with -v7 in MATLAB, or as an npz with joints and layout")
    if head.startswith(b"\x89HDF"):
        raise JointsError(
            f"{path.name} is an HDF5 file, as DeepLabCut and SLEAP write them, which is not read; open it in Python (pandas.read_hdf, h5py) and "
            "save numpy.savez('joints.npz', joints=…, layout=[…]): places (T, R, 3) in pixels with a score, and the joints' names"
        )
    if head.startswith(b"\x93NUMPY"):
        raise JointsError(f"{path.name} is a bare array that does not say its layout; save it with numpy.savez(file, joints=…, layout='coco17')")
    if head.startswith(b"\x80") or path.suffix.lower() in (".pkl", ".pickle"):
        return "pkl"
    if text.startswith((b"{", b"[")):
        return "json"
    if text.split(maxsplit=1) and text.split(maxsplit=1)[0].isdigit():
        return "skeleton"
    raise JointsError(f"{path.name} is not a known file of joints (it begins with {head[:8]!r}); give {'; '.join(FORMATS.values())}")


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise JointsError(f"there is no file {path}; check the name")
    size, allowed = path.stat().st_size / 1e6, settings.limits().max_mb
    if size > allowed:
        raise JointsError(f"{path.name} has {size:.0f} MB, and {allowed:g} are allowed; cut it to the clip, or raise ACTREC_MAX_MB")
    if not size:
        raise JointsError(f"{path.name} is empty (0 bytes); copy or export it again")
    return path


def write(path: Path, joints: Joints) -> None:
    """Save joints as an npz, whole or not at all."""
    files.write(path, packed(joints))


def read_mat(path: Path, spend: Budget | None = None) -> Joints:
    """PennAction's labels (x, y, visibility: (T, 13)) or JHMDB's joint_positions (pos_img (2, 15, T)). MATLAB counts pixels from 1: its 1 is our ½.

    PennAction's hidden joints (visibility 0) keep the place somebody gave them, with the score `HIDDEN`; those out of the picture stand at (1, 1)
    and are missing.

    Raises:
        JointsError: neither of the two.  TooMuch.
    """
    found = _matlab(path, spend)[0]
    if "pos_img" in found:
        return _jhmdb(found["pos_img"], path)
    missing = [name for name in ("x", "y", "visibility") if name not in found]
    if missing:
        lacks = " and no ".join(missing)
        raise JointsError(f"{path.name} has no variable {lacks}; give PennAction's labels (x, y, visibility) or JHMDB's joint_positions (pos_img)")
    x, y, seen = (found[name] for name in ("x", "y", "visibility"))
    if not x.shape == y.shape == seen.shape or x.ndim != 2 or x.shape[1] != 13:
        raise JointsError(f"{path.name}: x {x.shape}, y {y.shape} and visibility {seen.shape} are not (T, 13) each; fetch the labels again")
    values = np.stack([x, y, np.where(seen > 0, 1.0, HIDDEN)], -1)
    values[(seen <= 0) & (x <= 1) & (y <= 1)] = np.nan
    values = units.pixels_from(1, values)
    return Joints(values[None], LAYOUTS["penn13"], np.arange(len(x)), path.name, note=LAYOUTS["penn13"].note)


def read_penn_labels(path: Path) -> tuple[str, bool]:
    """The action of a PennAction clip, and whether it is for training.

    Raises:
        JointsError: a file that does not say it.
    """
    numbers, words = _matlab(path)
    missing = [name for name, found in (("action", words), ("train", numbers)) if not np.size(found.get(name, ()))]
    if missing:
        raise JointsError(f"{path.name} has no variable {' and no '.join(missing)}; fetch PennAction's labels again")
    return words["action"], bool(numbers["train"].flat[0] == 1)  # −1: for the test


def _matlab(path: Path, spend: Budget | None = None) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    spend = spend or Budget(path.name)
    try:
        return variables(content(path, spend), spend)
    except (ValueError, OSError) as error:
        raise JointsError(f"{path.name} cannot be read as a MATLAB file of joints ({quoted(error)}); fetch it again") from None


def _jhmdb(places: NDArray[np.float64], path: Path) -> Joints:
    if places.ndim == 2:  # MATLAB drops the last axis of a single frame
        places = places[..., None]
    if places.ndim != 3 or places.shape[:2] != (2, 15):
        raise JointsError(f"{path.name}: pos_img {places.shape} is not (2, 15, T); fetch the labels again")
    xy = places.transpose(2, 1, 0)
    values = units.pixels_from(1, np.concatenate([xy, np.ones((len(xy), 15, 1))], -1).astype(np.float32))
    return Joints(values[None], LAYOUTS["jhmdb15"], np.arange(len(values)), path.name)
