"""A checkpoint made of another one, by training, pruning or fusing, says itself what it is, and is taken at its word whatever it is opened as."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import streams_made
import torch
from safetensors.torch import save_file

from actrec import catalogue, cli, study
from actrec.clips import video
from actrec.core import settings
from actrec.core.clip import Sampling
from actrec.core.question import Question
from actrec.lab import fuse
from actrec.models import weights

pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three clips to train on and three to judge by, a class each."""
    where = tmp_path / "set"
    where.mkdir()
    rows = ["file,label,subject,split"]
    for number in range(6):
        still = np.random.default_rng(number).integers(0, 255, (40, 60, 3), np.uint8)
        video.write(where / f"{number}.mp4", [np.roll(still, (number - 2) * t, 1) for t in range(14)], 25.0)
        rows.append(f"{number}.mp4,{streams_made.LABELS[number % 3]},s{number},{'train' if number < 3 else 'test'}")
    (where / "index.csv").write_text("\n".join(rows))
    return where


def trained(model: str, start: Path, data: Path, out: Path, *more: str) -> Path:
    how = ["--recipe", "tpnlst", "--epochs", "1", "--batch", "3", "--precision", "fp32", "--data", str(data), *more]
    assert cli.main(["train", "--model", model, "--init", str(start), "--out", str(out), *how]) == 0
    return out / "model.safetensors"


def test_a_pruned_network_is_trained_on_fused_and_listed_as_what_it_is(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = settings.checkpoints()
    home.mkdir(parents=True, exist_ok=True)
    made = {}
    for stream in ("rgb", "flow"):
        whole = streams_made.stream(tmp_path, stream, cut=True)
        small = home / f"small-{stream}.safetensors"
        assert cli.main(["prune", "--model", f"tst-rescnn-a:{stream}@{whole}", "--percent", "50", "--out", str(small)]) == 0
        made[stream] = trained(small.stem, small, data, tmp_path / f"on-{stream}")
        shutil.copy(made[stream], home / f"on-{stream}.safetensors")
        card, before = catalogue.cards()[f"on-{stream}"], catalogue.cards()[small.stem]
        assert (card.architecture, card.arguments) == (f"tst-rescnn-a:{stream}", before.arguments)
        assert card.arguments["kept"], "it is as narrow as it was"
        assert (card.sampling, card.preprocess) == (before.sampling, before.preprocess)
    out = home / "both.safetensors"
    capsys.readouterr()
    assert cli.main(["fuse", "on-rgb", "on-flow", "--out", str(out), "--data", str(data), "--json"]) == 0
    both = catalogue.cards()["both"]
    assert json.loads(capsys.readouterr().out)["results"] == both.results
    assert both.results["clips"] == 3
    assert study.load("both").card.sampling == card.sampling
    told = out.with_suffix(".md").read_text(encoding="utf-8")
    assert f"**{both.results['accuracy']:.3f}**" in told
    pruned = [line for line in weights.read(out)[1]["commands"] if " prune " in line]
    assert [line.partition(" prune ")[2] for line in pruned] == [
        f"--model tst-rescnn-a:{stream}@tiny-{stream}.safetensors --percent 50 --out pruned.safetensors" for stream in ("rgb", "flow")
    ]
    of_streams = [command for file in made.values() for command in weights.read(file)[1]["commands"]]
    assert weights.read(out)[1]["commands"][:-1] == list(dict.fromkeys(of_streams))


def test_a_stream_is_trained_by_its_name(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    how = ["--recipe", "tpnlst", "--argument", "width=0.125", "--size", "32", "--frames", "4", "--precision", "fp32", "--dry-run", "--json"]
    said = []
    for model in (["--model", "tst-rescnn-a", "--stream", "flow"], ["--model", "tst-rescnn-a:flow"]):
        assert cli.main(["train", *model, "--data", str(data), "--out", str(tmp_path / "run"), *how]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0]["model"] == said[1]["model"] == "tst-rescnn-a:flow"
    assert said[0]["parameters"] == said[1]["parameters"]
    assert cli.main(["train", "--model", "c2d-r50", "--stream", "flow", "--data", str(data), "--out", str(tmp_path / "run")]) == 2


def test_what_a_file_says_of_itself_goes_before_the_sibling_it_is_opened_as(tmp_path: Path) -> None:
    file = streams_made.both(tmp_path)
    own = catalogue.card(f"tst-rescnn-34@{file}")
    assert own.sampling == Sampling("uniform", 8)
    assert catalogue.card(f"tnlst-rescnn-a@{file}") == own
    plain = tmp_path / "plain.pth"
    torch.save(weights.read(file)[0], plain)
    bare = catalogue.card(f"tst-rescnn-a@{plain}")
    assert bare.sampling != own.sampling, "a file that says nothing is read as the card says"
    assert "tensors say rgb.width = 0.125 and " in bare.note
    assert "flow.width = 0.125. Picture size, frames and strides are those of TST-ResCNN" in bare.note


def test_an_evaluation_of_one_file_is_the_same_under_any_siblings_name(tmp_path: Path, data: Path) -> None:
    file = streams_made.both(tmp_path)
    answers = [study.answer(Question(str(data / "4.mp4"), f"{base}@{file}", "streams")) for base in ("tst-rescnn-34", "tst-rescnn-a")]
    np.testing.assert_array_equal(*(found.predictions.probabilities for found in answers))


@pytest.mark.parametrize("told", [{"commands": 5, "clips": [1], "pruned": 3}, {"commands": [[1], {}, "x"], "clips": {"train": "many"}}, {}])
def test_what_a_header_says_of_its_making_is_borne_whatever_it_is(told: dict[str, object], tmp_path: Path) -> None:
    models = []
    for stream in ("rgb", "flow"):
        file = streams_made.stream(tmp_path, stream)
        state, about = weights.read(file)
        save_file(state, file, {"actrec": json.dumps({**about, **told})})
        models.append(f"tst-rescnn-a:{stream}@{file}")
    fuse.fuse(*models, tmp_path / "both.safetensors")
    said = weights.read(tmp_path / "both.safetensors")[1]
    assert said["commands"] in ([], ["x"])
    assert said["clips"] == {}
