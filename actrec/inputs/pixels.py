"""How frames become a model's input: resized, cropped, normalised, number for number what torchvision's `VideoClassification` preset does."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from actrec.core.clip import Geometry, Preprocess, Video


def geometry(video: Video, preprocess: Preprocess) -> Geometry:
    """Where resize and centre crop put a frame of this video, rounded as torchvision rounds.

    A crop larger than the resized frame gives a negative offset: the frame sits inside black borders.
    """
    height, width = video.height, video.width
    if isinstance(preprocess.resize, int):
        short, long = min(height, width), max(height, width)
        size = (preprocess.resize, int(preprocess.resize * long / short))
        resized = size if height < width else (size[1], size[0])
    else:
        resized = preprocess.resize
    offset = (_margin(resized[0], preprocess.crop[0]), _margin(resized[1], preprocess.crop[1]))
    return Geometry((height, width), resized, preprocess.crop, offset)


def to_input(frames: NDArray[np.uint8], preprocess: Preprocess, geometry: Geometry) -> Tensor:
    """Model input (1, 3, T, H, W) float32 of frames (T, h, w, 3): resized, cropped, scaled to [0, 1], normalised."""
    top, left = geometry.offset
    height, width = geometry.crop
    image = torch.from_numpy(shrink(frames, preprocess, geometry)).permute(3, 0, 1, 2)[None]
    image = image[..., max(top, 0) : top + height, max(left, 0) : left + width]
    if image.shape[3:] != (height, width):
        right, below = width - image.shape[4] - max(-left, 0), height - image.shape[3] - max(-top, 0)
        image = F.pad(image, (max(-left, 0), right, max(-top, 0), below))
    return normalised(image, preprocess, 1).contiguous()


def shrink(frames: NDArray[np.uint8], preprocess: Preprocess, geometry: Geometry) -> NDArray[np.uint8]:
    """Frames (T, h, w, 3) at the geometry's resized size: bilinear, rounded to whole grey levels.

    One frame at a time, so that a long clip of large frames needs no large float copy.
    """
    if frames.shape[1:] != (*geometry.source, 3):
        raise ValueError(f"frames of shape {frames.shape} do not fit a geometry for {geometry.source}: need (T, height, width, 3)")
    if geometry.source == geometry.resized:
        return frames
    out = np.empty((len(frames), *geometry.resized, 3), np.uint8)
    for t, frame in enumerate(frames):
        pixels = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float()
        image = F.interpolate(pixels, size=geometry.resized, mode="bilinear", align_corners=False, antialias=preprocess.antialias)[0]
        out[t] = image.round_().clamp_(0, 255).permute(1, 2, 0).numpy()
    return out


def normalised(frames: Tensor, preprocess: Preprocess, colours: int) -> Tensor:
    """Levels 0 … 255 as a model takes them, float32 on their device: shares of 255, minus the mean, by the deviation. colours: which axis that is."""
    shape = [3 if axis == colours % frames.ndim else 1 for axis in range(frames.ndim)]
    mean, std = (torch.tensor(v, device=frames.device).view(shape) for v in (preprocess.mean, preprocess.std))
    return frames.to(torch.float32, copy=True).div_(255).sub_(mean).div_(std)


def _margin(size: int, crop: int) -> int:
    """torchvision's centre crop: round half to even; a smaller frame is padded, the odd pixel behind it."""
    return round((size - crop) / 2) if size >= crop else -((crop - size) // 2)
