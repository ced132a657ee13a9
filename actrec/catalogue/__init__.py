"""What there is and what fits what: the folders are the registry. Models (cards and checkpoints), their networks, ways of explaining."""

from actrec.catalogue.counting import counts, known
from actrec.catalogue.explanations import knobs, layers, methods, taps
from actrec.catalogue.learnt import untrained
from actrec.catalogue.models import SUFFIXES, architectures, card, cards, classes, ready, remarks, with_weights
from actrec.catalogue.networks import build, departures, filled, following, formula, implied, inflate, parts, without_numbers, without_windows

__all__ = [
    "SUFFIXES",
    "architectures",
    "build",
    "card",
    "cards",
    "classes",
    "counts",
    "departures",
    "filled",
    "following",
    "formula",
    "implied",
    "inflate",
    "knobs",
    "known",
    "layers",
    "methods",
    "parts",
    "ready",
    "remarks",
    "taps",
    "untrained",
    "with_weights",
    "without_numbers",
    "without_windows",
]
