"""What an evaluation shows, in words: how well, better than the other one or within chance, which classes changed, and what not to conclude."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from actrec.core.words import percent
from actrec.lab import results
from actrec.measure import chance
from actrec.ui.evaluate.matrix import signed, spaced
from actrec.ui.evaluate.shown import Shown

CHANCE = 0.05
"""Differences that chance alone would bring at least this often are called too small to tell."""


def alone(one: Shown) -> str:
    found = one.measured
    right = round(found.top1 * found.clips)
    low, high = chance.wilson(right, found.clips)
    what = "one of a clip’s classes" if one.found.multilabel else "the right class"
    return (
        f"{spaced(one.title)} names {what} first for {right} of {found.clips} clips: {percent(found.top1)}. With this many clips, "
        f"the share over all clips of the same kind may lie anywhere from {percent(low)} to {percent(high)} (95 % interval)."
    )


def difference(found: results.Difference) -> str:
    """Whether B does better than A, and whether that is more than chance."""
    gained, lost, p = len(found.rescued), len(found.lost), found.p_value
    clips = "labels of clips" if found.a.multilabel else "clips"
    if not gained + lost:
        return f"A and B are right and wrong on exactly the same {clips}."
    what = f"B gets {gained} {clips} right that A gets wrong, and {lost} wrong that A gets right"
    if p is None or gained == lost:
        return f"{what}."
    odds = f"{p:.2f}" if p >= 0.095 else f"{p:.3f}" if p >= 0.001 else "less than 0.001"
    told = f"{what}. If both were equally good, a split at least this uneven would have a probability of {odds} (exact McNemar test)"
    if p >= CHANCE:
        return f"{told}: the difference is within chance."
    return f"{told}: more than chance. On clips like these {'B' if gained > lost else 'A'} does better."


def moved(found: results.Difference) -> list[str]:
    """The classes with the largest changes, in words."""
    change, clips = found.change.diagonal(), np.bincount(found.a.counted[:, 1], minlength=len(found.labels))
    lines = []
    for words, sign in (("Rescued by B", 1), ("Lost by B", -1)):
        order = [int(n) for n in np.argsort(-sign * change, kind="stable") if sign * change[n] > 0]
        named = [f"{spaced(found.labels[n])} ({signed(int(change[n]))} of {clips[n]})" for n in order[:5]]
        rest = f" and {len(order) - 5} more" if len(order) > 5 else ""
        lines += [f"{words}: {', '.join(named)}{rest}."] if named else []
    return lines


def pairs(shown: Sequence[Shown]) -> list[str]:
    """How well actions are told from their own reverse, where the set has such pairs."""
    if not shown[0].measured.pairs:
        return []
    told = []
    for pair in shown[0].measured.pairs:
        values = [one.measured.pairs.get(pair, math.nan) for one in shown]
        letters = [one.letter + " " if len(shown) > 1 else "" for one in shown]
        told.append(f"{spaced(pair)} " + ", ".join(f"{letter}{percent(v, 0)}" for letter, v in zip(letters, values, strict=True)))
    return [f"Told apart from its own reversal in time (guessing: 50 %): {'; '.join(told)}."]


def cautions(shown: Sequence[Shown]) -> list[str]:
    first = shown[0]
    per_class = first.measured.confusion.sum(1)
    has = per_class[per_class > 0]
    usual = int(np.median(has)) if len(has) else 0
    lines = [f"A single class has about {usual} clips here: a change of one or two of them means nothing."] if usual < 100 else []
    if len(shown) == 2:
        lines.append("This compares two trained networks, not two ideas: trained once more with other random numbers, either may do better or worse.")
    lines.append(
        "The interval and the test take clips as independent. Clips of one person, room or source video are not: the true uncertainty is larger."
    )
    if first.about.get("set") == "mannequin":
        lines.append("These clips show painted mannequins. Nothing here says how well the model does on filmed people.")
    broken = len(first.about.get("broken") or ())
    return lines + ([f"{broken} clips of the set could not be read and are not counted."] if broken else [])


def trust(one: Shown, named: bool) -> str:
    """Calibration in one sentence."""
    found = one.measured.calibration
    filled = found.count > 0
    if not filled.any():
        return "Without clips there is no curve."
    sure, right = (float(np.average(values[filled], weights=found.count[filled])) for values in (found.confidence, found.accuracy))
    apart = sure - right
    how = "more confident than accurate" if apart > 0.02 else "less confident than accurate" if apart < -0.02 else "about as confident as accurate"
    return (
        f"{one.letter + ': ' if named else ''}{how}: mean probability {percent(sure, 0)}, right in {percent(right, 0)}. "
        f"Expected calibration error (ECE): {100 * found.error:.1f} percentage points."
    )
