"""What a question asks of a model, made ready: its film, its model, and what the model is given of the clip. Every run of a model begins here.

>>> asked = asking.asked(question)
>>> with asked.turn():
...     seen = asked.run(watch=("layer4.tap",))
...     target = asked.target(seen.logits)
...     target.score(seen.logits)              # probability, and logit or lead
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from actrec.core import devices
from actrec.core import trace as traces
from actrec.core.answer import Predictions
from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.errors import Progress, QuestionError, WeightsError, no_progress
from actrec.core.question import Question
from actrec.core.trace import Inputs, Trace
from actrec.inputs import pixels, sampling, streams
from actrec.inputs.cells import place_of
from actrec.inputs.streams import Given, Stream
from actrec.study import claim, loading
from actrec.study.loading import Loaded


@dataclass(frozen=True)
class Target:
    """The class that is followed, and the one it is held against, if any: their names and numbers."""

    labels: tuple[str, ...]
    label: int
    versus: int | None = None

    @property
    def name(self) -> str:
        return self.labels[self.label]

    @property
    def against(self) -> str | None:
        return None if self.versus is None else self.labels[self.versus]

    def score(self, logits: Tensor) -> tuple[float, float]:
        """Of logits (1, classes): the class's probability, and its logit, or its lead over the other class."""
        row = logits[0].detach().float()
        return float(row.softmax(0)[self.label]), float(row[self.label] - (row[self.versus] if self.versus is not None else 0))


@dataclass(frozen=True, eq=False)
class Asked:
    """A question made ready. streams: of the card, in the order of `forward`.  given, inputs: by their names.  cautions: of all streams."""

    question: Question
    film: Video
    loaded: Loaded
    clip: Clip
    geometry: Geometry
    streams: tuple[Stream, ...]
    given: Mapping[str, Given]
    inputs: Inputs
    cautions: tuple[str, ...] = ()

    @property
    def card(self) -> Card:
        return self.loaded.card

    def turn(self) -> AbstractContextManager[object]:
        """The device's turn: one run at a time."""
        return devices.turn(self.loaded.device)

    def run(self, watch: Collection[str] = (), grad: bool = False) -> Trace:
        """One watched forward pass."""
        return traces.run(self.loaded.model, self.inputs, self.clip, self.geometry, watch=watch, grad=grad)

    def predictions(self, logits: Tensor) -> Predictions:
        """What logits (1, classes) say.

        Raises:
            WeightsError: the network has another number of classes than the card has names.
        """
        row, labels = logits[0].detach().float(), self.card.labels
        if len(row) != len(labels):
            names = f"{len(labels)} names; put a file with one name a line beside the checkpoint"
            raise WeightsError(f"{self.card.title} gives {len(row)} classes but has {names}")
        return Predictions(labels, row.cpu().numpy(), row.softmax(0).cpu().numpy())

    def doubts(self, predictions: Predictions) -> tuple[str, ...]:
        """Reasons to believe no answer of this model about this clip, the gravest first: from what it learnt, what it says, and what it was given."""
        about = claim.doubts(self.loaded.card, predictions, self.loaded.doubt)
        brought = (line for given in self.given.values() for line in given.doubts)
        return (*about, *brought, *(line for s in self.streams if (x := self.inputs[s.name]) is not None for line in s.doubts(x)))

    def target(self, logits: Tensor) -> Target:
        """The classes that the question is about; the one that these logits put first, if it names none.

        Raises:
            QuestionError: a class that the model does not know, or one against itself.
        """
        return target(self.question, self.predictions(logits))

    def at(self, start: float) -> Asked:
        """The same question about another window of the clip."""
        clip, inputs = _window(self.film, self.loaded, self.geometry, self.streams, self.given, start)
        return replace(self, clip=clip, inputs=inputs)

    def without(self, name: str, part: str) -> Inputs:
        """The inputs of one stream, by name, when a part of it is hidden."""
        stream = next(stream for stream in self.streams if stream.name == name)
        return {name: stream.tensor(stream.without(self.given[name], part), self.clip, self.geometry, self.loaded.device)}


