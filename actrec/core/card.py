"""A model as data: what travels with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actrec.core.clip import Preprocess, Sampling


@dataclass(frozen=True)
class Weights:
    """Where a model's numbers are: a file, or an address with its checksum; and what is true of these numbers alone.

    Other numbers in the same network have other accuracies, so what their authors measured stands here and not on the card.
    """

    file: Path | None = None
    url: str | None = None
    sha256: str | None = None  # a prefix is enough; torchvision's file names carry eight digits
    licence: str = ""
    megabytes: float = 0.0  # of the file at the address; 0: not known
    figures: Mapping[str, float] = field(default_factory=dict)  # the authors' own: acc@1, acc@5 in per cent
    note: str = ""  # what not to expect of these numbers


@dataclass(frozen=True)
class Readout:
    """A head whose logits are sums over the places of the last features, so that a map of them is exact. Names of the tap before it and of its parts.

    pool: the part between them that joins the places, a `core.abilities.Gathers`; "": global average pooling, where CAM is exact.
    """

    tap: str
    linear: str
    pool: str = ""

    def within(self, name: str) -> Readout:
        """The same of the network called so inside a larger one."""
        return Readout(f"{name}.{self.tap}", f"{name}.{self.linear}", self.pool and f"{name}.{self.pool}")

    def inside(self, name: str) -> Readout:
        """Back from `within`."""
        return Readout(*(part.removeprefix(f"{name}.") for part in (self.tap, self.linear, self.pool)))


@dataclass(frozen=True)
class Card:
    """A model as data: everything that travels with its weights.

    The family's `build(**arguments, classes=…)` gives the untrained network; it takes inputs (B, 3, T, H, W) and returns logits (B, classes).
    `paper_figures` holds the paper's own words alone, never ours. It is about the paper's model, not about the weights here: see `Weights.figures`.
    """

    id: str
    title: str
    family: str  # the module under actrec/models
    arguments: Mapping[str, Any]  # plain values, so that a checkpoint can carry them
    sampling: Sampling
    preprocess: Preprocess
    labels: tuple[str, ...]
    weights: Weights | None = None
    paper: str = ""  # key in assets/papers.bib
    inputs: tuple[str, ...] = ("rgb",)
    readout: Readout | None = None
    trained_on: str = ""
    note: str = ""  # what not to expect of it
    assumed: str = ""  # what nobody has said of these weights and is only assumed, in a sentence
    paper_figures: Mapping[str, float] = field(default_factory=dict)
    counted_at: tuple[int, int, int] | None = None  # frames, height, width that the paper counts its GFLOPs at; None: as the card reads clips
    results: Mapping[str, Any] = field(default_factory=dict)  # measured on its own test split
    head: str = "fc"  # name of the last linear layer, whose rows are the classes
    layout: tuple[str, ...] = ()  # names of the joints it was trained on, in their order
    readouts: Mapping[str, Readout] = field(default_factory=dict)  # of a network of several streams, each stream's own, by its name
    people: int = 1  # how many people's joints it is given
    within: str = ""  # what its tensors' names begin with in its file, for a part of a larger model
    of: str = ""  # id of the architecture's card, for one that was made of it

    @property
    def architecture(self) -> str:
        """Id of the card whose network this is: its own, if it was made of none."""
        return self.of or self.id
