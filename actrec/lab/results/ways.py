"""What the streams of a model would have said alone, and together in every way (qian2024, table 2): one evaluation counted once for each."""

from __future__ import annotations

import math
from typing import Any

from actrec.core.words import percent
from actrec.lab.results.evaluation import Evaluation
from actrec.measure import accuracy, chance
from actrec.measure.accuracy import Measures

TITLES = {
    "rgb": "pictures alone",
    "flow": "flow alone",
    "difference": "differences alone",
    "mean": "both: mean of the scores",
    "max": "both: larger score",
    "logits": "both: mean of the logits",
}

COLUMNS = ("streams", "top-1 accuracy, 95 % interval", "mean class accuracy", "within pairs (guessing: 50 %)")


def measures(evaluation: Evaluation) -> dict[str, Measures]:
    """Everything counted for each way, by its name; nothing for a model of one stream."""
    return {name: accuracy.measure(evaluation.labels, scores, evaluation.truth, evaluation.pairs) for name, scores in evaluation.ways.items()}


def rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """A row of text for each way, under `COLUMNS`."""
    return [(TITLES.get(name, name), *_row(found)) for name, found in measures(evaluation).items()]


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The measures of each way, where there are several."""
    found = {name: each.to_json() for name, each in measures(evaluation).items()}
    return {"ways": found} if found else {}


def _row(found: Measures) -> tuple[str, ...]:
    low, high = chance.wilson(round(found.top1 * found.clips), found.clips)
    told = [share for share in found.pairs.values() if not math.isnan(share)]
    within = percent(sum(told) / len(told)) if told else "–"
    return f"{percent(found.top1)} ({100 * low:.1f}–{100 * high:.1f})", percent(found.mean_class), within
