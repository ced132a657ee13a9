"""Joints estimated from the pictures, for clips that come without.

Two ways, both optional. *Keypoint R-CNN* (He et al. 2017) is torchvision's; its weights (226 MB, trained on COCO) are fetched when asked for, and a
frame takes seconds on a CPU. *MediaPipe* (Bazarevsky et al. 2020) is fast; package and model file are the reader's own.

What was found in a frame is kept in the cache, by the clip's sha256: stopped work goes on where it stopped, and a second question about the clip
costs nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actrec.clips import video
from actrec.core import files, settings
from actrec.core.card import Weights
from actrec.core.clip import Video
from actrec.core.errors import Progress, WeightsError, no_progress
from actrec.inputs.pose.joints import Joints, JointsError, Values
from actrec.inputs.pose.layouts import LAYOUTS
from actrec.inputs.pose.tracks import Found, gather

if TYPE_CHECKING:
    from torch import nn

KEYPOINT_RCNN = Weights(
    url="https://download.pytorch.org/models/keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
    sha256="fc266e95",
    licence="torchvision's, BSD-3-Clause; trained on COCO, whose pictures have terms of their own",
)

PERSON = 0.7
"""A find of Keypoint R-CNN that scores less is no person."""

SAVE_EVERY = 20.0
"""Seconds of work that may be lost when it is stopped."""

Frame = NDArray[np.uint8]
Detect = Callable[[Frame, float], list[Values]]
"""From a frame (H, W, 3) RGB and its second to the people in it: joints (R, 3) in its pixels, the surest first."""


@dataclass(frozen=True)
class Estimator:
    """A way to find joints.

    opened: a context that gives a `Detect`; it takes the model file (or None) and a progress.  lacks: why it cannot run here with that model file, in
    a sentence that says how to mend it, or "".  model: the file it would use.
    """

    name: str
    title: str
    layout: str
    opened: Callable[[Path | None, Progress], AbstractContextManager[Detect]] = field(repr=False)
    lacks: Callable[[Path | None], str] = field(repr=False)
    model: Callable[[Path | None], Path | None] = field(repr=False)
    note: str = ""


def estimate(
    clip: Video,
    name: str = "keypointrcnn",
    progress: Progress = no_progress,
    *,
    model: Path | None = None,
    index: Sequence[int] | NDArray[np.int64] | None = None,
) -> Joints:
    """The joints of everybody in a clip, those seen longest and surest first.

    model: MediaPipe's .task file, or other weights of Keypoint R-CNN.  index: only these frames; by default all of them.

    Raises:
        JointsError: no such estimator, a package or model that is missing, no room on the GPU.
        WeightsError: weights that cannot be fetched.  ClipError: a frame that does not decode.
        Cancelled: raised by `progress`; what was found so far is kept.
    """
    way = ESTIMATORS.get(name)
    if way is None:
        raise JointsError(f"no estimator is called {name!r}; choose one of {', '.join(ESTIMATORS)}")
    numbers = np.arange(clip.frames) if index is None else np.unique(np.asarray(index, np.int64))
    if len(numbers) and not 0 <= numbers[0] <= numbers[-1] < clip.frames:
        raise JointsError(f"frames {numbers[0]} … {numbers[-1]} asked of a clip with frames 0 … {clip.frames - 1}")
    layout = LAYOUTS[way.layout]
    kept = _Kept.read(_place(clip, way, model), len(layout))
    left = [int(number) for number in numbers if int(number) not in kept.people]
    if left:
        lack = way.lacks(model)
        if lack:
            raise JointsError(lack)
        _look(clip, way, model, left, kept, progress)
    found = [Found(int(number), joints) for number in numbers for joints in kept.people[int(number)]]
    return gather(found, layout, frames=numbers, source=f"{way.title}, estimated")


def _look(clip: Video, way: Estimator, model: Path | None, left: Sequence[int], kept: _Kept, progress: Progress) -> None:
    """Find the people of the frames that are left, and keep them."""
    saved = time.monotonic()
    with way.opened(model, progress) as detect:
        try:
            for done, (number, frame) in enumerate(video.stream(clip, left)):
                progress(done / len(left), f"{way.title}: frame {done + 1} of {len(left)}")
                kept.people[number] = detect(frame, float(clip.seconds[number]))
                if time.monotonic() - saved > SAVE_EVERY:
                    kept.write()
                    saved = time.monotonic()
        finally:
            kept.write()
    progress(1.0, f"{way.title}: {len(left)} frames done")


@dataclass
class _Kept:
    """What was found so far: joints of everybody by frame number; frames that were looked at in vain have an empty list."""

    path: Path
    joints: int
    people: dict[int, list[Values]]

    @classmethod
    def read(cls, path: Path, joints: int) -> _Kept:
        try:
            with np.load(path) as kept:
                looked, frames, places = kept["looked"], kept["frames"], np.asarray(kept["places"], np.float32)
        except Exception:  # none, or a damaged one in whatever way: both are made anew
            return cls(path, joints, {})
        people: dict[int, list[Values]] = {int(number): [] for number in looked}
        for number, one in zip(frames, places, strict=True):
            people[int(number)].append(one)
        return cls(path, joints, people)

    def write(self) -> None:
        """Save it under its name whole or not at all; without room or permission the work goes on unsaved."""
        rows = [(number, one) for number, found in self.people.items() for one in found]
        places = np.stack([one for _, one in rows]) if rows else np.zeros((0, self.joints, 3), np.float32)
        looked, frames = np.array(sorted(self.people), np.int64), np.array([number for number, _ in rows], np.int64)
        with contextlib.suppress(OSError), files.whole(self.path) as part, part.open("wb") as file:
            np.savez_compressed(file, looked=looked, frames=frames, places=places)


def _place(clip: Video, way: Estimator, model: Path | None) -> Path:
    """The cache's file for a clip and a model; another model file is another estimate."""
    file = way.model(model)
    made_by = ""
    if file is not None and file.is_file():
        stat = file.stat()
        made_by = "-" + hashlib.sha256(f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:8]
    return settings.cache() / "joints" / f"{clip.sha256[:32]}-{way.name}{made_by}.npz"


