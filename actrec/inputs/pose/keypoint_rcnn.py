"""Keypoint R-CNN (He et al. 2017), torchvision's: weights of 226 MB, trained on COCO and fetched when first used; seconds a frame on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actrec.core.card import Weights
from actrec.core.errors import Progress, WeightsError
from actrec.inputs.pose.estimator import Detect, Estimator, Frame
from actrec.inputs.pose.joints import JointsError, Values

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = Weights(
    url="https://download.pytorch.org/models/keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
    sha256="fc266e95",
    licence="torchvision's, BSD-3-Clause; trained on COCO, whose pictures have terms of their own",
)

PERSON = 0.7
"""A find of Keypoint R-CNN that scores less is no person."""


@contextmanager
def _opened(model: Path | None, progress: Progress) -> Iterator[Detect]:
    import torch

    from actrec.core import devices  # late: torch
    from actrec.models import weights  # late: torch

    device = devices.best()
    file = weights.fetch(WEIGHTS if model is None else Weights(file=model), progress)
    network = _network(file).to(device)

    def detect(frame: Frame, _: float) -> list[Values]:
        picture = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float().div(255).to(device)
        try:
            with devices.turn(device), torch.inference_mode():
                (found,) = network([picture])
        except torch.OutOfMemoryError:
            size = f"{frame.shape[1]}×{frame.shape[0]}"
            raise JointsError(f"{device} has too little memory for Keypoint R-CNN on {size}; set ACTREC_DEVICE=cpu, or free some memory") from None
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


def _lacks(model: Path | None) -> str:
    return f"there is no weights file {model}; check the name, or leave it out" if model is not None and not model.is_file() else ""


KEYPOINT_RCNN = Estimator(
    "keypointrcnn", "Keypoint R-CNN", "coco17", _opened, _lacks, lambda model: model,
    "fetches 226 MB once; several seconds a frame without a GPU; scores are the logistic of the heat map's peak, not calibrated probabilities",
)  # fmt: skip
