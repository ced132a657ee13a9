"""What scores are worth, in numbers: accuracy, average precision, calibration and confusion, in numpy.

n clips, K classes. `scores` (n, K) are probabilities: softmax for one label a clip, sigmoid for several. `truth` is a class number for each clip,
int64 (n), or for a multi-label set zeros and ones, uint8 (n, K). Equal scores are ordered by class number.

Where clips have several labels, "top-1" counts a clip as right if its highest-scored class is one of its classes, and the confusion matrix counts a
clip once for each of its classes (see `counted`); the field's measures for such sets are mean and weighted average precision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores2D = NDArray[np.floating]
Truth = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Whether the probabilities can be taken at their word.

    edges (bins + 1), and per bin: count, mean confidence and accuracy, NaN in an empty bin.  error: the expected calibration error.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float


@dataclass(frozen=True)
class ClassRow:
    """One class of the table. recall: its accuracy; precision: how many of the clips answered so are it; NaN where there are none.

    taken_for: the wrong class that most of its clips were taken for, "" if none were; mistaken: how many.  ap: average precision, multi-label only.
    """

    label: str
    clips: int
    recall: float
    precision: float
    taken_for: str
    mistaken: int
    ap: float | None = None


@dataclass(frozen=True, eq=False)
class Measures:
    """Everything counted. Shares are between 0 and 1, NaN where there is nothing to count.

    merged: accuracy when both labels of a time-reversed pair count as one.  pairs: accuracy among the clips of each pair whose answer was one of the
    two labels (0.5 is guessing), by "a / b".  mean_ap, weighted_ap: of multi-label sets, else None; merged of those is NaN.
    """

    clips: int
    top1: float
    top5: float
    mean_class: float
    merged: float
    pairs: Mapping[str, float]
    mean_ap: float | None
    weighted_ap: float | None
    calibration: Calibration
    confusion: NDArray[np.int64]
    per_class: tuple[ClassRow, ...]

    @property
    def worst(self) -> tuple[ClassRow, ...]:
        """Classes that have clips, the least recognised first."""
        return tuple(sorted((row for row in self.per_class if row.clips), key=lambda row: row.recall if row.ap is None else row.ap))

    def to_json(self) -> dict[str, Any]:
        """Plain values; None where there is no number."""
        found = {
            "clips": self.clips,
            "accuracy": self.top1,
            "top5_accuracy": self.top5,
            "mean_class_accuracy": self.mean_class,
            "accuracy_reversed_pairs_merged": self.merged,
            "accuracy_within_reversed_pairs": dict(self.pairs),
            "mean_average_precision": self.mean_ap,
            "weighted_average_precision": self.weighted_ap,
            "expected_calibration_error": self.calibration.error,
            "calibration": {name: getattr(self.calibration, name).tolist() for name in ("edges", "count", "confidence", "accuracy")},
            "confusion": self.confusion.tolist(),
            "per_class": [vars(row) for row in self.per_class],
        }
        cleaned: dict[str, Any] = plain(found)
        return cleaned


def plain(value: Any) -> Any:
    """The value with None for every number that is none, so that any reader of JSON takes it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: plain(v) for name, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def measure(labels: Sequence[str], scores: Scores2D, truth: Truth, pairs: Sequence[tuple[str, str]] = ()) -> Measures:
    """All of them at once."""
    multilabel = truth.ndim == 2
    matrix = confusion(counted(scores, truth), len(labels))
    calibrated = calibration(scores.ravel(), truth.ravel() > 0) if multilabel else calibration(*_top(scores, truth))
    aps = average_precisions(scores, truth) if multilabel else None
    return Measures(
        clips=len(truth),
        top1=top_k(scores, truth, 1),
        top5=top_k(scores, truth, 5),
        mean_class=mean_class(matrix),
        merged=math.nan if multilabel else merged(labels, matrix, pairs),
        pairs={} if multilabel else within_pairs(labels, matrix, pairs),
        mean_ap=None if aps is None else mean_ap(aps),
        weighted_ap=None if aps is None else weighted_ap(aps, truth),
        calibration=calibrated,
        confusion=matrix,
        per_class=tuple(per_class(labels, matrix, aps)),
    )


def chances(logits: NDArray[np.floating], multilabel: bool) -> NDArray[np.float32]:
    """A clip's scores (K) from the logits of its views (V, K): the mean over the views of softmax, or of sigmoid, worked out in 64 bits.

    Probabilities are averaged, not logits, as wang2018nonlocal (§4) and dam2024 (§4.2) test.
    """
    logits = np.asarray(logits, np.float64)
    if multilabel:
        small = np.exp(-np.abs(logits))  # never overflows
        found = np.where(logits >= 0, 1, small) / (1 + small)
    else:
        found = np.exp(logits - logits.max(1, keepdims=True))
        found /= found.sum(1, keepdims=True)
    return np.asarray(found.mean(0), np.float32)


def counted(scores: Scores2D, truth: Truth) -> NDArray[np.int64]:
    """Where each clip stands in the confusion matrix: rows (clip, true class, column), int64 (m, 3).

    One label a clip: the column is its highest-scored class. Several, m of them: a class that is among the m highest scores stands on the diagonal;
    one that is not stands in the column of the highest-scored class that the clip has not. The share on the diagonal is then the class's recall when
    as many classes are answered as there are. (This second reading is ours: the matrix has no settled form for several labels.)
    """
    if truth.ndim == 1:
        answers = np.argmax(scores, 1) if len(scores) else np.zeros(0, np.int64)
        return np.stack([np.arange(len(truth)), truth, answers], 1).astype(np.int64)
    order = np.argsort(-scores, 1, kind="stable")
    rows: list[tuple[int, int, int]] = []
    for clip, own in enumerate(truth > 0):
        named = set(order[clip, : own.sum()].tolist())
        wrong = next((int(k) for k in order[clip] if not own[k]), -1)
        rows += [(clip, int(k), int(k) if int(k) in named else wrong) for k in np.flatnonzero(own)]
    return np.array(rows, np.int64).reshape(-1, 3)


