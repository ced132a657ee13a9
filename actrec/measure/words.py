"""What visual words add to a score, how places are shared among them, and which of them a clip never uses: numbers in, sentences out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import Finding
from actrec.core.words import fixed, percent

Numbers = NDArray[np.float64]

SMALL = 5e-4
"""What is less reads as 0.000."""


def taken(shares: Numbers) -> Numbers:
    """The share of all places that goes to each word (K), of the places' shares (K, N)."""
    return np.asarray(shares.mean(1))


def never(shares: Numbers) -> NDArray[np.int64]:
    """The words to which no place gives its largest share."""
    return np.setdiff1d(np.arange(len(shares)), shares.argmax(0))


def spread(shares: Numbers) -> float:
    """How many words a place is shared among: the exponential of the mean entropy of its shares. 1: a hard choice; K: an even spread."""
    entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(0)
    return float(np.exp(entropy.mean()))


def findings(parts: Numbers, shares: Numbers, bias: float, what: str) -> tuple[Finding, ...]:
    """Of what each word adds to a score (K), the places' shares (K, N), and the bias. what: "logit" or "logit difference"."""
    total, count = float(parts.sum()) + bias, len(parts)
    total_told = (
        f"{'The one visual word' if count == 1 else f'The {count} visual words'} and the bias, {fixed(bias)}, add up to the {what}, {fixed(total)}"
    )
    among = spread(shares)
    even = f"An even spread over all {count} would be {count}, a hard choice 1" if count > 1 else "There is only one"
    return (
        Finding("sum of the words and the bias", total, f"{total_told}{_most(parts)}."),
        Finding("words that a place is shared among", among, f"On average (by entropy) a place is shared among {among:.1f} words. {even}."),
        _unused(parts, shares, what),
    )


def _most(parts: Numbers) -> str:
    """Which word adds most and which takes most, as far as any does."""
    high, low = int(parts.argmax()), int(parts.argmin())
    told = [f"word {high + 1} adds most, {fixed(float(parts[high]), '+')}"] if parts[high] >= SMALL else []
    told += [f"word {low + 1} takes most, {fixed(float(parts[low]), '+')}"] if parts[low] <= -SMALL else []
    return f": {' and '.join(told)}" if told else ": no word adds or takes as much as 0.001"


def _unused(parts: Numbers, shares: Numbers, what: str) -> Finding:
    """Which words no place is nearest to, and what they add all the same."""
    unused = never(shares)
    if not len(unused):
        return Finding("words never used", 0, "Every word gets the largest share of some place.")
    many = f"{len(unused)} of the {len(parts)} words get" if len(unused) > 1 else f"One of the {len(parts)} words, word {unused[0] + 1}, gets"
    share, adds = float(taken(shares)[unused].sum()), float(parts[unused].sum())
    still = f"{percent(share)} of all places and {fixed(adds, '+')} of the {what}"
    why = "What places sum to around a word is brought to the same length, however few they are, unless it is shorter than 0.000001"
    return Finding("words never used", len(unused), f"{many} the largest share of no place in this clip. Together they have {still}. {why}.")
