"""What a model costs is counted once: what ships is right, what is kept is found again, and the list of models builds nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import demo_made
import pytest

from actrec import catalogue, cli
from actrec.catalogue import counting
from actrec.core import settings

LARGE = ("swin3d_s", "swin3d_b", "swin3d_b_22k", "c2d-r101", "mvit_v1_b")
"""Whose counting takes seconds."""

NAMES = [*catalogue.architectures(), *(file.stem for file in sorted((settings.assets() / "checkpoints").glob("*.safetensors")))]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LARGE)) for n in NAMES])
def test_the_counts_that_ship_are_those_of_the_models(name: str) -> None:
    card = catalogue.card(name)
    kept = counting.shipped().get(counting._key(card))
    assert kept == counting.counted(card), "run: python benchmarks/count_models.py"


def test_no_count_ships_that_no_model_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_CHECKPOINTS", str(tmp_path))
    assert counting.shipped().keys() == {counting._key(card) for card in catalogue.cards().values()}, "run: python benchmarks/count_models.py"


def test_a_model_of_the_readers_is_counted_once_for_this_source_code(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = catalogue.card("tiny")
    parameters, gflops = catalogue.counts(card)
    assert parameters == sum(p.numel() for p in catalogue.build(card).parameters())
    assert gflops > 0
    monkeypatch.setattr(counting, "counted", lambda card: pytest.fail("counted again"))
    assert catalogue.counts(card) == (parameters, gflops)
    assert catalogue.counts(replace(card, title="Other", results={"accuracy": 0.5})) == (parameters, gflops)
    for other in (replace(card, labels=card.labels[:2]), replace(card, arguments={**card.arguments, "width": 0.25})):
        with pytest.raises(pytest.fail.Exception):
            catalogue.counts(other)
    monkeypatch.setattr(counting, "_source", lambda: "other code")
    with pytest.raises(pytest.fail.Exception):
        catalogue.counts(card)


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"a": 1}', '{"a": {"parameters": "x"}}', "[" * 10**5, "\udc80"])
def test_kept_counts_that_are_damaged_are_made_again(own_cache: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    card = replace(catalogue.card("c2d-mannequin"), labels=("a", "b"))
    monkeypatch.setattr(counting, "counted", lambda card: counting.Counts(7, 0.5, ("cam",), tuple(catalogue.methods())))
    place = counting._place()
    place.parent.mkdir(parents=True)
    place.write_bytes(damage.encode(errors="surrogateescape"))
    assert catalogue.counts(card) == (7, 0.5)
    assert counting.read(place)[counting._key(card)].methods == ("cam",)


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(counting, "counted", lambda card: counting.Counts(7, 0.5, (), tuple(catalogue.methods())))
    assert catalogue.counts(replace(catalogue.card("c2d-mannequin"), labels=("a", "b"))) == (7, 0.5)


def test_the_list_tells_what_is_left_out_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ACTREC_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    demo_made.checkpoint(tmp_path, "good")
    (tmp_path / "gone.safetensors").symlink_to(tmp_path / "pruned")
    (tmp_path / "text.safetensors").write_text("hello")
    monkeypatch.setattr(counting, "counted", lambda card: counting.Counts(7, 0.5, (), tuple(catalogue.methods())))
    assert cli.main(["models", "--json"]) == 0
    said = capsys.readouterr()
    rows = {row["id"]: row for row in json.loads(said.out)}
    assert rows["good"]["parameters"] == 7
    assert rows["r3d_18"]["paper"]["acc@1"] == pytest.approx(63.2)
    assert "gone.safetensors: left out: gone.safetensors is a link to a file that is not there" in said.err
    assert "text.safetensors: left out" in said.err


@pytest.mark.slow
def test_neither_the_list_nor_a_prediction_waits_for_compilers_or_torchvision(tmp_path: Path) -> None:
    """They answer in half as much again as importing torch takes, because they import little else."""
    script = (
        "import sys\nfrom actrec import cli\n"
        "assert cli.main(['models']) == 0\n"
        "assert cli.main(['predict', 'sit_down', '--model', 'c2d-mannequin']) == 0\n"
        "late = {'torch._dynamo', 'torch._inductor', 'triton', 'torchvision', 'matplotlib', 'plotly', 'streamlit', 'scipy', 'pytorch_grad_cam'}\n"
        "sys.exit(', '.join(sorted(late & sys.modules.keys())) or 0)"
    )
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "OMP_NUM_THREADS") if name in os.environ}
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=root, env=plain)
    assert done.returncode == 0, done.stderr
