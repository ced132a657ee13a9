"""What a map says, in one sentence with its numbers; and what not to conclude from it."""

from __future__ import annotations

import numpy as np

from actrec.core.answer import Predictions
from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry
from actrec.core.evidence import Heat
from actrec.core.words import data_set, number, percent, short_unit
from actrec.explain import Method
from actrec.measure import strongest


def sentence(heat: Heat, clip: Clip, label: str, versus: str | None, *, by_class: bool = True, place: str = "") -> str:
    """One claim that the numbers bear out, about the place and the time of the strongest evidence.

    by_class: whether the map is about the class.  place: what it relates all places to, "" for a map that starts from no place.
    """
    if place:
        return strongest.relation(heat, clip, place) if heat.signed else strongest.attention(heat, clip, f"{place} attends most")
    about = f"“{label}”" if versus is None else f"“{label}” rather than “{versus}”"
    if none := strongest.nothing(heat, f"evidence for {about}" if by_class else "activation"):
        return none
    told = strongest.told(heat, clip)
    if strongest.sign(heat) < 0:
        largest = f"its largest value is {number(strongest.peak(heat).value)} {short_unit(heat)}"
        speaks = f"speaks for {about}" if by_class else "stands out"
        return f"Nothing on this map {speaks}: {largest}. What {'speaks against it' if by_class else 'lies below'} is strongest {told}"
    if not by_class:
        return f"What stands out to the network, whatever the class ({short_unit(heat)}), is strongest {told}"
    return f"The evidence for {about} is strongest {told}"


def cautions(heat: Heat, clip: Clip, card: Card, method: Method, instead: str = "") -> tuple[str, ...]:
    """What not to conclude, the gravest first. instead: where a map without a time axis could have one."""
    found = []
    if heat.empty:
        found.append("An empty map is an answer, not a fault: this method finds nothing at this layer.")
    elif len(heat.values) == 1:
        found.append(" ".join(filter(None, ("This layer has no time axis left: one map stands for the whole window.", instead))))
    elif len(heat.told) == 1:
        found.append("Only one step of this map has values: it compares places, not moments.")
    elif heat.timeless:
        found.append("The map does not change over time; do not read a moment from it.")
    if not method.by_class:
        found.append("This method does not know the class: every class gets the same map.")
    if clip.padding:
        found.append(clip.padding[0].upper() + clip.padding[1:] + ".")
    if method.caution:
        found.append(method.caution)
    found += [note for note in (card.note, card.weights.note if card.weights else "") if note]
    return (*found, closest(card)) if card.trained_on or card.weights else tuple(found)


def closest(card: Card) -> str:
    """What any answer of the model is: one of the actions that it has names for."""
    source = f"trained on {data_set(card.trained_on)}" if card.trained_on else "and what it was trained on is not known"
    return (
        f"This model knows {len(card.labels)} actions, {source}: for a clip of anything else it still names one of them, however confident it seems."
    )


def cut(geometry: Geometry) -> str:
    """That a large part of the picture, more than a third, is outside what the model sees; "" where it is less."""
    left, top, right, bottom = geometry.box
    height, width = geometry.source
    share = (min(right, width) - max(left, 0)) * (min(bottom, height) - max(top, 0)) / (height * width)
    if share >= 2 / 3:
        return ""
    return f"The model sees only {percent(share, 0)} of the picture, cut from its middle: what happens outside that part cannot count."


def doubts(card: Card, predictions: Predictions, untrained: str) -> tuple[str, ...]:
    """Reasons to believe neither the answer nor its map, the gravest first. untrained: as `catalogue.untrained`."""
    found = [untrained, *untaught(card), undecided(predictions), card.assumed]
    return tuple(line for line in found if line)


def undecided(predictions: Predictions) -> str:
    """That the probabilities are spread almost evenly, as if guessed, over at least 95 % of the classes; "" where they are not.

    Over how many is the exponential of their entropy: the number of classes that, all equally probable, would be as uncertain. Unlike a bound on the
    largest probability it means the same for 2 classes and for 400, of which it asks for less than about 1 % in the first.
    """
    shares = predictions.probabilities.astype(np.float64)
    over = float(np.exp(-(shares * np.log(np.maximum(shares, 1e-300))).sum()))
    if len(shares) < 2 or over < 0.95 * len(shares):
        return ""
    name, first = predictions.top(1)[0]
    return (
        f"This model does not decide: its probabilities are spread almost evenly over its {len(shares)} actions (“{name}” comes first with "
        f"{percent(first)}; guessing gives {100 / len(shares):.2g} %). Its maps show what it looks at, not what it recognises."
    )


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
