"""Visual words: what each centre of a NetVLAD adds to the class's logit, exactly, where in the clip, and which places go to it.

Theory (shiftvlad, eq. 4; arandjelovic2016). The logit is linear in the normalised residual sums, and these are sums over places:

    logit = b + Σ_k w_k · V_k / (|V_k| · L),        V_k = Σ_i a_ik (x_i − c_k)

with L the length of all V_k / |V_k| together. So a word's part is w_k · V_k / (|V_k| · L): all parts and the bias are the logit. A place's share of a
word's part is w_k · a_ik (x_i − c_k) / (|V_k| · L): they sum to the part. Held fixed are the shares a_ik and both lengths: a clip without that place
would have others. "A rather than B" takes w_A − w_B.

Everything is held against the logits of the very pass that is explained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from actrec.core.abilities import Gathers
from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Heat
from actrec.core.terms import Terms
from actrec.core.words import fixed, percent
from actrec.explain import Ask, Knob, Method
from actrec.explain._evidence import SIGNED_FIRST, heat, score, setting
from actrec.explain._exact import by_word, exact
from actrec.measure import strongest
from actrec.measure import words as measured

if TYPE_CHECKING:
    from actrec.core.trace import Tap, Trace

ALL = "all"


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """The features that are gathered around the words; or why there are none."""
    if card.readout is not None and card.readout.pool:
        return (card.readout.tap,)
    if any(readout.pool for readout in card.readouts.values()):
        return "this model has visual words in each of its streams; ask one stream alone"
    return "this model has no visual words: its head is not NetVLAD"


def knobs(taps: Mapping[str, Tap]) -> tuple[Knob, ...]:
    """All words together, or one of them; and the sign."""
    count = next((int(tap.about["words"]) for tap in taps.values() if "words" in tap.about), 0)
    line = "the map of all words together, or one word’s part of the score and the places that go to it"
    return Knob("word", "Visual word", (ALL, *(str(n + 1) for n in range(count))), line), SIGNED_FIRST


def explain(trace: Trace, ask: Ask) -> Evidence:
    """The exact map, or a word's part of it and the shares of the places that go to it; what every word adds; how places are shared.

    Raises:
        QuestionError: a word that the network does not have, or a head that is not what its card says.
    """
    assert ask.readout is not None  # else no layer fits
    exact(trace, ask, ask.readout, score(trace, ask))  # refuses what does not add up
    parts, bias = by_word(trace, ask, ask.readout)
    with torch.no_grad():
        shares = trace.part(ask.readout.pool, Gathers).assigned(trace.seen[ask.layer].grid().detach().to(parts.dtype))[0]
    what = "logit" if ask.versus is None else "logit difference"
    adds, flat = parts.flatten(1).sum(1).double().cpu().numpy(), shares.flatten(1).double().cpu().numpy()
    chosen = _chosen(ask, len(parts))
    terms = _terms(adds, measured.taken(flat), bias, what, chosen)
    found = measured.findings(adds, flat, bias, what)
    shown = parts.sum(0) if chosen is None else parts[chosen]
    title = "Exact map of all visual words" if chosen is None else f"Part of word {chosen + 1}"
    signed = setting(ask, SIGNED_FIRST) == "signed"
    whole = f"{what} − bias" if chosen is None else f"the word’s part, {fixed(float(adds[chosen]), '+')}"
    unit = f"{what} (sum = {whole})" if signed else f"{what}, positive part"
    heats = [heat(trace, ask.layer, title, shown, unit, signed=signed)]
    if chosen is None:
        return Evidence(tuple(heats), terms=terms, findings=found)
    heats.append(heat(trace, ask.layer, f"Places that go to word {chosen + 1}", shares[chosen], "share of the place", signed=False))
    return Evidence(tuple(heats), terms=terms, findings=found, claim=_claim(trace, ask, heats[0], chosen))


def _chosen(ask: Ask, count: int) -> int | None:
    """The number of the word that is asked for, None for all.

    Raises:
        QuestionError: none of them.
    """
    said = ask.knobs.get("word", ALL)
    if said == ALL:
        return None
    if not said.isdigit() or not 1 <= int(said) <= count:
        raise QuestionError(f"word={said!r}: this model has the visual words 1 … {count}; choose one of them, or all")
    return int(said) - 1


def _terms(adds: np.ndarray, taken: np.ndarray, bias: float, what: str, chosen: int | None) -> Terms:
    order = np.argsort(-np.abs(adds), kind="stable")
    notes = tuple(f"adds {fixed(float(adds[k]), '+')}; {percent(float(taken[k]))} of the places go to it" for k in order)
    at = None if chosen is None else int(np.flatnonzero(order == chosen)[0])
    return Terms(f"What each visual word adds to the {what}", what, tuple(f"word {k + 1}" for k in order), adds[order], bias, notes, at)


def _claim(trace: Trace, ask: Ask, part: Heat, word: int) -> str:
    """Where one word's part of the score is strongest."""
    if none := strongest.nothing(part, f"part of word {word + 1} in the score"):
        return none
    about = "for the class" if ask.versus is None else "for the class rather than the other"
    speaks = f"speaks most {about}" if strongest.sign(part) > 0 else f"speaks nowhere {about}, and most against it"
    return f"Word {word + 1} {speaks} {strongest.told(part, trace.clip)}"


METHODS: tuple[Method, ...] = (
    Method(
        "words",
        "Visual words",
        "What every visual word of the NetVLAD adds to the class’s score, exactly, and where in the clip it gets it.",
        "A place’s part holds fixed how places are shared among the words and the lengths that are divided by; without the place these would change. "
        "A cell’s features have seen far around it.",
        layers,
        explain,
        knobs=knobs,
    ),
)
