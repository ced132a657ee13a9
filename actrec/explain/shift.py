"""Which channels come from other frames, and what becomes of the score and of its exact map when the network is rewired.

Theory (shiftvlad, §2.1; lin2019tsm). Before the first convolution of a residual branch channel c of frame t is that of frame t − m_c: m_c is 1 for
the channels from the previous frame, −1 for those from the next frame, 0 for the others. Nothing else in such a network joins frames before its head,
which takes them all alike. So m is all that it has of time, and with the same weights it can be wired in another way for one pass:

    off             m → 0           every frame by itself
    reversed        m → −m          in all units: just what the network says of its frames in reverse order
    only forward    m → max(m, 0)   the past is carried on, nothing comes from behind
    only back       m → min(m, 0)

Both maps are exact, each for its own pass: their means and the bias are the two scores (`_exact`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from actrec.core.abilities import Shifts
from actrec.core.card import Card, Readout
from actrec.core.clip import Clip
from actrec.core.errors import QuestionError
from actrec.core.evidence import NOTHING, Evidence, Finding, Heat, Matrix
from actrec.core.reach import Beside, Hop
from actrec.core.trace import taps
from actrec.core.words import number, percent, short_unit
from actrec.explain import Ask, Knob, Method
from actrec.explain._evidence import heat, rerun, score, setting
from actrec.explain._exact import exact
from actrec.inputs import cells
from actrec.measure import strongest

if TYPE_CHECKING:
    from actrec.core.trace import Tap, Trace

WAYS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "off": torch.zeros_like,
    "reversed": torch.neg,
    "only forward": lambda moves: moves.clamp(min=0),
    "only back": lambda moves: moves.clamp(max=0),
}
"""What becomes of the moves of a unit's channels."""

KNOB = Knob(
    "shift",
    "Rewired to",
    tuple(WAYS),
    "forward: channels from the previous frame, which carry the past on; back: from the next frame; reversed: they change places; off: neither",
)
ALL = "all units"
LAST = "layer4.tap"
"""The last features of such a network, of which the maps are."""


def units(taps: Mapping[str, Tap]) -> dict[str, str]:
    """The residual units that shift channels, in their order, each with the tap of its wiring."""
    return {name.rsplit(".", 2)[0]: name for name, tap in taps.items() if tap.kind == "wiring"}


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """All units together, then each by itself; or why there is nothing to rewire."""
    found = units(taps)
    if not found:
        return "this model shifts no channels from frame to frame"
    if card.readouts:
        return f"this model has a shift in each of its streams; choose one of them: {' or '.join(f'{card.id}:{name}' for name in card.readouts)}"
    if card.readout is None or card.readout.tap != LAST:
        return f"this model’s head is not read from {LAST}, so no exact map shows what its shift changes"
    return (ALL, *found)


def explain(trace: Trace, ask: Ask) -> Evidence:
    """The exact map as the network is and rewired, how the class's score moves, and which channels come from where.

    Raises:
        QuestionError: a head that is no sum over places, or a setting that there is not.
    """
    if ask.readout is None:
        raise QuestionError("the maps before and after are exact only for a head that adds up its places; this model has another")
    way, every = setting(ask, KNOB), units(taps(trace.model))
    chosen = every if ask.layer == ALL else {ask.layer: every[ask.layer]}
    logits, seen = trace.again(watch=(ask.readout.tap,), edits=dict.fromkeys(chosen.values(), WAYS[way]))
    where = ALL if ask.layer == ALL else f"{ask.layer} alone"
    wired = {name: trace.part(tap.rpartition(".")[0], Shifts).moves for name, tap in every.items()}
    as_it_is = _map(trace, ask, ask.readout, "as it is", wired.values())
    other = {name: WAYS[way](moves) if name in chosen else moves for name, moves in wired.items()}
    then = _map(replace(trace, logits=logits, seen=seen), ask, ask.readout, f"shift {way} in {where}", other.values())
    told = (_score(trace.logits, logits, ask, f"{SAID[way]} in {where}"), changed(as_it_is, then, trace.clip), _shared(wired))
    return Evidence((as_it_is, then), matrices=(_matrix(wired),), findings=told, together=True)


