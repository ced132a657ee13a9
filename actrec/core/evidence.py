"""What an explanation is made of: numbers with units, and where and when in the clip they stand. Plain numpy, frozen.

`Heat`: a map over space and time. `Track`: a curve. `Points`: places that a network chose. `Skeleton`: joints with scores. `Flow`: how everything
moves. `Matrix`: what one set of things gives to another. `Terms`: parts that add up to a number. `Finding`: a number about them, and the sentence
that says it. Values are raw; NaN where nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.core.terms import Terms

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in source pixels."""

NOTHING = 1e-5
"""Evidence whose largest magnitude is below this (in its own unit) counts as none: it is not drawn, and the page says so."""


def step_at(bands: NDArray[np.int64], frame: int) -> int | None:
    """The step that stands for a source frame, None if there is none. bands (K, 2): step k stands for source frames first … last − 1."""
    hit = np.flatnonzero((bands[:, 0] <= frame) & (frame < bands[:, 1]))
    return int(hit[0]) if hit.size else None


@dataclass(frozen=True, eq=False)
class Heat:
    """Evidence over space and time: values float32 (K, h, w), raw, in `unit`; NaN where the method says nothing.

    The (h, w) grid covers `box` in source pixels: cell (r, c) is centred in its own share of the box. The box may stick out of the frame, because
    a convolution's first cell is centred on its first pixel. `seen` is the crop: outside it the model never looked.
    bands int64 (K, 2): step k stands for source frames first … last − 1; frames in no band were never looked at.
    fields int64 (K, 2): source frames first … last − 1 that can reach step k, its temporal receptive field; None where it is not known. A band is
    where a step is drawn, a field what its features have read.
    """

    title: str
    values: NDArray[np.float32]
    unit: str
    box: Box
    seen: Box
    bands: NDArray[np.int64]
    signed: bool = False
    fields: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.bands.shape != (len(self.values), 2):
            raise ValueError(f"heat of shape {self.values.shape} with bands {self.bands.shape}: need (K, h, w) and (K, 2)")
        if self.fields is not None and self.fields.shape != self.bands.shape:
            raise ValueError(f"fields of shape {self.fields.shape} for {len(self.values)} steps: need (K, 2)")

    @property
    def peak(self) -> float:
        """The largest magnitude, 0 if there is none."""
        finite = self.values[np.isfinite(self.values)]
        return float(np.abs(finite).max()) if finite.size else 0.0

    @property
    def empty(self) -> bool:
        return self.peak < NOTHING

    @property
    def told(self) -> NDArray[np.int64]:
        """The steps that have a value in some cell."""
        return np.flatnonzero(np.isfinite(self.values).any((1, 2)))

    @property
    def constant_in_time(self) -> bool:
        """True if the steps that have values, two or more, have them in the same cells and do not differ (by more than a thousandth of the peak)."""
        steps = self.values[self.told]
        known = np.isfinite(steps)
        if len(steps) < 2 or (known != known[0]).any():
            return False
        cells = steps[:, known[0]]
        return bool((cells.max(0) - cells.min(0)).max() <= 1e-3 * self.peak)

    @property
    def timeless(self) -> str:
        """Why the map does not say when, "" if it does."""
        if len(self.values) == 1:
            return "one map stands for the whole window"
        if len(self.told) < 2:
            return "only one step has values" if len(self.told) else "no step has values"
        if self.constant_in_time:
            return f"the map is the same at all {'times' if len(self.told) == len(self.values) else 'steps that have values'}"
        return ""

    def step_at(self, frame: int) -> int | None:
        """The step that stands for a source frame, None if the model did not look there."""
        return step_at(self.bands, frame)

    def steps_of(self, frames: int) -> NDArray[np.int64]:
        """For every source frame 0 … frames − 1 its step, −1 where the model did not look: int64 (frames)."""
        steps = np.full(frames, -1, np.int64)
        for k, (first, last) in enumerate(self.bands):
            steps[max(first, 0) : last] = k
        return steps

    @property
    def mass(self) -> NDArray[np.float64]:
        """Positive evidence per step, averaged over the cells that say something: (K), in `unit`."""
        positive = np.where(np.isfinite(self.values), np.maximum(self.values, 0), 0.0)
        return positive.sum((1, 2)) / np.maximum(np.isfinite(self.values).sum((1, 2)), 1)


