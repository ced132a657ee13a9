"""A small model of three classes, and trials of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from actrec import catalogue
from actrec.core.card import Card
from actrec.core.clip import Preprocess, Sampling
from actrec.lab import evaluate, sets

LABELS = ("blue", "green", "red")


def card() -> Card:
    base = catalogue.card("c2d-r50")
    small = {"arguments": {**base.arguments, "width": 0.125}, "labels": LABELS}
    return replace(base, sampling=Sampling("dense", 4, 8), preprocess=Preprocess(36, (32, 32)), **small)  # type: ignore[arg-type]


def trial(clips: sets.ClipSet, **changes: object) -> evaluate.Trial:
    return replace(evaluate.Trial("tiny", card(), "0" * 64, clips, "test"), **changes)  # type: ignore[arg-type]


def files(where: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in where.iterdir() if path.is_file()}
