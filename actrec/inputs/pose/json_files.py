"""Joints out of JSON: COCO's annotations and results, MMPose's predictions, OpenPose's frames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actrec.core.errors import quoted
from actrec.core.outside import Budget, content, parsed
from actrec.inputs.pose import layouts, units
from actrec.inputs.pose.joints import HIDDEN, Joints, JointsError, Values
from actrec.inputs.pose.layouts import LAYOUTS, Layout
from actrec.inputs.pose.tracks import Found, gather

OPENPOSE = "_keypoints.json"
"""How the names of OpenPose's frames end."""

_DAMAGED = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)


def read_json(path: Path, layout: Layout | None, spend: Budget) -> Joints:
    """Joints from whichever kind of JSON this is.

    Raises:
        JointsError: none of those that are known; the message says what was found.  TooMuch.
    """
    said = _said(path.name, lambda: content(path, spend), spend)
    try:
        return _read(said, path, layout)
    except _DAMAGED as error:
        raise JointsError(f"{path.name} is damaged or of another kind ({quoted(error, kind=True)}); export the joints again") from None


def _said(name: str, text: Callable[[], bytes], spend: Budget) -> Any:
    try:
        return parsed(text(), spend)
    except OSError as error:
        raise JointsError(f"cannot read {name} ({error.strerror or error}); check its permissions") from None
    except ValueError as error:
        raise JointsError(f"{name} cannot be read as JSON ({quoted(error)}); copy or export it again") from None


def _read(said: Any, path: Path, layout: Layout | None) -> Joints:
    if isinstance(said, dict):
        if "annotations" in said:
            return _coco(said, path, layout)
        if "instance_info" in said:
            return _mmpose(said["instance_info"], path, layout or _mmpose_layout(said.get("meta_info") or {}))
        if "people" in said:
            return _openpose([said], np.array([0]), path.name, layout)
        raise JointsError(
            f"{path.name} has {_some(said)} and no annotations (COCO), instance_info (MMPose) or people (OpenPose); export one of these"
        )
    if isinstance(said, list) and said:
        first = said[0]
        if isinstance(first, dict) and "instances" in first:
            return _mmpose(said, path, layout)
        if isinstance(first, dict) and "image_id" in first and "keypoints" in first:
            return _coco_results(said, path, layout)
        if isinstance(first, dict) and "keypoint_scores" in first:  # MMPose on one picture
            return _mmpose([{"frame_id": 0, "instances": said}], path, layout)
        if isinstance(first, dict):
            raise JointsError(f"{path.name} is a list of entries with {_some(first)}; it needs image_id and keypoints (COCO) or instances (MMPose)")
    raise JointsError(f"{path.name} holds no joints; export COCO, MMPose or OpenPose JSON, or save an npz with joints and layout")


