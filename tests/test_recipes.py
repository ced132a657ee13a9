"""Recipes: every paper's way of training learns, goes on after a kill to the same losses, and does what its words say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from runs_made import TINY, card, log, make_set, run
from torch import nn

from actrec import catalogue, cli
from actrec.lab import evaluate, sets, train
from actrec.lab.recipes import RECIPES, Recipe
from actrec.lab.train import steps
from actrec.models import weights

# A paper's rates are for thousands of clips and a pretrained model; these are for eight clips and a new one.
SMALL = {name: {"lr": 0.1} for name in RECIPES} | {"deform": {"lr": 3e-3, "warmup": 1}}
SMALL |= {name: {"lr": 0.1, "patience": 0} for name in ("tpnlst", "tpnlst-sparse")}

pytestmark = pytest.mark.usefixtures("own_cache")

MOMENT = 0.05
"""Seconds, less than a small epoch: so that a run is killed in the midst of one, and not just behind its end."""


def small(name: str, epochs: int = 3) -> Recipe:
    return replace(RECIPES[name], epochs=epochs, batch=4, precision="fp32", **SMALL[name])


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns_and_goes_on_after_an_interruption_to_the_same_losses(
    name: str, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(clips, tmp_path / "whole", small(name), model="dam-1").fit()
    losses = [float(row["loss"]) for row in log(tmp_path / "whole")]
    assert min(losses[1:]) < losses[0]
    stopped = run(clips, tmp_path / "stopped", small(name), model="dam-1")
    monkeypatch.setattr(stopped, "_begin", lambda epoch: (_ for _ in ()).throw(KeyboardInterrupt) if epoch else train.Run._begin(stopped, epoch))
    with pytest.raises(KeyboardInterrupt):
        stopped.fit()
    assert len(log(tmp_path / "stopped")) == 1
    run(clips, tmp_path / "stopped", small(name), model="dam-1").fit()
    assert log(tmp_path / "stopped") == log(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deform", "tpnlst"])
@pytest.mark.usefixtures("one_thread")
def test_a_process_killed_in_the_midst_of_it_loses_at_most_its_epoch(
    name: str, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(clips), "--model", "c2d-r50", "--argument", "width=0.125", "--argument", "dropout=0.0", "--size", "32", "--frames", "4"]
    words += ["--recipe", name, "--batch", "4", "--epochs", "12", "--lr", "0.003", "--warmup", "0", "--patience", "0", "--precision", "fp32"]
    words = ["train", *words, "--span", "8"]
    command = [sys.executable, "-m", "actrec", *words]
    surroundings = os.environ | {"OMP_NUM_THREADS": "1"}
    assert cli.main([*words, "--out", str(tmp_path / "whole")]) == 0  # in this process, which need not be started
    for seconds in (0.0, MOMENT):  # killed twice, two epochs on and a moment later, at places that nobody chose
        process = subprocess.Popen([*command, "--out", str(tmp_path / "killed")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=surroundings)
        assert process.stdout
        process.stdout.readline()
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    capsys.readouterr()
    assert cli.main([*words, "--out", str(tmp_path / "killed")]) == 0
    assert "going on after epoch" in capsys.readouterr().err
    assert log(tmp_path / "killed") == log(tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(clips: Path, tmp_path: Path) -> None:
    weights.save(tmp_path / "start.safetensors", catalogue.build(card(), 2, **TINY), {})  # its batch normalisations can be frozen
    words = ["-m", "actrec", "train", "--data", str(clips), "--model", "c2d-r50", "--argument", "width=0.125", "--argument", "dropout=0.0"]
    words += ["--size", "32", "--frames", "4", "--span", "8", "--batch", "2", "--epochs", "2", "--lr", "0.02", "--norm", "frozen"]
    words += ["--precision", "fp32", "--init", str(tmp_path / "start.safetensors")]
    (clips / "3.mp4").write_bytes(b"no video")
    words += ["--no-keep"]  # so that the broken clip is met in the midst of it, by one of the two, which then has none
    surroundings = os.environ | {"OMP_NUM_THREADS": "1"}
    joined = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *words, "--out", str(tmp_path / "two")]
    for command in (joined, [sys.executable, *words, "--out", str(tmp_path / "one")]):
        done = subprocess.run(command, capture_output=True, text=True, env=surroundings, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("left out: ") == 1
    for one, two in zip(log(tmp_path / "one"), log(tmp_path / "two"), strict=True):
        assert float(two["loss"]) == pytest.approx(float(one["loss"]), rel=1e-4)
        assert two["broken"] == one["broken"] == "1"
    ours, theirs = (weights.read(tmp_path / name / "last.safetensors")[0] for name in ("one", "two"))
    for name in ours:
        torch.testing.assert_close(theirs[name], ours[name], rtol=1e-3, atol=1e-5)


def test_a_batch_in_two_parts_gives_the_losses_of_one(clips: Path, tmp_path: Path) -> None:
    weights.save(tmp_path / "start.safetensors", catalogue.build(card(), 2, **TINY), {})
    how = {"init": tmp_path / "start.safetensors"}
    frozen = Recipe(epochs=2, batch=4, lr=0.02, norm="frozen", precision="fp32")
    run(clips, tmp_path / "one", frozen, **how).fit()
    run(clips, tmp_path / "parts", replace(frozen, accumulate=2), **how).fit()
    for one, parts in zip(log(tmp_path / "one"), log(tmp_path / "parts"), strict=True):
        assert float(parts["loss"]) == pytest.approx(float(one["loss"]), rel=1e-4)


def test_a_batch_that_cannot_be_divided_is_refused(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(train.run.ActrecError, match=r"a batch of 4 clips .* 3 parts; use a --batch that is a multiple of 3"):
        run(clips, tmp_path / "run", Recipe(batch=4, accumulate=3))


def test_frozen_normalisations_stay_as_they_came_and_new_ones_are_trained(clips: Path, tmp_path: Path) -> None:
    start = catalogue.build(card(), 2, **TINY)
    weights.save(tmp_path / "start.safetensors", start, {})
    frozen = Recipe(epochs=1, batch=4, lr=0.1, norm="frozen")
    tuned = run(clips, tmp_path / "frozen", frozen, model="dam-12", init=tmp_path / "start.safetensors")
    tuned.fit()
    before, after = start.state_dict(), tuned.model.state_dict()
    norms = [name for name, module in start.named_modules() if isinstance(module, nn.BatchNorm3d)]
    for name in norms:
        for part in ("weight", "bias", "running_mean", "running_var"):
            assert torch.equal(before[f"{name}.{part}"], after[f"{name}.{part}"])
    assert not torch.equal(before["stem.conv1.weight"], after["stem.conv1.weight"])
    attention = [m for name, m in tuned.model.named_modules() if isinstance(m, nn.BatchNorm3d) and name not in norms]
    assert attention
    assert all(m.weight.requires_grad and m.num_batches_tracked == 2 for m in attention)
    first = run(clips, tmp_path / "partial", replace(frozen, norm="partial"), init=tmp_path / "start.safetensors")
    assert len(first.frozen) == len(norms) - 1
    assert first.model.stem.bn1 not in first.frozen
    assert not run(clips, tmp_path / "new", frozen).frozen


def test_a_clip_that_breaks_while_it_streams_is_reported_once_and_counted(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (0, 1, 2, 3, 4):  # of eight: some batches of two are broken altogether
        (clips / f"{number}.mp4").write_bytes(b"no video")
    run(clips, tmp_path / "run", Recipe(epochs=3, batch=2, lr=0.1), keep=False, arguments=TINY | {"last_stride": 1}).fit()
    assert capsys.readouterr().err.count("left out: ") == 5
    assert [row["broken"] for row in log(tmp_path / "run")] == ["5", "5", "5"]
    assert len((tmp_path / "run" / "broken.txt").read_text().splitlines()) == 5
    metadata = weights.read(tmp_path / "run" / "last.safetensors")[1]
    assert len(metadata["broken"]) == 5
    assert "5 training clips could not be read" in train.model_card(metadata)


def test_a_set_of_broken_clips_alone_is_refused(clips: Path, tmp_path: Path) -> None:
    for number in range(8):
        (clips / f"{number}.mp4").write_bytes(b"no video")
    with pytest.raises(train.run.ActrecError, match="no training clip could be read"):
        run(clips, tmp_path / "streamed", keep=False).fit()
    with pytest.raises(train.run.ActrecError, match="none of the 8 training clips"):
        run(clips, tmp_path / "kept", keep=True)


def test_the_val_split_chooses_and_the_test_split_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = make_set(tmp_path / "set", [*["train"] * 4, "val", "val", "test", "test"])
    seen: list[str] = []
    judge = train.run.evaluate

    def noted(model: nn.Module, windows: sets.Windows, *how: int) -> evaluate.Scores:
        seen.append(windows.items[0].split)
        return judge(model, windows, *how)

    monkeypatch.setattr(train.run, "evaluate", noted)
    started = run(clips, tmp_path / "run", epochs=2)
    started.fit()
    started.ship()
    assert seen == ["val", "val", "test"]
    assert "val_accuracy" in log(tmp_path / "run")[0]
    metadata = weights.read(tmp_path / "run" / "model.safetensors")[1]
    assert (metadata["chosen_by"], metadata["scored_on"], metadata["clips"]) == ("val", "test", {"train": 4, "val": 2, "test": 2})
    assert "looked at once" in (tmp_path / "run" / "README.md").read_text()


@pytest.mark.parametrize(("epoch", "words"), [(None, "no split's figures chose them"), ("best", "chosen by the same test clips")])
def test_without_a_val_split_the_card_says_what_the_test_figures_chose(epoch: str | None, words: str, clips: Path, tmp_path: Path) -> None:
    started = run(clips, tmp_path / "run", epochs=1, ship_epoch=epoch)
    started.fit()
    assert "There is no val split" in (tmp_path / "run" / "config.json").read_text()
    started.ship()
    assert words in (tmp_path / "run" / "README.md").read_text()


@pytest.mark.parametrize("model", [c.id for c in catalogue.architectures().values() if c.family == "torchvision_video"])
def test_every_video_model_of_torchvision_can_have_other_classes(model: str) -> None:
    with torch.device("meta"):
        built = catalogue.build(catalogue.card(model), 5)
    assert built.get_submodule(catalogue.card(model).head).weight.shape[0] == 5


def test_a_video_model_of_torchvision_is_tuned_from_its_kinetics_weights(clips: Path, tmp_path: Path) -> None:
    from torchvision.models.video import mc3_18

    kinetics = mc3_18(weights=None)
    torch.save({f"module.{name}": tensor for name, tensor in kinetics.state_dict().items()}, tmp_path / "mc3_18.pth")
    tuned = run(clips, tmp_path / "run", replace(small("shift", 2), lr=1e-3), model="mc3_18", arguments={}, init=tmp_path / "mc3_18.pth")
    assert torch.equal(tuned.model.get_parameter("layer1.0.conv1.0.weight"), kinetics.layer1[0].conv1[0].weight)
    assert tuned.start
    assert tuned.start.new == ("fc.weight", "fc.bias")
    assert len(tuned.frozen) == sum(isinstance(m, nn.BatchNorm3d) for m in kinetics.modules())
    assert any("mc3_18 does not take one" in line for line in tuned.notes)
    tuned.fit()
    losses = [float(row["loss"]) for row in log(tmp_path / "run")]
    assert losses[1] < losses[0]
    assert weights.read(tmp_path / "run" / "last.safetensors")[0]["fc.weight"].shape == (2, 512)


def test_a_run_can_start_from_the_weights_of_a_card(clips: Path, tmp_path: Path) -> None:
    other = catalogue.build(card(), 7, **TINY)
    first = run(clips, tmp_path / "first", epochs=1)
    (tmp_path / "checkpoints").mkdir()
    weights.save(tmp_path / "checkpoints" / "seven.safetensors", other, train.report.describe(first, None) | {"labels": list("abcdefg")})
    started = run(clips, tmp_path / "run", init="seven")
    assert torch.equal(started.model.stem.conv1.weight, other.stem.conv1.weight)
    assert started.model.fc.weight.shape[0] == 2
    assert "starts from seven" in started.notes[-1]
    with pytest.raises(train.run.ActrecError, match="no model 'nobody'"):
        run(clips, tmp_path / "other", init="nobody")
    with pytest.raises(train.run.ActrecError, match="cannot be started from: it has no weights"):
        run(clips, tmp_path / "other", init="dam-6")


def test_clips_with_several_labels_are_scored_class_by_class() -> None:
    logits, truth = torch.tensor([[9.0, 8.0, -9.0], [-9.0, -9.0, -8.0]]), torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    found = steps.losses(logits, truth)
    assert found.shape == (2,)
    assert found[0] < 0.01 < 2 < found[1]
    assert steps.hits(logits, truth) == 1


def test_a_set_with_several_labels_a_clip_is_learnt_by_its_mean_average_precision(clips: Path, tmp_path: Path) -> None:
    found = sets.read_index(clips)
    items = tuple(replace(item, labels=(*item.labels, "colourful")) for item in found.items)
    several = replace(found, items=items, labels=(*found.labels, "colourful"), multilabel=True)
    started = train.Run(card(), several, small("dam", 8), tmp_path / "run", TINY)
    started.fit()
    rows = log(tmp_path / "run")
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) < 1.5
    assert started.best == max(float(row["test_mean_ap"]) for row in rows)
    assert "Mean average precision" in (started.ship() and (tmp_path / "run" / "README.md").read_text())


def test_the_curves_open_without_a_network(clips: Path, tmp_path: Path) -> None:
    run(clips, tmp_path / "run", epochs=2).fit()
    text = (tmp_path / "run" / "curves.html").read_text()
    assert "Plotly.newPlot" in text
    assert "<script src=" not in text
    assert "learning rate" in text


def test_tensorboard_without_its_package_is_refused_before_anything_starts(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(train.run.ActrecError, match="pip install tensorboard"):
        run(clips, tmp_path / "run", tensorboard=True)


def test_tensorboard_gets_every_row_of_the_log(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            noted.append((folder, 0.0, purge_step))

        def add_scalar(self, name: str, value: float, epoch: int) -> None:
            noted.append((name, value, epoch))

        def flush(self) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr(train.folder, "_writer", lambda: Writer)
    run(clips, tmp_path / "run", epochs=2, tensorboard=True).fit()
    assert noted[0] == (str(tmp_path / "run" / "tensorboard"), 0.0, 1)
    losses = [value for name, value, _ in noted if name == "loss"]
    assert losses == [float(row["loss"]) for row in log(tmp_path / "run")]


def test_a_dry_run_says_what_it_takes_and_writes_nothing(clips: Path, tmp_path: Path) -> None:
    found = train.plan(run(clips, tmp_path / "run", Recipe(epochs=5, batch=4), keep=False))
    assert not (tmp_path / "run").exists()
    assert found.steps_per_epoch == 2
    assert found.parameters == sum(p.numel() for p in catalogue.build(card(), 2, **TINY).parameters())
    assert 0 < found.gflops < 0.1
    weights_and_state = 4 * 3 * found.parameters
    assert weights_and_state < found.memory < weights_and_state + 4 * 50e6
    assert found.hours * 3600 > 5 * 2 * found.seconds_computing_a_step > 0
    assert found.to_json()["notes"]
    assert "parameters" in str(found)


def test_what_a_forward_pass_keeps_is_counted_once_and_without_the_weights(clips: Path, tmp_path: Path) -> None:
    from actrec.lab.train.plan import _kept

    started = run(clips, tmp_path / "run", Recipe(batch=4, precision="fp32"), keep=False)
    started.model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.Sigmoid(), nn.Linear(16, 4, bias=False))
    assert _kept(started, torch.zeros(3, 8)) == 4 * 3 * (8 + 16)  # the input, and the sigmoid's output that the next layer keeps too
