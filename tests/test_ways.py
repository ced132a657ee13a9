"""One evaluation of a model with several streams counts each stream alone and every way to fuse them, from the same pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streams_made
import torch
from app_made import visit

from actrec import catalogue, cli, study
from actrec.clips import video
from actrec.lab import evaluate, results, sets
from actrec.lab.results import report
from actrec.measure.chance import wilson

pytestmark = pytest.mark.usefixtures("own_folders")

WAYS = ["rgb", "flow", "mean", "max", "logits"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of three classes, in which something moves."""
    where = tmp_path_factory.mktemp("set")
    rows = ["file,label,subject,split"]
    for number in range(6):
        still = np.random.default_rng(number).integers(0, 255, (40, 60, 3), np.uint8)
        frames = [np.roll(still, (number - 2) * t, 1) for t in range(14)]
        video.write(where / f"{number}.mp4", frames, 25.0)
        rows.append(f"{number}.mp4,{streams_made.LABELS[number % 3]},s{number},test")
    (where / "index.csv").write_text("\n".join(rows))
    return where


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"tst-rescnn-34@{streams_made.both(tmp_path_factory.mktemp('models'), fusion='max')}"


def scored(model: str, data: Path, where: Path) -> results.Evaluation:
    loaded = study.load(model)
    clips = evaluate.of_model(loaded.card, sets.open_set(str(data)))
    found = evaluate.run(evaluate.Trial(model, loaded.card, loaded.sha256, clips, "test", (1, 3)), loaded.model, where)
    assert found is not None
    return found


def test_every_way_is_what_that_model_says_by_itself(two: str, data: Path, tmp_path: Path) -> None:
    found = scored(two, data, tmp_path / "two")
    assert list(found.ways) == WAYS
    np.testing.assert_array_equal(found.scores, found.ways["max"])
    for stream in ("rgb", "flow"):
        alone = scored(f"{two}:{stream}", data, tmp_path / stream)
        assert not alone.ways
        np.testing.assert_array_equal(alone.scores, found.ways[stream])
    np.testing.assert_allclose(found.ways["mean"], (found.ways["rgb"] + found.ways["flow"]) / 2, atol=1e-6)
    assert not np.allclose(found.ways["logits"], found.ways["mean"], atol=1e-4), "these are different functions"


def test_the_table_and_the_files_say_each_ways_own_numbers(two: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scored(two, data, tmp_path / "two")
    summary = json.loads((tmp_path / "two" / "summary.json").read_text())
    for name, row in zip(WAYS, results.ways.rows(found), strict=True):
        right = int((found.ways[name].argmax(1) == found.truth).sum())
        low, high = wilson(right, 6)
        assert row[:2] == (results.ways.TITLES[name], f"{100 * right / 6:.1f} % ({100 * low:.1f}–{100 * high:.1f})")
        assert summary["ways"][name]["accuracy"] == pytest.approx(right / 6)
        assert row[0] in report.html(found)
    assert cli.main(["evaluate", "--model", two, "--data", str(data), "--name", "shown", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["ways"]) == WAYS
    page = visit("pages/3_Evaluate.py", a="shown")
    assert any("What the streams say" in header.value for header in page.header)
    assert any("mean of the logits" in str(cell).replace("\u00a0", " ") for table in page.table for cell in table.value.to_numpy().ravel())


def test_ways_are_brought_into_the_others_order(two: str, data: Path, tmp_path: Path) -> None:
    found = scored(two, data, tmp_path / "two")
    turned = replace(
        found,
        about={**found.about, "labels": found.labels[::-1]},
        paths=found.paths[::-1],
        scores=found.scores[::-1, ::-1],
        truth=2 - found.truth[::-1],
        ways={name: scores[::-1, ::-1] for name, scores in found.ways.items()},
    )
    back = results.compare(found, turned).b
    for name in WAYS:
        np.testing.assert_array_equal(back.ways[name], found.ways[name])


def test_scores_of_ways_that_do_not_fit_are_refused(two: str, data: Path, tmp_path: Path) -> None:
    scored(two, data, tmp_path / "two")
    file = tmp_path / "two" / "result.npz"
    with np.load(file) as kept:
        damaged = {**kept, "way rgb": kept["way rgb"][:3]}
    np.savez(file, allow_pickle=False, **damaged)
    with pytest.raises(results.ResultError, match="cannot be read"):
        results.load(tmp_path / "two")


def test_what_is_said_is_the_forward_pass_to_the_bit(two: str) -> None:
    model = catalogue.build(streams_made.card()).eval()
    rgb, flow = torch.randn(1, 3, 4, 32, 32), torch.randn(1, 2, 3, 32, 32)
    with torch.no_grad():
        ways = model.ways(model.alone(rgb, flow))
        torch.testing.assert_close(ways[model.fusion], model(rgb, flow), rtol=0, atol=0)
