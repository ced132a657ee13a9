"""What a map says, in one sentence with its numbers; and what not to conclude from it."""

from __future__ import annotations

import numpy as np

from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.evidence import Heat
from actrec.explain import Method


def sentence(heat: Heat, clip: Clip, label: str, versus: str | None, *, picked: bool = False) -> str:
    """One claim that the numbers bear out, about the place and the time of the strongest evidence."""
    about = f"“{label}”" if versus is None else f"“{label}” rather than “{versus}”"
    if heat.empty:
        return f"This map shows no evidence for {about}: its largest value is {heat.peak:.1e} {heat.unit}, which is drawn as nothing."
    seconds, x, y = peak_place(heat, clip)
    where = f"{seconds:.2f} s, {_side(x, y, heat)}"
    if picked:
        value = float(np.nanmax(heat.values))
        return f"From the picked place, the strongest answer is {value:.2f} ({heat.unit}) at {where}."
    if np.nanmax(heat.values) <= 0:
        return f"Nothing in this window speaks for {about}: all evidence on this map is against it."
    if heat.constant_in_time:
        return f"The evidence for {about} is strongest {_side(x, y, heat)}; the map is the same at all times, so it says nothing about when."
    share, begin, until, even = _strongest_step(heat, clip)
    return (
        f"The evidence for {about} is strongest at {where}; "
        f"{share:.0%} of it falls between {begin:.2f} and {until:.2f} s (an even spread would give {even:.0%})."
    )


def attention(heat: Heat, clip: Clip, who: str) -> str:
    """Where and when attention falls that knows no class; who: what pays it, with its verb ("block 2 reads most")."""
    if heat.empty:
        return f"This map shows no attention: its largest value is {heat.peak:.1e}, which is drawn as nothing."
    share, begin, until, even = _strongest_step(heat, clip)
    moment = f"{begin:.2f}–{until:.2f} s" if until > begin else f"{begin:.2f} s"
    when = f"of all moments {moment} gets most, {share:.0%} (an even spread would give {even:.0%})"
    return f"{who[0].upper()}{who[1:]} at {strongest(heat, clip)}; {when}."


def strongest(heat: Heat, clip: Clip) -> str:
    """When and where the largest value stands: "1.20 s, in the middle, at the top"."""
    seconds, x, y = peak_place(heat, clip)
    return f"{seconds:.2f} s, {_side(x, y, heat)}"


def _strongest_step(heat: Heat, clip: Clip) -> tuple[float, float, float, float]:
    """The step with the most evidence: its share, its first and last second, and what an even spread would give it."""
    mass = heat.mass
    first, last = heat.bands[int(mass.argmax())]
    begin = clip.video.seconds[min(int(first), clip.video.frames - 1)]  # a step over held frames begins where the video ends
    until = clip.video.seconds[min(int(last), clip.video.frames) - 1]
    return float(mass.max() / mass.sum()), float(begin), float(until), 1 / len(mass)


def amid(heat: Heat) -> int:
    """A source frame in the middle of the step with the most evidence: where to open the clip."""
    first, last = (int(edge) for edge in heat.bands[int(heat.mass.argmax())])
    return max(first, (first + last - 1) // 2)


def peak_place(heat: Heat, clip: Clip) -> tuple[float, float, float]:
    """Seconds, x, y (source pixels) of the largest value's cell: the middle of its band and of its share of the box."""
    k, r, c = np.unravel_index(int(np.nanargmax(heat.values)), heat.values.shape)
    x0, y0, x1, y1 = heat.box
    height, width = heat.values.shape[1:]
    first, last = heat.bands[k]
    frame = min(int(first + last - 1) // 2, clip.video.frames - 1)
    return float(clip.video.seconds[frame]), x0 + (c + 0.5) * (x1 - x0) / width, y0 + (r + 0.5) * (y1 - y0) / height


def _side(x: float, y: float, heat: Heat) -> str:
    x0, y0, x1, y1 = heat.seen
    across = ("on the left", "in the middle", "on the right")[min(max(int(3 * (x - x0) / (x1 - x0)), 0), 2)]
    down = ("at the top", "half-way up", "at the bottom")[min(max(int(3 * (y - y0) / (y1 - y0)), 0), 2)]
    return f"{across}, {down}" if (across, down) != ("in the middle", "half-way up") else "in the middle of the picture"


def cautions(heat: Heat, clip: Clip, card: Card, method: Method) -> tuple[str, ...]:
    """What not to conclude, the gravest first."""
    found = untaught(card)
    if heat.empty:
        found.append("An empty map is an answer, not a fault: this method finds nothing at this layer.")
    elif len(heat.values) == 1:
        found.append("This layer has no time axis left: one map stands for the whole window.")
    elif heat.constant_in_time:
        found.append("The map does not change over time; do not read a moment out of it.")
    if not method.by_class:
        found.append("This method does not know the class: every class gets the same map.")
    if clip.padding:
        found.append(clip.padding[0].upper() + clip.padding[1:] + ".")
    if method.caution:
        found.append(method.caution)
    if card.note:
        found.append(card.note)
    if card.trained_on:
        known = f"This model knows {len(card.labels)} actions, from {card.trained_on}"
        found.append(f"{known}: whatever else it is shown, it names one of them, however sure it sounds.")
    return tuple(found)


def untaught(card: Card) -> list[str]:
    """That a model has not learnt its task: in its own test it is right at most 5 % more often than if it always named the most frequent class."""
    told = card.results
    if "accuracy" not in told or not told.get("confusion"):
        return []
    rows = np.asarray(told["confusion"]).sum(1)
    often = float(rows.max() / max(rows.sum(), 1))
    if told["accuracy"] > often + 0.05:
        return []
    name, clips = card.labels[int(rows.argmax())], int(rows.sum())
    return [
        f"This model has not learnt its task: it gets {told['accuracy']:.0%} of its own {clips} test clips right,"
        f" and always saying “{name}” would get {often:.0%}. Its maps show what it looks at, not what is right."
    ]
