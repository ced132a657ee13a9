"""Class activation mapping, exact: the last features weighted by the class's own row of the last linear layer.

Theory (zhou2016; dam2024 fig. 7). With global average pooling and one linear layer the logit is a mean over cells:

    logit_k = b_k + mean_p M_k(p),        M_k(p) = Σ_c w_kc · A_c(p)

so M_k is no approximation: every cell has its own share of the logit, some of it negative. The map is therefore signed by default (negative cells
speak against the class); the setting "positive" gives the half that the paper's figure paints. "A rather than B" takes w_A − w_B, and so its map is
exactly minus that of "B rather than A". No gradient is needed.

The identity is checked on the very pass that is explained. A head that only resembles GAP + linear is refused, rather than drawn wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat
from actrec.explain import Ask, Method
from actrec.explain._evidence import SIGNED_FIRST, heat, score, setting
from actrec.explain._exact import exact

if TYPE_CHECKING:
    from actrec.core.trace import Tap, Trace


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """The one layer where CAM is exact, or why there is none."""
    if card.readout is not None and card.readout.pool:
        return "this model has NetVLAD before its last layer; the exact map is that of its visual words"
    if card.readout is not None:
        return (
            (card.readout.tap,)
            if card.readout.tap in taps
            else f"the features before this model's head ({card.readout.tap}) cannot be read; use Grad-CAM"
        )
    if any(tap.axes == "b (1 t h w) c" for tap in taps.values()):
        return "this model answers from a class token, so CAM would not be exact; use Grad-CAM"
    return "this model's head is not average pooling and one linear layer, so CAM would not be exact; use Grad-CAM"


def explain(trace: Trace, ask: Ask) -> tuple[Heat, ...]:
    """Every cell's share of the logit (or of the logit difference).

    Raises:
        QuestionError: the head is not GAP and one linear layer.
    """
    if ask.readout is None or ask.readout.pool or ask.readout.tap != ask.layer:
        raise QuestionError(
            f"CAM is exact only before the head of a model with average pooling and one linear layer, not at {ask.layer!r}; use Grad-CAM"
        )
    shares, _ = exact(trace, ask, ask.readout, score(trace, ask))
    signed = setting(ask, SIGNED_FIRST) == "signed"
    score_name = "logit" if ask.versus is None else "logit difference"
    unit = f"{score_name} per cell" + (f" (mean = {score_name} − bias)" if signed else ", positive part")
    return (heat(trace, ask.layer, "CAM", shares, unit, signed=signed),)


METHODS: tuple[Method, ...] = (
    Method(
        "cam",
        "CAM",
        "Exactly how much every place adds to the class's logit, or takes from it.",
        "A cell's features have already seen far around the cell, so its share need not come from the pixels under it; the bias is left out.",
        layers,
        explain,
        knobs=(SIGNED_FIRST,),
    ),
)
