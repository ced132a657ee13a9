"""What a model is given of a clip, one stream a file: frames, joints, and what is yet to come.

A card names its streams in the order of the network's `forward`. Everything that has to do with one of them asks it: how it comes, its tensor, its
share in training, what of it can be hidden, what becomes of it when frames change places, and what a reader must know. So a new stream is a new file
in this folder, with a subclass of `Stream` and `of(card)`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry, Preprocess, Video
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.question import Question
from actrec.inputs import pixels
from actrec.inputs.crops import Cut
from actrec.inputs.pose import Layout


@dataclass(frozen=True, eq=False)
class Given:
    """What a stream has for a clip beyond its frames. value: as the stream likes; None where there is nothing.

    about: for the provenance.  cautions: what the reader must know.  names: of one person's joints, where it is joints.
    doubts: reasons to believe no answer that is made from it.
    """

    value: Any = None
    about: Mapping[str, Any] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class View:
    """One view of a labelled clip: which of its frames (T), their size (height, width) before they are cut, and the cut.

    joints(layout, people): the people's joints on these frames, float32 (people, T, R, 3) in the pixels of that size, NaN where missing.
    flow(): how far everything moves from each frame to the next, float32 (T − 1, height, width, 2) in the pixels of that size.
    around(n): each frame and the n source frames behind it, uint8 (T, n + 1, height, width, 3); beyond the clip's end its last one is held.
    """

    index: NDArray[np.int64]
    size: tuple[int, int]
    cut: Cut
    joints: Callable[[Layout, int], NDArray[np.float32]]
    flow: Callable[[], NDArray[np.float32]]
    around: Callable[[int], NDArray[np.uint8]]


class Labelled(Protocol):
    """A labelled clip, as far as a stream asks it. posed: whether it comes with joints."""

    @property
    def posed(self) -> bool: ...

    def joints_layout(self) -> Layout: ...


@dataclass(frozen=True)
class Stream(ABC):
    """One of a model's inputs. As it stands here a stream is made from the frames alone, and says only how: `batch`.

    name: in a card's `inputs`.  title: for reading.  channels: of its tensor.  optional: whether the network does without.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    channels: ClassVar[int]
    optional: ClassVar[bool] = False

    preprocess: Preprocess

    # a question's clip

    def chosen(self, question: Question) -> Stream:
        """The stream as the question wants it, where there is a choice.

        Raises:
            QuestionError: a choice that there is not.
        """
        return self

    def given(self, question: Question, video: Video, card: Card) -> Given:
        """What comes from outside of the frames: from a file or an estimator."""
        return Given()

    def stamp(self, question: Question, video: Video) -> tuple[object, ...]:
        """Another one whenever what `given` would read may have changed."""
        return ()

    def unread(self, question: Question, card: Card) -> tuple[str, ...]:
        """Cautions for a model that does not read this stream, where the question brings something for it."""
        return ()

    def on_clip(self, given: Given, index: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """What the clip shall carry of it, by name, for whoever draws: one entry for each of its frames."""
        return None

    def tensor(self, given: Given, clip: Clip, geometry: Geometry, device: torch.device, progress: Progress = no_progress) -> Tensor | None:
        """The network's input (1, …) on the device; None where an optional stream has nothing.

        Raises:
            Cancelled: from `progress`, which slow work calls.
        """
        frames = torch.from_numpy(pixels.cropped(clip.frames, self.preprocess, geometry))[None]
        return self.batch(frames.to(device), None)

    # the tensor

    def blank(self, clips: int, frames: int, size: tuple[int, int], device: torch.device | str) -> Tensor | None:
        """An input without content, to count operations on ("meta") or to keep pace with other processes; None: as if there were none."""
        return torch.zeros(clips, self.channels, frames, *size, device=device)

    def reordered(self, tensor: Tensor, order: Tensor, clip: Clip, geometry: Geometry, progress: Progress = no_progress) -> Tensor:
        """The input for frames of the clip that have changed places; tensor: the input for the clip as it is."""
        return tensor[:, :, order]

    def doubts(self, tensor: Tensor) -> tuple[str, ...]:
        """Reasons in the network's own input to believe no answer that is made from it."""
        return ()

    # hiding

    def parts(self, given: Given) -> tuple[str, ...]:
        """Names of what can be hidden from the model."""
        return ()

    def without(self, given: Given, part: str) -> Given:
        """What is left when a part is hidden."""
        return given

    # training and evaluation

    def settled(self, clips: Sequence[Labelled]) -> Stream:
        """The stream with what a set of labelled clips decides, where the card leaves it open."""
        return self

    def header(self) -> dict[str, Any]:
        """What of it a checkpoint's header says: fields of the card."""
        return {}

    def view(self, view: View) -> NDArray[np.float32] | None:
        """Its own share of one view, beside the frames; None for a stream that is made from the frames."""
        return None

    @abstractmethod
    def batch(self, frames: Tensor, own: Tensor | None) -> Tensor | None:
        """The network's input (N, C, T, H, W) of views: frames uint8 (N, T, H, W, 3) as they are cut, own (N, …): what `view` gave of each."""

    def absent(self, clips: Sequence[Labelled], where: str, model: str) -> str:
        """A sentence if the model gets nothing of it from any of these clips, else ""."""
        return ""

    def told(self, clips: Sequence[Labelled]) -> str:
        """What an evaluation's record says about it, "" for nothing."""
        return ""


@functools.cache
def _files() -> dict[str, Callable[[Card], Stream]]:
    """The streams there are, by name: every file of this folder."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.NAME: module.of for module in modules}


def every(card: Card) -> dict[str, Stream]:
    """All streams that there are, for this card, whether it reads them or not."""
    return {name: of(card) for name, of in _files().items()}


def of(card: Card) -> tuple[Stream, ...]:
    """The streams that a card's network reads, in the order of its `forward`.

    Raises:
        QuestionError: a stream that there is not.
    """
    there = _files()
    unknown = [name for name in card.inputs if name not in there]
    if unknown:
        raise QuestionError(f"{card.id} reads {' and '.join(card.inputs)}; there is no stream {unknown[0]!r}, only {', '.join(there)}")
    return tuple(there[name](card) for name in card.inputs)


def settled(card: Card, clips: Sequence[Labelled]) -> Card:
    """The card with what a set of labelled clips decides for its streams: the layout of joints."""
    return on_card(card, [stream.settled(clips) for stream in of(card)])


def on_card(card: Card, streams: Sequence[Stream]) -> Card:
    """The card with what its streams say in a checkpoint's header."""
    changes: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for stream in streams for n, v in stream.header().items()}
    return replace(card, **changes)


def header(card: Card) -> dict[str, Any]:
    """What a checkpoint's header says of the card's streams."""
    return {name: value for stream in of(card) for name, value in stream.header().items()}


def blanks(card: Card, clips: int, frames: int, size: tuple[int, int], device: torch.device | str) -> dict[str, Tensor | None]:
    """A network's inputs without content, by name."""
    return {stream.name: stream.blank(clips, frames, size, device) for stream in of(card)}
