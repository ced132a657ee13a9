"""Accuracy, average precision, calibration and confusion: counted by hand, and held against scikit-learn."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, balanced_accuracy_score, confusion_matrix, top_k_accuracy_score

from actrec.measure import accuracy


def test_measures_of_four_clips_are_those_counted_by_hand() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1]], np.float32)
    found = accuracy.measure(("a", "b", "c"), scores, np.array([0, 1, 2, 1]), [("a", "b")])
    assert found.confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert found.top1 == 0.5
    assert found.mean_class == pytest.approx((1 + 0.5 + 0) / 3)
    assert found.merged == 0.75
    assert found.pairs == {"a / b": pytest.approx(2 / 3)}
    assert accuracy.top_k(scores, np.array([0, 1, 2, 1]), 2) == 0.75  # of clip 3, b is first, then a before c: equal scores go by class number
    assert [(r.label, r.clips, r.recall, r.taken_for, r.mistaken) for r in found.worst] == [
        ("c", 1, 0, "b", 1),
        ("b", 2, 0.5, "a", 1),
        ("a", 1, 1, "", 0),
    ]
    assert found.per_class[1].precision == 0.5
    assert found.mean_ap is None


def test_average_precision_by_hand_with_and_without_ties() -> None:
    assert accuracy.average_precision(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 1, 0])) == pytest.approx((1 + 2 / 3) / 2)
    assert accuracy.average_precision(np.array([0.5, 0.5, 0.1]), np.array([0, 1, 0])) == pytest.approx(0.5)
    assert np.isnan(accuracy.average_precision(np.array([0.5, 0.2]), np.array([0, 0])))


def test_weighted_average_precision_counts_each_class_by_its_positives_and_leaves_empty_classes_out() -> None:
    truth = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0]], np.uint8)
    aps = accuracy.average_precisions(np.array([[0.9, 0.9, 0.1], [0.8, 0.5, 0.1], [0.7, 0.1, 0.1]]), truth)
    assert aps[:2].tolist() == [1.0, 0.5]
    assert accuracy.mean_ap(aps) == pytest.approx(0.75)
    assert accuracy.weighted_ap(aps, truth) == pytest.approx((1.0 * 3 + 0.5 * 1) / 4)


def test_calibration_error_by_hand() -> None:
    found = accuracy.calibration(np.array([0.95, 0.95, 0.55, 0.0]), np.array([True, False, True, False]), bins=10)
    assert found.count.tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert found.error == pytest.approx((1 * 0 + 1 * 0.45 + 2 * 0.45) / 4)
    assert np.isnan(found.accuracy[1])


def test_a_probability_on_an_edge_belongs_to_the_bin_below() -> None:
    assert accuracy.calibration(np.array([0.5, 1.0]), np.array([True, True]), bins=2).count.tolist() == [1, 1]


def test_several_labels_stand_in_the_matrix_once_each() -> None:
    scores = np.array([[0.9, 0.8, 0.1, 0.2], [0.1, 0.2, 0.9, 0.3]])
    truth = np.array([[1, 1, 0, 0], [1, 0, 1, 0]], np.uint8)
    # Clip 0: both right. Clip 1: class 2 is among the two highest; class 0 is not, and stands where the highest wrong class, 3, is.
    assert accuracy.counted(scores, truth).tolist() == [[0, 0, 0], [0, 1, 1], [1, 0, 3], [1, 2, 2]]
    found = accuracy.measure(tuple("abcd"), scores, truth)
    assert found.top1 == 1
    assert found.confusion.sum() == 4
    assert found.mean_ap is not None


def test_views_are_averaged_after_softmax_or_sigmoid() -> None:
    logits = np.array([[10.0, 0, 0], [0, 4.0, 0]])
    soft = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(accuracy.chances(logits, False), soft.mean(0), rtol=1e-6)
    np.testing.assert_allclose(accuracy.chances(np.array([[1000.0, 0, -1000]]), True), [1, 0.5, 0], atol=1e-12)


@st.composite
def answered(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Coarse scores, so that many are equal, and the truth."""
    clips, classes = draw(st.integers(3, 40)), draw(st.integers(3, 8))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return rng.integers(1, 6, (clips, classes)) / 6, rng.integers(0, classes, clips)


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
@given(answered())
def test_measures_agree_with_a_library(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = case
    classes = scores.shape[1]
    names = [str(k) for k in range(classes)]
    found = accuracy.measure(names, scores, truth)
    answers = scores.argmax(1)
    np.testing.assert_array_equal(found.confusion, confusion_matrix(truth, answers, labels=range(classes)))
    with np.errstate(all="ignore"):
        assert found.mean_class == pytest.approx(balanced_accuracy_score(truth, answers))
    distinct = scores - np.arange(classes) * 1e-6  # the library orders equal scores otherwise
    if classes > 3:
        assert accuracy.top_k(scores, truth, 3) == pytest.approx(top_k_accuracy_score(truth, distinct, k=3, labels=range(classes)))
    hot = (np.random.default_rng(len(truth)).random(scores.shape) < 0.4).astype(np.uint8)
    for k in np.flatnonzero(hot.any(0)):
        assert accuracy.average_precision(scores[:, k], hot[:, k]) == pytest.approx(average_precision_score(hot[:, k], scores[:, k]))


@given(answered(), st.integers(1, 20))
def test_calibration_agrees_with_a_loop_over_the_bins(case: tuple[np.ndarray, np.ndarray], bins: int) -> None:
    scores, truth = case
    sure, right = scores.max(1), scores.argmax(1) == truth
    error = 0.0
    edges = np.linspace(0, 1, bins + 1)
    for low, high in pairwise(edges):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    found = accuracy.calibration(sure, right, bins)
    assert found.error == pytest.approx(error)
    assert found.count.sum() == len(truth)


def test_measures_without_a_number_are_null_in_json() -> None:
    found = accuracy.measure(("a", "b"), np.array([[0.6, 0.4]]), np.array([0]), [("a", "b")])
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["per_class"][1]["recall"] is None


def test_without_clips_there_is_no_number_and_no_error() -> None:
    found = accuracy.measure(("a", "b"), np.zeros((0, 2)), np.zeros(0, np.int64), [("a", "b")])
    assert found.clips == 0
    assert np.isnan([found.top1, found.top5, found.mean_class, found.merged, found.pairs["a / b"], found.calibration.error]).all()
    assert found.confusion.tolist() == [[0, 0], [0, 0]]
    assert found.worst == ()
    several = accuracy.measure(("a", "b"), np.zeros((0, 2)), np.zeros((0, 2), np.uint8))
    assert np.isnan([several.mean_ap, several.weighted_ap, several.top1]).all()


def test_equal_scores_go_by_class_number() -> None:
    scores = np.full((3, 3), 1 / 3)
    truth = np.array([0, 1, 2])
    assert [accuracy.top_k(scores, truth, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])
    assert accuracy.counted(scores, truth).tolist() == [[0, 0, 0], [1, 1, 0], [2, 2, 0]]
    two = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0]], np.uint8)  # of two classes, the two lowest numbers are named; the last clip has no class
    assert accuracy.counted(scores, two).tolist() == [[0, 1, 1], [0, 2, 0], [1, 0, 0]]