@contextmanager
def _keypoint_rcnn(model: Path | None, progress: Progress) -> Iterator[Detect]:
    import torch

    from actrec.core import devices  # late: torch

    device = devices.best()
    from actrec.models import weights  # late: torch

    file = weights.fetch(KEYPOINT_RCNN if model is None else Weights(file=model), progress)
    network = _network(file).to(device)

    def detect(frame: Frame, _: float) -> list[Values]:
        picture = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float().div(255).to(device)
        try:
            with devices.turn(device), torch.inference_mode():
                (found,) = network([picture])
        except torch.OutOfMemoryError:
            size = f"{frame.shape[1]}×{frame.shape[0]}"
            raise JointsError(f"{device} has no room for Keypoint R-CNN on {size}; set ACTREC_DEVICE=cpu, or free some of it") from None
        sure = found["scores"] >= PERSON
        places = found["keypoints"][sure][..., :2].float().cpu().numpy()
        peaks = found["keypoints_scores"][sure].float().cpu().numpy()
        scores = 1 / (1 + np.exp(-np.clip(peaks, -30, 30)))
        return list(np.concatenate([places, scores[..., None]], -1).astype(np.float32))

    yield detect


def _network(file: Path) -> nn.Module:
    """Keypoint R-CNN with the weights of a file, whole or not at all.

    torchvision's file was trained when its frozen batch normalisation added no ε, so neither does this.

    Raises:
        WeightsError: weights of another network.
    """
    from torchvision.ops.misc import FrozenBatchNorm2d

    from actrec.models import weights  # late: torch

    network = _bare()
    state, _ = weights.read(file)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        first = " ".join(str(error).split())[:160]
        raise WeightsError(f"{file.name} holds no weights of Keypoint R-CNN ({first} …); delete it, and it is fetched again") from None
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0
    return network.eval()


def _bare() -> nn.Module:
    """The network of torchvision's keypointrcnn_resnet50_fpn without weights, with frozen batch normalisation as in its trained form."""
    from torchvision.models.detection import KeypointRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    return KeypointRCNN(resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=0), 2, num_keypoints=17)


@contextmanager
def _mediapipe(model: Path | None, progress: Progress) -> Iterator[Detect]:
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    file = _task(model)
    options = vision.PoseLandmarkerOptions(BaseOptions(model_asset_path=str(file)), vision.RunningMode.VIDEO, num_poses=5)
    progress(0.0, "MediaPipe: opening the model")
    try:
        landmarker = vision.PoseLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise JointsError(f"MediaPipe cannot use {file} ({error}); {_GET_TASK.format(folder=settings.cache() / 'weights')}") from None
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


def _lacks_mediapipe(model: Path | None) -> str:
    if importlib.util.find_spec("mediapipe") is None:
        cure = "pip install mediapipe, then pip uninstall opencv-contrib-python and pip install --force-reinstall opencv-python-headless"
        return f"MediaPipe is not installed: {cure} (two OpenCVs in one environment break each other); or give a file of joints"
    file = _task(model)
    if file is None or not file.is_file():
        what = "MediaPipe brings no model" if file is None else f"there is no model file {file}"
        return f"{what}: {_GET_TASK.format(folder=settings.cache() / 'weights')}"
    return ""


def _lacks_rcnn(model: Path | None) -> str:
    return f"there is no weights file {model}; check the name, or leave it out" if model is not None and not model.is_file() else ""


ESTIMATORS: Mapping[str, Estimator] = {
    way.name: way
    for way in (
        Estimator(
            "keypointrcnn", "Keypoint R-CNN", "coco17", _keypoint_rcnn, _lacks_rcnn, lambda model: model,
            "fetches 226 MB once; several seconds a frame without a GPU; scores are the logistic of the heat map's peak, no calibrated probabilities",
        ),
        Estimator(
            "mediapipe", "MediaPipe", "mediapipe33", _mediapipe, _lacks_mediapipe, _task,
            "needs the package mediapipe and a pose_landmarker .task file of yours; up to five people",
        ),
    )
}  # fmt: skip
"""The estimators there are, by name."""


def weights_here() -> bool:
    """Whether Keypoint R-CNN's weights need not be fetched first."""
    from actrec.models import weights  # late: torch

    return weights.here(KEYPOINT_RCNN)
