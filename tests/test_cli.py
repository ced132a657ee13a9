"""The command line: the same numbers as the pages, files that can be read again, one line for what can be mended, never a traceback."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import av
import numpy as np
import pytest

from actrec import catalogue, cli, study
from actrec.core.question import Question

pytestmark = pytest.mark.usefixtures("home")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(list(words))
    said = capsys.readouterr()
    return status, said.out, said.err


def test_explain_writes_everything_and_says_where(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, _ = run(
        capsys, "explain", "short", "--model", "tiny", "--method", "cam", "--label", "walk", "--versus", "run", "--out", str(tmp_path), "--json"
    )
    assert status == 0
    said = json.loads(out)
    assert set(said) == {"question", "model", "label", "predictions", "claim", "cautions", "findings", "command", "files", "with_time"}
    assert len(said["predictions"]) == 5
    assert set(said["predictions"][0]) == {"label", "probability"}
    files = {name: Path(path) for name, path in said["files"].items()}
    assert set(files) == {"video", "figure", "figure_svg", "arrays", "curves", "provenance"}
    assert files["figure"].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in files["figure_svg"].read_bytes()
    assert np.load(files["arrays"]).files
    with av.open(str(files["video"])) as film:
        assert film.streams.video[0].codec_context.name == "h264"
    with files["curves"].open(newline="") as lines:
        rows = list(csv.reader(lines))
    assert rows[0] == ["curve", "unit", "frame", "seconds", "value"]
    assert [row[2] for row in rows[1:] if row[0] == "evidence per frame"] == [str(frame) for frame in range(16)]
    provenance = json.loads(files["provenance"].read_text())
    assert set(provenance) >= {
        "question", "command", "model", "clip", "frames", "geometry", "target", "claim", "cautions", "evidence", "run", "versions", "files"
    }  # fmt: skip
    assert set(provenance["files"]) == {path.name for name, path in files.items() if name != "provenance"}
    assert Question.from_query(said["question"]) == Question("short", "tiny", "cam", "walk", "run")


def test_the_command_line_and_the_pages_give_the_same_numbers_to_the_bit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, _ = run(capsys, "explain", "short", "--model", "tiny", "--method", "gradcam", "--out", str(tmp_path), "--json")
    assert status == 0
    page = study.answer(Question("short", "tiny", "gradcam"))
    with np.load(json.loads(out)["files"]["arrays"], allow_pickle=False) as arrays:
        kept = [arrays[name] for name in arrays.files]
        assert any(a.shape == page.heat.values.shape and np.array_equal(a, page.heat.values, equal_nan=True) for a in kept)
        assert any(a.shape == page.predictions.logits.shape and np.array_equal(a, page.predictions.logits) for a in kept)


def test_the_printed_command_reproduces_the_view(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import shlex

    question = Question("short", "tinydam", "directed", at=(0.2, 20.0, 20.0), knobs=(("layer", catalogue.layers(*_fit())[0]),))
    words = shlex.split(question.to_command())[3:]
    status, out, err = run(capsys, *words, "--out", str(tmp_path), "--json")
    assert status == 0, err
    assert Question.from_query(json.loads(out)["question"]) == question


def test_a_look_on_the_command_line_is_that_of_the_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    look = ["--palette", "viridis", "--threshold", "0.25", "--moment", "0.2"]
    status, out, err = run(capsys, "explain", "short", "--model", "tiny", *look, "--out", str(tmp_path), "--json")
    assert status == 0, err
    told = json.loads(Path(json.loads(out)["files"]["provenance"]).read_text())
    assert (told["look"]["palette"], told["look"]["threshold"], told["look"]["moment"]) == ("viridis", 0.25, 0.2)
    assert told["command"].endswith(" ".join(look))
    status, out, err = run(capsys, "compare", "short", "--model", "tiny", "--model", "tinydam", "--scale", "clip", "--out", str(tmp_path), "--json")
    assert json.loads((tmp_path / "comparison.json").read_text())["look"]["scale"] == "clip"


def _fit() -> tuple[object, object]:
    return catalogue.card("tinydam"), catalogue.methods()["directed"]


def test_predict_names_the_classes_and_says_whether_order_matters(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "predict", "short", "--model", "tiny", "--json")
    said = json.loads(out)
    assert status == 0
    assert sum(p["probability"] for p in said["predictions"]) <= 1 + 1e-6
    assert set(said["order"]) == {"as it is", "reversed", "shuffled"}
    assert said["verdict"]


def test_compare_writes_figures_and_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, _ = run(capsys, "compare", "short", "--model", "tiny", "--model", "tinydam", "--out", str(tmp_path), "--json")
    assert status == 0
    said = json.loads(out)
    assert len(said["answers"]) == 2
    assert len(said["agreements"]) == 1
    assert {name: Path(path).suffix for name, path in said["files"].items()} == {
        "figure": ".png", "figure_svg": ".svg", "segments": ".png", "segments_svg": ".svg", "provenance": ".json"
    }  # fmt: skip
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".json": b"{"}
    assert all(Path(path).read_bytes().startswith(starts[Path(path).suffix]) for path in said["files"].values())


@pytest.mark.slow
def test_models_lists_every_card_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "models", "--json")
    rows = {row["id"]: row for row in json.loads(out)}
    assert status == 0
    assert {"tiny", "dam-12", "i3d-r50", "r3d_18", "swin3d_b"} <= set(rows)
    assert all(set(row) >= {"id", "title", "ready", "parameters", "gflops", "inputs", "methods"} for row in rows.values())
    assert rows["tiny"]["ready"]
    assert not rows["dam-12"]["ready"]
    assert "cam" in rows["r3d_18"]["methods"]
    assert "cam" not in rows["mvit_v2_s"]["methods"]
    assert rows["c2d-r50"]["paper"]["gflops"] == 26.19


def test_train_then_evaluate_then_explain(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = [
        "--data",
        "mannequin",
        "--clips",
        "1",
        "--test-clips",
        "1",
        "--model",
        "c2d-r50",
        "--argument",
        "width=0.125",
        "--argument",
        "last_stride=1",
    ]
    status, said, err = run(
        capsys, "train", *words, "--size", "32", "--frames", "4", "--span", "64", "--epochs", "1", "--batch", "8", "--out", str(out), "--json"
    )
    assert status == 0, err
    last = json.loads(said[said.index("{") :])
    assert last["clips"] == 16
    model = f"c2d-r50@{out / 'model.safetensors'}"
    status, said, err = run(capsys, "evaluate", "--model", model, "--data", "mannequin", "--test-clips", "1", "--json")
    assert status == 0, err
    again = json.loads(said)
    assert again["confusion"] == last["confusion"]
    assert (out / "README.md").read_text().startswith("#")
    assert run(capsys, "predict", "short", "--model", model)[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "no such clip", "--model", "tiny"],
        ["explain", "short", "--model", "no such model"],
        ["explain", "short", "--model", "tiny", "--method", "no such method"],
        ["explain", "short", "--model", "tiny", "--at", "here"],
        ["explain", "short", "--model", "tiny", "--knob", "weights"],
        ["explain", "short", "--model", "tiny", "--start", "-1"],
        ["explain", "short", "--model", "tiny", "--palette", "jet"],
        ["explain", "short", "--model", "tiny", "--threshold", "1.5"],
        ["compare", "short", "--model", "tiny", "--model", "tinydam", "--scale", "all"],
        ["explain", "short"],
        ["explain", "short", "--model", "tiny", "--frobnicate"],
        ["predict", "/etc/passwd", "--model", "tiny"],
        ["compare", "short", "--model", "tiny"],
        ["compare", "short", "--model", "tiny", "--model", "tinydam", "--method", "cam", "--method", "cam", "--method", "cam"],
        ["train", "--data", "/nowhere", "--out", "/tmp/x"],
        ["evaluate", "--model", "tiny", "--data", "mannequin", "--test-clips", "1"],
        ["no-such-command"],
        ["explain", os.fsdecode(b"/tmp/x\xff.mp4"), "--model", "tiny"],
        ["explain", "short", "--model", os.fsdecode(b"tiny@\xff.pth")],
    ],
)
def test_what_can_be_mended_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]) -> None:
    status, out, err = run(capsys, *words, *(["--out", str(tmp_path)] if words[0] in ("explain", "compare") else []))
    assert status == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("actrec: ")
    assert "bug in actrec" not in err


def test_what_the_system_refuses_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file in the way")
    status, _, err = run(capsys, "explain", "short", "--model", "tiny", "--out", str(tmp_path / "out"))
    assert (status, len(err.strip().splitlines())) == (2, 1)
    assert str(tmp_path / "out") in err
