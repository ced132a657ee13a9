"""What comes back: what was predicted, what the claim is, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actrec.core.clip import Clip, Geometry
from actrec.core.evidence import Evidence, Finding, Flow, Heat, Matrix, Points, Skeleton, Track
from actrec.core.look import TOGETHER, Look
from actrec.core.question import Question
from actrec.core.terms import Terms


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
    """The answer: what was predicted, what the claim is, and the evidence for it, with everything needed to get it again.

    What the evidence holds can be read from the answer itself: `found.heat` is `found.evidence.heat`.
    """

    question: Question
    model: str
    predictions: Predictions
    label: str
    versus: str | None
    probability: float
    score: float  # the logit explained, or the logit difference
    claim: str
    cautions: tuple[str, ...]
    evidence: Evidence
    clip: Clip
    geometry: Geometry
    provenance: Mapping[str, Any]
    doubts: tuple[str, ...] = ()  # reasons to believe none of it; they are the first of the cautions
    earlier: Question | None = None  # the same at an earlier layer, where this map has no time axis left

    @property
    def shown(self) -> tuple[Heat, ...]:
        """The maps to be shown at once: the first, or all that belong beside each other."""
        return self.heats if self.evidence.together else self.heats[:1]

    @property
    def usual(self) -> Look:
        """How it is drawn if nothing else is said: maps beside each other share their scale."""
        return TOGETHER if self.evidence.together else Look()

    @property
    def told(self) -> str:
        """The claim, behind what must be said before it."""
        return " ".join((*self.doubts, self.claim))

    def with_evidence(self, **changes: Any) -> Explanation:
        """The same answer with some of its evidence changed."""
        return replace(self, evidence=replace(self.evidence, **changes))

    @property
    def heats(self) -> tuple[Heat, ...]:
        return self.evidence.heats

    @property
    def heat(self) -> Heat:
        return self.evidence.heat

    @property
    def tracks(self) -> tuple[Track, ...]:
        return self.evidence.tracks

    @property
    def points(self) -> Points | None:
        return self.evidence.points

    @property
    def skeleton(self) -> Skeleton | None:
        return self.evidence.skeleton

    @property
    def flow(self) -> Flow | None:
        return self.evidence.flow

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        return self.evidence.matrices

    @property
    def terms(self) -> Terms | None:
        return self.evidence.terms

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.evidence.findings

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer hangs on, whatever the way of explaining: the bytes of clip and weights, the window, joints, how flow is found, classes.

        Names do not count: two readers' uploads may be called the same.
        """
        told = self.provenance
        beside = repr([told.get(name) for name in ("joints", "flow")])
        return told["clip_sha256"], (told["weights_sha256"], told.get("stream", "")), self.question.start, beside, self.label, self.versus

    @property
    def video_only(self) -> bool:
        """Whether a model that reads joints was given none."""
        return self.provenance.get("joints", "unread") is None
