"""What there is and what fits what: the folders are the registry. Models (cards and checkpoints), their networks, ways of explaining."""

from actrec.catalogue.explanations import knobs, layers, methods, taps
from actrec.catalogue.models import SUFFIXES, architectures, card, cards, ready, with_weights
from actrec.catalogue.networks import build, counts, departures, formula, inflate, without_numbers, without_windows

__all__ = [
    "SUFFIXES",
    "architectures",
    "build",
    "card",
    "cards",
    "counts",
    "departures",
    "formula",
    "inflate",
    "knobs",
    "layers",
    "methods",
    "ready",
    "taps",
    "with_weights",
    "without_numbers",
    "without_windows",
]
