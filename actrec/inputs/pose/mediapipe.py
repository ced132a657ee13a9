"""MediaPipe (Bazarevsky et al. 2020), which is fast; package and model file are the reader's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from actrec.core import settings
from actrec.core.errors import Progress, quoted
from actrec.inputs.pose.estimator import Detect, Estimator, Frame
from actrec.inputs.pose.joints import JointsError, Values


@contextmanager
def _opened(model: Path | None, progress: Progress) -> Iterator[Detect]:
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    file = _task(model)
    options = vision.PoseLandmarkerOptions(BaseOptions(model_asset_path=str(file)), vision.RunningMode.VIDEO, num_poses=5)
    progress(0.0, "MediaPipe: opening the model")
    try:
        landmarker = vision.PoseLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise JointsError(f"MediaPipe cannot use {file} ({quoted(error)}); {_GET_TASK.format(folder=settings.cache() / 'weights')}") from None
    last = -1

    def detect(frame: Frame, second: float) -> list[Values]:
        nonlocal last
        last = max(last + 1, round(1000 * second))  # milliseconds, which must increase
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
        found = landmarker.detect_for_video(image, last).pose_landmarks
        height, width = frame.shape[:2]
        return [np.array([_landmark(one, width, height) for one in person], np.float32) for person in found]

    try:
        yield detect
    finally:
        landmarker.close()


def _landmark(one: Any, width: int, height: int) -> tuple[float, float, float]:
    """x and y in pixels, and how likely it is to be seen."""
    seen = one.visibility if one.visibility is not None else 1.0
    return float(one.x) * width, float(one.y) * height, float(seen)


_GET_TASK = "fetch pose_landmarker_full.task from MediaPipe's page on the pose landmarker and give it, or put it into {folder}"


def _task(model: Path | None) -> Path | None:
    """MediaPipe's model: the one given, else one in the weights folder."""
    if model is not None:
        return model
    return next(iter(sorted((settings.cache() / "weights").glob("pose_landmarker*.task"))), None)


def _lacks(model: Path | None) -> str:
    if importlib.util.find_spec("mediapipe") is None:
        cure = "pip install mediapipe, then pip uninstall opencv-contrib-python and pip install --force-reinstall opencv-python-headless"
        return f"MediaPipe is not installed: {cure} (two OpenCVs in one environment break each other); or give a file of joints"
    file = _task(model)
    if file is None or not file.is_file():
        what = "MediaPipe comes without a model" if file is None else f"there is no model file {file}"
        return f"{what}: {_GET_TASK.format(folder=settings.cache() / 'weights')}"
    return ""


MEDIAPIPE = Estimator(
    "mediapipe", "MediaPipe", "mediapipe33", _opened, _lacks, _task,
    "needs the package mediapipe and a pose_landmarker .task file of yours; up to five people",
)  # fmt: skip
