"""Joints from files: what a file is, is told by its content, never by its name alone; and npz files of our own.

>>> joints = read(Path("pushup.json"), video)
>>> fitted = fit(joints, video)
>>> print(fitted)
45 frames of 1 person in mediapipe33, as many as the clip
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actrec.core import files, settings
from actrec.core.clip import Video
from actrec.inputs.pose import layouts
from actrec.inputs.pose.joints import HIDDEN, Joints, JointsError
from actrec.inputs.pose.json_files import is_openpose_zip, read_json, read_openpose
from actrec.inputs.pose.layouts import LAYOUTS, Layout
from actrec.inputs.pose.mat import arrays, texts
from actrec.inputs.pose.pickles import read_pyskl
from actrec.inputs.pose.tracks import Found, gather

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

COLOUR_SIZE = (1920, 1080)
"""The colour picture of Kinect v2 in which NTU's skeletons are measured."""

TRACKED = {2: 1.0, 1: HIDDEN}
"""Kinect's tracking states as scores; 0, not tracked, is no joint."""


def read(path: Path, video: Video | None = None, layout: Layout | None = None) -> Joints:
    """The joints of a file or folder, as they are in it; `fit` lays them on the clip.

    video: its name chooses the clip in files that hold several.  layout: for files that do not say theirs, or say it wrongly.

    Raises:
        JointsError: nothing there, too large, of an unknown kind, damaged, or code.
        LayoutError: a layout that is not known.
    """
    path = Path(path)
    inside = next((parent for parent in path.parents if parent.suffix.lower() in (".pkl", ".pickle") and parent.is_file()), None)
    if inside is not None:
        return read_pyskl(_checked(inside), path.relative_to(inside).as_posix(), layout)
    if path.is_dir():
        return read_openpose(path, layout)
    kind = kind_of(_checked(path))
    if kind == "npz":
        return read_openpose(path, layout) if is_openpose_zip(path) else read_npz(path, layout)
    if kind == "mat":
        return read_mat(path)
    if kind == "skeleton":
        return read_ntu(path)
    if kind == "pkl":
        return read_pyskl(path, None if video is None else video.path.stem, layout)
    return read_json(path, layout)


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
    if head.startswith((b"\x89HDF", b"MATLAB 7.3")):
        raise JointsError(f"{path.name} is a MATLAB 7.3 file (HDF5); save it with -v7 in MATLAB, or as an npz with joints and layout")
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


def read_npz(path: Path, layout: Layout | None = None) -> Joints:
    """An npz with `joints` (T, R, 3) or (people, T, R, 3), or x and y only, and `layout`: a name, or the names of the joints.

    `frames` (T), `fps`, `size` (width, height) and `source` are read too if they are there.

    Raises:
        JointsError: another file; the message says what is missing.
    """
    found = _arrays(path, ("joints", "layout", "frames", "fps", "size", "source"))
    if "joints" not in found or ("layout" not in found and layout is None):
        missing = " and no ".join(name for name in ("joints", "layout") if name not in found)
        raise JointsError(f"{path.name} has no {missing}; save joints (T, R, 3) and layout, one of {', '.join(LAYOUTS)}")
    try:
        values = np.asarray(found["joints"], np.float32)
        layout = layout or _said(found["layout"])
        values = values[None] if values.ndim == 3 else values
        if values.ndim == 4 and values.shape[3] == 2:
            values = np.concatenate([values, np.ones((*values.shape[:3], 1), np.float32)], -1)
        if values.ndim != 4:
            raise JointsError(f"{path.name}: joints {values.shape} are not (T, R, 3) or (people, T, R, 3); save them in that shape")
        size = tuple(int(v) for v in np.ravel(found["size"])) if "size" in found else None
        return Joints(
            values,
            layout,
            np.asarray(found["frames"]) if "frames" in found else np.arange(values.shape[1]),
            str(found.get("source", path.name)),
            fps=float(found["fps"]) if "fps" in found else None,
            size=(size[0], size[1]) if size else None,
        )
    except (ValueError, TypeError, IndexError) as error:
        raise JointsError(f"{path.name} holds no joints as numbers ({error}); save joints (T, R, 3) and layout") from None


