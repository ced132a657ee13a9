"""Methods, one file each. What a way of explaining is stands here; a file in this folder that has METHODS offers some.

A method takes a trace and gives raw numbers in their units: no scaling, no upsampling, no hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from actrec.core.card import Card, Readout
from actrec.core.clip import Preprocess
from actrec.core.evidence import Evidence, Heat
from actrec.core.trace import Tap, Trace


@dataclass(frozen=True)
class Knob:
    """A setting of a method: a name, the legal values (the first is the default) and one line on what it changes."""

    name: str
    title: str
    choices: tuple[str, ...]
    line: str = ""


@dataclass(frozen=True)
class Ask:
    """A question as a method sees it: class numbers, a tap's name, a picked cell's place in input coordinates, settings.

    place: (input frame 0 … T − 1, x, y), x and y in input pixels.  readout: the card's, for the methods that read the head's weights.
    picked: whether the reader picked the place; else it is the middle of the picture, half-way through the window.
    readouts: the card's, of a network of several streams.  preprocess: the card's, for the methods that show an input in the source's units.
    """

    label: int
    versus: int | None = None
    layer: str = ""
    place: tuple[int, float, float] | None = None
    knobs: Mapping[str, str] = field(default_factory=dict)
    readout: Readout | None = None
    readouts: Mapping[str, Readout] = field(default_factory=dict)
    layout: tuple[str, ...] = ()  # names of one person's joints, for models that were given any
    picked: bool = False
    preprocess: Preprocess | None = None


def from_where(picked: bool) -> str:
    """What a map that starts from a place starts from, as the beginning of a sentence."""
    return "The picked place" if picked else "The middle of the picture and of the window (no place is picked yet)"


@dataclass(frozen=True)
class Method:
    """A way of explaining, as data: what it is, what it needs, how it runs.

    line: one sentence for the chooser.  caution: what not to conclude from it.
    layers(card, taps): names of the layers it can explain, the default first; or the reason why it does not fit this model.
    explain(trace, ask): the evidence, or its maps alone, first the one to show first.  grad: whether it needs gradients.
    knobs: its settings, the same for every model, or as its taps have them.  watch(layer): names of the taps it reads, as far as they are passed.
    picks(knobs): whether it needs a picked place.  by_class: False for methods whose map is the same for every class.  called(layer): for reading.
    """

    id: str
    title: str
    line: str
    caution: str
    layers: Callable[[Card, Mapping[str, Tap]], tuple[str, ...] | str]
    explain: Callable[[Trace, Ask], Evidence | tuple[Heat, ...]]
    knobs: tuple[Knob, ...] | Callable[[Mapping[str, Tap]], tuple[Knob, ...]] = ()
    grad: bool = False
    watch: Callable[[str], tuple[str, ...]] = lambda layer: (layer,)
    picks: Callable[[Mapping[str, str]], bool] = lambda knobs: False
    by_class: bool = True
    called: Callable[[str], str] = lambda layer: layer

    def knobs_for(self, taps: Mapping[str, Tap]) -> tuple[Knob, ...]:
        """The settings it has for the model with these taps."""
        return self.knobs(taps) if callable(self.knobs) else self.knobs