SAID = {
    "off": "With the shift turned off",
    "reversed": "With the shift reversed",
    "only forward": "With the shift going forward only",
    "only back": "With the shift going back only",
}


def _map(trace: Trace, ask: Ask, readout: Readout, title: str, wired: Iterable[Tensor]) -> Heat:
    """The exact map of a pass in which the units' channels were moved so; its steps have read what this wiring lets through."""
    shares, _ = exact(trace, ask, readout, score(trace, ask))
    what = "logit" if ask.versus is None else "logit difference"
    made = heat(trace, readout.tap, f"Exact map, {title}", shares, f"{what} per cell (mean = {what} − bias)", signed=True)
    past = trace.seen[readout.tap].tap.past
    return replace(made, fields=cells.fields(trace.clip, len(made.values), None if past is None else rewired(past, wired)))


def rewired(past: Iterable[Hop], wired: Iterable[Tensor]) -> tuple[Hop, ...]:
    """A way through time whose shifts, in their order, move channels so (C, each −1, 0 or 1)."""
    left = iter(wired)
    return tuple(_beside(next(left)) if isinstance(hop, Beside) else hop for hop in past)


def _beside(moves: Tensor) -> Beside:
    return Beside(bool((moves > 0).any()), bool((moves < 0).any()))


def _score(logits: Tensor, other: Tensor, ask: Ask, how: str) -> Finding:
    gained, told = rerun(logits, other, ask, how)
    unknown = "What rewiring the shift changes is not known: the model gives no finite number before it or after it."
    return Finding("what the rewired shift changes", gained, told or unknown)


def changed(before: Heat, after: Heat, clip: Clip) -> Finding:
    """Where and when a map differs most from what it was, cell by cell."""
    with np.errstate(invalid="ignore"):
        change = replace(before, values=after.values - before.values)
    name = "largest change of the map"
    if not len(change.told):
        return Finding(name, math.nan, "Where the map changes is not known: no place has a value both before and after.")
    if change.empty:
        return Finding(name, change.peak, f"The map stays the same: no place changes by {NOTHING:.5f} {short_unit(before)} or more.")
    top = max(strongest.peak(change), strongest.peak(change, towards=-1), key=lambda peak: abs(peak.value))
    was, then = (number(float(each.values[top.step, top.row, top.column])) for each in (before, after))
    return Finding(name, top.value, f"The map changes most {strongest.place(change, top, clip)}: from {was} to {then} {short_unit(before)}.")


SOURCES = {"next frame": -1, "own frame": 0, "previous frame": 1}


def _matrix(wired: Mapping[str, Tensor]) -> Matrix:
    shares = np.array([[float((moves == move).float().mean()) for move in SOURCES.values()] for moves in wired.values()], np.float32)
    line = (
        "What share of the channels before a unit’s first convolution comes from which frame, as the network is built; its shortcut is not shifted."
    )
    return Matrix("Which channels come from where", "share of the unit’s channels", shares, tuple(wired), tuple(SOURCES), line=line)


def _shared(wired: Mapping[str, Tensor]) -> Finding:
    """How many channels come from other frames, over all units that shift any."""
    moves = torch.cat([each.flatten() for each in wired.values()])
    before, behind = (float((moves == move).float().mean()) for move in (1, -1))
    where = f"In the {len(wired)} units that shift" if len(wired) > 1 else "In the one unit that shifts"
    told = f"{where}, {percent(before)} of the channels come from the previous frame and {percent(behind)} from the next frame."
    return Finding("channels from other frames", before + behind, told)


METHODS: tuple[Method, ...] = (
    Method(
        "shift",
        "Channel shift",
        "Which channels come from the previous and the next frame, and how the score and its exact map change when the network is rewired.",
        "The rewired network was never trained like that: the change shows what these weights rely on, not what a network trained without the shift "
        "would do.",
        layers,
        explain,
        knobs=(KNOB,),
        watch=lambda layer: (LAST,),
    ),
)
