"""Joints estimated from the pictures: kept, gone on with, and refused with the way out."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import clips_made as made
import numpy as np
import pytest
from numpy.typing import NDArray
from pose_made import some

from actrec.clips import video
from actrec.core.clip import Video
from actrec.core.errors import Cancelled, WeightsError
from actrec.inputs import pose
from actrec.inputs.pose import estimators, keypoint_rcnn, layouts
from actrec.inputs.pose.joints import JointsError


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Video:
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACTREC_DEVICE", "cpu")
    return video.probe(made.clip(tmp_path / "a.mp4", 4))


def tiny_network() -> object:
    """Keypoint R-CNN as torchvision builds it, narrow, on small pictures."""
    from torchvision.models.detection import KeypointRCNN, faster_rcnn, keypoint_rcnn
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    return KeypointRCNN(
        resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=0),
        min_size=64, max_size=96, box_score_thresh=0.0, box_detections_per_img=3, rpn_post_nms_top_n_test=20,
        box_head=faster_rcnn.TwoMLPHead(256 * 49, 8), box_predictor=faster_rcnn.FastRCNNPredictor(8, 2),
        keypoint_head=keypoint_rcnn.KeypointRCNNHeads(256, (8,)), keypoint_predictor=keypoint_rcnn.KeypointRCNNPredictor(8, 17),
    )  # fmt: skip


@pytest.fixture
def weights_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import torch

    torch.manual_seed(0)
    monkeypatch.setattr(keypoint_rcnn, "_bare", tiny_network)
    monkeypatch.setattr(keypoint_rcnn, "PERSON", 0.0)
    torch.save(tiny_network().state_dict(), tmp_path / "tiny.pth")  # type: ignore[attr-defined]
    return tmp_path / "tiny.pth"


def test_keypoint_rcnn_runs_and_what_it_found_is_kept(clip: Video, weights_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    found = pose.estimate(clip, "keypointrcnn", lambda fraction, text: told.append(fraction), model=weights_file)
    assert found.layout.name == "coco17"
    assert len(found.frames) == 4
    assert found.people >= 1
    assert ((found.score >= 0) & (found.score <= 1))[found.known].all()
    assert (found.xy[found.known] >= -0.5).all()
    assert (found.xy[found.known] <= [96.5, 64.5]).all()
    assert told[-1] == 1.0

    def never(file: Path) -> object:
        raise AssertionError("the network was built again")

    monkeypatch.setattr(keypoint_rcnn, "_network", never)
    again = pose.estimate(clip, "keypointrcnn", model=weights_file)
    np.testing.assert_array_equal(again.values, found.values)
    assert pose.estimate(clip, "keypointrcnn", model=weights_file, index=[1, 3]).frames.tolist() == [1, 3]


def test_stopped_work_goes_on_where_it_stopped(clip: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []

    def opened(model: Path | None, progress: object) -> object:
        import contextlib

        def detect(frame: NDArray[np.uint8], second: float) -> list[NDArray[np.float32]]:
            looked.append(second)
            return [some("coco17").values[0, 0]]

        return contextlib.nullcontext(detect)

    way = pose.Estimator("fake", "Fake", "coco17", opened, lambda model: "", lambda model: model)  # type: ignore[arg-type]
    monkeypatch.setattr(estimators, "ESTIMATORS", {"fake": way})

    def stop(fraction: float, text: str) -> None:
        if fraction >= 0.5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        pose.estimate(clip, "fake", stop)
    assert len(looked) == 2
    found = pose.estimate(clip, "fake")
    assert len(looked) == 4
    assert found.known.all()
    (kept,) = (clip.path.parent / "cache/joints").iterdir()
    kept.write_bytes(b"PK damaged")
    assert pose.estimate(clip, "fake").known.all()
    assert len(looked) == 8


def test_weights_of_another_network_are_refused_whole(clip: Video, weights_file: Path) -> None:
    import torch

    torch.save({"fc.weight": torch.zeros(2, 2)}, weights_file)
    with pytest.raises(WeightsError, match="no weights of Keypoint R-CNN"):
        pose.estimate(clip, "keypointrcnn", model=weights_file)


def test_the_network_and_its_weights_are_torchvisions() -> None:
    from torchvision.models.detection import KeypointRCNN_ResNet50_FPN_Weights

    theirs = KeypointRCNN_ResNet50_FPN_Weights.COCO_V1
    assert theirs.url == keypoint_rcnn.WEIGHTS.url
    assert tuple(theirs.meta["keypoint_names"]) == layouts.layout("coco17").joints
    assert sum(p.numel() for p in keypoint_rcnn._bare().parameters()) == theirs.meta["num_params"]


def test_a_missing_package_model_or_name_says_how_to_get_it(clip: Video, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(JointsError, match=r"openpifpaf.*keypointrcnn, mediapipe"):
        pose.estimate(clip, "openpifpaf")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(JointsError, match="pip install mediapipe"):
        pose.estimate(clip, "mediapipe")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(JointsError, match=r"comes without a model: fetch pose_landmarker_full\.task"):
        pose.estimate(clip, "mediapipe")
    with pytest.raises(JointsError, match=r"no model file .*gone\.task"):
        pose.estimate(clip, "mediapipe", model=tmp_path / "gone.task")
    with pytest.raises(JointsError, match="no weights file"):
        pose.estimate(clip, "keypointrcnn", model=tmp_path / "gone.pth")
    with pytest.raises(JointsError, match="frames 0 … 3"):
        pose.estimate(clip, "keypointrcnn", index=[4])


def test_mediapipe_is_asked_in_order_of_time_and_answers_in_pixels(clip: Video, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in with the interface of mediapipe 1.2's PoseLandmarker; the real one needs a model file that nobody ships."""
    stamps: list[int] = []
    closed: list[bool] = []

    class Landmarker:
        @staticmethod
        def create_from_options(options: types.SimpleNamespace) -> Landmarker:
            assert options.mode == "VIDEO"
            return Landmarker()

        def detect_for_video(self, image: types.SimpleNamespace, stamp: int) -> types.SimpleNamespace:
            stamps.append(stamp)
            assert image.data.shape == (64, 96, 3)
            person = [types.SimpleNamespace(x=0.5, y=0.25, visibility=0.75) for _ in range(33)]
            return types.SimpleNamespace(pose_landmarks=[person] if stamp else [])

        def close(self) -> None:
            closed.append(True)

    vision = types.SimpleNamespace(
        PoseLandmarker=Landmarker,
        PoseLandmarkerOptions=lambda base, mode, num_poses: types.SimpleNamespace(base=base, mode=mode, num_poses=num_poses),
        RunningMode=types.SimpleNamespace(VIDEO="VIDEO"),
    )
    fake = types.ModuleType("mediapipe")
    fake.Image = lambda image_format, data: types.SimpleNamespace(data=data)  # type: ignore[attr-defined]
    fake.ImageFormat = types.SimpleNamespace(SRGB=1)  # type: ignore[attr-defined]
    tasks = types.ModuleType("mediapipe.tasks.python")
    tasks.BaseOptions, tasks.vision = (lambda model_asset_path: model_asset_path), vision  # type: ignore[attr-defined]
    for name, module in (("mediapipe", fake), ("mediapipe.tasks", types.ModuleType("mediapipe.tasks")), ("mediapipe.tasks.python", tasks)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    (tmp_path / "pose_landmarker_lite.task").write_bytes(b"a model")
    found = pose.estimate(clip, "mediapipe", model=tmp_path / "pose_landmarker_lite.task")
    assert found.layout.name == "mediapipe33"
    assert stamps == sorted(set(stamps)) == [0, 40, 80, 120]
    np.testing.assert_array_equal(found.values[0, 1, 0], [48, 16, 0.75])
    assert not found.known[:, 0].any()
    assert closed == [True]