def asked(question: Question, progress: Progress = no_progress) -> Asked:
    """The question made ready.

    Raises:
        ActrecError: anything that the reader can mend about the clip, the model, and what the model is given.
    """
    film, loaded = loading.open_clip(question.clip), loading.load(question.model, progress)
    return opened(question, film, loaded, progress)


def doubts(question: Question) -> tuple[str, ...]:
    """What to say first of all about any answer to the question: one run of its model.

    Raises:
        ActrecError: as `asked`.
    """
    ready = asked(question)
    with ready.turn():
        return ready.doubts(ready.predictions(ready.run().logits))


def opened(question: Question, film: Video, loaded: Loaded, progress: Progress = no_progress) -> Asked:
    """As `asked`, for a film and a model that are open already."""
    card = loaded.card
    read = tuple(stream.chosen(question) for stream in streams.of(card))
    others = [stream for name, stream in streams.every(card).items() if name not in card.inputs]
    cautions = [line for stream in others for line in stream.unread(question, card)]
    given = {stream.name: stream.given(question, film, card) for stream in read}
    cautions += [line for found in given.values() for line in found.cautions] + list(film.notes)
    geometry = pixels.geometry(film, card.preprocess)
    clip, inputs = _window(film, loaded, geometry, read, given, question.start, progress)
    return Asked(question, film, loaded, clip, geometry, read, given, inputs, tuple(cautions))


def _window(
    film: Video,
    loaded: Loaded,
    geometry: Geometry,
    read: Sequence[Stream],
    given: Mapping[str, Given],
    start: float,
    progress: Progress = no_progress,
) -> tuple[Clip, dict[str, Tensor | None]]:
    """The frames of the window that begins there, and what the model is given of them, by the streams' names."""
    clip = sampling.load(film, loaded.card.sampling, start)
    shown = {stream.name: stream.on_clip(given[stream.name], clip.index) for stream in read}
    clip = replace(clip, beside={name: values for name, values in shown.items() if values is not None})
    return clip, {stream.name: stream.tensor(given[stream.name], clip, geometry, loaded.device, progress) for stream in read}


def stamp(question: Question, film: Video, card: Card) -> tuple[object, ...]:
    """Another one whenever what the streams would read from outside may have changed."""
    return tuple(part for stream in streams.every(card).values() for part in stream.stamp(question, film))


def target(question: Question, predictions: Predictions) -> Target:
    """The classes that a question is about; the model's first choice, if it names none.

    Raises:
        QuestionError: a class that the model does not know, or one against itself.
    """

    def number(name: str) -> int:
        if name in predictions.labels:
            return predictions.labels.index(name)
        near = difflib.get_close_matches(name, predictions.labels, 3, 0.4) or [label for label, _ in predictions.top(3)]
        raise QuestionError(f"the model knows no class {name!r}; did you mean {', '.join(near)}?")

    label = int(np.argmax(predictions.logits)) if question.label is None else number(question.label)
    versus = None if question.versus is None else number(question.versus)
    if versus == label:
        raise QuestionError(f"{predictions.labels[label]!r} cannot be explained against itself; choose another class for versus")
    return Target(predictions.labels, label, versus)


def place(asked: Asked) -> tuple[int, float, float]:
    """The picked place as (input frame, x, y) in input pixels; the middle of the window, if none was picked.

    Raises:
        QuestionError: a place outside of what the model saw.
    """
    question, clip, geometry = asked.question, asked.clip, asked.geometry
    if question.at is None:
        return len(clip.index) // 2, geometry.crop[1] / 2, geometry.crop[0] / 2
    seconds, x, y = question.at
    column, row = geometry.to_input(x, y)
    if not (0 <= column < geometry.crop[1] and 0 <= row < geometry.crop[0]):
        left, top, right, bottom = geometry.box
        legal = f"x in {left:.0f}–{right:.0f} and y in {top:.0f}–{bottom:.0f}"
        raise QuestionError(f"the place x={x:g}, y={y:g} lies outside what the model saw; pick {legal}")
    return place_of(clip, geometry, seconds, x, y)
