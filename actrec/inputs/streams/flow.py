"""Optical flow: how far everything has moved from one of the model's frames to the next."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.errors import Progress, WeightsError, no_progress
from actrec.core.question import Question
from actrec.inputs import flow, pixels
from actrec.inputs.streams import Given, Stream, View

NAME = "flow"

UNIT = 2.0
"""Pixels per step that are 1 in the network's input (our choice): people in small clips move about as far."""

STILL = 0.05
"""Pixels per step that nothing moves by in a clip that stands still: less is the noise of finding flow."""

NOTHING_TO_SEE = (
    "Nothing moves between the frames that the model was given (at most {:.2f} pixels a step, which is noise): the flow stream had nothing to see, "
    "and what it says comes from what it learnt alone."
)

USUAL = next(iter(flow.BACKENDS))


@dataclass(frozen=True)
class Flow(Stream):
    """Displacements (1, 2, T − 1, H, W), x and y, in units of 2 input pixels from a frame to the next one the model is given.

    They are found between whole frames as the model resizes them, then cut as the frames are, so the picture's middle never moves with the crop.
    backend: the id of the way they are found. Training and evaluation use the first of `flow.BACKENDS`, and so does a question that names none.
    """

    name, title, channels = NAME, "optical flow", 2

    backend: str = USUAL

    def chosen(self, question: Question) -> Flow:
        return replace(self, backend=flow.named(question.flow or USUAL).id)

    def given(self, question: Question, video: Video, card: Card) -> Given:
        way, usual = flow.named(self.backend), flow.named(USUAL)
        other = (
            f"The optical flow was found by {way.title}; this program trains and evaluates with {usual.title}, so a test result is not of this flow."
        )
        return Given(about={NAME: {"backend": way.id, "made_by": way.made_by()}}, cautions=() if way == usual else (other,))

    def stamp(self, question: Question, video: Video) -> tuple[object, ...]:
        with contextlib.suppress(WeightsError):  # `given` says so, of a model that reads flow
            return (flow.named(question.flow or USUAL).made_by(),)
        return ()

    def unread(self, question: Question, card: Card) -> tuple[str, ...]:
        return () if question.flow is None else (f"This model reads no optical flow: how it is found ({question.flow}) changes nothing.",)

    def tensor(self, given: Given, clip: Clip, geometry: Geometry, device: torch.device, progress: Progress = no_progress) -> Tensor:
        return self._found(clip.frames, geometry, progress).to(device)

    def _found(self, frames: NDArray[np.uint8], geometry: Geometry, progress: Progress) -> Tensor:
        fields = flow.kept(pixels.shrink(frames, self.preprocess, geometry), self.backend, progress)
        return _network(torch.from_numpy(_cut(fields, geometry))[None])

    def doubts(self, tensor: Tensor) -> tuple[str, ...]:
        most = float(tensor.abs().amax()) * UNIT
        if most >= STILL:
            return ()
        return (NOTHING_TO_SEE.format(most),)

    def blank(self, clips: int, frames: int, size: tuple[int, int], device: torch.device | str) -> Tensor:
        return torch.zeros(clips, self.channels, max(frames - 1, 1), *size, device=device)

    def reordered(self, tensor: Tensor, order: Tensor, clip: Clip, geometry: Geometry, progress: Progress = no_progress) -> Tensor:
        """Found again: frames that have changed places move differently."""
        return self._found(clip.frames[order.cpu().numpy()], geometry, progress).to(tensor.device)

    def view(self, view: View) -> NDArray[np.float32]:
        return view.cut.flow(view.flow())

    def batch(self, frames: Tensor, own: Tensor | None) -> Tensor | None:
        return None if own is None else _network(own)


def _network(fields: Tensor) -> Tensor:
    """(N, T − 1, H, W, 2) in pixels → (N, 2, T − 1, H, W) in units."""
    return (fields / UNIT).permute(0, 4, 1, 2, 3).contiguous()


def _cut(fields: NDArray[np.float32], geometry: Geometry) -> NDArray[np.float32]:
    """The crop of fields (T − 1, h, w, 2) of the resized frames; nothing moves beyond their edges."""
    (top, left), (height, width) = geometry.offset, geometry.crop
    out = np.zeros((len(fields), height, width, 2), np.float32)
    above, before = max(-top, 0), max(-left, 0)
    part = fields[:, max(top, 0) : top + height, max(left, 0) : left + width]
    out[:, above : above + part.shape[1], before : before + part.shape[2]] = part
    return out


def of(card: Card) -> Flow:
    return Flow(card.preprocess)
