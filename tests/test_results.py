"""Evaluations on disk: read back, brought together, compared clip by clip, and reported as harmless text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actrec.lab import results
from actrec.lab.results import ResultError, report

pytestmark = pytest.mark.usefixtures("own_folders")

HOSTILE = "</script><script>alert(1)</script> & <b>"


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


WRONG = {
    "pairs": ([["a", "x"]], r"pairs with 'x', which is not one of the 3 labels"),
    "labels": (["a", "b", "a"], "its 3 labels are not 3 different names"),
}


@pytest.mark.parametrize("field", WRONG)
def test_labels_and_pairs_that_contradict_each_other_are_refused(tmp_path: Path, field: str) -> None:
    made(tmp_path / "a", "aabbcc")
    about = json.loads((tmp_path / "a" / "about.json").read_text())
    value, words = WRONG[field]
    (tmp_path / "a" / "about.json").write_text(json.dumps(about | {field: value}))
    with pytest.raises(ResultError, match=words):
        results.load(tmp_path / "a")


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
