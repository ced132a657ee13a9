"""The nouns of the house: what is asked, what is looked at, and what comes back.

Everything here is plain data (numpy, no torch), frozen, and safe to keep: `Question → Video → Clip → Card → Explanation`.
Two coordinate systems appear everywhere and never mix silently:

* *source* pixels: x to the right, y down, in the upright decoded frame; pixel i covers [i, i + 1), so its centre is i + 0.5;
* *input* pixels: the same convention inside the model's crop.

What an explanation is made of (`Heat`, `Track`, `Points`, `Skeleton`, `Matrix`) stands in `actrec.evidence` and can be had from here too.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from actrec.evidence import NOTHING as NOTHING
from actrec.evidence import Box as Box
from actrec.evidence import Evidence as Evidence
from actrec.evidence import Finding as Finding
from actrec.evidence import Heat as Heat
from actrec.evidence import Matrix as Matrix
from actrec.evidence import Points as Points
from actrec.evidence import Skeleton as Skeleton
from actrec.evidence import Track as Track

if TYPE_CHECKING:
    from actrec.trace import Tap, Trace


class ActrecError(Exception):
    """Something the reader can mend. The message names the value, the reason and the way out, in one line."""


class ClipError(ActrecError):
    """A video file that cannot be used."""


class WeightsError(ActrecError):
    """A checkpoint that cannot be used, or weights that cannot be had."""


class QuestionError(ActrecError):
    """A question that cannot be answered: an unknown name, or a method that does not fit the model."""


class Cancelled(ActrecError):
    """The reader stopped the work."""


Progress = Callable[[float, str], None]
"""Called with a fraction in [0, 1] and a short text; it raises `Cancelled` to stop the work."""


def no_progress(fraction: float, text: str) -> None:
    """Take a progress report and do nothing."""


@dataclass(frozen=True)
class Question:
    """The identity of everything shown: cache key, link and command line in one.

    clip: a path or the name of a sample clip.  start: seconds where the model's window begins.
    label None explains the model's first choice; versus explains label *rather than* versus (logit difference).
    at: a picked place (seconds, x, y), x and y in source pixels, for the methods that ask for one.
    knobs: the method's own settings as (name, value) text pairs, in any order.
    joints: a file with the joints of the people in the clip, for models that read them, with choices behind a # ("file.npz#offset=3");
    "none" leaves out those that are known of a sample clip.
    hide: joints, limbs or people that the model is not told of: "left_wrist", "left arm", "person 2", "2: left arm".
    """

    clip: str
    model: str
    method: str = "cam"
    label: str | None = None
    versus: str | None = None
    start: float = 0.0
    at: tuple[float, float, float] | None = None
    knobs: tuple[tuple[str, str], ...] = ()
    joints: str | None = None
    hide: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "knobs", tuple(sorted((str(k), str(v)) for k, v in self.knobs)))
        object.__setattr__(self, "hide", tuple(sorted(set(self.hide))))

    def with_(self, **changes: Any) -> Question:
        """The same question with some fields changed."""
        return replace(self, **changes)

    def to_query(self) -> dict[str, str]:
        """Flat text pairs, the link's query string; `from_query` reads them back to an equal question."""
        query = {"clip": self.clip, "model": self.model, "method": self.method}
        for name, value in (("label", self.label), ("versus", self.versus), ("joints", self.joints)):
            query |= {name: value} if value is not None else {}
        if self.start:
            query["start"] = repr(float(self.start))
        if self.at is not None:
            query["at"] = ",".join(repr(float(v)) for v in self.at)
        if self.hide:
            query["hide"] = ",".join(self.hide)
        query.update({f"knob.{name}": value for name, value in self.knobs})
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Question:
        """The question a link asks.

        Raises:
            QuestionError: a missing clip or model, or a number that is none.
        """
        missing = [name for name in ("clip", "model") if not query.get(name)]
        if missing:
            raise QuestionError(f"the link names no {' and no '.join(missing)}; add {missing[0]}=… to it")
        try:
            start = float(query.get("start", 0.0))
            at = tuple(float(v) for v in query["at"].split(",")) if query.get("at") else None
        except ValueError as error:
            raise QuestionError(f"the link's start or at is not a number ({error}); use seconds, and at=seconds,x,y") from None
        if not np.isfinite(start) or start < 0 or (at is not None and (len(at) != 3 or not np.all(np.isfinite(at)))):
            raise QuestionError(f"start={query.get('start')!r}, at={query.get('at')!r}: give finite seconds from 0 on, and at=seconds,x,y")
        knobs = tuple((name.removeprefix("knob."), value) for name, value in query.items() if name.startswith("knob."))
        label, versus, joints = (query.get(name) or None for name in ("label", "versus", "joints"))
        hide = tuple(part.strip() for part in query.get("hide", "").split(",") if part.strip())
        return cls(query["clip"], query["model"], query.get("method") or "cam", label, versus, start, at, knobs, joints, hide)  # type: ignore[arg-type]

    def to_command(self) -> str:
        """The shell command that answers this question and writes the files."""
        words = ["python", "-m", "actrec", "explain", self.clip, "--model", self.model, "--method", self.method]
        for flag, value in (("--label", self.label), ("--versus", self.versus), ("--joints", self.joints)):
            words += [flag, value] if value is not None else []
        words += ["--start", repr(float(self.start))] if self.start else []
        words += ["--at", ",".join(repr(float(v)) for v in self.at)] if self.at is not None else []
        for name in self.hide:
            words += ["--hide", name]
        for name, value in self.knobs:
            words += ["--knob", f"{name}={value}"]
        return shlex.join(words)