@dataclass(frozen=True, eq=False)
class Track:
    """One curve over time: seconds (n) and values (n); NaN where nothing is known. frames (n): source frame numbers.

    group: curves of one group, in one unit, are drawn together and can be read as the rows of a map.  colour: "#rrggbb", "" for the next free one.
    """

    title: str
    unit: str
    seconds: NDArray[np.float64]
    frames: NDArray[np.int64]
    values: NDArray[np.float64]
    group: str = ""
    colour: str = ""


@dataclass(frozen=True, eq=False)
class Points:
    """Places in the clip that a network chose, the strongest first, each between two of the frames it was given.

    places float32 (n, 3): step, x, y. Step 0 … T − 1 counts the frames that the model was given, and fractions lie between two of them, which
    trilinear sampling then reads both. x and y are source pixels; places may lie outside the clip.
    reference float32 (n, 3): where they would be had the network not moved them.  scores float32 (n): in `unit`, 0 or more.
    bands int64 (T, 2): step k stands for source frames first … last − 1, as in `Heat`.  seconds (T): of the frames given.
    seen: what the model saw, in source pixels.  reach: source pixels (x, y) from a place to where its sample no longer reaches.
    """

    title: str
    unit: str
    places: NDArray[np.float32]
    reference: NDArray[np.float32]
    scores: NDArray[np.float32]
    bands: NDArray[np.int64]
    seconds: NDArray[np.float64]
    seen: Box
    reach: tuple[float, float]

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.places.shape != (n, 3) or self.reference.shape != (n, 3) or self.bands.shape != (len(self.seconds), 2):
            raise ValueError(f"points {self.places.shape}, references {self.reference.shape}, scores {n}: need (n, 3), (n, 3) and (n)")

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which of them lie in the clip and in the picture the model saw: bool (n)."""
        step, x, y = self.places.T
        left, top, right, bottom = self.seen
        return (step >= 0) & (step <= len(self.seconds) - 1) & (x >= left) & (x < right) & (y >= top) & (y < bottom)

    def weights(self, step: int) -> NDArray[np.float32]:
        """How much each of them is read from the frame of a step: 1 on it, 0 from the next one on; float32 (n)."""
        return np.clip(1 - np.abs(self.places[:, 0] - step), 0, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Skeleton:
    """People's joints on the frames that the model was given, each with a score.

    joints float32 (T, n, 3): x, y in source pixels and the file's own score; NaN where missing.  scores float32 (T, n): in `unit`, NaN where none.
    names (n), groups (n): what they are called ("2: left_wrist" where there are several people) and the limb they belong to.
    bones: pairs of joint numbers, the joints of one person each.  bands (T, 2): as in `Heat`.
    """

    title: str
    unit: str
    joints: NDArray[np.float32]
    scores: NDArray[np.float32]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    bands: NDArray[np.int64]

    def __post_init__(self) -> None:
        steps, n = self.scores.shape
        if self.joints.shape != (steps, n, 3) or len(self.names) != n or len(self.groups) != n or self.bands.shape != (steps, 2):
            raise ValueError(f"joints {self.joints.shape} with scores {self.scores.shape} and {len(self.names)} names: need (T, n, 3), (T, n) and n")


@dataclass(frozen=True, eq=False)
class Flow:
    """How far what is seen at a place moves until the next frame that the model was given.

    lengths: the map of how far, in source pixels a step; step k goes from frame k of those given to frame k + 1, and is drawn from the first up to
    the second, the last one on its second too.  moved float32 (K, h, w, 2): x to the right and y down, in source pixels, on the same cells; NaN
    where the map is.  seconds (K): how long each step takes, 0 where a frame was given twice.
    """

    lengths: Heat
    moved: NDArray[np.float32]
    seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = self.lengths.values.shape
        if self.moved.shape != (*shape, 2) or self.seconds.shape != shape[:1]:
            raise ValueError(f"flow {self.moved.shape} in {self.seconds.shape} steps for a map {shape}: need (K, h, w, 2), (K) and (K, h, w)")


@dataclass(frozen=True, eq=False)
class Matrix:
    """What one set of things gives to another: values float32 (Q, K) in `unit`, NaN where the network relates no such pair.

    rows (Q), columns (K): their names.  seconds (Q, K alike) if both are the frames given.  windows: rows first … last − 1 of each window.
    read: columns first … last − 1 of what each window reads, if that is not the same.
    """

    title: str
    unit: str
    values: NDArray[np.float32]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    windows: tuple[tuple[int, int], ...] = ()
    line: str = ""  # what it shows, in a sentence
    read: tuple[tuple[int, int], ...] = ()

    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Each window as a box over columns and rows: first column, first row, and those after the last."""
        return [(x[0], y[0], x[1], y[1]) for x, y in zip(self.read or self.windows, self.windows, strict=True)]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.rows), len(self.columns)):
            raise ValueError(f"a matrix {self.values.shape} with {len(self.rows)} rows and {len(self.columns)} columns named")


