"""Evaluation: measures held against a count by hand and a plain reference, runs that go on and are shared, results that are read and compared."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, balanced_accuracy_score, confusion_matrix, top_k_accuracy_score

from actrec import catalogue, cli
from actrec.clips import video
from actrec.core.card import Card
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import ActrecError
from actrec.draw import charts, style
from actrec.lab import evaluate, results, sets
from actrec.lab.evaluate import sharded
from actrec.lab.results import ResultError, folder, report
from actrec.measure import accuracy
from actrec.models import weights

LABELS = ("blue", "green", "red")
HOSTILE = "</script><script>alert(1)</script> & <b>"
ROOT = Path(__file__).parent.parent


# ---------------------------------------------------------------------------------------------------------- measures


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


# ----------------------------------------------------------------------------------------------------------- results


def made(
    where: Path, answers: str, truth: str = "aabbcc", labels: str = "abc", names: list[str] | None = None, **about: object
) -> results.Evaluation:
    """A finished evaluation on disk whose clips were answered so."""
    where.mkdir(parents=True)
    facts = {"title": where.name, "labels": list(labels), "pairs": [], "views": [1, 1], "set": "letters", "split": "test", "multilabel": False}
    (where / "about.json").write_text(json.dumps(facts | about))
    count = len(truth)
    paths = names or [f"set/{t}/{n}.mp4" for n, t in enumerate(truth)]
    scores = np.full((count, len(labels)), 0.1, np.float32)
    scores[np.arange(count), [labels.index(a) for a in answers]] = 0.8
    np.savez(
        where / "result.npz",
        keys=np.array(paths),
        paths=np.array(paths),
        kinds=np.array(["video"] * count),
        fps=np.full(count, 25.0),
        starts=np.zeros(count),
        ends=np.full(count, np.inf),
        scores=scores,
        truth=np.array([labels.index(t) for t in truth]),
    )
    return results.load(where)


def test_the_difference_follows_clips_and_not_counts(tmp_path: Path) -> None:
    # Clip 1 is rescued and clip 0 lost, between the same two classes: the matrices are equal, the clips are not.
    found = results.compare(made(tmp_path / "one", "abbbca"), made(tmp_path / "two", "babbcc"))
    assert found.change.tolist() == [[0, 0, 0], [0, 0, 0], [-1, 0, 1]]
    assert found.arrows.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert found.lost_arrows.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert found.rescued.tolist() == [[1, 0, 1], [5, 2, 0]]
    assert found.lost.tolist() == [[0, 0, 1]]
    entered, left, stayed = (clips.tolist() for clips in found.behind(0, 1))
    assert (entered, left, stayed) == ([0], [1], [])
    assert found.p_value == 1
    assert set(found.strongest()) == {(0, 1, 1, True), (2, 0, 1, True), (0, 1, 1, False)}
    assert len(found.strongest(2)) == 2


def test_two_models_with_other_orders_of_classes_and_clips_are_brought_together(tmp_path: Path) -> None:
    a = made(tmp_path / "a", "abbbca")
    names = [f"elsewhere/x/{t}/{n}.mp4" for n, t in reversed(list(enumerate("aabbcc")))]
    b = made(tmp_path / "b", "acbbba", "ccbbaa", labels="cba", names=names)
    found = results.compare(a, b)
    assert found.b.labels == a.labels
    assert found.b.truth.tolist() == a.truth.tolist()
    assert found.b.answers.tolist() == [0, 1, 1, 1, 2, 0]
    assert not found.change.any()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"split": "val"}, "same split"),
        ({"answers": "abcdab", "labels": "abcd"}, "same classes"),
        ({"answers": "aabbc", "truth": "aabbc"}, "6 clips and .* 5"),
        ({"truth": "abbbcc", "names": [f"set/{t}/{n}.mp4" for n, t in enumerate("aabbcc")]}, "a/1.mp4 shows"),
    ],
)
def test_evaluations_that_cannot_be_compared_say_why(tmp_path: Path, other: dict[str, str], words: str) -> None:
    with pytest.raises(ResultError, match=words):
        results.compare(made(tmp_path / "a", "aabbcc"), made(tmp_path / "b", **{"answers": "aabbcc", **other}))  # type: ignore[arg-type]


def test_an_evaluation_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no about"):
        results.load(tmp_path)
    made(tmp_path / "a", "aabbcc")
    (tmp_path / "a" / "result.npz").write_bytes(b"PK no zip")
    with pytest.raises(ResultError, match="cannot be read"):
        results.load(tmp_path / "a")
    (tmp_path / "a" / "result.npz").unlink()
    with pytest.raises(ResultError, match="not finished"):
        results.load(tmp_path / "a")
    with pytest.raises(ResultError, match="no evaluation 'nobody'"):
        results.open_result("nobody")


def test_results_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_RESULTS", str(tmp_path))
    made(tmp_path / "mine", "aabbcc")
    (tmp_path / "unfinished").mkdir()
    assert results.found()["mine"] == tmp_path / "mine"
    assert "unfinished" not in results.found()
    assert results.measure(results.open_result("mine")).top1 == 1


def test_labels_are_text_in_every_report(tmp_path: Path) -> None:
    names = [f"{HOSTILE}/{n}.mp4" for n in range(6)]
    evil = {"title": HOSTILE, "set": HOSTILE, "command": HOSTILE, "broken": [HOSTILE]}
    a, b = (made(tmp_path / n, answers, names=names, **evil) for n, answers in (("a", "aabbcc"), ("b", "abbbca")))
    a, b = (replace(e, about={**e.about, "labels": [HOSTILE, f"{HOSTILE}2", "=1+1"]}) for e in (a, b))
    for page in (report.html(a), report.difference_html(results.compare(a, b))):
        # The plotting library's own script is no text of ours, and holds such words.
        ours = re.sub(r"<script[^>]*>/\*\*?!?\s*\n?\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)
        assert len(ours) < len(page) / 10
        assert "alert(1)" in ours
        assert "<script>alert" not in ours
        assert "<b>" not in ours
        assert not re.search(r'(src|href)="http', ours)


# ----------------------------------------------------------------------------------------------------------- figures


def test_the_difference_figure_has_numbers_arrows_and_something_to_click() -> None:
    change = np.array([[0, 0, 0], [0, 2, -2], [1, 0, -1]])
    figure = charts.difference(("a", "<i>b</i>", "c"), change, [(1, 2, 2, True), (2, 0, 1, False)])
    heat, *arrows, numbers, picks = figure.data
    assert heat.colorscale[1][1].endswith("0)")  # no change shows the page
    assert (heat.zmin, heat.zmax) == (-2, 2)
    assert sorted(numbers.text) == ["+1", "+2", "−1", "−2"]
    good = next(a for a in arrows if a.line.color == style.AGAINST)
    bad = next(a for a in arrows if a.line.color == style.FOR)
    assert good.x[0] == 2
    assert 1 < good.x[1] < 2  # towards the diagonal
    assert 0.5 < good.y[0] < 1
    assert (bad.x[0], list(bad.customdata[0])) == (2, [2, 0])
    assert 0 < bad.x[1] < 1  # away from it
    assert sorted(map(list, picks.customdata)) == [[1, 1], [1, 2], [2, 0], [2, 2]]
    assert not any("<i>" in text for text in [*picks.text, *figure.layout.xaxis.ticktext, *(a.hovertemplate for a in arrows)])
    assert not figure.layout.title.text


def test_of_many_arrows_the_strongest_are_drawn_and_the_rest_counted() -> None:
    labels = [f"class {k}" for k in range(100)]
    arrows = [(i, (i + 1) % 100, 1 + i % 7, i % 2 == 0) for i in range(100)]
    change = np.zeros((100, 100), int)
    figure = charts.difference(labels, change, arrows, most=30)
    drawn = [trace for trace in figure.data[1:] if trace.mode == "lines+markers"]
    assert len(drawn) == 30
    assert "70 weaker ones are left out" in figure.layout.title.text
    assert all(arrows[trace.customdata[0][0]][2] > 4 for trace in drawn)


def test_arrows_of_one_row_do_not_hide_each_other() -> None:
    figure = charts.difference(tuple("abcdef"), np.zeros((6, 6), int), [(0, k, 1, True) for k in (1, 2, 3)] + [(0, 4, 1, False)])
    places = [trace.y[0] for trace in figure.data[1:] if trace.mode == "lines+markers"]
    assert len(set(places)) == 4
    assert sorted(place > 0 for place in places) == [False, False, False, True]  # the lost one runs below


@pytest.mark.parametrize("ink", ["#1b1f24", "#e6eaec"])
def test_numbers_in_a_matrix_are_readable_on_any_page(ink: str) -> None:
    numbers = charts.confusion(("a", "b"), np.array([[9, 1], [0, 0]]), ink).data[1]
    assert dict(zip(numbers.text, numbers.textfont.color, strict=True)) == {"9": "#ffffff", "1": ink}


def test_the_reliability_figure_shows_filled_bins_alone() -> None:
    found = accuracy.calibration(np.array([0.95, 0.95, 0.55]), np.array([True, False, True]))
    bars = charts.reliability(found).data[0]
    assert list(bars.y) == [1.0, 0.5]
    assert list(bars.text) == ["1", "2"]
    assert [tuple(d)[1] for d in bars.customdata] == [1, 2]


# -------------------------------------------------------------------------------------------------------------- runs


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "RESULTS", "CHECKPOINTS"):
        monkeypatch.setenv(f"ACTREC_{name}", str(tmp_path / name.lower()))
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clips(tmp_path: Path) -> sets.ClipSet:
    """Six tiny clips of three classes."""
    where = tmp_path / "set"
    where.mkdir()
    rows = ["file,label,subject,split"]
    for number in range(6):
        frames = np.random.default_rng(number).integers(0, 90, (12, 40, 60, 3), np.uint8)
        frames[..., 2 - number % 3] += 150
        video.write(where / f"{number}.mp4", list(frames), 25.0)
        rows.append(f"{number}.mp4,{LABELS[number % 3]},s{number},test")
    (where / "index.csv").write_text("\n".join(rows))
    return sets.read_index(where)


def card() -> Card:
    base = catalogue.card("c2d-r50")
    small = {"arguments": {**base.arguments, "width": 0.125}, "labels": LABELS}
    return replace(base, sampling=Sampling("dense", 4, 8), preprocess=Preprocess(36, (32, 32)), **small)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return catalogue.build(card()).eval()


def trial(clips: sets.ClipSet, **changes: object) -> evaluate.Trial:
    return replace(evaluate.Trial("tiny", card(), "0" * 64, clips, "test"), **changes)  # type: ignore[arg-type]


def files(where: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in where.iterdir() if path.is_file()}


def test_a_run_writes_everything_and_its_numbers_are_the_models(clips: sets.ClipSet, model: torch.nn.Module, tmp_path: Path) -> None:
    found = evaluate.run(trial(clips), model, tmp_path / "one")
    assert found is not None
    assert set(files(tmp_path / "one")) == {"about.json", "result.npz", "summary.json", "per_class.csv", "clips.csv", "report.html"}
    windows, _ = sets.open_windows(clips.items, clips, card().sampling, card().preprocess, train=False)
    given = next(iter(sets.batches(windows, 6)))
    with torch.no_grad():
        wanted = model(windows.inputs(given, torch.device("cpu"))["rgb"]).softmax(1)
    np.testing.assert_allclose(found.scores, wanted.numpy(), atol=1e-5)
    assert found.truth.tolist() == [0, 1, 2, 0, 1, 2]
    assert found.names == tuple(f"{n}.mp4" for n in range(6))
    assert found.media[2] == clips.items[2].media
    with (tmp_path / "one" / "clips.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["answer"] for row in rows] == [LABELS[k] for k in found.answers]
    assert (found.name, found.about["name"], found.views, found.broken) == ("one", "one", (1, 1), ())
    assert json.loads((tmp_path / "one" / "summary.json").read_text())["accuracy"] == results.measure(found).top1
    assert evaluate.examine(model, card(), clips, ("test",)).confusion.tolist() == results.measure(found).confusion.tolist()


def test_a_broken_off_run_goes_on_where_it_was(clips: sets.ClipSet, model: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate.run(trial(clips), model, tmp_path / "whole")
    forward, seen = sharded._forward, []

    def breaks(*args: object) -> np.ndarray:
        seen.append(1)
        if len(seen) > 4:
            raise KeyboardInterrupt
        return forward(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(sharded, "_forward", breaks)
    with pytest.raises(KeyboardInterrupt):
        evaluate.run(trial(clips), model, tmp_path / "broken")
    kept = len(list((tmp_path / "broken" / "clips").glob("*.npz")))
    assert 0 < kept < 6
    seen[:] = [1] * -100
    count: list[int] = []
    monkeypatch.setattr(sharded, "_forward", lambda *args: count.append(1) or forward(*args))
    evaluate.run(trial(clips), model, tmp_path / "broken")
    assert len(count) == 6 - kept
    assert files(tmp_path / "broken")["result.npz"] == files(tmp_path / "whole")["result.npz"]


def test_any_shares_and_threads_give_the_numbers_of_one_process_to_the_bit(clips: sets.ClipSet, model: torch.nn.Module, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        evaluate.run(trial(clips, views=(2, 3), batch=2), model, tmp_path / "one")
        assert torch.get_num_threads() == 3
        torch.set_num_threads(1)
        for rank in (2, 0):
            assert evaluate.run(trial(clips, views=(2, 3), batch=2), model, tmp_path / "three", part=(rank, 3)) is None
        with pytest.raises(ResultError, match="2 of 6 clips are not evaluated yet"):
            evaluate.merge(trial(clips, views=(2, 3), batch=2), tmp_path / "three")
        assert evaluate.run(trial(clips, views=(2, 3), batch=2), model, tmp_path / "three", part=(1, 3), workers=1) is not None
    finally:
        torch.set_num_threads(threads)
    for name, written in files(tmp_path / "one").items():
        if name not in ("report.html", "about.json"):  # plotly gives each figure a name of its own
            assert written == files(tmp_path / "three")[name], name


def test_nothing_but_one_clip_and_one_thread_enters_a_forward_pass(clips: sets.ClipSet, tmp_path: Path) -> None:
    class Probe(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.seen = torch.nn.Parameter(torch.ones(1)), list[tuple[int, int]]()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen.append((len(x), torch.get_num_threads()))
            return x.mean((2, 3, 4)) * self.one

    threads, probe = torch.get_num_threads(), Probe()
    try:
        torch.set_num_threads(2)
        evaluate.run(trial(clips, views=(5, 1), batch=2), probe, tmp_path / "run")
    finally:
        torch.set_num_threads(threads)
    assert sorted(probe.seen) == [(1, 1)] * 6 + [(2, 1)] * 12


def test_kept_frames_and_decoded_ones_are_the_same(clips: sets.ClipSet) -> None:
    for views in ((1, 1), (3, 3)):
        one, two = (
            sets.open_windows(clips.items, clips, card().sampling, card().preprocess, train=False, views=views, keep=k)[0] for k in (True, False)
        )
        assert all(np.array_equal(one[n][1], two[n][1]) for n in range(6))


def test_two_processes_give_the_numbers_of_one_to_the_bit(clips: sets.ClipSet, tmp_path: Path) -> None:
    net = catalogue.build(card())
    about = {"family": card().family, "architecture": "c2d-r50", "arguments": dict(card().arguments), "labels": list(LABELS)}
    about |= {"sampling": vars(card().sampling), "preprocess": vars(card().preprocess)}
    (tmp_path / "checkpoints").mkdir()
    weights.save(tmp_path / "checkpoints" / "tiny.safetensors", net, about)
    words = ["evaluate", "--model", "tiny", "--data", str(tmp_path / "set")]
    assert cli.main([*words, "--name", "one", "--json"]) == 0
    command = [sys.executable, "-m", "actrec", *words, "--name", "two"]
    surroundings = [os.environ | {"RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"} for rank in range(2)]
    processes = [subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for env in surroundings]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert any("6 clips" in out for out, _ in said)
    one, two = (files(tmp_path / "results" / name) for name in ("one", "two"))
    assert one["result.npz"] == two["result.npz"]
    assert one["summary.json"] == two["summary.json"]


def test_a_broken_clip_is_reported_counted_and_tried_again(
    clips: sets.ClipSet, model: torch.nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = clips.items[1].media.path.read_bytes()
    clips.items[1].media.path.write_bytes(b"no video")
    clips.items[4].media.path.unlink()
    fresh = sets.ClipSet("set", "", tuple(replace(i, media=sets.Media(i.media.path)) for i in clips.items), clips.labels)
    found = evaluate.run(trial(fresh), model, tmp_path / "run")
    assert found is not None
    assert len(found) == 4
    assert ["1.mp4" in found.broken[0], "4.mp4" in found.broken[1], len(found.broken)] == [True, True, 2]
    said = capsys.readouterr().err
    assert said.count("left out: ") == 2
    assert json.loads((tmp_path / "run" / "about.json").read_text())["clips"] == 4
    assert "1.mp4" in (tmp_path / "run" / "report.html").read_text()
    clips.items[1].media.path.write_bytes(whole)
    clips.items[4].media.path.write_bytes(whole)
    fresh = sets.ClipSet("set", "", tuple(replace(i, media=sets.Media(i.media.path)) for i in clips.items), clips.labels)
    found = evaluate.run(trial(fresh), model, tmp_path / "run")
    assert found is not None
    assert (len(found), found.broken) == (6, ())


def test_one_scoring_without_a_folder_reports_broken_clips_too(clips: sets.ClipSet, model: torch.nn.Module) -> None:
    windows, _ = sets.open_windows(clips.items, clips, card().sampling, card().preprocess, train=False, keep=False)
    clips.items[1].media.path.write_bytes(b"no video")
    windows.items = [replace(item, media=sets.Media(item.media.path)) for item in windows.items]
    scores = evaluate.evaluate(model, windows, batch=1)
    assert scores.confusion.sum() == 5
    assert len(scores.broken) == 1
    assert "1.mp4" in scores.broken[0]


def test_no_clip_that_can_be_read_is_an_error(clips: sets.ClipSet, model: torch.nn.Module, tmp_path: Path) -> None:
    for item in clips.items:
        item.media.path.write_bytes(b"no video")
    fresh = sets.read_index(tmp_path / "set")
    with pytest.raises(ResultError, match="none of the 6 clips"):
        evaluate.run(trial(fresh), model, tmp_path / "run")
    with pytest.raises(ActrecError, match="no clip of 'set'"):
        evaluate.examine(model, card(), fresh, ("test",))


@pytest.mark.parametrize("changes", [{"sha256": "1" * 64}, {"views": (2, 1)}, {"batch": 1}])
def test_another_evaluation_in_the_same_folder_is_refused(
    clips: sets.ClipSet, model: torch.nn.Module, tmp_path: Path, changes: dict[str, object]
) -> None:
    evaluate.run(trial(clips), model, tmp_path / "run")
    before = files(tmp_path / "run")
    with pytest.raises(ResultError, match="give another --name"):
        evaluate.run(trial(clips, **changes), model, tmp_path / "run")
    assert files(tmp_path / "run") == before


def test_a_model_of_fixed_size_is_refused_three_crops(clips: sets.ClipSet, model: torch.nn.Module, tmp_path: Path) -> None:
    fixed = replace(catalogue.card("mvit_v2_s"), labels=LABELS)
    with pytest.raises(ActrecError, match=r"224 × 224 and no other.*--views 1x1"):
        evaluate.run(trial(clips, card=fixed, views=(1, 3)), model, tmp_path / "run")


def test_clips_of_several_labels_are_scored_by_average_precision(clips: sets.ClipSet, model: torch.nn.Module, tmp_path: Path) -> None:
    items = tuple(replace(item, labels=(*item.labels, "red") if n % 2 else item.labels[:1]) for n, item in enumerate(clips.items))
    several = replace(clips, items=items, multilabel=True)
    found = evaluate.run(trial(several), model, tmp_path / "run")
    assert found is not None
    assert found.multilabel
    measured = results.measure(found)
    assert found.true_labels(1) == ("green", "red")
    assert measured.confusion.sum() == found.truth.sum()
    assert measured.mean_ap == pytest.approx(average_precision_score(found.truth, found.scores, average="macro"))
    scores = evaluate.examine(model, card(), several, ("test",))
    assert scores.goal == scores.mean_ap == pytest.approx(measured.mean_ap)


def test_a_set_of_classes_that_the_model_does_not_know_is_refused(clips: sets.ClipSet) -> None:
    with pytest.raises(ActrecError, match="knows no red"):
        evaluate.of_model(replace(card(), labels=("blue", "green")), clips)
    assert evaluate.of_model(replace(card(), labels=("black", *reversed(LABELS))), clips).labels == ("black", "red", "green", "blue")


# ------------------------------------------------------------------------------------------------------ command line


@pytest.mark.parametrize(
    ("words", "surroundings", "said"),
    [
        (["--views", "10x2"], {}, "--views '10x2'"),
        (["--views", "0x1"], {}, "--views '0x1'"),
        (["--merge"], {}, "run it first"),
        (["--against", "nobody"], {}, "no evaluation 'nobody'"),
        (["--name", "../up"], {}, "no name for a folder"),
        (["--split", "dev"], {}, "no clip in split dev"),
        ([], {"RANK": "3", "WORLD_SIZE": "2"}, "RANK='3' of WORLD_SIZE='2'"),
    ],
)
def test_what_can_be_mended_is_one_line(
    clips: sets.ClipSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    surroundings: dict[str, str],
    said: str,
) -> None:
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    stand_in(monkeypatch)
    assert cli.main(["evaluate", "--model", "tiny", "--data", str(tmp_path / "set"), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1


def stand_in(monkeypatch: pytest.MonkeyPatch, digest: str = "0" * 64) -> None:
    """A model that needs no file."""
    from actrec import study

    torch.manual_seed(int(digest[0]))
    loaded = study.Loaded(card(), catalogue.build(card()).eval(), torch.device("cpu"), digest)
    monkeypatch.setattr(study, "load", lambda name, progress: loaded)


def test_the_command_compares_with_another_evaluation_and_never_overwrites_one(
    clips: sets.ClipSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--model", "tiny", "--data", str(tmp_path / "set")]
    stand_in(monkeypatch)
    assert cli.main(words) == 0
    assert "6 clips, accuracy" in capsys.readouterr().out
    (first,) = (tmp_path / "results").iterdir()
    stand_in(monkeypatch, "1" * 64)
    assert cli.main([*words, "--against", first.name, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert Path(said["folder"]) != first
    assert len(list((tmp_path / "results").iterdir())) == 2
    found = results.compare(results.load(first), results.load(Path(said["folder"])))
    assert said["against"]["rescued"] == len(found.rescued)
    assert said["against"]["change"] == found.change.tolist()
    assert Path(said["against"]["file"]).is_file()
    assert folder.differs(first, json.loads((first / "about.json").read_text())) == ""
