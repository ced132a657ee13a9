"""Joints of the people in the clip, for models that read them beside the frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.errors import ActrecError, Progress, no_progress
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.inputs.streams import Given, Labelled, Stream, View

NAME = "pose"


@dataclass(frozen=True)
class Pose(Stream):
    """Joints (1, T, people · R, 3): x and y in input pixels and a score, NaN where missing.

    layout: of one person, None while it is open.  people: how many people's joints the network is given.
    """

    name, title, channels, optional = NAME, "joints", 3, True

    layout: pose.Layout | None = None
    people: int = 1

    def given(self, question: Question, video: Video, card: Card) -> Given:
        found = pose.given(question.joints, video, card, question.hide)
        return Given(found.joints, found.about, found.cautions, found.joints.layout.joints if found.joints else (), found.doubts)

    def stamp(self, question: Question, video: Video) -> tuple[object, ...]:
        return pose.stamp(question.joints, video)

    def unread(self, question: Question, card: Card) -> tuple[str, ...]:
        return pose.unread(question.joints, card, question.hide)

    def on_clip(self, given: Given, index: NDArray[np.int64]) -> NDArray[np.float32] | None:
        return None if given.value is None else pose.flat_on(given.value, index)

    def tensor(self, given: Given, clip: Clip, geometry: Geometry, device: torch.device, progress: Progress = no_progress) -> Tensor | None:
        if given.value is None:
            return None
        return torch.from_numpy(pose.flat_on(given.value.to_input(geometry), clip.index))[None].to(device)

    def blank(self, clips: int, frames: int, size: tuple[int, int], device: torch.device | str) -> None:
        """Nothing: a network of joints is counted without them, for their number is the clip's."""

    def reordered(self, tensor: Tensor, order: Tensor, clip: Clip, geometry: Geometry, progress: Progress = no_progress) -> Tensor:
        """Joints stay with their frames."""
        return tensor[:, order]

    def parts(self, given: Given) -> tuple[str, ...]:
        return () if given.value is None else given.value.hideable()

    def without(self, given: Given, part: str) -> Given:
        return replace(given, value=given.value.without((part,)))

    def settled(self, clips: Sequence[Labelled]) -> Pose:
        """In the layout of the first clip whose joints can be read."""
        return self if self.layout is not None else replace(self, layout=_first(clips))

    def header(self) -> dict[str, Any]:
        return {"layout": list(self.layout.joints) if self.layout else [], "people": self.people}

    def view(self, view: View) -> NDArray[np.float32] | None:
        if self.layout is None:
            return None
        return view.cut.joints(view.joints(self.layout, self.people), self.layout.mirrored)

    def batch(self, frames: Tensor, own: Tensor | None) -> Tensor | None:
        return own

    def absent(self, clips: Sequence[Labelled], where: str, model: str) -> str:
        return "" if any(clip.posed for clip in clips) else f"No clip of {where!r} has joints: {model} runs on video only."

    def told(self, clips: Sequence[Labelled]) -> str:
        return f"joints of {self.people} a clip" if any(clip.posed for clip in clips) else "video only"


def _first(clips: Sequence[Labelled]) -> pose.Layout | None:
    for clip in clips:
        if clip.posed:
            try:
                return clip.joints_layout()
            except ActrecError:
                continue
    return None


def of(card: Card) -> Pose:
    return Pose(card.preprocess, pose.named(card.layout) if card.layout else None, card.people)


def reads(card: Card) -> bool:
    """Whether a model reads joints."""
    return NAME in card.inputs


def joints_on(clip: Clip) -> NDArray[np.float32] | None:
    """The joints on a clip's frames, (T, people · R, 3) in source pixels; None where none were given."""
    return clip.beside.get(NAME)
