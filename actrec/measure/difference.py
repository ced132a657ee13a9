"""How much brightness changes between two frames, in how many places, and whether that goes with how far things move there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import Finding
from actrec.core.words import fixed, percent
from actrec.measure.agreement import rank_correlation

Map = NDArray[np.floating]

HARDLY = 0.1
"""A rank correlation that is smaller is told as none."""


def means(values: Map) -> NDArray[np.float64]:
    """Mean magnitude in every step of a map (K, h, w): (K), in its unit; NaN for a step in which nothing is known."""
    size = np.abs(np.float64(values)).reshape(len(values), -1)
    known = np.isfinite(size)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, size, 0).sum(1) / np.maximum(count, 1), np.nan)


def findings(change: Map, lengths: Map, noise: float, when: str) -> tuple[Finding, ...]:
    """How much changes, where at all, and how that goes with motion, in numbers and sentences.

    change (K, h, w): of brightness between two frames, in grey levels of 255.  lengths (K, h, w): of the optical flow between the same two.  Both NaN
    where nothing is known.  noise: grey levels up to which a change is none.  when: which two frames, within a sentence.
    """
    size = np.abs(np.float64(change))
    known = size[np.isfinite(size)]
    beyond = np.where(size <= noise, 0, size)  # ranks of noise would be most of the ranks
    return _mean(known, when), _share(known, noise), _together(rank_correlation(beyond.ravel(), np.ravel(lengths)))


def _mean(known: NDArray[np.float64], when: str) -> Finding:
    name = "mean change"
    if not known.size:
        return Finding(name, float("nan"), "How much changes is not known: no pixel has a value.")
    if not known.any():
        return Finding(name, 0.0, f"No pixel becomes brighter or darker {when}.")
    mean, most = float(known.mean()), float(known.max())
    much = f"changes by {_levels(mean)} of 255 grey levels on average {when}, and by {_levels(most)} at most"
    return Finding(name, mean, f"The brightness of a pixel, the mean of its three colours, {much}.")


def _share(known: NDArray[np.float64], noise: float) -> Finding:
    name = "pixels that change"
    if not known.size:
        return Finding(name, float("nan"), "How many pixels change is not known: no pixel has a value.")
    share = float((known > noise).mean())
    return Finding(
        name, share, f"{percent(share)} of the pixels change by more than {noise:g} grey levels; less than that is the noise of compression."
    )


def _together(found: float) -> Finding:
    name, how = "change and motion", f"Spearman’s rank correlation over all pixels and frames, noise taken as no change: {fixed(found, digits=2)}"
    if np.isnan(found):
        why = "with noise taken as no change one of the two is the same at every pixel, or fewer than three pixels have a value"
        return Finding(name, found, f"Whether change goes with motion cannot be determined: {why}.")
    if abs(found) < HARDLY:
        return Finding(name, found, f"How much a pixel changes hardly goes with how far things move there ({how}).")
    longer = "longer" if found > 0 else "shorter"
    return Finding(name, found, f"Where brightness changes more, the optical flow between the same two frames tends to be {longer} ({how}).")


def _levels(value: float) -> str:
    return fixed(value, digits=1) if value >= 0.05 else "less than 0.1"
