"""Training: it learns, it resumes to the same numbers, and what it keeps is a model that answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from runs_made import TINY, card, log, run

from actrec import catalogue, cli
from actrec.clips import video
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import ActrecError
from actrec.inputs import pixels, sampling
from actrec.lab import evaluate, sets, train
from actrec.measure import accuracy
from actrec.models import weights

pytestmark = pytest.mark.usefixtures("own_cache")

GLANCE = 0.1
"""Seconds from one look at a folder to the next."""


def test_the_loss_falls_and_the_kept_model_answers(clips: Path, tmp_path: Path) -> None:
    scores = run(clips, tmp_path / "run", epochs=8).fit()
    losses = [float(row["loss"]) for row in log(tmp_path / "run")]
    assert len(losses) == 8
    assert losses[-1] < losses[0]
    assert scores.confusion.sum() == 2
    state, metadata = weights.read(tmp_path / "run" / "last.safetensors")
    model = catalogue.build(card(), 2, **TINY)
    assert weights.load(model, state).complete
    assert metadata["commands"] == ["a command"]
    assert metadata["labels"] == ["blue", "red"]
    assert metadata["results"]["clips"] == 2
    assert "blue" in train.model_card(metadata)


def test_a_resumed_run_gives_the_same_losses_as_an_uninterrupted_one(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(clips, tmp_path / "whole").fit()
    broken = run(clips, tmp_path / "broken")
    keep = broken._keep

    def keep_once(*args: object) -> None:
        keep(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(broken, "_keep", keep_once)
    with pytest.raises(KeyboardInterrupt):
        broken.fit()
    assert len(log(tmp_path / "broken")) == 1
    run(clips, tmp_path / "broken").fit()
    assert log(tmp_path / "broken") == log(tmp_path / "whole")


@pytest.mark.slow
def test_a_killed_run_goes_on_after_its_last_whole_epoch(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "killed"
    words = ["train", "--data", str(clips), "--model", "c2d-r50", "--argument", "width=0.125", "--size", "32", "--frames", "4", "--span", "8"]
    words += ["--epochs", "40", "--batch", "2", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "actrec", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 120
    while not (out / "log.csv").is_file() and time.monotonic() < deadline:
        time.sleep(GLANCE)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = torch.load(out / "last.pt", weights_only=True)["epoch"]
    assert 1 <= done < 40
    assert json.loads((out / "config.json").read_text())["labels"] == ["blue", "red"]
    capsys.readouterr()
    assert cli.main(words) == 0
    assert f"going on after epoch {done}" in capsys.readouterr().err
    assert [int(row["epoch"]) for row in log(out)] == list(range(1, 41))


def test_other_settings_in_the_same_folder_are_refused(clips: Path, tmp_path: Path) -> None:
    run(clips, tmp_path / "run", epochs=1).fit()
    with pytest.raises(ActrecError, match="another --out"):
        run(clips, tmp_path / "run", epochs=2).fit()


def test_a_run_can_start_from_a_checkpoint_with_other_classes(clips: Path, tmp_path: Path) -> None:
    other = catalogue.build(card(), 7, **TINY)
    weights.save(tmp_path / "other.safetensors", other, {})
    started = run(clips, tmp_path / "run", init=tmp_path / "other.safetensors")
    assert torch.equal(started.model.stem.conv1.weight, other.stem.conv1.weight)
    assert started.model.fc.weight.shape[0] == 2


def test_a_run_can_start_from_an_imagenet_resnet(clips: Path, tmp_path: Path) -> None:
    from torchvision.models import resnet50

    torch.save(resnet50(weights=None).state_dict(), tmp_path / "resnet50.pth")
    folder, init = tmp_path / "run", tmp_path / "resnet50.pth"
    started = train.Run(card(), sets.read_index(clips), train.Recipe(epochs=1, batch=4), folder, {"dropout": 0.0}, init=init)
    flat = torch.load(init, weights_only=True)["layer3.2.conv2.weight"]
    assert torch.equal(started.model.res3.get_submodule("2").conv2.weight[:, :, 0], flat)


def test_the_test_window_is_number_for_number_what_the_app_gives_the_model(clips: Path) -> None:
    found = sets.read_index(clips)
    items = found.split("test")
    windows, broken = sets.open_windows(items, found, card().sampling, card().preprocess, train=False)
    assert broken == []
    given = next(iter(sets.batches(windows, 1)))
    window = windows.inputs(given, torch.device("cpu"))["rgb"][0]
    film = video.probe(clips / "8.mp4")
    clip = sampling.load(film, card().sampling, start=1 / 25)  # the middle window of 8 among 10 frames
    inputs = pixels.to_input(clip.frames, card().preprocess, pixels.geometry(film, card().preprocess))
    torch.testing.assert_close(window, inputs[0], rtol=0, atol=1e-5)
    assert windows.targets(given.numbers).tolist() == [0]


def test_a_broken_clip_is_reported_and_left_out(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clips / "0.mp4").write_bytes(b"no video")
    started = run(clips, tmp_path / "run")
    assert len(started.train_windows) == 7
    assert "0.mp4" in capsys.readouterr().err


def test_training_windows_depend_on_seed_epoch_and_clip_alone() -> None:
    clips = sets.mannequin_set(1, 1)
    how = {"train": True, "seed": 3, "keep": False}
    one, two = (sets.open_windows(clips.items[:1], clips, Sampling("dense", 4, 8), Preprocess(240, (32, 32)), **how)[0] for _ in range(2))
    assert np.array_equal(one[0][1], two[0][1])
    two.epoch = 1
    assert not np.array_equal(one[0][1], two[0][1])


def test_scores_count_pairs_apart_and_together() -> None:
    labels = ["a", "b", "c"]
    truth, answers = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 2, 0])
    found = evaluate.Scores.of(labels, accuracy.measure(labels, np.eye(len(labels))[answers], truth, [("a", "b")]))
    assert found.accuracy == pytest.approx(3 / 6)
    assert found.merged == pytest.approx(5 / 6)
    assert found.pairs == {"a / b": 0.5}


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "index.csv"), ("name,class\n1,2\n", "columns file and label"), ("file,label\nmissing.mp4,a\n", "line 2: no file 'missing.mp4'")],
)
def test_a_folder_that_is_no_set_is_named(tmp_path: Path, text: str, words: str) -> None:
    if text:
        (tmp_path / "index.csv").write_text(text)
    with pytest.raises(sets.DataError, match=words):
        sets.read_index(tmp_path)


def test_mannequin_sets_do_not_share_seeds_between_splits() -> None:
    found = sets.mannequin_set(3, 2)
    assert {i.subject for i in found.split("train")}.isdisjoint(i.subject for i in found.split("test"))
    assert len(found.split("test")) == 2 * len(found.labels)
    assert len(found.labels) >= 12


def test_the_learning_rate_warms_up_and_decays_exponentially() -> None:
    recipe = train.Recipe(epochs=10, lr=0.1, lr_end=0.01, warmup=2)
    assert recipe.rate(0) < 0.001
    assert recipe.rate(5) / recipe.rate(4) == pytest.approx(recipe.rate(9) / recipe.rate(8))
    assert recipe.rate(10) == pytest.approx(0.001)


def test_workers_start_after_mannequins_were_painted_in_the_same_process(tmp_path: Path) -> None:
    """OpenCV's thread pool does not live through a fork: with it, the workers would wait for ever."""
    script = """
from actrec.lab import sets as data
from actrec.clips import mannequin
from actrec.core.clip import Preprocess, Sampling
mannequin.render("walk", 3, height=60, width=80)
clips = data.mannequin_set(1, 1)
windows, _ = data.open_windows(clips.items[:2], clips, Sampling("dense", 4, 8), Preprocess(36, (32, 32)), train=True, keep=False)
print(sum(len(batch.numbers) for batch in data.batches(windows, 1, workers=1)))
"""
    surroundings = os.environ | {"ACTREC_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, env=surroundings, check=False)
    assert done.stdout.strip() == "2", done.stderr
