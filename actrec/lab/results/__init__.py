"""Evaluations on disk: one folder each, read, measured, compared, and written as csv, json and HTML."""

from __future__ import annotations

from actrec.lab.results import ways
from actrec.lab.results.difference import Difference, compare
from actrec.lab.results.evaluation import Evaluation, ResultError, found, load, measure, open_result
from actrec.measure.accuracy import Calibration, ClassRow, Measures

__all__ = [
    "Calibration", "ClassRow", "Difference", "Evaluation", "Measures", "ResultError",
    "compare", "found", "load", "measure", "open_result", "ways",
]  # fmt: skip
