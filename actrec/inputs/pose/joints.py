"""Joints of the people in a clip, and how they are laid on its frames.

Coordinates are source pixels (see `types`): pixel i covers [i, i + 1). What is missing is NaN, never 0: a person who is not in a frame, a joint
that no file tells, a frame that nobody looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actrec.core.clip import Geometry
from actrec.core.errors import ActrecError
from actrec.inputs.pose.layouts import Layout, LayoutError, conversion

Values = NDArray[np.float32]

HIDDEN = 0.5
"""Score of a joint that somebody placed although it is not seen: COCO's "labelled, not visible", Kinect's "inferred", PennAction's hidden joints."""


MOST_PLACES = 8_000_000
"""Joints of all people in all frames together: 40,000 frames of six people in the largest layout. Each step with them takes 100 MB."""

MOST_SIDE = 1_000_000
"""Pixels of a side of the picture that joints may be measured in."""


class JointsError(ActrecError):
    """A file of joints that cannot be used, or joints that do not fit the clip."""


def fits(shape: Sequence[int], source: str) -> None:
    """Refuse more joints than a clip may have; called before an array of them is made.

    shape: (people, T, R).

    Raises:
        JointsError.
    """
    people, steps, joints = shape
    if max(people, 1) * max(steps, 1) * joints > MOST_PLACES:
        much = f"{people} people × {steps} frames × {joints} joints"
        raise JointsError(f"{source or 'the file'} has {much}, and {MOST_PLACES:,} places are allowed; cut it to the clip, and to the people meant")


