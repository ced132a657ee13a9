"""Pruning a model of two streams, the layer before fc, the precision of the file, and what is left when a run is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pruned_made
import pytest
import torch
from conftest import ROOT
from torch import Tensor

from actrec import catalogue, cli, study
from actrec.core.errors import QuestionError
from actrec.core.question import Question
from actrec.lab import prune
from actrec.models import weights


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    """The reader's checkpoints: two streams whose last layer takes part, fused (two) and each by itself."""
    torch.manual_seed(0)
    pruned_made.both(home / "checkpoints", cut=True)
    return home / "checkpoints"


def numbers(file: Path, before: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in weights.read(file)[0].items() if name.startswith(before)}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, dict[str, object]]:
    """What the command says of each stream."""
    assert cli.main(["prune", "--model", "two", *words, "--json"]) == 0
    found: dict[str, dict[str, object]] = json.loads(capsys.readouterr().out)["streams"]
    return found


def test_of_a_whole_model_both_streams_are_pruned_each_by_its_own_threshold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "small.safetensors"
    told = run(capsys, "--percent", "40", "--out", str(out))
    assert {name: one["percent"] for name, one in told.items()} == {"rgb": 40, "flow": 40}
    assert told["rgb"]["threshold"] != told["flow"]["threshold"]
    assert catalogue.card("small").inputs == ("rgb", "flow")
    for name in ("rgb", "flow"):
        alone = folder / "alone.safetensors"
        assert cli.main(["prune", "--model", f"two:{name}", "--percent", "40", "--out", str(alone)]) == 0
        ours, its = numbers(out, f"{name}."), numbers(alone, "")
        assert all(torch.equal(ours[f"{name}.{key}"], tensor) for key, tensor in its.items())
        assert study.answer(Question("short", f"small:{name}", "cam")).claim
    assert study.answer(Question("short", "small", "streams")).claim


def test_one_stream_alone_is_pruned_and_the_other_stays_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "half.safetensors"
    told = run(capsys, "--stream", "rgb", "--percent", "60", "--out", str(out))
    assert told["flow"]["share"] == 0
    assert told["rgb"]["share"]
    before, after = numbers(folder / "two.safetensors", ""), numbers(out, "")
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("flow."))
    assert sum(t.numel() for name, t in after.items() if name.startswith("rgb.")) < sum(t.numel() for n, t in before.items() if n.startswith("rgb."))
    assert catalogue.card("half").title == "Tiny rgb + Tiny flow, pruned by 60 % (rgb) and 0 % (flow)"


