"""Evaluation: its numbers are the model's, runs go on and are shared to the same bit, and broken clips are told of."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from runs_small_made import LABELS, card, files, trial
from sklearn.metrics import average_precision_score

from actrec import catalogue, cli
from actrec.clips import video
from actrec.core.errors import ActrecError
from actrec.lab import evaluate, results, sets
from actrec.lab.evaluate import sharded
from actrec.lab.results import ResultError, folder
from actrec.models import weights

ROOT = Path(__file__).parent.parent


pytestmark = pytest.mark.usefixtures("own_folders")


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


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return catalogue.build(card()).eval()


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
    with pytest.raises(ActrecError, match=r"only frames of 224 × 224.*--views 1x1"):
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
    with pytest.raises(ActrecError, match="does not know red"):
        evaluate.of_model(replace(card(), labels=("blue", "green")), clips)
    assert evaluate.of_model(replace(card(), labels=("black", *reversed(LABELS))), clips).labels == ("black", "red", "green", "blue")


@pytest.mark.parametrize(
    ("words", "surroundings", "said"),
    [
        (["--views", "10x2"], {}, "--views '10x2'"),
        (["--views", "0x1"], {}, "--views '0x1'"),
        (["--merge"], {}, "run it first"),
        (["--against", "nobody"], {}, "no evaluation 'nobody'"),
        (["--name", "../up"], {}, "cannot be the name of a folder"),
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
