"""RGB differences: how the colours of every pixel change from each of the model's frames to the source frames right behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec.clips import video as videos
from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry, Preprocess, Video
from actrec.core.errors import Progress, no_progress
from actrec.inputs import pixels
from actrec.inputs.streams import Given, Stream, View

NAME = "difference"

STACK = 5
"""Differences that lie behind each other in a frame's channels, as in the temporal segment networks (wang2016tsn)."""

STILL = 2
"""Grey levels of 255 that nothing changes by in a clip that stands still: less is the noise of compression."""

NOTHING_TO_SEE = (
    "Nothing changes between the frames that the model was given and those behind them (at most {:.0f} of 255 grey levels, which is noise): the "
    "stream of differences had nothing to see, and what it says comes from what it learnt alone."
)


@dataclass(frozen=True)
class Difference(Stream):
    """Differences (1, 3 · stack, T, H, W) of the model's frames and those behind them in the source: frame i + 1 − frame i, then i + 2 − i + 1, …,
    the three colours of each in turn, in units of twice the mean standard deviation of pictures (wang2016tsn). Beyond the video's end its last frame
    is held.
    """

    name, title, channels = NAME, "RGB differences", 3 * STACK

    stack: int = STACK

    @property
    def unit(self) -> float:
        """Grey levels of 255 that are 1 in the network's input."""
        return 2 * 255 * float(np.mean(self.preprocess.std))

    def tensor(self, given: Given, clip: Clip, geometry: Geometry, device: torch.device, progress: Progress = no_progress) -> Tensor:
        return self._found(clip, geometry, clip.index, 1, progress).to(device)

    def _found(self, clip: Clip, geometry: Geometry, index: NDArray[np.int64], way: int, progress: Progress) -> Tensor:
        """The input for source frames `index` and those behind them; way −1: behind them as the video is played backwards."""
        pictures = around(clip.video, self.preprocess, geometry, index, way * self.stack, progress)
        return self._network(torch.from_numpy(stacked(pictures))[None])

    def doubts(self, tensor: Tensor) -> tuple[str, ...]:
        most = float(tensor.abs().amax()) * self.unit
        return (NOTHING_TO_SEE.format(most),) if most < STILL + 0.5 else ()

    def blank(self, clips: int, frames: int, size: tuple[int, int], device: torch.device | str) -> Tensor:
        return torch.zeros(clips, 3 * self.stack, frames, *size, device=device)

    def reordered(self, tensor: Tensor, order: Tensor, clip: Clip, geometry: Geometry, progress: Progress = no_progress) -> Tensor:
        """Each frame keeps its own differences; where the clip is played backwards they are found anew, since then other frames lie behind it."""
        order = order.cpu()
        if len(order) < 2 or not bool((order.diff() < 0).all()):
            return tensor[:, :, order.to(tensor.device)]
        return self._found(clip, geometry, clip.index[order.numpy()], -1, progress).to(tensor.device)

    def view(self, view: View) -> NDArray[np.float32]:
        pictures = view.around(self.stack)
        cut = view.cut.pixels(pictures.reshape(-1, *pictures.shape[2:]))
        return stacked(cut.reshape(*pictures.shape[:2], *cut.shape[1:]))

    def batch(self, frames: Tensor, own: Tensor | None) -> Tensor | None:
        return None if own is None else self._network(own)

    def _network(self, differences: Tensor) -> Tensor:
        """(N, T, H, W, 3 · stack) in grey levels → (N, 3 · stack, T, H, W) in units."""
        return (differences / self.unit).permute(0, 4, 1, 2, 3).contiguous()


def stacked(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Differences of neighbours among pictures (T, stack + 1, H, W, 3), in grey levels, behind each other: float32 (T, H, W, 3 · stack)."""
    found = np.diff(pictures.astype(np.int16), axis=1).astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(found, 1, 3)).reshape(*found.shape[:1], *found.shape[2:4], -1)


def around(
    video: Video, preprocess: Preprocess, geometry: Geometry, index: NDArray[np.int64], stack: int, progress: Progress = no_progress
) -> NDArray[np.uint8]:
    """Source frames `index` (T) and the |stack| behind each (before it, for a negative stack), as the model is given frames: uint8
    (T, |stack| + 1, H, W, 3). Beyond the video's ends its outermost frame is held.

    Raises:
        ClipError: a frame that does not decode.
    """
    wanted = neighbours(index, stack, video.frames)
    numbers, place = np.unique(wanted, return_inverse=True)
    out = np.empty((len(numbers), *geometry.crop, 3), np.uint8)
    for done, (_, frame) in enumerate(videos.stream(video, numbers)):
        progress(done / len(numbers), "reading the frames between")
        out[done] = pixels.cropped(frame[None], preprocess, geometry)[0]
    return out[place.reshape(wanted.shape)]


def neighbours(index: NDArray[np.int64], stack: int, frames: int) -> NDArray[np.int64]:
    """Numbers (T, |stack| + 1) of frames and of those behind them, or for a negative stack before them, of a video of so many frames."""
    return np.clip(index[:, None] + np.sign(stack) * np.arange(abs(stack) + 1), 0, frames - 1)


def of(card: Card) -> Difference:
    """For a card, whose network's `inputs` say how many differences there are."""
    own = card.arguments.get(NAME, card.arguments)
    return Difference(card.preprocess, max(int(own.get("inputs", 3 * STACK)) // 3, 1) if NAME in card.inputs else STACK)