def _said(told: Any) -> Layout:
    return layouts.layout(str(told)) if np.ndim(told) == 0 else layouts.named([str(name) for name in told])


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The named arrays of an npz; nothing in it is unpickled, and nothing larger than a file may be is unpacked."""
    allowed = settings.limits().max_mb
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {info.filename: info.file_size for info in archive.infolist()}
        if sum(inside.get(f"{name}.npy", 0) for name in names) > allowed * 1e6:
            raise JointsError(f"{path.name} unpacks to more than {allowed:g} MB; cut it to the clip, or raise ACTREC_MAX_MB")
        with np.load(path) as kept:
            return {name: kept[name] for name in names if name in kept.files}
    except JointsError:
        raise
    except Exception as error:  # zipfile and numpy fail in many ways on a damaged file
        raise JointsError(f"{path.name} cannot be read as an npz of joints ({type(error).__name__}: {error}); save it again") from None


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
    stream = io.BytesIO()
    np.savez_compressed(stream, joints=joints.values[0] if joints.people == 1 else joints.values, **about)
    return stream.getvalue()


def write(path: Path, joints: Joints) -> None:
    """Save joints as an npz, whole or not at all."""
    files.write(path, packed(joints))


def read_mat(path: Path) -> Joints:
    """PennAction's labels (x, y, visibility: (T, 13)) or JHMDB's joint_positions (pos_img (2, 15, T)). MATLAB counts pixels from 1: its 1 is our ½.

    PennAction's hidden joints (visibility 0) keep the place somebody gave them, with the score `HIDDEN`; those out of the picture stand at (1, 1)
    and are missing.

    Raises:
        JointsError: neither of the two.
    """
    found = _matlab(path)[0]
    if "pos_img" in found:
        return _jhmdb(found["pos_img"], path)
    missing = [name for name in ("x", "y", "visibility") if name not in found]
    if missing:
        lacks = " and no ".join(missing)
        raise JointsError(f"{path.name} has no variable {lacks}; give PennAction's labels (x, y, visibility) or JHMDB's joint_positions (pos_img)")
    x, y, seen = (found[name] for name in ("x", "y", "visibility"))
    if not x.shape == y.shape == seen.shape or x.ndim != 2 or x.shape[1] != 13:
        raise JointsError(f"{path.name}: x {x.shape}, y {y.shape} and visibility {seen.shape} are not (T, 13) each; fetch the labels again")
    values = np.stack([x - 0.5, y - 0.5, np.where(seen > 0, 1.0, HIDDEN)], -1)
    values[(seen <= 0) & (x <= 1) & (y <= 1)] = np.nan
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


def _matlab(path: Path) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    most = int(settings.limits().max_mb * 1e6)
    try:
        raw = path.read_bytes()
        return arrays(raw, most), texts(raw, most)
    except (ValueError, OSError) as error:
        raise JointsError(f"{path.name} cannot be read as a MATLAB file of joints ({error}); fetch it again") from None


def _jhmdb(places: NDArray[np.float64], path: Path) -> Joints:
    if places.ndim == 2:  # MATLAB drops the last axis of a single frame
        places = places[..., None]
    if places.ndim != 3 or places.shape[:2] != (2, 15):
        raise JointsError(f"{path.name}: pos_img {places.shape} is not (2, 15, T); fetch the labels again")
    xy = places.transpose(2, 1, 0) - 0.5
    values = np.concatenate([xy, np.ones((len(xy), 15, 1))], -1).astype(np.float32)
    return Joints(values[None], LAYOUTS["jhmdb15"], np.arange(len(values)), path.name)


def read_ntu(path: Path) -> Joints:
    """NTU RGB+D's skeletons: each body's joints in the colour picture of 1920 × 1080; those Kinect inferred have the score `HIDDEN`.

    Bodies come in the order in which they are seen longest and surest; some are no people: Kinect takes chairs for them too.

    Raises:
        JointsError: it ends too early, or is something else.
    """
    try:
        words = path.read_text("ascii").split()
        place, frames = 1, int(words[0])
        found = []
        for frame in range(frames):
            bodies = int(words[place])
            place += 1
            for _ in range(bodies):
                who, count = words[place], int(words[place + 10])  # body, six flags, lean x and y, its state; then its joints
                rows = np.array(words[place + 11 : place + 11 + 12 * count], np.float64).reshape(count, 12)
                place += 11 + 12 * count
                state = np.array([TRACKED.get(int(one), np.nan) for one in rows[:, 11]])
                found.append(
                    Found(frame, np.column_stack([rows[:, 5:7], state]).astype(np.float32), who)
                )  # after x, y, z and the depth picture's x, y
                if count != 25:
                    raise ValueError(f"a body of {count} joints")
    except (IndexError, ValueError, OSError) as error:
        why = "it ends too early" if isinstance(error, IndexError) else str(error)
        raise JointsError(f"{path.name} cannot be read as an NTU skeleton file ({why}); unpack the skeletons again") from None
    for one in found:
        one.joints[~np.isfinite(one.joints).all(1)] = np.nan
    looked = np.arange(min(frames, settings.limits().max_frames + 1))
    return gather(found, LAYOUTS["ntu25"], frames=looked, source=path.name, size=COLOUR_SIZE)
