"""How frames become a model's input: resized, cropped, normalised, number for number what torchvision's `VideoClassification` preset does."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from actrec.core.clip import Geometry, Preprocess, Video
from actrec.core.errors import ClipError

RESIZED = 4096 * 2304
"""Pixels of a resized frame at most. Only a frame many times longer than wide comes near: at 256 pixels on the short side, 144 times."""


def geometry(video: Video, preprocess: Preprocess) -> Geometry:
    """Where resize and centre crop put a frame of this video, rounded as torchvision rounds.

    A crop larger than the resized frame gives a negative offset: the frame sits inside black borders.

    Raises:
        ClipError: frames so narrow that, their short side brought to size, the long one would fill the memory.
    """
    height, width = video.height, video.width
    if isinstance(preprocess.resize, int):
        short, long = min(height, width), max(height, width)
        size = (preprocess.resize, int(preprocess.resize * long / short))
        resized = size if height < width else (size[1], size[0])
    else:
        resized = preprocess.resize
    if resized[0] * resized[1] > RESIZED:
        grown = f"{resized[1]}×{resized[0]}, of which it takes {preprocess.crop[1]}×{preprocess.crop[0]}"
        narrow = f"{video.path.name} has frames of {width}×{height}, which this model would resize to {grown}"
        raise ClipError(f"{narrow}; cut it to a more usual shape, or choose a model that takes the whole frame")
    offset = (_margin(resized[0], preprocess.crop[0]), _margin(resized[1], preprocess.crop[1]))
    return Geometry((height, width), resized, preprocess.crop, offset)


def to_input(frames: NDArray[np.uint8], preprocess: Preprocess, geometry: Geometry) -> Tensor:
    """Model input (1, 3, T, H, W) float32 of frames (T, h, w, 3): resized, cropped, scaled to [0, 1], normalised."""
    return batch_to_input(torch.from_numpy(cropped(frames, preprocess, geometry))[None], preprocess).contiguous()


def batch_to_input(frames: Tensor, preprocess: Preprocess) -> Tensor:
    """Model input float32 (N, 3, T, H, W) of frames uint8 (N, T, H, W, 3) already cut, on their device: normalised; channels last in memory."""
    mean, std = (torch.tensor(v, device=frames.device) for v in (preprocess.mean, preprocess.std))
    return frames.to(torch.float32, copy=True).div_(255).sub_(mean).div_(std).permute(0, 4, 1, 2, 3)


def cropped(frames: NDArray[np.uint8], preprocess: Preprocess, geometry: Geometry) -> NDArray[np.uint8]:
    """Frames (T, h, w, 3) as the model is given them: resized and cut, uint8 (T, H, W, 3), black where the crop reaches beyond the frame."""
    _fitting(frames, geometry)
    top, left = geometry.offset
    height, width = geometry.crop
    above, before = max(-top, 0), max(-left, 0)
    out = np.zeros((len(frames), height, width, 3), np.uint8)
    for image, frame in zip(out, frames, strict=True):
        part = shrink(frame[None], preprocess, geometry)[0, max(top, 0) : top + height, max(left, 0) : left + width]
        image[above : above + part.shape[0], before : before + part.shape[1]] = part
    return out


def shrink(frames: NDArray[np.uint8], preprocess: Preprocess, geometry: Geometry) -> NDArray[np.uint8]:
    """Frames (T, h, w, 3) at the geometry's resized size: bilinear, rounded to whole grey levels.

    One frame at a time, so that a long clip of large frames needs no large float copy.
    """
    _fitting(frames, geometry)
    if geometry.source == geometry.resized:
        return frames
    out = np.empty((len(frames), *geometry.resized, 3), np.uint8)
    for t, frame in enumerate(frames):
        pixels = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float()
        image = F.interpolate(pixels, size=geometry.resized, mode="bilinear", align_corners=False, antialias=preprocess.antialias)[0]
        out[t] = image.round_().clamp_(0, 255).permute(1, 2, 0).numpy()
    return out


def _fitting(frames: NDArray[np.uint8], geometry: Geometry) -> None:
    if frames.shape[1:] != (*geometry.source, 3):
        raise ValueError(f"frames of shape {frames.shape} do not fit a geometry for {geometry.source}: need (T, height, width, 3)")


def _margin(size: int, crop: int) -> int:
    """torchvision's centre crop: round half to even; a smaller frame is padded, the odd pixel behind it."""
    return round((size - crop) / 2) if size >= crop else -((crop - size) // 2)