def test_a_class_that_nobody_is_of_and_nobody_is_taken_for_has_no_recall_and_no_precision() -> None:
    good, gone, taken = accuracy.per_class(("good", "gone", "taken"), np.array([[2, 0, 1], [0, 0, 0], [0, 0, 0]]))
    assert (good.recall, good.precision, good.taken_for, good.mistaken) == (pytest.approx(2 / 3), 1, "taken", 1)
    assert np.isnan([gone.recall, gone.precision, taken.recall]).all()
    assert (gone.taken_for, gone.mistaken, taken.precision) == ("", 0, 0)


def test_pairs_are_told_apart_by_their_own_clips_alone() -> None:
    matrix = np.array([[3, 1, 5], [2, 2, 0], [9, 9, 9]])
    assert accuracy.within_pairs("abc", matrix, [("a", "b")]) == {"a / b": 5 / 8}
    assert accuracy.merged("abc", matrix, [("a", "b")]) == (8 + 9) / 40
    assert accuracy.merged("abc", matrix, []) == (3 + 2 + 9) / 40


@given(answered(), st.integers(1, 8))
def test_more_answers_are_never_less_right_and_all_of_them_always(case: tuple[np.ndarray, np.ndarray], k: int) -> None:
    scores, truth = case
    assert accuracy.top_k(scores, truth, k) <= accuracy.top_k(scores, truth, k + 1)
    assert accuracy.top_k(scores, truth, scores.shape[1]) == 1


@given(answered())
def test_what_is_counted_adds_up(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = case
    labels = [str(k) for k in range(scores.shape[1])]
    found = accuracy.measure(labels, scores, truth, [("0", "1")])
    assert found.confusion.sum(1).tolist() == np.bincount(truth, minlength=len(labels)).tolist()
    assert found.top1 == pytest.approx(np.trace(found.confusion) / len(truth))
    assert found.top1 <= found.merged + 1e-12
    assert sum(row.clips for row in found.per_class) == found.clips == found.calibration.count.sum()
    recalls = [row.recall for row in found.worst]
    assert recalls == sorted(recalls)


@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 6))
def test_views_of_one_clip_make_one_distribution_whatever_is_added_to_a_views_logits(seed: int, views: int, classes: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 5, (views, classes))
    found = accuracy.chances(logits, False)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(accuracy.chances(logits + 700, False), found, rtol=1e-5)
    np.testing.assert_allclose(accuracy.chances(logits[::-1], True), accuracy.chances(logits, True), rtol=1e-6)


def test_what_is_no_number_is_none_however_deep_it_lies() -> None:
    found = accuracy.plain({"a": float("nan"), "b": [1.5, (float("inf"), "nan", None, 2)], "c": True})
    assert found == {"a": None, "b": [1.5, [None, "nan", None, 2]], "c": True}
