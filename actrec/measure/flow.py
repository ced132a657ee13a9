"""How far optical flow is from the true one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flow = NDArray[np.float32]
Mask = NDArray[np.bool_]


def endpoint(found: Flow, true: Flow, mask: Mask | None = None) -> float:
    """Mean end-point error of flows (…, 2), in pixels: the length of the difference. mask (…): where it counts; NaN if that is nowhere."""
    return _mean(np.linalg.norm(np.float64(found) - np.float64(true), axis=-1), mask)


def angular(found: Flow, true: Flow, mask: Mask | None = None) -> float:
    """Mean angle between the vectors (u, v, 1) of flows (…, 2), in degrees (Barron et al., 1994). mask: as in `endpoint`.

    From the cross product as well as the dot product: the arc cosine alone would lose small angles to rounding.
    """
    a, b = (np.concatenate([np.float64(flow), np.ones((*flow.shape[:-1], 1))], -1) for flow in (found, true))
    return _mean(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1))), mask)


def _mean(errors: NDArray[np.float64], mask: Mask | None) -> float:
    counted = errors if mask is None else errors[mask]
    return float(counted.mean()) if counted.size else float("nan")