@dataclass(frozen=True, eq=False)
class Joints:
    """Where the joints of every person are in every frame.

    values float32 (people, T, R, 3): x, y in the video's pixels and a score 0 … 1; a joint is whole or all NaN. A score of 0 with a place is kept:
    the joint is known to be there, and not seen.
    frames int64 (T): the source frame each step stands for, increasing.  fps: steps per second where the file says.
    size: (width, height) of the picture that x and y are measured in; (1, 1): fractions of it; None: the file does not say.
    centred: they are measured from the middle of the picture, not from its top left corner.
    source: where they come from, for captions.  note: what had to be assumed.
    """

    values: Values
    layout: Layout
    frames: NDArray[np.int64]
    source: str = ""
    fps: float | None = None
    size: tuple[int, int] | None = None
    note: str = ""
    centred: bool = False

    def __post_init__(self) -> None:
        if np.ndim(self.values) == 4:
            fits(np.shape(self.values)[:3], self.source)
        self._check_units()
        with np.errstate(over="ignore"):  # what is too large is not finite, and so missing
            values = np.array(self.values, np.float32)
        if values.ndim != 4 or values.shape[2:] != (len(self.layout), 3):
            raise JointsError(
                f"joints of shape {values.shape} are not (people, T, {len(self.layout)}, 3) as {self.layout.name} needs; name another layout"
            )
        frames = self._numbered(values.shape[1])
        values[~np.isfinite(values).all(-1)] = np.nan
        values[..., 2] = values[..., 2].clip(0, 1)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "frames", frames)

    def _check_units(self) -> None:
        source = self.source or "the file"
        if self.size is not None and not all(0 < side <= MOST_SIDE for side in self.size):
            said = "×".join(f"{side:g}" for side in self.size)
            raise JointsError(f"{source} says that its picture is {said}, which cannot be; save it with the true width and height, or without")
        if self.fps is not None and not 0 < self.fps < np.inf:
            raise JointsError(f"{source} says that it has {self.fps:g} steps a second, which cannot be; save it with the true fps, or without")

    def _numbered(self, steps: int) -> NDArray[np.int64]:
        frames = np.asarray(self.frames)
        right = frames.shape == (steps,) and frames.dtype.kind in "iuf" and bool(((frames >= 0) & (frames < 2**53)).all())
        right = right and bool((frames % 1 == 0).all())
        if not right or (np.diff(frames := frames.astype(np.int64)) <= 0).any():
            told = ", ".join(str(one)[:20] for one in frames.ravel()[:8])
            raise JointsError(f"the frame numbers of {steps} steps must be as many whole numbers, 0 or more and increasing; they are {told}…")
        return frames

    def __repr__(self) -> str:
        people, steps = self.values.shape[:2]
        return f"Joints({self.layout.name}, {people} {'person' if people == 1 else 'people'}, {steps} frames, from {self.source or 'nowhere'})"

    @property
    def xy(self) -> Values:
        """Places (people, T, R, 2)."""
        return self.values[..., :2]

    @property
    def score(self) -> Values:
        """Scores (people, T, R)."""
        return self.values[..., 2]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which joints have a place: bool (people, T, R)."""
        return np.isfinite(self.values[..., 0])

    @property
    def people(self) -> int:
        return self.values.shape[0]

    def at(self, index: Sequence[int] | NDArray[np.int64]) -> Values:
        """The joints on some source frames (people, len(index), R, 3), which may repeat; NaN on frames that have none."""
        index = np.asarray(index, np.int64)
        out = np.full((self.people, len(index), *self.values.shape[2:]), np.nan, np.float32)
        if len(self.frames):
            step = np.searchsorted(self.frames, index).clip(0, len(self.frames) - 1)
            here = self.frames[step] == index
            out[:, here] = self.values[:, step[here]]
        return out

    def to_input(self, geometry: Geometry) -> Joints:
        """The same with places in input pixels: inside the model's crop they are in [0, width) and [0, height); others lie outside it."""
        scale, offset = np.array((*geometry.scale[::-1], 1.0)), np.array((*geometry.offset[::-1], 0))
        return replace(self, values=(self.values * scale - offset).astype(np.float32), size=(geometry.crop[1], geometry.crop[0]))

    def speed(self, seconds: NDArray[np.float64]) -> Values:
        """Pixels per second (people, T, R): central differences over the steps' true times (T), one-sided beside a gap, NaN where none is left."""
        if np.shape(seconds) != self.frames.shape:
            raise ValueError(
                f"times {np.shape(seconds)} for {len(self.frames)} steps: give seconds of every step, such as video.seconds[joints.frames]"
            )
        before = _way(self.xy, np.asarray(seconds, float), -1)
        after = _way(self.xy, np.asarray(seconds, float), 1)
        way = np.where(np.isnan(before[0]), 0, before[0]) + np.where(np.isnan(after[0]), 0, after[0])
        took = np.where(np.isnan(before[0][..., 0]), 0, before[1]) + np.where(np.isnan(after[0][..., 0]), 0, after[1])
        speed = np.linalg.norm(way, axis=-1) / np.where(took > 0, took, np.nan)
        return speed.astype(np.float32)

    def convert(self, target: Layout) -> Joints:
        """The same people in another layout: joints of the same name, half-way points where both ends are known, NaN for the rest.

        A mean has the lower of its two scores.

        Raises:
            LayoutError: too little of the target is known (see `layouts.conversion`).
        """
        if target == self.layout:
            return self
        made = np.full((*self.values.shape[:2], len(target), 3), np.nan, np.float32)
        for i, parts in enumerate(conversion(self.layout, target)):
            if parts:
                given = self.values[:, :, list(parts)]
                made[:, :, i] = given.mean(2)
                made[:, :, i, 2] = given[..., 2].min(2)
        return replace(self, values=made, layout=target)

    def swap_sides(self) -> Joints:
        """Left called right and right left, places unchanged: for files that name the sides as the viewer sees them."""
        return replace(self, values=self.values[:, :, list(self.layout.mirrored)])

    def hide(self, joints: Iterable[str] = (), person: int | None = None) -> Joints:
        """Without some joints, or without any joint if none is named; of one person or of all. Groups such as "left arm" stand for their joints.

        Raises:
            LayoutError: no such joint or group.  JointsError: no such person.
        """
        if person is not None and not 0 <= person < self.people:
            raise JointsError(f"there is no person {person}: they are numbered 0 … {self.people - 1}")
        names = list(joints)
        numbers = (
            [n for name in names for n in self.layout.groups.get(name, ()) or (self.layout.index(name),)] if names else list(range(len(self.layout)))
        )
        values = self.values.copy()
        values[slice(None) if person is None else slice(person, person + 1), :, numbers] = np.nan
        return replace(self, values=values)

    def without(self, names: Iterable[str]) -> Joints:
        """Without what is named as people name it: "left_wrist", "left arm", "person 2", "2: left_wrist", "2: left arm"; in any case and spacing.

        People are counted from 1 on; what names nobody is hidden of all.

        Raises:
            LayoutError: no such joint or limb; the message lists those there are.  JointsError: no such person.
        """
        found = self
        for text in names:
            who, what = _who_and_what(text)
            if who is not None and not 1 <= who <= self.people:
                raise JointsError(f"{text!r}: there is no person {who}; they are numbered 1 … {self.people}")
            found = found.hide([self._meant(text, what)] if what or who is None else (), None if who is None else who - 1)
        return found

    def _meant(self, text: str, what: str) -> str:
        """The limb or joint of that name, limbs first."""
        for name in (*self.layout.groups, *self.layout.joints):
            if _loose(name) == what:
                return name
        some = f"the limbs {', '.join(self.layout.groups)}, and the joints {', '.join(self.layout.joints)}"
        raise LayoutError(f"{text!r} is not a joint or limb of {self.layout.name}; it has {some}; `person 2` and `2: left arm` name a person's")

    def hideable(self) -> tuple[str, ...]:
        """What `without` can take away: people where there are several, limbs, joints; only those of whom a place is known."""
        there: NDArray[np.bool_] = np.asarray(self.known.any(1))
        people = [p for p in range(self.people) if there[p].any()]
        several = self.people > 1
        limbs = [(p, name) for p in people for name, members in self.layout.groups.items() if there[p, list(members)].any()]
        joints = [(p, name) for p in people for i, name in enumerate(self.layout.joints) if there[p, i]]
        names = [f"person {p + 1}" for p in people if several] + [f"{p + 1}: {name}" if several else name for p, name in (*limbs, *joints)]
        return tuple(dict.fromkeys(names))  # some layouts call a joint like the limb it is all of

    def first(self, people: int) -> Joints:
        """Only the first so many people."""
        return replace(self, values=self.values[:people])


def _who_and_what(text: str) -> tuple[int | None, str]:
    """The person (from 1 on; None: all) and the joint or limb ("": all) that a text names."""
    found = re.fullmatch(r"\s*(?:person\s*)?(\d{1,4})\s*:\s*(.*\S)\s*|\s*person\s*(\d{1,4})\s*", text, re.IGNORECASE | re.DOTALL)
    if found is None:
        return None, _loose(text)
    return (int(found[1]), _loose(found[2])) if found[1] else (int(found[3]), "")


def _loose(name: str) -> str:
    """A name without what people write differently: case, spaces, underscores, hyphens."""
    return re.sub(r"[\s_\-]+", " ", name).strip().lower()


def _way(xy: Values, seconds: NDArray[np.float64], side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The way (people, T, R, 2) from the step before (side −1) or to the step after (1), and the time (T, 1) it took; NaN at the end."""
    way = np.full(xy.shape, np.nan)
    took = np.zeros((len(seconds), 1))
    where = slice(1, None) if side < 0 else slice(None, -1)
    way[:, where] = np.diff(xy.astype(float), axis=1)
    took[where, 0] = np.diff(seconds)
    return way, took