@pytest.mark.parametrize(
    ("asked", "stream", "found"),
    [
        ("40", "", {"rgb": 40, "flow": 40}),
        ("70, 80", "", {"rgb": 70, "flow": 80}),
        ("ucf101", "", {"rgb": 70, "flow": 80}),
        ("HMDB51", "", {"rgb": 40, "flow": 30}),
        ("hmdb51", "flow", {"rgb": 0, "flow": 30}),
        ("0.5", "rgb", {"rgb": 0.5, "flow": 0}),
    ],
)
def test_how_much_goes_is_one_number_or_one_for_each_stream_or_the_papers(folder: Path, asked: str, stream: str, found: dict[str, float]) -> None:
    assert prune.percents(catalogue.card("two"), asked, stream) == found
    alone = prune.percents(catalogue.card("two:flow"), asked) if "," not in asked and not stream else {}
    assert alone in ({}, {"flow": found["flow"]})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--percent", "half"], "'half' is not a percentage"),
        (["--percent", "1,2,3"], "3 percentages, and Tiny rgb + Tiny flow has 2 to prune: rgb and flow"),
        (["--percent", "100"], "100 % cannot be pruned"),
        (["--stream", "sound"], "no stream 'sound' to prune; it has rgb and flow"),
        (["--percent", "0.1"], "are less than one; ask for more"),
    ],
)
def test_what_cannot_be_asked_gets_one_line_and_leaves_no_file(folder: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prune", "--model", "two", *words, "--out", str(folder / "none.safetensors")]) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert heard.count("\n") == 1
    assert not (folder / "none.safetensors").exists()


def test_without_fc_the_linear_layer_and_what_it_reads_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = weights.read(folder / "two.safetensors")[0]["rgb.fc.weight"].shape[1]
    for words, stays in ((["--no-fc"], True), ([], False)):
        told = run(capsys, "--percent", "60", *words, "--out", str(folder / "fc.safetensors"))
        assert (numbers(folder / "fc.safetensors", "rgb.")["rgb.fc.weight"].shape[1] == wide) == stays
        kept = told["rgb"]["kept"]
        assert isinstance(kept, dict)
        assert ("layer4.0.conv2.1" in kept) != stays


def test_a_long_name_is_shortened_so_that_lists_still_say_what_was_pruned(folder: Path) -> None:
    prune.save("tiny-rgb", {"rgb": 40.0}, folder / "long.safetensors", title="very long " * 20)
    assert len(catalogue.card("long").title) > 100
    prune.save("long", {"rgb": 30.0}, folder / "longer.safetensors")
    assert re.search(r"…, pruned by \d+ %$", catalogue.card("longer").title)


def test_a_file_stays_in_its_precision(folder: Path) -> None:
    for name, kind in (("two", torch.float16), ("two:rgb", torch.float16), ("tiny-rgb", torch.float32)):
        whole = prune.opened(name)
        prune.written(whole, whole.plans(dict.fromkeys(prune.networks(whole.card), 50.0)), folder / "kind.safetensors")
        assert {t.dtype for t in numbers(folder / "kind.safetensors", "").values() if t.is_floating_point()} == {kind}


def test_at_nothing_pruned_two_streams_answer_the_same_to_the_bit(folder: Path) -> None:
    prune.save("two", {"rgb": 0.0, "flow": 0.0}, folder / "same.safetensors")
    one, other = (study.answer(Question("short", name, "streams")) for name in ("two", "same"))
    np.testing.assert_array_equal(one.predictions.logits, other.predictions.logits)
    for mine, theirs in zip(one.heats, other.heats, strict=True):
        np.testing.assert_array_equal(mine.values, theirs.values)


def test_a_stream_whose_scales_are_alike_keeps_all_and_where_nothing_else_is_asked_it_is_said(home: Path, folder: Path) -> None:
    more = home / "alike"
    more.mkdir(exist_ok=True)
    file = pruned_made.both(more, lambda name, old: torch.ones_like(old) if name.startswith("flow") else torch.rand(len(old)))
    pruned_made.scaled(file, lambda name, old: torch.ones_like(old) if name.startswith("flow") else old)
    whole = prune.opened(f"tst-rescnn-34@{file}")
    with pytest.raises(QuestionError, match="nothing to prune: the 40 % with the smallest scales are all as large as the next, 1"):
        whole.plans({"rgb": 0.0, "flow": 40.0})
    shares = {stream: chosen.share for stream, chosen in whole.plans({"rgb": 40.0, "flow": 40.0}).items()}
    assert shares["rgb"]
    assert not shares["flow"]


KILLED = """
import sys, time
from pathlib import Path
from actrec.core import files
from actrec.lab import prune
from actrec.models.weights import checkpoint

def wait(*_):
    print("now", flush=True)
    time.sleep(600)

def half(state, part, metadata):
    import safetensors.torch
    content = safetensors.torch.save(state, metadata)
    part.write_bytes(content[: len(content) // 2])
    wait()

if sys.argv[2] == "halfway":
    checkpoint.save_file = half
else:
    files._settle = wait
prune.save("tiny-rgb", {"rgb": 40.0}, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("moment", ["halfway", "written, before it has its name"])
def test_a_process_killed_while_it_saves_leaves_the_original_whole_and_nothing_that_is_taken_for_whole(folder: Path, moment: str) -> None:
    name = f"killed {moment.partition(',')[0]}"
    before, out, listed = (folder / "tiny-rgb.safetensors").read_bytes(), folder / f"{name}.safetensors", set(catalogue.cards())
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", KILLED, str(out), moment], env=surroundings, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    assert list(folder.glob(f".{name}*.part")), "it was killed while it wrote"
    assert (folder / "tiny-rgb.safetensors").read_bytes() == before
    assert not out.exists()
    assert set(catalogue.cards()) == listed
    assert not [other for other in catalogue.remarks() if name in other]
    prune.save("tiny-rgb", {"rgb": 40.0}, out)
    assert name in catalogue.cards()
