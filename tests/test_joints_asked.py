"""Questions with joints: they reach the model on their pixels, turn with the frames, and are told of; without them the answer says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from joints_made import LABELS, ask, person

from actrec import catalogue, cli, study
from actrec.clips import mannequin
from actrec.core.errors import QuestionError
from actrec.core.question import Question
from actrec.inputs import pixels, pose, sampling
from actrec.study.checks import order

pytestmark = pytest.mark.usefixtures("joints_home")


def test_a_question_with_joints_survives_links_and_commands() -> None:
    question = ask(joints="a file.json")
    assert Question.from_query(question.to_query()) == question
    assert "--joints 'a file.json'" in question.to_command()
    assert "joints" not in ask().to_query()


def test_joints_from_a_file_reach_the_model_in_input_pixels(home: Path) -> None:
    loaded, film = study.load("tinydeform"), study.open_clip("short")
    found = study.answer(ask(joints=str(home / "short.npz")))
    clip = sampling.load(film, loaded.card.sampling)
    geometry = pixels.geometry(film, loaded.card.preprocess)
    values = pose.read(home / "short.npz").at(clip.index)[0]
    np.testing.assert_array_equal(found.clip.beside["pose"], values)
    places = np.stack([[(*geometry.to_input(x, y), s) for x, y, s in row] for row in values.tolist()])
    with torch.no_grad():
        frames = pixels.to_input(clip.frames, loaded.card.preprocess, geometry)
        wanted = loaded.model(frames, torch.tensor(places, dtype=torch.float32)[None])[0]
        without = loaded.model(frames)[0]
    np.testing.assert_allclose(found.predictions.logits, wanted.numpy(), atol=1e-5)
    np.testing.assert_array_equal(study.answer(ask()).predictions.logits, without.numpy())
    assert np.abs(wanted - without).max() > 1e-4
    assert found.provenance["joints"]["layout"] == "coco17"
    assert found.provenance["joints"]["sha256"] != found.provenance["clip_sha256"]
    assert not any(line == pose.VIDEO_ONLY for line in found.cautions)


def test_without_joints_every_answer_says_video_only() -> None:
    found = study.answer(ask())
    assert found.cautions[0] == "Video only: no joints were given."
    assert found.provenance["joints"] is None
    assert not found.clip.beside


def test_sample_clips_bring_their_true_joints_unless_asked_not_to() -> None:
    found, without = study.answer(ask(clip="walk")), study.answer(ask(clip="walk", joints="none"))
    truth = mannequin.read_truth(study.find_clip("walk").with_suffix(".truth.npz"))
    np.testing.assert_array_equal(found.clip.beside["pose"], truth.joints[found.clip.index])
    assert "known because the clip was rendered" in found.provenance["joints"]["source"]
    assert without.provenance["joints"] is None
    assert not np.array_equal(found.predictions.logits, without.predictions.logits)


def test_a_file_that_changes_is_read_again_and_one_that_is_none_is_named(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.npz"
    person(file, 24, (96, 64))
    first = study.answer(ask(joints=str(file)))
    assert study.answer(ask(joints=str(file))) is first
    person(file, 24, (40, 30), people=3)
    second = study.answer(ask(joints=str(file)))
    assert not np.array_equal(first.predictions.logits, second.predictions.logits)
    assert any("joints of 3 people; this model is given only those of person 1" in line for line in second.cautions)
    with pytest.raises(pose.JointsError, match="gone"):
        study.answer(ask(joints="gone.npz"))
    person(file, 24, (96, 64), layout=pose.named(("left_wrist", "right_wrist", "neck")))
    with pytest.raises(pose.LayoutError, match="cannot be converted to coco17"):
        study.answer(ask(joints=str(file)))


def test_a_model_of_frames_alone_says_that_it_did_not_use_them(home: Path) -> None:
    plain, offered = study.answer(Question("short", "tiny")), study.answer(Question("short", "tiny", joints=str(home / "short.npz")))
    np.testing.assert_array_equal(plain.predictions.logits, offered.predictions.logits)
    assert offered.cautions[0] == pose.UNREAD
    assert offered.provenance == plain.provenance


def test_doubtful_joints_are_told_before_anything_else_and_guessed_units_too(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = person(tmp_path / "own.npz", 24, (96, 64))
    for name, times in (("small", (1 / 4, 1 / 4, 1)), ("parts", (1 / 96, 1 / 64, 1))):
        pose.write(tmp_path / f"{name}.npz", replace(own, values=own.values * np.array(times, np.float32)))
    doubted = study.answer(ask(joints=f"{tmp_path}/small.npz"))
    assert doubted.cautions[0].startswith("The joints are doubtful: all joints lie in the top left quarter")
    assert "#units=24x16" in doubted.provenance["joints"]["doubts"][0]
    assert cli.main(["predict", "short", "--model", "tinydeform", "--joints", f"{tmp_path}/small.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["joints"].startswith("Doubtful joints: small.npz (all joints lie in the top left quarter")
    guessed, right = study.answer(ask(joints=f"{tmp_path}/parts.npz")), study.answer(ask(joints=f"{tmp_path}/own.npz"))
    assert guessed.cautions[0].startswith("About the joints: all places are so small that they were taken as fractions of the picture")
    np.testing.assert_allclose(guessed.predictions.logits, right.predictions.logits, atol=1e-4)
    assert right.provenance["joints"]["doubts"] == []


@pytest.mark.parametrize("command", ["explain", "predict", "compare", "what-if", "cost", "check"])
def test_every_command_that_asks_a_model_tells_its_doubts_first(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    own = person(tmp_path / "own.npz", 24, (96, 64))
    pose.write(tmp_path / "small.npz", replace(own, values=own.values * np.array((1 / 4, 1 / 4, 1), np.float32)))
    asked = [command, "short", "--model", "tinydeform", "--joints", f"{tmp_path}/small.npz"]
    asked += ["--out", str(tmp_path / "out")] if command in ("explain", "compare") else []
    asked += ["--method", "tokens", "--method", "gradcam"] if command == "compare" else []
    assert cli.main(asked) == 0
    first = capsys.readouterr().out.splitlines()[:2]
    assert any(line.startswith("  first of all: The joints are doubtful: all joints lie in the top left quarter") for line in first)


def test_every_method_that_fits_answers_with_joints_and_without(home: Path) -> None:
    card_ = study.load("tinydeform").card
    ways = [method for method in catalogue.methods().values() if not isinstance(catalogue.layers(card_, method), str)]
    assert {"tokens", "joint-stride", "temporal-stride", "gradcam", "layercam", "fem"} <= {method.id for method in ways}
    heats: dict[str, Mapping[str, Any]] = {}
    for joints in (None, str(home / "short.npz")):
        for method in ways:
            layers = catalogue.layers(card_, method)
            for layer in layers if method.id == "gradcam" else layers[:1]:
                if joints is None and method.id == "joint-stride":
                    with pytest.raises(QuestionError, match="needs joints"):
                        study.answer(ask(method=method.id, knobs=(("layer", layer),)))
                    continue
                found = study.answer(ask(method=method.id, joints=joints, knobs=(("layer", layer),)))
                assert np.isfinite(found.heat.values).all(), (method.id, layer)
                heats.setdefault(layer, {})[str(joints)] = found.heat.values
    assert {"layer1.tap", "layer3.tap", "blocks.0.z"} <= set(heats)


def test_joints_are_turned_round_and_shuffled_with_the_frames(home: Path) -> None:
    question = ask(joints=str(home / "short.npz"))
    asked, loaded = study.asked(question.with_(label=LABELS[1])), study.load("tinydeform")
    frames, joints = asked.inputs.values()
    with asked.turn():
        seen = asked.run()
        found = order.of_trace(seen, asked.streams, asked.target(seen.logits))
        with torch.no_grad():
            back = loaded.model(frames.flip(2), joints.flip(1))[0, 1]
            torn = loaded.model(frames.flip(2), joints)[0, 1]
        assert torch.equal(seen.rerun(), seen.logits)
        assert torch.equal(seen.rerun({"rgb": frames}), seen.logits)
        assert torch.equal(seen.rerun({"pose": None}), loaded.model(frames))
    assert found.logits[1] == pytest.approx(float(back), abs=1e-6)
    assert abs(float(back) - float(torn)) > 1e-6
    assert study.time_order(question.with_(label=LABELS[1])).logits == found.logits


@pytest.mark.parametrize("posed", [True, False])
def test_the_command_line_gives_the_same_numbers_and_tells_of_the_joints(
    posed: bool, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joints = str(home / "short.npz") if posed else None
    more = ["--joints", joints] if joints else []
    page = study.answer(ask(joints=joints))
    assert cli.main(["explain", "short", "--model", "tinydeform", "--method", "gradcam", *more, "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    with np.load(said["files"]["arrays"], allow_pickle=False) as arrays:
        assert any(np.array_equal(arrays[name], page.predictions.logits) for name in arrays.files)
        assert any(np.array_equal(arrays[name], page.heat.values) for name in arrays.files)
    assert Question.from_query(said["question"]).joints == joints
    assert (pose.VIDEO_ONLY in said["cautions"]) is not posed
    told = json.loads(Path(said["files"]["provenance"]).read_text())
    assert told["run"]["joints"] == page.provenance["joints"]
    assert cli.main(["predict", "short", "--model", "tinydeform", *more, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [p["probability"] for p in told["predictions"]] == [p for _, p in page.predictions.top(5)]
    assert told["joints"].startswith("Joints: short.npz (24 frames of 1 person" if posed else "Video only")
    assert cli.main(["predict", "short", "--model", "tinydeform", *more]) == 0
    assert told["joints"] in capsys.readouterr().out