@dataclass(frozen=True)
class Finding:
    """A number found out about the evidence, and the sentence that says it. value NaN: it could not be found out, and the sentence says why."""

    name: str
    value: float
    sentence: str


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a way of explaining found: maps, first the one to show first, and what does not fit on a map.

    claim: a sentence in place of the one that is made from the first map.  together: the maps belong beside each other.
    own_tracks: the curves say all there is to say over time; else the maps' positive evidence per step is shown with them.
    """

    heats: tuple[Heat, ...]
    tracks: tuple[Track, ...] = ()
    points: Points | None = None
    skeleton: Skeleton | None = None
    flow: Flow | None = None
    matrices: tuple[Matrix, ...] = ()
    terms: Terms | None = None
    findings: tuple[Finding, ...] = ()
    claim: str = ""
    together: bool = False
    own_tracks: bool = False

    @property
    def heat(self) -> Heat:
        return self.heats[0]


def on_source(heat: Heat, step: int, height: int, width: int, source: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """One step of a heat over the full source frame, drawn at any size: float32 (height, width), NaN outside `seen`.

    source: the frame's own (height, width) where the drawing has another size. Bilinear between cell centres, clamped behind the outermost
    centres. A pixel whose own cell is NaN is NaN; elsewhere NaN cells do not weigh in.
    """
    rows, cols = source or (height, width)
    y, x = (np.arange(height) + 0.5) * rows / height, (np.arange(width) + 0.5) * cols / width
    x0, y0, x1, y1 = heat.box
    cells = heat.values[step].astype(np.float64)
    r, c = (y - y0) / (y1 - y0) * cells.shape[0] - 0.5, (x - x0) / (x1 - x0) * cells.shape[1] - 0.5
    down, across = _weights(r, cells.shape[0]), _weights(c, cells.shape[1])
    known = np.isfinite(cells)
    out = down @ np.where(known, cells, 0.0) @ across.T
    if not known.all():
        own = known[np.ix_(_nearest(r, cells.shape[0]), _nearest(c, cells.shape[1]))]
        out = np.where(own, out / np.where(own, down @ known @ across.T, 1.0), np.nan)
    left, top, right, bottom = heat.seen
    inside = ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))
    return np.where(inside, out, np.nan).astype(np.float32)


def _weights(place: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Linear interpolation as a matrix (places, cells); places in units of cells, 0 at the first centre."""
    place = np.clip(place, 0, cells - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(cells)), 0)


def _nearest(place: NDArray[np.float64], cells: int) -> NDArray[np.int64]:
    return np.clip(np.floor(place + 0.5).astype(np.int64), 0, cells - 1)
