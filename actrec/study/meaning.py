"""What a visual word means: the places of some clips that lie nearest to each centre of a model's NetVLAD, as pieces of the picture.

Nearest in the space of the features that are gathered, |x − c_k|. Of every clip each word gets its nearest place, and of these the nearest are kept,
so that no clip speaks alone. A clip that cannot be read is left out, and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from actrec.core.abilities import Gathers
from actrec.core.card import Card
from actrec.core.errors import ActrecError, Cancelled, Progress, QuestionError, no_progress
from actrec.core.evidence import Box
from actrec.core.question import Question
from actrec.core.trace import Seen
from actrec.inputs import cells
from actrec.study import asking, loading
from actrec.study.asking import Asked

MOST = 8
"""Places that are kept of each word, each of another clip."""

AROUND = 2.0
"""Cells from side to side of the piece of picture that stands for a place; what a cell's features have seen is larger."""


@dataclass(frozen=True, eq=False)
class Place:
    """A place near a word: the clip's name, its second, the piece of the picture (x0, y0, x1, y1) in source pixels and as uint8 (h, w, 3).

    distance: |x − c| of its features from the word's centre.  share: how much of the place goes to the word.
    """

    clip: str
    seconds: float
    box: Box
    picture: NDArray[np.uint8]
    distance: float
    share: float


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words' nearest places, the nearest first. apart (K): how far from each word its nearest other word is.

    clips: how many clips were looked at.  left_out: a line for each that could not be.
    """

    model: str
    words: tuple[tuple[Place, ...], ...]
    apart: NDArray[np.float64]
    clips: int
    left_out: tuple[str, ...] = ()

    def line(self, word: int) -> str:
        """What the places of a word are, in a sentence."""
        places = self.words[word]
        if not places:
            return f"No clip could be looked at, so nothing is known of word {word + 1}."
        near, far = places[0].distance, places[-1].distance
        reach = f"{near:.2f}" if len(places) == 1 or f"{near:.2f}" == f"{far:.2f}" else f"{near:.2f} to {far:.2f}"
        other = f"; the nearest other word is {self.apart[word]:.2f} away" if np.isfinite(self.apart[word]) else ""
        each = f"The nearest places out of {self.clips} clips, at most one of each" if self.clips > 1 else "The nearest place of one clip"
        return f"{each}, {reach} from word {word + 1} in the space of the features{other}."

    @property
    def notes(self) -> str:
        """What the pieces of picture are, for a figure."""
        many = "one clip" if self.clips == 1 else f"{self.clips} clips"
        lost = f" {len(self.left_out)} could not be read." if self.left_out else ""
        return f"Out of {many}, one place of each.{lost} A piece is {AROUND:g} cells wide; the features of its place have seen more."

    def to_json(self) -> dict[str, Any]:
        words = [
            [{"clip": p.clip, "seconds": p.seconds, "box": list(p.box), "distance": p.distance, "share": p.share} for p in places]
            for places in self.words
        ]
        apart = [float(a) if np.isfinite(a) else None for a in self.apart]
        return {"model": self.model, "clips": self.clips, "left_out": list(self.left_out), "apart": apart, "words": words}


def lacks(card: Card) -> str:
    """Why a model has no visual words that could mean something; "" if it has."""
    if card.readout is not None and card.readout.pool:
        return ""
    if any(readout.pool for readout in card.readouts.values()):
        return f"{card.title} has visual words in each of its streams; ask one of them, {' or '.join(f'{card.id}:{name}' for name in card.readouts)}"
    return f"{card.title} has no visual words: its head is not NetVLAD"


def vocabulary(model: str, clips: Sequence[str], progress: Progress = no_progress) -> Vocabulary:
    """The places of these clips (names of samples, or paths) that are nearest to each visual word of a model.

    Raises:
        QuestionError: a model without visual words, or no clips.  ActrecError: no such model.  Cancelled: from `progress`.
    """
    loaded = loading.load(model, progress)
    if lacking := lacks(loaded.card):
        raise QuestionError(lacking)
    if not clips:
        raise QuestionError("there are no clips to look for the words’ places in; give a folder with some")
    assert loaded.card.readout is not None
    centres = loaded.model.get_submodule(loaded.card.readout.pool).centres.detach().float()  # type: ignore[union-attr,operator]
    found: list[list[Place]] = [[] for _ in centres]
    left_out = []
    for number, clip in enumerate(clips):
        progress(number / len(clips), f"looking at {clip}")
        try:
            for word, place in enumerate(_nearest(asking.asked(Question(clip, model)))):
                found[word] = sorted([*found[word], place], key=lambda p: p.distance)[:MOST]
        except Cancelled:
            raise
        except ActrecError as error:
            left_out.append(f"{clip}: {error}")
    distances = torch.cdist(centres, centres).fill_diagonal_(torch.inf).amin(1)
    return Vocabulary(model, tuple(map(tuple, found)), distances.double().cpu().numpy(), len(clips) - len(left_out), tuple(left_out))


def _nearest(asked: Asked) -> list[Place]:
    """The place of a clip that is nearest to each word."""
    readout = asked.card.readout
    assert readout is not None
    with asked.turn():
        trace = asked.run(watch=(readout.tap,))
    seen, pool = trace.seen[readout.tap], trace.part(readout.pool, Gathers)
    features = seen.grid().detach().float()
    apart = torch.cdist(pool.centres.detach().float(), features[0].flatten(1).T)  # (K, N)
    with torch.no_grad():
        shares = pool.assigned(features)[0].flatten(1)
    at = apart.argmin(1)
    return [_place(asked, seen, int(n), float(apart[k, n]), float(shares[k, n])) for k, n in enumerate(at)]


def _place(asked: Asked, seen: Seen, cell: int, distance: float, share: float) -> Place:
    """A cell, by its number on the grid, as a piece of the picture."""
    clip, geometry, tap = asked.clip, asked.geometry, seen.tap
    t, r, c = (int(i) for i in np.unravel_index(cell, seen.extent))
    _, y, x = cells.centres(clip, geometry, tap.stride, tap.first, seen.extent)
    frame = min(round(tap.first[0] + t * tap.stride[0]), len(clip.index) - 1)
    half = [AROUND / 2 * tap.stride[1 + axis] / geometry.scale[axis] for axis in (0, 1)]  # in source pixels, y and x
    (top, bottom), (left, right) = _within(float(y[r]), half[0], clip.video.height), _within(float(x[c]), half[1], clip.video.width)
    box = (float(left), float(top), float(right), float(bottom))
    return Place(asked.question.clip, float(clip.seconds[frame]), box, clip.frames[frame, top:bottom, left:right].copy(), distance, share)


def _within(middle: float, half: float, size: int) -> tuple[int, int]:
    """First and last of the pixels around a place, moved into the picture as far as they fit."""
    long = min(max(round(2 * half), 1), size)
    first = min(max(round(middle - long / 2), 0), size - long)
    return first, first + long
