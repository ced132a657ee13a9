"""What half precision does: to an answer, and to a step of training by every recipe."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from actrec import catalogue
from actrec.core.card import Card
from actrec.lab.recipes import RECIPES, Precision
from benchmarks.gpu import subjects, times
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.page import Section

KINDS = {"bf16": torch.bfloat16, "fp16": torch.float16}

TOLERANCE = {"bf16": 0.1, "fp16": 0.02}
"""The most a logit may move, as a share of the largest one's magnitude: some dozen roundings of 2⁻⁹ and of 2⁻¹², one a layer."""


def forwards(device: torch.device, budget: Budget, section: Section, quick: bool) -> None:
    """Logits under autocast beside those of float32. quick: one model."""
    section.header = ("model", *(f"{kind}: {what}" for kind in KINDS for what in ("same class", "largest logit difference")))
    section.lines = ["Differences as a share of the largest logit. The product explains in float32 alone; this is for training and for judging it."]
    cards = [*subjects.demos(), catalogue.card("r3d_18")]
    for card in budget.each(cards[:1] if quick else cards, lambda card: card.id, section, share=0.9):
        with section.trying(card.id):
            found = [_forward(card, device, kind, section) for kind in KINDS]
            section.rows.append((card.id, *(word for same, apart in found for word in ("yes" if same else "**no**", f"{apart:.1e}"))))


def _forward(card: Card, device: torch.device, kind: str, section: Section) -> tuple[bool, float]:
    """Whether the strongest class stays, and how far a logit moves."""
    subject = subjects.moved(subjects.ready(card), device)
    with subject.turn():
        whole = subject.run().logits[0]
        with torch.autocast(device.type, KINDS[kind]):
            half = subject.run().logits[0].float()
    apart = float((half - whole).abs().max() / whole.abs().max())
    if not apart <= TOLERANCE[kind]:
        section.wrong.append(f"{card.id} in {kind}: a logit moves by {apart:.1e} of the largest")
    return bool(half.argmax() == whole.argmax()), apart


def recipes(device: torch.device, budget: Budget, section: Section, quick: bool) -> None:
    """A few steps of a small model by every recipe, in its own precision and in fp16. quick: the first recipe in its own."""
    section.header = ("recipe", "model", "precision", "losses", "weights that moved")
    kinds: tuple[Precision, ...] = ("auto",) if quick or device.type != "cuda" else ("auto", "fp16")
    if device.type != "cuda":
        section.left_out.append("fp16 (it needs CUDA)")
    names = list(RECIPES)[: 1 if quick else None]
    for name, kind in budget.each([(n, k) for k in kinds for n in names], lambda one: f"recipe {one[0]}, {one[1]}", section, share=0.95):
        with section.trying(f"{name}, {kind}"):
            _steps(name, kind, device, section)


def _steps(name: str, kind: Precision, device: torch.device, section: Section) -> None:
    model = "deform-mannequin" if name == "deform" else "dam-12-mannequin"
    card, recipe = catalogue.card(model), replace(RECIPES[name], precision=kind)
    _, losses, share = times.step(subjects.ready(card), recipe, device, 2, 3)
    told = f"{name} on {model}, {times.said(recipe, device)}"
    if not all(map(math.isfinite, losses)):
        section.wrong.append(f"{told}: a loss is not finite ({losses})")
    if share < 0.9:
        section.wrong.append(f"{told}: only {share:.0%} of the weights moved to finite numbers")
    section.rows.append((name, model, times.said(recipe, device), ", ".join(f"{loss:.3f}" for loss in losses), f"{share:.0%}"))
