"""The shift module's two streams, pictures and RGB differences, with either head: exact maps, shares that add up, each stream a model by itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shift_made
import torch
from app_made import EXPLORE, address, visit
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from actrec import catalogue, cli, study
from actrec.core.errors import QuestionError
from actrec.core.question import Question
from actrec.explain import Ask
from actrec.explain import streams as side_by_side
from actrec.lab import fuse
from actrec.models import _streams, shiftdifference

FUSIONS, HEADS = _streams.FUSIONS, {"gap": 0, "vlad": 4}
MODELS = [f"{head}-mean" for head in HEADS] + [f"{head}-mean:{name}" for head in HEADS for name in shiftdifference.STREAMS]


@pytest.fixture(scope="module", autouse=True)
def two(home: Path) -> Path:
    """Both streams with average pooling and with four visual words, fused in every way: gap-mean, …, vlad-logits; and one of each head: mixed."""
    folder = home / "checkpoints"
    for head, clusters in HEADS.items():
        for how in FUSIONS:
            shift_made.both(folder, f"{head}-{how}", how, clusters=clusters)
    whole = shift_made.WHOLE
    fuse.fuse(*(f"{whole}:{name}@{folder}/{head}-mean-{name}.safetensors" for head, name in (("gap", "rgb"), ("vlad", "difference"))),
              folder / "mixed.safetensors", "logits")  # fmt: skip
    shift_made.stream(folder, "difference", called="unshifted", before=0.0, behind=0.0)
    return home


def bias(model: str, versus: str | None) -> float:
    row: nn.Parameter = study.load(model).model.get_parameter("fc.bias")
    return float(row[1] - (0 if versus is None else row[2]))


@pytest.mark.parametrize("how", FUSIONS)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("versus", [None, "jump"])
def test_both_maps_are_exact_and_the_shares_of_the_decision_add_up(head: str, how: str, versus: str | None) -> None:
    model = f"{head}-{how}"
    found = study.answer(Question("short", model, "streams", "run", versus))
    half, total = (0.5 if how == "logits" else 1.0), 0.0
    for heat, name in zip(found.heats[:2], shiftdifference.STREAMS, strict=True):
        alone = study.answer(Question("short", f"{model}:{name}", "gradcam", "run", versus))
        share = float(heat.values.mean(dtype=np.float64)) + half * bias(f"{model}:{name}", versus)
        assert share == pytest.approx(half * alone.score, abs=1e-5)
        assert abs(bias(f"{model}:{name}", versus)) > 0.01, "the bias was not nothing, so leaving it out would be seen"
        total += share
    assert [heat.title.rpartition(" ")[2] for heat in found.heats] == ["pictures", "differences", "both"][: 2 + (how == "logits")]
    assert {heat.title.partition(" of ")[0] for heat in found.heats} == {"Exact map" if head == "vlad" else "CAM"}
    if how == "logits":
        assert total == pytest.approx(found.score, abs=1e-5)
        np.testing.assert_allclose(found.heats[2].values, found.heats[0].values + found.heats[1].values, atol=1e-6)
    told = {finding.name: finding.value for finding in found.findings}
    parts = [told[f"score of the {name} alone"] for name in ("pictures", "differences")]
    for name, part in zip(shiftdifference.STREAMS, parts, strict=True):
        assert part == pytest.approx(study.answer(Question("short", f"{model}:{name}", "gradcam", "run")).probability, abs=1e-6)
    if how == "mean":
        assert sum(parts) / 2 == pytest.approx(told["score of both streams"], abs=1e-6)
        assert told["shares of the fused score"] == told["score of both streams"]
    assert told["score of both streams"] == pytest.approx(found.probability, abs=1e-6)


def test_what_each_stream_says_is_told_in_plural() -> None:
    for head in HEADS:
        said = " ".join(finding.sentence for finding in study.answer(Question("short", f"{head}-mean", "streams")).findings)
        assert "the pictures alone give it " in said
        assert " and the differences alone give it " in said
        assert "Alone the differences put " in said
        assert "percentage points from the differences." in said
        assert "gives" not in said
        assert "puts" not in said


@given(st.lists(st.floats(-20, 20), min_size=6, max_size=6), st.sampled_from(FUSIONS), st.integers(0, 2))
def test_what_is_said_of_the_shares_follows_from_the_scores(values: list[float], how: str, label: int) -> None:
    logits = {"rgb": torch.tensor([values[:3]]), "difference": torch.tensor([values[3:]])}
    fused = _streams.fuse(*logits.values(), how)
    found = side_by_side.findings(logits, fused, Ask(label), how)
    alone = [float(each[0].softmax(0)[label]) for each in logits.values()]
    assert [finding.value for finding in found[1:3]] == alone
    assert [finding.name for finding in found[1:3]] == ["score of the pictures alone", "score of the differences alone"]
    for finding, each in zip(found[1:3], logits.values(), strict=True):
        assert ("put no class before this one" in finding.sentence) == bool(each[0].softmax(0)[label] == each[0].softmax(0).max())
    assert not any(word in finding.sentence for finding in found for word in ("gives", "puts", "the flow"))


def test_two_heads_of_different_kinds_still_add_up() -> None:
    found = study.answer(Question("short", "mixed", "streams", "run"))
    assert [heat.title for heat in found.heats] == ["CAM of the pictures", "Exact map of the differences", "Exact map of both"]
    biases = sum(bias(f"mixed:{name}", None) / 2 for name in shiftdifference.STREAMS)
    assert float(found.heats[2].values.mean(dtype=np.float64)) + biases == pytest.approx(found.score, abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_every_method_that_fits_answers(model: str) -> None:
    card = catalogue.card(model)
    ways = [method for method in catalogue.methods().values() if not isinstance(catalogue.layers(card, method), str)]
    names = {method.id for method in ways}
    assert {"gradcam", "fem"} <= names
    assert ("streams" in names) == (":" not in model)
    assert ("difference" in names) == (not model.endswith("rgb"))
    assert "flow" not in names
    assert ("cam" in names) == (":" in model and model.startswith("gap"))
    for method in ways:
        found = study.answer(Question("short", model, method.id))
        assert found.claim
        assert np.isfinite(found.heat.values).all()
        assert all(0 <= first < last <= found.clip.video.frames for heat in found.heats for first, last in heat.bands.tolist())


def test_what_a_map_of_the_differences_has_read_reaches_behind_the_models_frames() -> None:
    found = study.answer(Question("long", "unshifted-difference", "cam"))
    assert found.heat.fields is not None
    assert found.heat.fields.tolist() == [[i, min(i + 5, 59) + 1] for i in found.clip.index.tolist()], "each frame by itself, and five behind it"
    pictures, differences = study.answer(Question("long", "gap-logits", "streams")).heats[:2]
    assert pictures.fields is not None
    assert differences.fields is not None
    assert (differences.fields[:, 0] == pictures.fields[:, 0]).all()
    assert (differences.fields[:, 1] == np.minimum(pictures.fields[:, 1] + 5, 60)).all()
    both = study.answer(Question("long", "gap-logits", "streams")).heats[2]
    np.testing.assert_array_equal(both.fields, differences.fields)


def test_the_command_line_and_the_page_know_the_streams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", "short", "--model", "vlad-mean", "--stream", "difference", "--method", "gradcam", "--out", str(tmp_path), "--json"]
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out)["question"]["model"] == "vlad-mean:difference"
    assert cli.main(["predict", "short", "--model", "gap-mean", "--stream", "flow"]) == 2
    assert "no stream 'flow'" in capsys.readouterr().err
    with pytest.raises(QuestionError, match="a shift of rgb and one of difference, in this order"):
        fuse.fuse("gap-mean-difference", "gap-mean-rgb", tmp_path / "x")
    page = visit(EXPLORE, clip="short", model="gap-mean", method="streams")
    assert any("the differences alone give it" in text.value for text in page.markdown)
    page.segmented_control("stream").select("difference").run()
    assert address(page)["model"] == "gap-mean:difference"
    assert study.default_method(catalogue.card("vlad-mean")) == "streams"
