"""A model's weights: fetched and verified (`download`), read and put into a network whole or not at all (`checkpoint`).

>>> state, about = weights.read(weights.fetch(card.weights, progress))
>>> weights.load(model, state)
Report: 122 of 122 tensors match
"""

from actrec.models.weights.checkpoint import COUNTER, PREFIXES, Misfit, Report, fit, load, read, save
from actrec.models.weights.download import fetch, here, place

__all__ = ["COUNTER", "PREFIXES", "Misfit", "Report", "fetch", "fit", "here", "load", "place", "read", "save"]