def _coco(said: Mapping[str, Any], path: Path, layout: Layout | None) -> Joints:
    """COCO's own form: images, annotations with keypoints [x, y, v] · R, categories with the joints' names.

    COCO counts pixels, so their centres are half a pixel further; v is 0 not labelled, 1 hidden, 2 seen. PoseTrack's frame_id and track_id are used.
    """
    rows = [row for row in said["annotations"] if row.get("keypoints")]
    if not rows:
        raise JointsError(f"{path.name} has {len(said['annotations'])} annotations and none with keypoints; export the keypoints, not the boxes")
    told = next((c["keypoints"] for c in said.get("categories") or [] if c.get("keypoints")), None)
    layout = layout or (layouts.named(told) if told else _by_number(len(rows[0]["keypoints"]) // 3, path.name))
    images = list(said.get("images") or []) or [{"id": one} for one in dict.fromkeys(str(row["image_id"]) for row in rows)]
    number = dict(zip((str(image["id"]) for image in images), _numbers(images).tolist(), strict=True))
    marks = [np.asarray(row["keypoints"], np.float32).reshape(-1, 3) for row in rows]
    flags = np.concatenate([mark[:, 2] for mark in marks])
    if np.isin(flags, (0, 1, 2)).all():
        every = np.concatenate(marks)
        every[flags == 0] = np.nan
        every = units.pixels_from(0, every)
        every[:, 2] = np.where(flags == 1, HIDDEN if (flags == 2).any() else 1.0, 1.0)
        marks = np.split(every, np.cumsum([len(mark) for mark in marks])[:-1])
    found = [Found(number[str(row["image_id"])], _empty(mark), _who(row, "track_id")) for row, mark in zip(rows, marks, strict=True)]
    sizes = {(image.get("width"), image.get("height")) for image in images}
    size = next(iter(sizes)) if len(sizes) == 1 else (None, None)
    measured = (int(size[0]), int(size[1])) if size[0] and size[1] else None
    return gather(found, layout, frames=np.array(sorted(number.values())), source=path.name, size=measured)


def _coco_results(rows: Sequence[Mapping[str, Any]], path: Path, layout: Layout | None) -> Joints:
    """COCO's form of results (AlphaPose and others): people with image_id and keypoints [x, y, score] · R. Frames without people are not told."""
    marks = [np.asarray(row["keypoints"], np.float32).reshape(-1, 3) for row in rows]
    layout = layout or _by_number(len(marks[0]), path.name)
    images = [{"id": one, "file_name": one} for one in dict.fromkeys(str(row["image_id"]) for row in rows)]
    numbers, note = _counted(_numbers(images, ordered=False))
    number = {image["id"]: one for image, one in zip(images, numbers.tolist(), strict=True)}
    key = "track_id" if any("track_id" in row for row in rows) else "idx"
    found = [Found(number[str(row["image_id"])], _empty(mark), _who(row, key)) for row, mark in zip(rows, marks, strict=True)]
    return gather(found, layout, source=path.name, note=note)


def _mmpose(rows: Sequence[Mapping[str, Any]], path: Path, layout: Layout | None) -> Joints:
    """MMPose's predictions: per frame a frame_id (its demos count from 1, its inferencer from 0) and instances with keypoints and keypoint_scores."""
    numbers, _ = _counted(np.array([int(row.get("frame_id", i)) for i, row in enumerate(rows)], np.int64))
    found = []
    for frame, row in zip(numbers.tolist(), rows, strict=True):
        for one in row["instances"]:
            xy = np.asarray(one["keypoints"], np.float32)
            scores = np.asarray(one.get("keypoint_scores", np.ones(len(xy))), np.float32)
            if xy.ndim != 2 or xy.shape[1] != 2:
                raise JointsError(
                    f"{path.name}: keypoints {xy.shape} are not (joints, 2); 3-D joints have no place in the picture: export the 2-D ones"
                )
            found.append(Found(frame, np.concatenate([xy, scores[:, None]], 1), _who(one, "track_id")))
    if not found:
        raise JointsError(f"{path.name} has {len(rows)} frames but nobody in them; run the estimator with a lower threshold")
    layout = layout or _by_number(len(found[0].joints), path.name)
    return gather(found, layout, frames=numbers, source=path.name)


def _mmpose_layout(meta: Mapping[str, Any]) -> Layout | None:
    """The layout its meta_info tells: names by number."""
    names = meta.get("keypoint_id2name")
    if not isinstance(names, Mapping) or not names:
        return None
    return layouts.named([str(names[key]) for key in sorted(names, key=int)], str(meta.get("dataset_name", "")))


def read_openpose(path: Path, frames: Mapping[str, Callable[[], bytes]], layout: Layout | None, spend: Budget) -> Joints:
    """OpenPose's JSON: a …_keypoints.json for every frame, numbered by their names.

    path: of the folder or the zip of one.  frames: what is in it, to be read by a call.

    Raises:
        JointsError: no such files, or one that cannot be read.  TooMuch.
    """
    spend.items(len(frames))
    names = sorted(frames, key=lambda name: (_last_number(name.removesuffix(OPENPOSE)), name))
    if not names:
        raise JointsError(f"{path} has no …{OPENPOSE}; give OpenPose's output folder (--write_json), or a file of joints")
    said = [_said(name, frames[name], spend) for name in names]
    numbers = np.array([_last_number(name.removesuffix(OPENPOSE)) for name in names], np.int64)
    numbers = numbers if len(np.unique(numbers)) == len(names) and numbers[0] >= 0 else np.arange(len(names))
    try:
        return _openpose(said, _counted(numbers)[0], path.name, layout)
    except _DAMAGED as error:
        raise JointsError(f"{path} holds a file that is not OpenPose's ({quoted(error, kind=True)}); write it again with --write_json") from None


def _openpose(frames: Iterable[Mapping[str, Any]], numbers: NDArray[np.int64], source: str, layout: Layout | None) -> Joints:
    """Zeros are joints that were not found; people without a person_id are followed."""
    found, ids = [], []
    for number, frame in zip(numbers.tolist(), frames, strict=True):
        for one in frame["people"]:
            mark = np.asarray(one.get("pose_keypoints_2d") or one.get("pose_keypoints") or [], np.float32).reshape(-1, 3)
            if len(mark):
                ids.append(int(np.ravel(one.get("person_id", -1))[0]) if np.size(one.get("person_id", -1)) else -1)
                found.append(Found(number, _empty(mark), str(ids[-1])))
    if not found:
        raise JointsError(f"{source} has {len(numbers)} frames but nobody in them; look at OpenPose's own picture of it")
    if min(ids) < 0:
        found = [Found(one.frame, one.joints) for one in found]
    count = len(found[0].joints)
    layout = layout or {25: LAYOUTS["openpose25"], 18: LAYOUTS["openpose18"]}.get(count) or _by_number(count, source)
    joints = gather(found, layout, frames=numbers, source=source)
    places = joints.xy[joints.known]
    if not len(places) or np.abs(places).max() > 1.001:
        return joints
    least, size = (-1, (2, 2)) if places.min() < 0 else (0, (1, 1))  # --keypoint_scale 4 and 3
    note = "; ".join(filter(None, (joints.note, f"places from {least:d} to 1 taken as fractions of the picture".replace("-", "−"))))
    return replace(joints, size=size, centred=least < 0, note=note)


def _empty(mark: Values) -> Values:
    """Joints at (0, 0) with no score are how these files say that there is none."""
    return np.where((mark[:, 2:] <= 0) & (np.abs(mark[:, :2]).max(1, keepdims=True) == 0), np.nan, mark).astype(np.float32)


def _who(row: Mapping[str, Any], key: str) -> str | None:
    told = row.get(key)
    return None if told is None or isinstance(told, list) or str(told) == "-1" else str(told)


def _by_number(count: int, source: str) -> Layout:
    found = layouts.known(count)
    if found is None:
        raise JointsError(f"{source} has {count} joints and does not say which; name their layout: {', '.join(LAYOUTS)}")
    return found


def _numbers(images: Sequence[Mapping[str, Any]], ordered: bool = True) -> NDArray[np.int64]:
    """Frame numbers of images: their frame_id, else the last number of the file's name, else their order.

    ordered: all frames are listed, so that numbers which begin elsewhere than at 0 are taken for their order.
    """
    told = [image.get("frame_id", image.get("frame_index")) for image in images]
    if all(isinstance(one, int) for one in told):
        numbers = np.array(told, np.int64)
    else:
        numbers = np.array([_last_number(str(image.get("file_name", image["id"]))) for image in images], np.int64)
    if (numbers < 0).any() or len(np.unique(numbers)) != len(numbers):
        return np.arange(len(images))
    return numbers - numbers.min() if ordered else numbers


def _counted(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], str]:
    """Frame numbers from 0 on: those that begin with 1 were counted from 1."""
    first = int(numbers.min()) if len(numbers) else 0
    if first == 1:
        return numbers - 1, "frames counted from 1"
    return numbers, "" if first == 0 else f"the first frame listed is {first}: whether the file counts from 0 or from 1 is not known, 0 was assumed"


def _last_number(text: str) -> int:
    """The last number in a file's name without its ending; −1 if there is none."""
    found = re.findall(r"\d+", re.sub(r"\.[A-Za-z]\w*$", "", text))
    return int(found[-1][-12:]) if found else -1


def _some(said: Mapping[str, Any]) -> str:
    keys = [str(key)[:30] for key in said]
    return "the entries " + ", ".join(keys[:5]) + " …" * (len(keys) > 5) if keys else "no entries"
