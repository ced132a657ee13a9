"""How far optical flow is from the true one, how much moves, and how much of that is the camera's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import Finding
from actrec.core.words import number, percent

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


def explained(flow: Flow, part: NDArray[np.floating]) -> float:
    """The share of a flow (…, 2) that goes away when a part of it is taken away: 1 − Σ|flow − part|² / Σ|flow|².

    1: all of it; 0: none of it; below 0: more is left than there was. Where one of them is NaN does not count. NaN where nothing moves, or nothing
    counts.
    """
    known = np.isfinite(flow).all(-1) & np.isfinite(part).all(-1)
    found, taken = np.float64(flow[known]), np.float64(part[known])
    whole = float((found**2).sum())
    return 1 - float(((found - taken) ** 2).sum()) / whole if whole > 0 else float("nan")


def speeds(flow: NDArray[np.floating], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean length of flow (K, h, w, 2) per second, in its pixels: (K). NaN for a step without a length, or in which nothing is known.

    seconds (K): how long each step takes, 0 where a frame was given twice.
    """
    lengths = np.linalg.norm(np.float64(flow), axis=-1).reshape(len(flow), -1)
    known = np.isfinite(lengths)
    count = known.sum(1)
    sums = np.where(known, lengths, 0).sum(1)
    lasting = (seconds > 0) & (count > 0)
    return np.where(lasting, sums / np.where(lasting, count * seconds, 1), np.nan)


def findings(flow: Flow, seconds: NDArray[np.float64], camera: NDArray[np.floating]) -> tuple[Finding, ...]:
    """What moves, and how much of it the camera explains, in numbers and sentences.

    flow (K, h, w, 2): from each of the model's frames to the next, in source pixels; NaN where nothing is known.  seconds (K): as in `speeds`.
    camera: the same by the camera's motion alone, NaN in steps for which it was not found.
    """
    lengths = np.linalg.norm(np.float64(flow), axis=-1)
    lengths = lengths[np.isfinite(lengths)]
    if not lengths.size or not lengths.any():
        still = Finding("mean motion", 0.0 if lengths.size else float("nan"), "Nothing moves, so there is no mean motion to tell.")
        return still, Finding("the camera's share", float("nan"), "Nothing moves, so there is nothing for the camera's motion to explain.")
    mean, rate = float(lengths.mean()), speeds(flow, seconds)
    lasting = np.isfinite(rate)
    pace = float(rate[lasting] @ seconds[lasting] / seconds[lasting].sum()) if lasting.any() else float("nan")
    often = f", {number(pace)} pixels per second" if lasting.any() else ""
    far = f"On average a place moves {number(mean)} source pixels from one of the model's frames to the next{often}; the farthest moves"
    return Finding("mean motion", pace, f"{far} {number(float(lengths.max()))} pixels in a step."), _cameras(flow, camera)


def _cameras(flow: Flow, camera: NDArray[np.floating]) -> Finding:
    moving = [k for k, step in enumerate(flow) if np.nansum(step**2) > 0]
    found = [k for k in moving if np.isfinite(camera[k]).all(-1).any()]
    share = explained(flow[found], camera[found]) if found else float("nan")
    if np.isnan(share):
        why = "too few points could be followed from frame to frame, or they did not agree"
        return Finding(
            "the camera's share", share, f"How the camera moved could not be found ({why}): what moves may be the camera, or what it films."
        )
    where = (
        ""
        if len(found) == len(moving)
        else f", in {len(found)} of the {len(moving)} steps in which something moves; in the others it could not be found"
    )
    if share < 0:
        left = f"with it taken away {percent(1 - share)} of the squared lengths would be left"
        return Finding("the camera's share", share, f"The camera's motion (a homography) explains none of the flow: {left}{where}.")
    return Finding(
        "the camera's share", share, f"The camera's motion (a homography) explains {percent(share)} of the flow, by squared length{where}."
    )
