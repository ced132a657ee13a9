"""Two streams: what they say together, how much each decides, and that each is a model like any other; flow where it belongs."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import streams_made
import torch
from app_made import COMPARE, EXPLORE, address, visit
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from actrec import catalogue, cli, study
from actrec.cli import options
from actrec.clips import video
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.errors import QuestionError
from actrec.core.question import Question
from actrec.core.words import fixed
from actrec.explain import Ask
from actrec.explain import streams as side_by_side
from actrec.inputs import pixels, streams
from actrec.inputs.crops import Cut
from actrec.inputs.streams import flow as flows
from actrec.lab import fuse as fusing
from actrec.models import _streams, twostream
from actrec.study import asking

FUSIONS = _streams.FUSIONS


@pytest.fixture(scope="module", autouse=True)
def two(home: Path) -> Path:
    """Checkpoints of both streams, and fused in every way: two-mean, two-max, two-logits."""
    folder = home / "checkpoints"
    for how in FUSIONS:
        streams_made.both(folder, f"two-{how}", how)
    still = np.full((24, 64, 96, 3), 90, np.uint8)
    video.write(home / "clips" / "still.mp4", list(still), 25.0)
    return home


def shares(model: str, clip: str = "short") -> NDArray[np.float32]:
    return study.answer(Question(clip, model, "gradcam")).predictions.probabilities


def test_streams_are_explained_by_their_exact_maps_unless_asked_otherwise() -> None:
    assert study.default_method(catalogue.card("two-mean")) == "streams"
    assert study.default_method(catalogue.card("two-mean:flow")) == "cam"


def test_what_both_say_together_is_the_stated_function() -> None:
    one, other = torch.randn(4, 5), torch.randn(4, 5)
    p, q = one.softmax(-1), other.softmax(-1)
    larger = torch.maximum(p, q)
    expected = {"mean": (p + q) / 2, "max": larger / larger.sum(-1, keepdim=True), "logits": ((one + other) / 2).softmax(-1)}
    for how in FUSIONS:
        torch.testing.assert_close(_streams.fuse(one, other, how).softmax(-1), expected[how], atol=1e-6, rtol=1e-6)
    with pytest.raises(ValueError, match="no fusion 'sum'"):
        _streams.fuse(one, other, "sum")


def test_each_stream_of_a_fused_model_is_a_model_and_both_make_it() -> None:
    alone = {name: shares(f"two-mean:{name}") for name in twostream.STREAMS}
    for name, found in alone.items():
        np.testing.assert_allclose(found, shares(f"tiny-{name}"), atol=0.01)  # the fused file holds 16 bits
    np.testing.assert_allclose(shares("two-mean"), (alone["rgb"] + alone["flow"]) / 2, atol=1e-6)
    larger = np.maximum(shares("two-max:rgb"), shares("two-max:flow"))
    np.testing.assert_allclose(shares("two-max"), larger / larger.sum(), atol=1e-6)


@pytest.mark.parametrize("how", FUSIONS)
@pytest.mark.parametrize("versus", [None, "jump"])
def test_the_maps_are_exact_and_the_shares_of_the_decision_add_up(how: str, versus: str | None) -> None:
    found = study.answer(Question("short", f"two-{how}", "streams", "run", versus))
    half = 0.5 if how == "logits" else 1.0
    total = 0.0
    for heat, name in zip(found.heats[:2], twostream.STREAMS, strict=True):
        alone = study.answer(Question("short", f"two-{how}:{name}", "cam", "run", versus))
        np.testing.assert_allclose(heat.values, half * alone.heat.values, atol=1e-5)
        head = study.load(f"two-{how}:{name}").model.get_submodule("fc")
        row = head.bias[1] - (0 if versus is None else head.bias[2])
        assert heat.values.mean() + half * float(row) == pytest.approx(half * alone.score, abs=1e-5)
        total += float(heat.values.mean()) + half * float(row)
    assert len(found.heats) == (3 if how == "logits" else 2)
    assert len({heat.unit for heat in found.heats}) == 1, "one scale for all of them"
    if how == "logits":
        both = found.heats[2]
        assert total == pytest.approx(found.score, abs=1e-5)
        np.testing.assert_allclose(both.values, found.heats[0].values + found.heats[1].values, atol=1e-6)
        assert both.bands.tolist() == found.heats[0].bands.tolist()
        positive = study.answer(Question("short", "two-logits", "streams", "run", versus, knobs=(("sign", "positive"),)))
        np.testing.assert_allclose(positive.heats[2].values, np.maximum(both.values, 0), atol=1e-6)
        assert {f.name: f.value for f in found.findings}[side_by_side.SUM] == pytest.approx(found.score, abs=1e-5)
    told = {finding.name: finding.value for finding in found.findings}
    parts = [told[f"score of the {said} alone"] for said in ("pictures", "flow")]
    if how == "mean":
        assert told["score of both streams"] == pytest.approx(sum(parts) / 2, abs=1e-6)
    assert told["score of both streams"] == pytest.approx(found.probability, abs=1e-6)
    assert found.evidence.together
    assert found.claim.startswith("CAM of the pictures: ")
    assert " CAM of the flow: " in found.claim, "each map has its own claim"
    assert ("add up to the third" in " ".join(f.sentence for f in found.findings)) == (how == "logits")
    assert [track.title for track in found.tracks[:2]] == ["CAM of the pictures: evidence per frame", "CAM of the flow: evidence per frame"]


def test_two_streams_of_one_file_are_two_answers() -> None:
    pictures, flow = (study.answer(Question("short", f"two-mean:{name}", "cam")) for name in twostream.STREAMS)
    assert pictures.provenance["weights_sha256"] == flow.provenance["weights_sha256"]
    assert pictures.identity != flow.identity
    assert (pictures.provenance["stream"], flow.provenance["stream"]) == ("rgb", "flow")


@pytest.mark.parametrize("model", ["two-mean", "two-mean:flow", "tiny-flow"])
def test_every_method_that_fits_answers(model: str) -> None:
    card = catalogue.card(model)
    ways = [method for method in catalogue.methods().values() if not isinstance(catalogue.layers(card, method), str)]
    assert ("streams" in {method.id for method in ways}) == (model == "two-mean")
    assert {"gradcam", "fem"} <= {method.id for method in ways}
    for method in ways:
        found = study.answer(Question("short", model, method.id))
        assert found.claim
        assert all(0 <= first < last <= found.clip.video.frames for heat in found.heats for first, last in heat.bands.tolist())


def test_the_command_line_knows_the_streams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "short", "--model", "two-mean", "--stream", "flow", "--method", "cam", "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["question"]["model"] == "two-mean:flow"
    assert cli.main(["predict", "short", "--model", "two-mean", "--stream", "sound"]) == 2
    assert "no stream 'sound'" in capsys.readouterr().err
    assert cli.main(["fuse", "tiny-flow", "tiny-rgb", "--out", str(tmp_path / "x.safetensors")]) == 2
    assert "give a rescnn of rgb and one of flow" in capsys.readouterr().err
    assert cli.main(["fuse", "tiny-rgb", "tiny-flow", "--fusion", "max", "--out", str(tmp_path / "x.safetensors"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fusion"] == "max"


def test_every_command_that_asks_models_knows_the_streams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asking = [command.callback for command in options.app.registered_commands if command.callback is not None]
    taking = {each.__name__: inspect.signature(each).parameters for each in asking if "model" in inspect.signature(each).parameters}
    assert {"explain", "predict", "compare", "what_if", "cost", "check", "evaluate"} <= set(taking)
    assert {name for name, known in taking.items() if "stream" not in known} <= {"prune", "train"}
    words = ["compare", "short", "--model", "two-mean", "--out", str(tmp_path), "--json"]
    assert cli.main([*words, "--stream", "rgb", "--stream", "flow", "--stream", "fused"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [each["question"]["model"] for each in answers] == ["two-mean:rgb", "two-mean:flow", "two-mean"]
    assert cli.main([*words, "--model", "two-max", "--stream", "flow"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [each["question"]["model"] for each in answers] == ["two-mean:flow", "two-max:flow"]
    assert cli.main([*words, "--model", "two-max", "--stream", "flow", "--stream", "rgb", "--stream", "fused"]) == 2
    assert "2 models and 3 streams; give one of the streams for all models, or one each" in capsys.readouterr().err
    for words in (["evaluate", "--data", "mannequin"], ["cost", "short"], ["what-if", "short"]):
        assert cli.main([*words, "--model", "tiny", "--stream", "flow"]) == 2
        assert "it has one stream; leave --stream out" in capsys.readouterr().err


def test_streams_of_other_classes_are_not_fused(two: Path, tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="no fusion 'sum'"):
        fusing.fuse("tiny-rgb", "tiny-flow", tmp_path / "x", "sum")
    with pytest.raises(QuestionError, match=r"\(a dam that reads rgb\)"):
        fusing.fuse("tiny", "tiny-flow", tmp_path / "x")


def test_a_clip_that_stands_still_gives_the_flow_nothing_to_see() -> None:
    for model in ("tiny-flow", "two-mean", "two-mean:flow"):
        assert any("the flow stream had nothing to see" in line for line in study.answer(Question("still", model, "gradcam")).cautions)
    assert not any("nothing to see" in line for line in study.answer(Question("still", "tiny-rgb", "gradcam")).cautions)
    assert not any("nothing to see" in line for line in study.answer(Question("short", "tiny-flow", "gradcam")).cautions)


def drifting(step: tuple[float, float], size: tuple[int, int], frames: int = 8) -> NDArray[np.uint8]:
    """A smooth pattern that moves by `step` (x, y) source pixels a frame."""
    noise = np.random.default_rng(2).uniform(0, 255, (size[0] + 160, size[1] + 160, 3)).astype(np.float32)
    ground = cv2.GaussianBlur(noise, (0, 0), 6)
    ground = (ground - ground.min()) / (ground.max() - ground.min()) * 255
    moves = [np.array([[1, 0, step[0] * t - 80], [0, 1, step[1] * t - 80]], np.float32) for t in range(frames)]
    return np.stack([cv2.warpAffine(ground, move, size[::-1], flags=cv2.INTER_LINEAR) for move in moves]).astype(np.uint8)


@pytest.mark.parametrize("resize", [64, (64, 72), (48, 96)])
def test_flow_comes_in_input_pixels_whatever_the_resize(resize: int | tuple[int, int]) -> None:
    card = streams_made.card()
    preprocess = replace(card.preprocess, resize=resize, crop=(40, 40))
    frames, step = drifting((3.0, -1.5), (128, 160)), (3.0, -1.5)
    film = Video(Path("x"), "drift", np.arange(8) / 25, 160, 128, 0, "")
    clip = Clip(film, frames, np.arange(8), film.seconds)
    geometry = pixels.geometry(film, preprocess)
    found = flows.Flow(preprocess).tensor(streams.Given(), clip, geometry, torch.device("cpu"))
    assert found.shape == (1, 2, 7, 40, 40)
    sy, sx = geometry.scale
    middle = found[0, :, :, 8:-8, 8:-8].median(-1).values.median(-1).values.mean(1) * flows.UNIT
    np.testing.assert_allclose(middle, [step[0] * sx, step[1] * sy], atol=0.12)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(8, 20), st.integers(8, 20), st.booleans(), st.sampled_from([None, (16, 12), (30, 44)]))
def test_a_cut_of_flow_moves_points_as_the_cut_of_joints_does(
    top: int, left: int, height: int, width: int, flip: bool, to: tuple[int, int] | None
) -> None:
    cut = Cut(top, left, height, width, flip, to)
    shift = np.array([1.5, -0.75], np.float32)
    fields = np.broadcast_to(shift, (2, 30, 30, 2)).astype(np.float32)
    joints = np.array([[[[10.0, 12.0, 1.0]], [[10.0 + shift[0], 12.0 + shift[1], 1.0]]]], np.float32)
    moved = cut.joints(joints, (0,))[:, 0, :2]
    found = cut.flow(fields)
    assert found.shape == (2, *(to or (height, width)), 2)
    np.testing.assert_allclose(found, np.broadcast_to(moved[1] - moved[0], found.shape), atol=1e-4)


def test_beyond_the_picture_nothing_moves() -> None:
    fields = np.ones((1, 10, 12, 2), np.float32)
    found = flows._cut(fields, Geometry((10, 12), (10, 12), (16, 16), (-3, -2)))
    assert found.sum() == 2 * 10 * 12
    assert (found[0, 3:13, 2:14] == 1).all()


def test_frames_that_change_places_move_differently() -> None:
    question = Question("short", "tiny-flow", "gradcam")
    asked = asking.asked(question)
    stream, tensor = asked.streams[0], asked.inputs["flow"]
    assert tensor is not None
    back = stream.reordered(tensor, torch.arange(8).flip(0), asked.clip, asked.geometry)
    assert back.shape == tensor.shape
    across = torch.nn.functional.cosine_similarity(back.flip(2).flatten(), tensor.flatten(), dim=0)
    assert across < -0.5, "played backwards, what went right goes left"
    same = stream.reordered(tensor, torch.arange(8), asked.clip, asked.geometry)
    torch.testing.assert_close(same, tensor, atol=0.02, rtol=0.02)


def test_the_page_offers_the_streams_and_shows_both_beside_each_other() -> None:
    fused = visit(EXPLORE, clip="short", model="two-mean", method="streams")
    assert any("pictures alone" in text.value for text in fused.markdown)
    assert fused.selectbox("model-select").value == "two-mean"
    alone = visit(EXPLORE, clip="short", model="two-mean:flow", method="cam")
    assert alone.selectbox("model-select").value == "two-mean"
    assert address(alone)["model"] == "two-mean:flow"
    titles = ("Tiny rgb + Tiny flow, pictures alone", "Tiny rgb + Tiny flow, flow alone")
    two = visit(COMPARE, clip="short", **{"1.model": "two-mean:rgb", "1.method": "cam", "2.model": "two-mean:flow", "2.method": "cam"})
    assert all(title in two.selectbox(f"model-{number}").options for number, title in enumerate(titles))
    wrong = visit(EXPLORE, clip="short", model="two-mean:sound", method="cam")
    assert any("two-mean:sound" in error.value.replace("\\", "") for error in wrong.error)


@given(st.lists(st.floats(-20, 20), min_size=6, max_size=6), st.sampled_from(FUSIONS), st.integers(0, 2))
def test_what_is_said_of_the_shares_follows_from_the_scores(values: list[float], how: str, label: int) -> None:
    one, other = torch.tensor([values[:3]]), torch.tensor([values[3:]])
    fused = _streams.fuse(one, other, how)
    found = side_by_side.findings({"rgb": one, "flow": other}, fused, Ask(label), how)
    alone = {"pictures": one[0].softmax(0), "flow": other[0].softmax(0)}
    together = float(fused[0].softmax(0)[label])
    assert found[0].value == together
    for finding, (name, scores) in zip(found[1:3], alone.items(), strict=True):
        share = float(scores[label])
        assert finding.value == share
        assert ("no class before this one" in finding.sentence) == (share == float(scores.max()))
        shown = round(100 * together, 1) - round(100 * share, 1)
        word = "more" if shown > 0.01 else "less" if shown < -0.01 else "the same"
        assert f"the {name}" in finding.sentence
        assert word in finding.sentence
        assert abs(shown) < 0.01 or f"{abs(shown):.1f} percentage points" in finding.sentence
    assert (len(found) == 4) == (how == "mean")


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.floats(-9, 9))
def test_a_third_map_is_the_sum_where_there_is_one(steps: int, others: int, wide: int, bias: float) -> None:
    one, other = torch.randn(steps, 2, wide), torch.randn(others, 2, wide)
    both, said = side_by_side.summed([one, other], bias, "logit")
    total = float(one.mean() + other.mean()) + bias
    assert said.value == pytest.approx(total, abs=1e-5)
    assert said.sentence.endswith(f"{fixed(bias)}, make the fused logit, {fixed(said.value)}.")
    assert (both is None) == (steps != others) == ("no third map" in said.sentence)
    if both is not None:
        assert float(both.mean()) + bias == pytest.approx(total, abs=1e-5)
    else:
        assert f"({steps}×2×{wide} and {others}×2×{wide})" in said.sentence
