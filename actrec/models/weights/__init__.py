"""A model's weights: fetched and verified (`download`), read (`checkpoint`), put into a network whole or not at all (`fitting`).

>>> state, about = weights.read(weights.fetch(card.weights, progress))
>>> weights.load(model, state)
Report: 122 of 122 tensors match
"""

from actrec.models.weights.checkpoint import look_at_header, read, save
from actrec.models.weights.download import fetch, here, place
from actrec.models.weights.families import recognise
from actrec.models.weights.fitting import COUNTER, PREFIXES, Misfit, Report, fit, load, plain

__all__ = ["COUNTER", "PREFIXES", "Misfit", "Report", "fetch", "fit", "here", "load", "look_at_header", "place", "plain", "read", "recognise", "save"]
