"""What a map says, in one sentence with its numbers; and what not to conclude from it."""

from __future__ import annotations

import numpy as np

from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.evidence import Heat
from actrec.core.words import data_set, percent
from actrec.explain import Method
from actrec.measure.strongest import peak_place, side, strongest_step


def sentence(heat: Heat, clip: Clip, label: str, versus: str | None, *, picked: bool = False) -> str:
    """One claim that the numbers bear out, about the place and the time of the strongest evidence."""
    about = f"“{label}”" if versus is None else f"“{label}” rather than “{versus}”"
    if heat.empty:
        return f"This map shows no evidence for {about}: its largest value is {heat.peak:.1e} {heat.unit}, which is drawn as nothing."
    seconds, x, y = peak_place(heat, clip)
    where = f"{seconds:.2f} s, {side(x, y, heat)}"
    if picked:
        value = float(np.nanmax(heat.values))
        return f"From the picked place, the largest value is {value:.2f} ({heat.unit}) at {where}."
    if np.nanmax(heat.values) <= 0:
        return f"Nothing in this window speaks for {about}: all evidence on this map is against it."
    if heat.constant_in_time:
        return f"The evidence for {about} is strongest {side(x, y, heat)}; the map is the same at all times, so it says nothing about when."
    share, begin, until, even = strongest_step(heat, clip)
    return (
        f"The evidence for {about} is strongest at {where}; "
        f"{percent(share, 0)} of it falls between {begin:.2f} and {until:.2f} s (an even spread would give {percent(even, 0)})."
    )


def cautions(heat: Heat, clip: Clip, card: Card, method: Method) -> tuple[str, ...]:
    """What not to conclude, the gravest first."""
    found = untaught(card)
    if heat.empty:
        found.append("An empty map is an answer, not a fault: this method finds nothing at this layer.")
    elif len(heat.values) == 1:
        found.append("This layer has no time axis left: one map stands for the whole window.")
    elif heat.constant_in_time:
        found.append("The map does not change over time; do not read a moment from it.")
    if not method.by_class:
        found.append("This method does not know the class: every class gets the same map.")
    if clip.padding:
        found.append(clip.padding[0].upper() + clip.padding[1:] + ".")
    if method.caution:
        found.append(method.caution)
    if card.note:
        found.append(card.note)
    if card.trained_on:
        own = card.weights is not None and card.weights.file is not None and card.weights.file.name == card.trained_on
        source = f"those of {card.trained_on}" if own else f"trained on {data_set(card.trained_on)}"
        known = f"This model knows {len(card.labels)} actions, {source}"
        found.append(f"{known}: for a clip of anything else it still names one of them, however confident it seems.")
    return tuple(found)


def untaught(card: Card) -> list[str]:
    """That a model has not learnt its task: in its own test, always to name the most frequent class is less than 5 percentage points worse."""
    told = card.results
    if "accuracy" not in told or not told.get("confusion"):
        return []
    rows = np.asarray(told["confusion"]).sum(1)
    often = float(rows.max() / max(rows.sum(), 1))
    if told["accuracy"] > often + 0.05:
        return []
    name, clips = card.labels[int(rows.argmax())], int(rows.sum())
    return [
        f"This model has not learnt its task: it gets {percent(told['accuracy'], 0)} of its own {clips} test clips right,"
        f" and always saying “{name}” would get {percent(often, 0)}. Its maps show what it looks at, not what is right."
    ]