@dataclass(frozen=True, eq=False)
class Video:
    """A video file's frame table: what is in it and when, without the pixels.

    seconds (N): presentation time of every decodable frame, increasing, the first at 0.
    width, height: upright, after the rotation (degrees anticlockwise) in the file's metadata.  lost: packets that would not decode.
    pts (N) int64, keys (K, 2) int64: the decoder's way back to a frame, in the stream's own ticks: every frame's time stamp, and (pts, dts) of the
    frames where decoding can begin. Empty where the stamps cannot be trusted: such frames are counted from the first one on.
    """

    path: Path
    sha256: str
    seconds: NDArray[np.float64]
    width: int
    height: int
    rotation: int
    codec: str
    lost: int = 0
    pts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64), repr=False)

    @property
    def frames(self) -> int:
        return len(self.seconds)

    @property
    def duration(self) -> float:
        """Seconds until the last frame leaves the screen (its own length taken as the median step)."""
        return float(self.seconds[-1]) + self.step

    @property
    def step(self) -> float:
        """Median seconds between frames (1/25 for a single frame)."""
        return float(np.median(np.diff(self.seconds))) if self.frames > 1 else 0.04

    @property
    def fps(self) -> float:
        return 1.0 / self.step


@dataclass(frozen=True, eq=False)
class Clip:
    """Decoded frames and where they came from.

    frames uint8 (T, H, W, 3) RGB.  index (T): source frame numbers, not decreasing, repeated where the clip was padded.
    seconds (T): their true presentation times.  padding: how a short video was filled up, "" if it was not.
    joints (T, R, 3): x, y in source pixels and confidence, where they are known.
    """

    video: Video
    frames: NDArray[np.uint8]
    index: NDArray[np.int64]
    seconds: NDArray[np.float64]
    padding: str = ""
    joints: NDArray[np.float32] | None = None

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.frames.shape))
        return f"Clip({self.video.path.name}, {shape}, {self.seconds[0]:.3f}–{self.seconds[-1]:.3f} s)"


@dataclass(frozen=True)
class Sampling:
    """Which frames a model looks at.

    kind "dense": `span` consecutive source frames, `frames` of them evenly (DAM §4.2: 64 → 32); with `rate`, frames at that many per second instead.
    kind "uniform": `frames` evenly over the whole video, first and last included.  kind "segments": the middle frame of each of `frames` equal parts.
    """

    kind: Literal["dense", "uniform", "segments"]
    frames: int
    span: int | None = None
    rate: float | None = None

    def __str__(self) -> str:
        if self.kind != "dense":
            return f"{self.frames} frames over the whole video ({self.kind})"
        return f"{self.frames} frames at {self.rate:g} per second" if self.rate else f"{self.span} consecutive frames, {self.frames} of them evenly"


@dataclass(frozen=True)
class Preprocess:
    """Pixels to model input: resize (one number: the short side; two: height, width), centre crop, scale to [0, 1], normalise.

    antialias: weigh all source pixels when shrinking. torchvision's video presets do not.
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int]
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    antialias: bool = True


@dataclass(frozen=True)
class Geometry:
    """The exact way between source pixels and input pixels: `input = source · scale − offset`, per axis, pixel edges on integers."""

    source: tuple[int, int]  # height, width
    resized: tuple[int, int]
    crop: tuple[int, int]
    offset: tuple[int, int]  # top, left of the crop in the resized frame

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per source pixel, (y, x)."""
        return self.resized[0] / self.source[0], self.resized[1] / self.source[1]

    def to_source(self, x: float, y: float) -> tuple[float, float]:
        sy, sx = self.scale
        return (x + self.offset[1]) / sx, (y + self.offset[0]) / sy

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        sy, sx = self.scale
        return x * sx - self.offset[1], y * sy - self.offset[0]

    @property
    def box(self) -> Box:
        """The crop in source pixels: outside it the model saw nothing."""
        return (*self.to_source(0, 0), *self.to_source(self.crop[1], self.crop[0]))


@dataclass(frozen=True)
class Weights:
    """Where a model's numbers are: a file, or an address with its checksum."""

    file: Path | None = None
    url: str | None = None
    sha256: str | None = None  # a prefix is enough; torchvision's file names carry eight digits
    licence: str = ""


