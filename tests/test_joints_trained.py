"""Models that read joints are trained and evaluated with them; without them it says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from joints_made import COCO, LABELS, TINY, card
from runs_made import log, make_set

from actrec import catalogue, cli, study
from actrec.core.question import Question
from actrec.inputs import pose, streams
from actrec.lab import evaluate, sets, train
from actrec.lab.recipes import RECIPES
from actrec.models import weights

pytestmark = pytest.mark.usefixtures("joints_home")


@pytest.fixture(scope="module")
def mannequins(tmp_path_factory: pytest.TempPathFactory) -> sets.ClipSet:
    made = sets.mannequin_set(3, 1)
    return replace(made, items=tuple(item for item in made.items if item.label in LABELS[1:]), labels=LABELS[1:], pairs=())


def run(clips: sets.ClipSet, folder: Path, epochs: int = 3, **more: Any) -> train.Run:
    recipe = replace(RECIPES["deform"], epochs=epochs, batch=3, lr=3e-3, warmup=0, precision="fp32")
    return train.Run(card(), clips, recipe, folder, TINY, **more)


def test_the_deform_recipe_trains_with_joints_and_goes_on_to_the_same_losses(
    mannequins: sets.ClipSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(mannequins, tmp_path / "whole")
    before = whole.model.pose.linear.weight.detach().clone()
    whole.fit()
    losses = [float(row["loss"]) for row in log(tmp_path / "whole")]
    assert min(losses[1:]) < losses[0]
    assert not torch.equal(before, whole.model.pose.linear.weight)
    assert not any("video only" in note for note in whole.notes)
    stopped = run(mannequins, tmp_path / "stopped")
    monkeypatch.setattr(stopped, "_begin", lambda epoch: (_ for _ in ()).throw(KeyboardInterrupt) if epoch else train.Run._begin(stopped, epoch))
    with pytest.raises(KeyboardInterrupt):
        stopped.fit()
    run(mannequins, tmp_path / "stopped").fit()
    assert log(tmp_path / "stopped") == log(tmp_path / "whole")
    _, about = weights.read(tmp_path / "whole" / "last.safetensors")
    assert (about["layout"], about["people"]) == (list(COCO.joints), 1)


def test_a_set_without_joints_trains_on_video_only_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = sets.read_index(make_set(tmp_path / "set"))
    started = run(clips, tmp_path / "run", epochs=1)
    before = started.model.pose.linear.weight.detach().clone()
    started.fit()
    assert "No clip of 'set' has joints: deform-mc3 runs on video only." in started.notes
    assert "runs on video only" in capsys.readouterr().err
    assert torch.equal(before, started.model.pose.linear.weight)


def test_a_dry_run_measures_with_joints_and_models_that_read_something_else_are_refused(mannequins: sets.ClipSet, tmp_path: Path) -> None:
    found = train.plan(run(mannequins, tmp_path / "run", epochs=1, keep=False))
    assert found.seconds_computing_a_step > 0
    with pytest.raises(train.run.ActrecError, match="there is no stream 'sound'"):
        train.Run(replace(card(), inputs=("rgb", "sound")), mannequins, RECIPES["deform"], tmp_path / "other", TINY)


def test_the_command_line_says_how_many_people_and_whether_the_whole_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = [f"--argument={name}={value}" for name, value in TINY.items()]
    command = ["train", "--data", str(make_set(tmp_path / "set")), "--model", "deform-mc3", "--recipe", "deform", *small]
    sizes = ["--size", "32", "--frames", "4", "--batch", "4", "--epochs", "1", "--precision", "fp32"]
    assert cli.main([*command, *sizes, "--people", "2", "--whole", "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    found = catalogue.with_weights(catalogue.card("deform-mc3"), tmp_path / "run" / "model.safetensors")
    assert found.people == 2
    assert (found.preprocess.resize, found.preprocess.crop) == ((32, 32), (32, 32))


def test_a_comparison_gives_its_joints_to_the_models_that_read_them(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joints = str(home / "short.npz")
    models = ["--model", "tinydeform", "--model", "tiny", "--method", "gradcam"]
    assert cli.main(["compare", "short", *models, "--joints", joints, "--out", str(tmp_path), "--json"]) == 0
    first, _ = json.loads(capsys.readouterr().out)["answers"]
    alone = study.answer(Question("short", "tinydeform", "gradcam", joints=joints))
    assert first["predictions"][0]["probability"] == pytest.approx(alone.predictions.top(1)[0][1])
    told = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))["answers"]
    assert told[0]["run"]["joints"]["layout"] == "coco17"
    assert pose.UNREAD in told[1]["cautions"]


def test_an_evaluation_gives_every_view_its_joints(mannequins: sets.ClipSet, tmp_path: Path) -> None:
    torch.manual_seed(0)
    mine = replace(card(), arguments=TINY, labels=mannequins.labels, layout=COCO.joints)
    model = catalogue.build(mine).eval()
    trial = evaluate.Trial("tiny", mine, "0" * 64, mannequins, "test", (1, 3), batch=2)
    found = evaluate.run(trial, model, tmp_path / "one")
    assert found is not None
    windows, _ = sets.open_windows(trial.items, mannequins, mine.sampling, mine.preprocess, train=False, views=(1, 3), streams=streams.of(mine))
    given = next(iter(sets.batches(windows, 2)))
    with torch.no_grad():
        frames, joints = windows.inputs(given, torch.device("cpu")).values()
        wanted = model(frames, joints).softmax(1).unflatten(0, (2, 3)).mean(1)
        without = model(frames).softmax(1).unflatten(0, (2, 3)).mean(1)
    np.testing.assert_allclose(found.scores, wanted.numpy(), atol=1e-5)
    assert (wanted - without).abs().max() > 1e-4
    assert "joints of 1 a clip" in found.about["reads"]
    assert evaluate.examine(model, mine, mannequins, ("test",)).confusion.sum() == len(trial.items)


def test_an_evaluation_without_joints_says_that_it_is_of_video_only(tmp_path: Path) -> None:
    clips = sets.read_index(make_set(tmp_path / "set"))
    mine = replace(card(), arguments=TINY, labels=clips.labels, layout=COCO.joints)
    found = evaluate.run(evaluate.Trial("tiny", mine, "0" * 64, clips, "test"), catalogue.build(mine).eval(), tmp_path / "one")
    assert found is not None
    assert any("runs on video only" in line for line in found.about["problems"])