def confusion(places: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """The confusion matrix (K, K) of `counted` places: rows are the true classes."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (places[:, 1], places[:, 2]), 1)
    return matrix


def top_k(scores: Scores2D, truth: Truth, k: int) -> float:
    """The share of clips that have a true class among their k highest scores."""
    if not len(truth):
        return math.nan
    best = np.argsort(-scores, 1, kind="stable")[:, :k]
    hits = np.take_along_axis(truth, best, 1) > 0 if truth.ndim == 2 else best == truth[:, None]
    return float(hits.any(1).mean())


def mean_class(matrix: NDArray[np.int64]) -> float:
    """The mean, over the classes that have clips, of the share of their clips that is right."""
    has = matrix.sum(1) > 0
    return float(np.mean(np.diag(matrix)[has] / matrix.sum(1)[has])) if has.any() else math.nan


def merged(labels: Sequence[str], matrix: NDArray[np.int64], pairs: Sequence[tuple[str, str]]) -> float:
    """Accuracy when the two labels of a pair count as one."""
    same = np.arange(len(labels))
    for a, b in pairs:
        same[labels.index(b)] = same[labels.index(a)]
    return float(matrix[same[:, None] == same].sum() / matrix.sum()) if matrix.sum() else math.nan


def within_pairs(labels: Sequence[str], matrix: NDArray[np.int64], pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """For each pair, how often the right one of the two was answered where one of them was; NaN if none was."""
    found = {}
    for a, b in pairs:
        both = (labels.index(a), labels.index(b))
        block = matrix[np.ix_(both, both)]
        found[f"{a} / {b}"] = float(np.trace(block) / block.sum()) if block.sum() else math.nan
    return found


def average_precision(scores: NDArray[np.floating], truth: Truth) -> float:
    """Average precision of one class: Σ (R_i − R_{i−1}) · P_i over its distinct scores from the highest down.

    R_i is the recall and P_i the precision of "score ≥ the i-th". Not interpolated (as in information retrieval, not PASCAL VOC's eleven points);
    clips of equal score enter together, so their order is of no account. NaN without positives.
    """
    positive = int(np.sum(truth > 0))
    if not positive:
        return math.nan
    order = np.argsort(-scores, kind="stable")
    found, ranked = np.cumsum(truth[order] > 0), scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # the last clip of each score
    recall = found[last] / positive
    return float(np.sum(np.diff(recall, prepend=0.0) * found[last] / (last + 1)))


def average_precisions(scores: Scores2D, truth: Truth) -> NDArray[np.float64]:
    """Average precision of every class (K)."""
    return np.array([average_precision(scores[:, k], truth[:, k]) for k in range(scores.shape[1])])


def mean_ap(aps: NDArray[np.float64]) -> float:
    """mAP: the mean over the classes that have positives (Charades, Sigurdsson et al. 2016, §5)."""
    return float(np.nanmean(aps)) if np.isfinite(aps).any() else math.nan


def weighted_ap(aps: NDArray[np.float64], truth: Truth) -> float:
    """wAP: each class's average precision weighted by its share of all positives, as Charades' evaluation script also reports."""
    has = np.isfinite(aps)
    count = (truth > 0).sum(0)[has]
    return float(np.sum(aps[has] * count) / count.sum()) if has.any() else math.nan


def calibration(confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 15) -> Calibration:
    """The reliability table and the expected calibration error Σ (n_b / n) · |accuracy_b − confidence_b| (Guo et al. 2017, eq. 3).

    Equal bins (lower, upper] over [0, 1], 0 in the first. confidence (m): of a clip, its highest score; for several labels, every class of every
    clip is a statement of its own.
    """
    edges = np.linspace(0, 1, bins + 1)
    confidence = np.asarray(confidence, np.float64)
    bin_of = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(bin_of, confidence, bins) / count
        accuracy = np.bincount(bin_of, right, bins) / count
    filled = count > 0
    gap = np.abs(accuracy - mean)[filled]
    error = float(np.sum(count[filled] * gap) / count.sum()) if filled.any() else math.nan
    return Calibration(edges, count.astype(np.int64), mean, accuracy, error)


def per_class(labels: Sequence[str], matrix: NDArray[np.int64], aps: NDArray[np.float64] | None = None) -> list[ClassRow]:
    """The table by class, in the labels' order."""
    found = []
    for k, label in enumerate(labels):
        right, clips, answered = int(matrix[k, k]), int(matrix[k].sum()), int(matrix[:, k].sum())
        wrong = matrix[k].copy()
        wrong[k] = 0
        worst = int(np.argmax(wrong))
        recall, precision = (right / total if total else math.nan for total in (clips, answered))
        taken = labels[worst] if wrong[worst] else ""
        found.append(ClassRow(label, clips, recall, precision, taken, int(wrong[worst]), None if aps is None else float(aps[k])))
    return found


def _top(scores: Scores2D, truth: Truth) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Each clip's highest score, and whether it stands for the truth."""
    answers = np.argmax(scores, 1) if len(scores) else np.zeros(0, np.int64)
    return np.take_along_axis(scores, answers[:, None], 1)[:, 0], answers == truth