@dataclass(frozen=True)
class Gap:
    """A head that is global average pooling and one linear layer: there CAM is exact. Names of the tap before it and of the linear layer."""

    tap: str
    linear: str


@dataclass(frozen=True)
class Card:
    """A model as data: everything that travels with its weights.

    The family's `build(**arguments, classes=…)` gives the untrained network; it takes inputs (B, 3, T, H, W) and returns logits (B, classes).
    parameters and gflops under `paper_figures` are the paper's own words, never ours.
    """

    id: str
    title: str
    family: str  # the module under actrec/models
    arguments: Mapping[str, Any]  # plain values, so that a checkpoint can carry them
    sampling: Sampling
    preprocess: Preprocess
    labels: tuple[str, ...]
    weights: Weights | None = None
    paper: str = ""  # key in assets/papers.bib
    inputs: tuple[str, ...] = ("rgb",)
    gap: Gap | None = None
    trained_on: str = ""
    note: str = ""  # what not to expect of it
    paper_figures: Mapping[str, float] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)  # measured on its own test split
    head: str = "fc"  # name of the last linear layer, whose rows are the classes
    layout: tuple[str, ...] = ()  # names of the joints it was trained on, in their order
    people: int = 1  # how many people's joints it is given


@dataclass(frozen=True)
class Knob:
    """A setting of a method: a name, the legal values (the first is the default) and one line on what it changes."""

    name: str
    title: str
    choices: tuple[str, ...]
    line: str = ""


@dataclass(frozen=True)
class Ask:
    """A question as a method sees it: class numbers, a tap's name, a picked cell's place in input coordinates, settings.

    place: (input frame 0 … T − 1, x, y), x and y in input pixels.  gap: the card's, for the methods that read the head's weights.
    """

    label: int
    versus: int | None = None
    layer: str = ""
    place: tuple[int, float, float] | None = None
    knobs: Mapping[str, str] = field(default_factory=dict)
    gap: Gap | None = None
    layout: tuple[str, ...] = ()  # names of one person's joints, for models that were given any


@dataclass(frozen=True)
class Method:
    """A way of explaining, as data: what it is, what it needs, how it runs.

    line: one sentence for the chooser.  caution: what not to conclude from it.
    layers(card, taps): names of the layers it can explain, the default first; or the reason why it does not fit this model.
    explain(trace, ask): the evidence, or its maps alone, first the one to show first.  grad: whether it needs gradients.
    knobs: its settings, the same for every model, or as the card has them.  watch(layer): names of the taps it reads, as far as they are passed.
    picks(knobs): whether it needs a picked place.  by_class: False for methods whose map is the same for every class.
    """

    id: str
    title: str
    line: str
    caution: str
    layers: Callable[[Card, Mapping[str, Tap]], tuple[str, ...] | str]
    explain: Callable[[Trace, Ask], Evidence | tuple[Heat, ...]]
    knobs: tuple[Knob, ...] | Callable[[Card], tuple[Knob, ...]] = ()
    grad: bool = False
    watch: Callable[[str], tuple[str, ...]] = lambda layer: (layer,)
    picks: Callable[[Mapping[str, str]], bool] = lambda knobs: False
    by_class: bool = True

    def knobs_for(self, card: Card) -> tuple[Knob, ...]:
        """The settings it has for this model."""
        return self.knobs(card) if callable(self.knobs) else self.knobs


@dataclass(frozen=True, eq=False)
class Predictions:
    """labels (C), logits and probabilities float32 (C), in the model's own class order."""

    labels: tuple[str, ...]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.labels[i], float(self.probabilities[i])) for i in order]


@dataclass(frozen=True, eq=False)
class Explanation:
    """The answer: what was predicted, what the claim is, and the evidence for it, with everything needed to get it again."""

    question: Question
    model: str
    predictions: Predictions
    label: str
    versus: str | None
    probability: float
    score: float  # the logit explained, or the logit difference
    claim: str
    cautions: tuple[str, ...]
    heats: tuple[Heat, ...]
    tracks: tuple[Track, ...]
    clip: Clip
    geometry: Geometry
    provenance: Mapping[str, Any]
    points: Points | None = None
    skeleton: Skeleton | None = None
    matrices: tuple[Matrix, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def heat(self) -> Heat:
        return self.heats[0]

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer hangs on, whatever the way of explaining: the bytes of clip and weights, the window, joints, and the classes asked about.

        Names do not count: two readers' uploads may be called the same.
        """
        told = self.provenance
        joints = repr(told.get("joints"))
        return told["clip_sha256"], told["weights_sha256"], self.question.start, joints, self.label, self.versus

    @property
    def video_only(self) -> bool:
        """Whether a model that reads joints was given none."""
        return self.provenance.get("joints", "unread") is None
