"""On what the chosen places lie: shares of points on the person, the moving limbs and the object, where it is known where these are.

Of the sample clips it is known from their making. Of other clips that come with joints, the person is what lies near a bone, and the moving limbs are
those arms and legs whose joints move at least half as fast as the fastest limb's: a rough outline, and the sentences say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.clips import mannequin
from actrec.core.clip import Clip
from actrec.core.errors import QuestionError
from actrec.core.evidence import Finding, Points, Skeleton
from actrec.core.words import percent

THICK = 0.12
"""A limb's thickness, as a share of the person's height in the picture (our choice)."""

EVERY = 2
"""Source pixels from one cell of an outline to the next."""


@dataclass(frozen=True, eq=False)
class Region:
    """What something covers in the frames that a model was given: bool (T, h, w), `every` source pixels apart.  known: how this is known."""

    name: str
    masks: NDArray[np.bool_]
    every: int
    known: str

    def at(self, step: int, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether places in source pixels lie in it at a step; outside the picture they do not."""
        column, row = (np.floor(v / self.every).astype(int) for v in (x, y))
        height, width = self.masks.shape[1:]
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return inside & self.masks[step, row.clip(0, height - 1), column.clip(0, width - 1)]

    def covers(self, places: NDArray[np.float32]) -> NDArray[np.float64]:
        """How much of each place (n, 3: step, x, y) is read from it, by the trilinear weights in time: (n), 0 … 1; before and after the clip 0."""
        step, x, y = places.T.astype(np.float64)
        found = np.zeros(len(places))
        for k in range(len(self.masks)):
            weight = np.clip(1 - np.abs(step - k), 0, 1)
            some = weight > 0
            found[some] += weight[some] * self.at(k, x[some], y[some])
        return found


@dataclass(frozen=True)
class Shares:
    """How much lies on a region: of the attention at the chosen places, of these places, of the regular grid with the same attention, of the grid."""

    attention: float
    places: float
    attention_on_grid: float
    grid: float


def shares(points: Points, region: Region) -> Shares:
    """The four shares; attention outside the clip counts as not on the region."""
    chosen, grid = region.covers(points.places), region.covers(points.reference)
    weight = points.scores / max(float(points.scores.sum()), 1e-12)
    return Shares(float(weight @ chosen), float(chosen.mean()), float(weight @ grid), float(grid.mean()))


def findings(points: Points, regions: Sequence[Region]) -> tuple[Finding, ...]:
    """A sentence for every region that is there to be hit."""
    found = []
    for region in regions:
        if not region.masks.any():
            continue
        told = shares(points, region)
        sentence = (
            f"{percent(told.attention, 0)} of the tokens' attention lies on {region.name}, which covers {percent(told.grid, 0)} of the regular grid"
            f" ({percent(told.places, 0)} of the chosen places; {region.known})."
        )
        found.append(Finding(f"attention on {region.name}", told.attention, sentence))
    return tuple(found)


def regions(clip: Clip, skeleton: Skeleton | None = None) -> tuple[Region, ...]:
    """What is known of the clip: from its making, else from the joints of the people in it; nothing where neither is known."""
    truth = mannequin.truth_beside(clip.video.path)
    if truth.is_file():
        try:
            return known(mannequin.read_truth(truth), clip.index)
        except QuestionError:
            return ()
    return () if skeleton is None else outlined(skeleton, (clip.video.height, clip.video.width))


def known(truth: mannequin.Truth, index: NDArray[np.int64]) -> tuple[Region, ...]:
    """Person, acting limbs and object of a clip whose making is known, at these source frames."""
    parts = (("the person", truth.actor), ("the acting limbs and what they handle", truth.limbs), ("the object", truth.object))
    return tuple(Region(name, masks[index.clip(max=len(masks) - 1)], truth.every, "known because the clip was rendered") for name, masks in parts)


def outlined(skeleton: Skeleton, size: tuple[int, int]) -> tuple[Region, ...]:
    """Person and moving limbs as thick bones; size: height and width in source pixels."""
    moving = moving_groups(skeleton)
    everything = _painted(skeleton, size, skeleton.bones)
    limbs = _painted(skeleton, size, [pair for pair in skeleton.bones if {skeleton.groups[i] for i in pair} <= moving])
    how = f"taken to be what lies within {percent(THICK / 2, 0)} of the person's height from a bone"
    return Region("the person", everything, EVERY, how), Region(f"the moving limbs ({', '.join(sorted(moving))})", limbs, EVERY, how)


def moving_groups(skeleton: Skeleton) -> set[str]:
    """The arms and legs whose joints move at least half as fast as the fastest limb's, by the median way from frame to frame."""
    way = np.linalg.norm(np.diff(skeleton.joints[..., :2].astype(float), axis=0), axis=-1)
    speeds = {}
    for group in {g for g in skeleton.groups if g.endswith(("arm", "leg"))}:
        columns = way[:, [i for i, g in enumerate(skeleton.groups) if g == group]]
        if np.isfinite(columns).any():
            speeds[group] = float(np.nanmean(columns))
    fastest = max(speeds.values(), default=0.0)
    return {group for group, speed in speeds.items() if fastest > 0 and speed >= fastest / 2}


def _painted(skeleton: Skeleton, size: tuple[int, int], bones: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    high, wide = (-(-side // EVERY) for side in size)
    masks = np.zeros((len(skeleton.joints), high, wide), np.uint8)
    places = skeleton.joints[..., :2]
    with np.errstate(all="ignore"):
        tall = np.nan_to_num(np.nanmedian(np.nanmax(places[..., 1], 1, initial=-np.inf) - np.nanmin(places[..., 1], 1, initial=np.inf)))
    thick = max(round(THICK * float(tall) / EVERY), 1)
    for mask, joints in zip(masks, places / EVERY, strict=True):
        for a, b in bones:
            if np.isfinite(joints[[a, b]]).all() and np.abs(joints[[a, b]]).max() < 1e5:
                ends = [tuple(int(v) for v in np.rint(joints[i])) for i in (a, b)]
                cv2.line(mask, ends[0], ends[1], 1, thick)
    return masks.astype(bool)
