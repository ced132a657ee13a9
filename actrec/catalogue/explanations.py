"""The ways of explaining: every file in explain/ that has METHODS, and which of them fits which model."""

from __future__ import annotations

import functools
import importlib
import pkgutil

import actrec.explain
import actrec.models
from actrec.catalogue.networks import without_numbers
from actrec.core import trace
from actrec.core.card import Card
from actrec.explain import Knob, Method


@functools.cache
def methods() -> dict[str, Method]:
    """The ways of explaining in the explain folder, by id; those that fit any network, Grad-CAM and its relatives, last."""
    names = sorted((m.name for m in pkgutil.iter_modules(actrec.explain.__path__) if not m.name.startswith("_")), key=lambda n: (n == "gradcam", n))
    return {method.id: method for name in names for method in importlib.import_module(f"actrec.explain.{name}").METHODS}


def layers(card: Card, method: Method) -> tuple[str, ...] | str:
    """The taps that the method can explain in this model, the default first; or why it does not fit."""
    return method.layers(card, taps(card))


def knobs(card: Card, method: Method) -> tuple[Knob, ...]:
    """The method's settings for this model."""
    return method.knobs_for(taps(card))


def taps(card: Card) -> dict[str, trace.Tap]:
    """The taps of a card's network, by name."""
    return trace.taps(without_numbers(card))
