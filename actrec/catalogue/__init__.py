"""What there is and what fits what: the folders are the registry. Models (cards and checkpoints), their networks, ways of explaining."""

from actrec.catalogue.explanations import layers, methods
from actrec.catalogue.models import SUFFIXES, architectures, card, cards, find_file, ready, with_weights
from actrec.catalogue.networks import build, counts, inflate, skeleton

__all__ = [
    "SUFFIXES",
    "architectures",
    "build",
    "card",
    "cards",
    "counts",
    "find_file",
    "inflate",
    "layers",
    "methods",
    "ready",
    "skeleton",
    "with_weights",
]
