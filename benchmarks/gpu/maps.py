"""Do maps come out the same on the GPU as on the processor? Every model, every way of explaining, float32 without TF32.

*Tolerance.* An array is compared as a whole: the largest difference of a value, as a share of the array's peak. With `--device cpu` the processor's
float32 is compared with its own float64, which shows what rounding alone does: up to ROUNDING when this was written. Some maps are decided by a step
(FEM counts cells above a bound) or by a small difference of large numbers. Where one is beyond the tolerance, its distance from float64 on the
processor is found out too, and it counts as wrong only if the GPU is more than `SLACK` times as far away.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from actrec.core.card import Card
from actrec.core.evidence import NOTHING
from actrec.study import Asked
from benchmarks.gpu import subjects
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.page import Section
from benchmarks.gpu.subjects import Numbers, Ways, difference

ROUNDING, TOLERANCE = 1.3e-4, 1e-3
"""Of the peak: what float32 was seen to lose on a processor, with the exceptions below, and what a GPU, whose sums run in another order, may differ.

The exceptions: FEM, by 6.7e-4 on S3D; HiResCAM at MViT's default layer, by 3e-2 and 6e-2, where it is what is left of numbers that cancel out.
"""

SLACK = 10.0

QUICK = ("c2d-mannequin", "deform-mannequin")
"""What a quick try compares; at a second layer the first alone."""


def check(device: torch.device, budget: Budget, section: Section, quick: bool, number: int = 0) -> None:
    """Compare all models' maps at their number-th layer. quick: QUICK alone."""
    section.header = ("model", "clip", "arrays", "largest difference", "in", "logits", "lowest rank")
    few = QUICK[: 2 - number]
    cards = [card for card in subjects.all_cards() if not quick or card.id in few]
    worst, total, empty = 0.0, 0, 0
    for card in budget.each(cards, lambda card: card.id, section, share=0.5 if number == 0 else 1.0):
        with section.trying(card.id):
            found, nothing = compare(card, device, number, section)
            total, empty = total + len(found), empty + nothing
            worst = max([worst, *(apart for apart, _ in found.values())])
    if not section.rows:
        return
    section.lines[:0] = [
        f"{total} arrays of {len(section.rows)} models (maps, points, skeletons, matrices, logits), every method that fits, "
        f"{'the default layer' if number == 0 else 'a second layer'}.",
        f"The largest difference is {worst:.1e} of a map's peak. The tolerance is {TOLERANCE:.0e}: on a processor float32 was seen to differ from",
        f"float64 by up to {ROUNDING:.1e} (two methods by more: FEM, and HiResCAM on MViT), and another device's sums run in another order.",
        f"{empty} of the arrays hold no evidence. Rank 1: the strongest cell is the strongest on both.",
        "",
    ]


def compare(card: Card, device: torch.device, number: int, section: Section) -> tuple[dict[str, tuple[float, int]], int]:
    """Each array's difference and rank; and how many are empty. Adds the model's row to the section, and what is beyond the tolerance."""
    asked, subject = subjects.ways(card, number), subjects.ready(card)
    label, here = subjects.answers(subject, asked)
    there = _there(subject, asked, label, device, section)
    found = {name: difference(here[name], there[name], NOTHING) for name in here if name in there}
    beyond = {name: apart for name, (apart, _) in found.items() if not apart <= TOLERANCE}
    exact = _exact(subject, asked, label) if beyond and device.type != "cpu" else there
    for name, apart in beyond.items():
        own = difference(here[name], exact[name], NOTHING)[0] if name in exact else math.inf
        told = f"{card.id}, {name}: {apart:.1e} of the peak"
        if math.isfinite(apart) and apart <= SLACK * own:
            section.lines.append(f"- Beyond the tolerance, but float32 does not settle it on the processor either ({own:.1e} from float64): {told}.")
        else:
            section.wrong.append(told)
    worst = max((name for name in found if name != "logits"), key=lambda name: found[name][0], default="logits")
    ranks = max(rank for _, rank in found.values())
    figures = (str(len(found)), f"{found[worst][0]:.1e}", worst, f"{found['logits'][0]:.1e}", str(ranks))
    section.rows.append((card.id, subjects.size(subject), *figures))
    return found, sum(not (abs(values) > NOTHING).any() for values in here.values())


def _there(subject: Asked, asked: Ways, label: int, device: torch.device, section: Section) -> Numbers:
    """The same on the device; on a processor, which would only repeat itself, in float64. Where a way stops with a fault, the others still answer."""
    subject = subjects.moved(subject, torch.float64 if device.type == "cpu" else device)
    try:
        return subjects.answers(subject, asked, label)[1]
    except Exception:  # one by one, to find out which
        found: dict[str, np.ndarray] = {}
        for method, layer in asked:
            with section.trying(f"{subject.card.id}, {method.id} at {layer}"):
                found |= subjects.answers(subject, [(method, layer)], label)[1]
        return found


def _exact(subject: Asked, asked: Ways, label: int) -> Numbers:
    """The same on the processor in float64."""
    return subjects.answers(subjects.moved(subject, torch.device("cpu"), torch.float64), asked, label)[1]
