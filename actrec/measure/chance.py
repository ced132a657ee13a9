"""How far a count may be owed to chance: an interval for a share, and a test for two models that answered the same clips.

Both take clips for independent draws. Clips of one subject, one room or one film are not: the true uncertainty is then larger than told here.
"""

from __future__ import annotations

from math import sqrt

Z95 = 1.959963984540054
"""The normal distribution's 97.5 % point."""


def wilson(right: int, clips: int, z: float = Z95) -> tuple[float, float]:
    """The 95 % score interval of a share, right of clips: low and high in [0, 1] (Wilson 1927, *Probable inference*, eq. for p′ and p″).

    Unlike mean ± 2 standard errors it stays inside [0, 1] and is no point where all or none is right. (0, 1) without clips.
    """
    if clips <= 0:
        return 0.0, 1.0
    share, spread = right / clips, z * z / clips
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / clips + spread / (4 * clips))
    return (0.0 if right <= 0 else max(middle - half, 0.0)), (1.0 if right >= clips else min(middle + half, 1.0))


def mcnemar(gained: int, lost: int) -> float:
    """The two-sided exact McNemar test: how often two equally good models would differ at least this unevenly.

    gained, lost: clips that only the one, or only the other, got right (McNemar 1947); the others tell nothing. If both are equally good, each
    of these clips falls to either side like a coin: p = 2 · P(X ≤ min(gained, lost)), X ~ Binomial(gained + lost, ½), at most 1.
    """
    both, fewer = gained + lost, min(gained, lost)
    if both == 0:
        return 1.0
    total = ways = 1  # to choose k of them, k = 0; whole numbers, so that nothing is rounded
    for k in range(fewer):
        ways = ways * (both - k) // (k + 1)
        total += ways
    return min(1.0, 2 * total / 2**both)
