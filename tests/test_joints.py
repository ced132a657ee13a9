"""Joints on their way into the model: they stay on their pixels, they are trained with, evaluated with and asked with; without them it says so."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import demo_made
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from runs_made import log, make_set

from actrec import catalogue, cli, study
from actrec.clips import mannequin
from actrec.core.card import Card
from actrec.core.clip import Preprocess, Sampling
from actrec.core.errors import ActrecError, QuestionError
from actrec.core.question import Question
from actrec.inputs import pixels, pose, sampling, streams
from actrec.inputs.streams import Stream
from actrec.inputs.streams.pose import Pose
from actrec.inputs.streams.rgb import Frames
from actrec.lab import evaluate, sets, train
from actrec.lab.recipes import RECIPES
from actrec.models import weights
from actrec.study.checks import order

LEFT, RIGHT = "left_wrist", "right_wrist"
COCO = pose.layout("coco17")
TINY: dict[str, Any] = {"width": 0.125, "heads": 4, "kernel": 3, "frames": 4, "size": 32, "blocks": 1, "joint_window": 4}
LABELS = ("sit_down", "stand_up", "walk")


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in demo_made.surroundings(folder).items():
            patch.setenv(name, value)
        checkpoint(folder / "checkpoints")
        person(folder / "short.npz", 24, (96, 64))
        yield folder


def card() -> Card:
    base = catalogue.architectures()["deform-mc3"]
    return replace(base, sampling=Sampling("uniform", 4), preprocess=replace(base.preprocess, resize=36, crop=(32, 32)))


def checkpoint(folder: Path, name: str = "tinydeform", **changes: Any) -> Path:
    """An untrained network, its gate to the joints open: what they say reaches the classes."""
    torch.manual_seed(0)
    model = catalogue.build(replace(card(), arguments=TINY), len(LABELS))
    about = {"family": "deform", "architecture": "deform-mc3", "arguments": TINY, "labels": list(LABELS), "title": "Tiny, of no use"}
    about |= {"sampling": asdict(card().sampling), "preprocess": asdict(card().preprocess), "trained_on": "nothing"}
    weights.save(folder / f"{name}.safetensors", model, about | {"layout": list(COCO.joints), "people": 1} | changes)
    return folder / f"{name}.safetensors"


def person(path: Path, frames: int, size: tuple[int, int], people: int = 1, layout: pose.Layout = COCO) -> pose.Joints:
    """Somebody who goes from the left to the right, as an npz."""
    drawn = np.random.default_rng(5).random((people, 1, len(layout), 2)) * [size[0] / 2, size[1]]
    places = drawn + np.linspace(0, size[0] / 2, frames)[None, :, None, None] * [1, 0]
    joints = pose.Joints(np.concatenate([places, np.ones_like(places[..., :1])], -1), layout, np.arange(frames), path.name)
    pose.write(path, joints)
    return joints


# ---------------------------------------------------------------------------------------------------------- windows


def marked(folder: Path, size: tuple[int, int], spots: np.ndarray) -> sets.Item:
    """Frames with a soft red mark at the left wrist's place and a green one at the right wrist's: spots (T, 2, 2). Blue grows to the right."""
    height, width = size
    folder.mkdir()
    y, x = np.mgrid[0:height, 0:width] + 0.5
    for t, pair in enumerate(spots):
        frame = np.zeros((height, width, 3), np.float64)
        frame[..., 2] = np.linspace(0, 255, width)
        for channel, (at_x, at_y) in enumerate(pair):
            frame[..., channel] = 255 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * 2.0**2))
        cv2.imwrite(str(folder / f"{t:03}.png"), frame.round().astype(np.uint8)[..., ::-1])
    values = np.full((1, len(spots), len(COCO), 3), np.nan, np.float32)
    values[0, :, [COCO.index(LEFT), COCO.index(RIGHT)]] = np.concatenate([spots, np.ones((*spots.shape[:2], 1))], -1).transpose(1, 0, 2)
    file = folder.with_suffix(".npz")
    pose.write(file, pose.Joints(values, COCO, np.arange(len(spots))))
    return sets.Item(sets.Media(folder, "pictures"), ("a",), joints=file, layout="npz")


def middle(picture: np.ndarray) -> tuple[float, float]:
    """The mark's centre of mass."""
    weight = picture.astype(float)
    y, x = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]] + 0.5
    return float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum())


@settings(max_examples=40, deadline=None)
@given(
    size=st.sampled_from([(60, 80), (80, 60), (64, 64), (45, 100)]),
    crops=st.sampled_from(["corner", "near", "random", "none", "test", "three"]),
    keep=st.booleans(),
    flip=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_joint_marked_on_a_pixel_stays_on_it_through_crop_jitter_resize_and_flip(
    size: tuple[int, int], crops: str, keep: bool, flip: bool, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    spots = draw.uniform(0.35, 0.65, (3, 2, 2)) * [size[1], size[0]]
    with tempfile.TemporaryDirectory() as folder:
        item = marked(Path(folder, f"clip{seed}"), size, spots)
        clips = sets.ClipSet("set", "", (item,), ("a",))
        how: dict[str, Any] = {"train": False, "views": (1, 3 if crops == "three" else 1)}
        if crops not in ("test", "three"):
            how = {"train": True, "crops": crops, "flip": flip, "seed": seed}
        windows, _ = sets.open_windows([item], clips, Sampling("uniform", 3), Preprocess(40, (32, 34)), keep=keep, streams=both(40, (32, 34)), **how)
        found = next(iter(sets.batches(windows, 1)))
    frames, joints = found.frames[0].numpy(), found.beside["pose"][0].numpy()
    assert joints.shape == (len(frames), 3, len(COCO), 3)
    left, right = joints[:, :, COCO.index(LEFT)], joints[:, :, COCO.index(RIGHT)]
    assert np.isfinite(left).all()
    assert np.isnan(np.delete(joints, [COCO.index(LEFT), COCO.index(RIGHT)], 2)).all()
    checked = 0
    for view, moment in np.ndindex(frames.shape[:2]):
        picture = frames[view, moment]
        sides = (right, left) if turned(picture) else (left, right)  # a mirrored picture has a left hand where there was a right one
        assert flip or not turned(picture)
        for channel, side in enumerate(sides):
            x, y = side[view, moment, :2]
            if 7 < x < picture.shape[1] - 7 and 7 < y < picture.shape[0] - 7:  # a mark that is cut off has another middle
                assert np.hypot(*(np.array(middle(picture[..., channel])) - [x, y])) < 0.35
                checked += 1
    if crops in ("none", "test", "three"):
        assert checked


def both(resize: int, crop: tuple[int, int], people: int = 1) -> tuple[Stream, ...]:
    """Frames and joints, as a model of both reads them."""
    preprocess = Preprocess(resize, crop)
    return Frames(preprocess), Pose(preprocess, people=people)


def turned(picture: np.ndarray) -> bool:
    """Whether the picture is mirrored: its blue grows from left to right otherwise."""
    columns = picture[..., 2].mean(0)
    return bool(columns[0] > columns[-1])


def test_asking_for_joints_changes_no_pixel_and_not_asking_gives_none(tmp_path: Path) -> None:
    item = marked(tmp_path / "clip", (60, 80), np.full((3, 2, 2), 30.0))
    clips = sets.ClipSet("set", "", (item,), ("a",))
    how: dict[str, Any] = {"train": True, "flip": True, "keep": False}
    size = Preprocess(40, (32, 32))
    plain, posed = (sets.open_windows([item], clips, Sampling("uniform", 3), size, streams=read, **how)[0] for read in ((), both(40, (32, 32))))
    for plain.epoch in range(6):
        posed.epoch = plain.epoch
        one, two = (next(iter(sets.batches(windows, 1))) for windows in (plain, posed))
        assert torch.equal(one.frames, two.frames)
        assert not one.beside
        assert list(two.beside) == ["pose"]


def test_people_are_filled_up_and_clips_without_joints_get_none_of_them(tmp_path: Path) -> None:
    clips = sets.read_index(make_set(tmp_path / "set", ("train",) * 4))
    (tmp_path / "set" / "joints").mkdir()
    person(tmp_path / "set" / "joints" / "1.npz", 10, (48, 40), people=1)
    person(tmp_path / "set" / "joints" / "2.npz", 10, (48, 40), people=4)
    (tmp_path / "set" / "joints" / "3.npz").write_bytes(b"PK no joints")
    clips = sets.read_index(tmp_path / "set")
    windows, _ = sets.open_windows(clips.items, clips, Sampling("uniform", 3), Preprocess(36, (32, 32)), train=False, streams=both(36, (32, 32), 2))
    found = next(iter(sets.batches(windows, 4)))
    assert found.numbers == [0, 1, 2]
    assert "3.npz" in found.broken[0]
    assert found.beside["pose"].shape == (3, 1, 3, 34, 3)
    known = found.beside["pose"].isfinite().all(-1).flatten(1).float().mean(1)
    assert known.tolist() == [0, 0.5, 1]


def test_a_generated_clips_joints_need_no_picture_and_fit_its_kept_frames() -> None:
    for action in ("walk", "stand_up"):
        painted = mannequin.render(action, 7, frames=6, height=48, width=64, truth=False)
        np.testing.assert_array_equal(mannequin.render_joints(action, 7, frames=6, height=48, width=64), painted.joints)
    clips = sets.mannequin_set(1, 1)
    item = next(item for item in clips.items if item.label == "walk")
    one, two = (
        sets.open_windows([item], clips, Sampling("uniform", 3), Preprocess(60, (56, 56)), train=False, keep=keep, streams=both(60, (56, 56)))[0][0][
            2
        ]["pose"]
        for keep in (True, False)
    )
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(one, two, atol=0.3)  # painted small, or painted large and shrunk
    assert (one[..., 2] == 1).mean() > 0.8


# --------------------------------------------------------------------------------------------- training, evaluation


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
    with pytest.raises(train.run.ActrecError, match="there is no stream 'flow'"):
        train.Run(replace(card(), inputs=("rgb", "flow")), mannequins, RECIPES["deform"], tmp_path / "other", TINY)


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


# ------------------------------------------------------------------------------------------------------------ asking


def ask(**changes: object) -> Question:
    return Question("short", "tinydeform", "gradcam").with_(**changes)


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
    assert "known from its making" in found.provenance["joints"]["source"]
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
    assert any("joints of 3 people; this model is given the first 1" in line for line in second.cautions)
    with pytest.raises(pose.JointsError, match="gone"):
        study.answer(ask(joints="gone.npz"))
    person(file, 24, (96, 64), layout=pose.named(("left_wrist", "right_wrist", "neck")))
    with pytest.raises(pose.LayoutError, match="cannot be said in coco17"):
        study.answer(ask(joints=str(file)))


def test_a_model_of_frames_alone_says_that_it_did_not_use_them(home: Path) -> None:
    plain, offered = study.answer(Question("short", "tiny")), study.answer(Question("short", "tiny", joints=str(home / "short.npz")))
    np.testing.assert_array_equal(plain.predictions.logits, offered.predictions.logits)
    assert offered.cautions[0] == pose.UNREAD
    assert offered.provenance == plain.provenance


def test_every_method_that_fits_answers_with_joints_and_without(home: Path) -> None:
    card_ = study.load("tinydeform").card
    ways = [method for method in catalogue.methods().values() if not isinstance(catalogue.layers(card_, method), str)]
    assert len(ways) > 5
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


# ------------------------------------------------------------------------------------------------ names with choices

NAMES = st.builds(
    pose.Named,
    st.text(st.sampled_from("ab#=,./ é~\\\n")) | st.text() | st.sampled_from(["x.npz", "a#b=1.npz", "dir/f.pkl/clip 1", "#", "##", "none"]),
    st.integers(-999_999_999, 999_999_999),
    st.sampled_from(["", *pose.LAYOUTS]),
    st.booleans(),
    st.integers(1, 999_999_999),
)


@given(NAMES)
def test_a_name_with_choices_is_read_back_as_it_was_said(name: pose.Named) -> None:
    assert pose.Named.of(str(name)) == name
    assert str(pose.Named.of(str(name))) == str(name)
    question = ask(joints=str(name))
    assert Question.from_query(question.to_query()).joints == (str(name) or None)


@given(st.text(st.characters(exclude_characters="#")))
def test_a_name_without_a_sign_is_a_file_and_nothing_else(text: str) -> None:
    assert pose.Named.of(text) == pose.Named(text)
    assert str(pose.Named(text)) == text


def test_choices_may_be_in_any_order_and_layouts_go_by_any_of_their_names() -> None:
    assert pose.Named.of("a.json#sides=swapped, layout=COCO-17,offset=+3") == pose.Named("a.json", 3, "coco17", True)
    assert str(pose.Named("a.json", -3, "coco17", True, 2)) == "a.json#offset=-3,layout=coco17,sides=swapped,person=2"
    assert pose.Named.of("take#2.npz") == pose.Named("take#2.npz")


@pytest.mark.parametrize(
    ("tail", "says"),
    [
        ("ofset=3", "no choice 'ofset=3'.*offset, layout, sides, person"),
        ("offset=3,offset=4", "offset= twice"),
        ("offset=", "nothing behind offset="),
        ("offset=3,", "no choice ''"),
        ("offset=1.5", r"offset=1\.5 is no whole number"),
        ("offset=99999999999999999999", "no whole number"),
        ("layout=bones7", "'bones7'.*coco17"),
        ("sides=left", "sides=left; write sides=swapped"),
        ("person=0", "person=0 is no whole number from 1 on"),
        ("person=-1", "from 1 on"),
    ],
)
def test_a_choice_that_there_is_none_of_is_named_with_the_legal_ones(tail: str, says: str, home: Path) -> None:
    with pytest.raises((pose.JointsError, pose.LayoutError), match=says):
        study.answer(ask(joints=f"{home}/short.npz#{tail}"))


def posed(name: str, **changes: Any) -> pose.Given:
    return pose.given(name, study.open_clip("short"), replace(study.load("tinydeform").card, **changes))


def test_an_offset_moves_the_files_frames(home: Path) -> None:
    plain, moved = posed(f"{home}/short.npz"), posed(f"{home}/short.npz#offset=5")
    assert plain.joints is not None
    assert moved.joints is not None
    np.testing.assert_array_equal(moved.joints.values[:, 5:], plain.joints.values[:, :-5])
    assert not moved.joints.known[:, :5].any()
    assert "moved by +5 frames" in moved.about["joints"]["fit"]
    assert moved.about["joints"]["source"] == "short.npz#offset=5"  # without the folder
    assert moved.about["joints"]["sha256"] == plain.about["joints"]["sha256"]


def test_swapped_sides_change_names_and_no_place(home: Path) -> None:
    plain, swapped = posed(f"{home}/short.npz"), posed(f"{home}/short.npz#sides=swapped")
    assert plain.joints is not None
    assert swapped.joints is not None
    left, right, nose = (COCO.index(name) for name in (LEFT, RIGHT, "nose"))
    np.testing.assert_array_equal(swapped.joints.values[:, :, left], plain.joints.values[:, :, right])
    np.testing.assert_array_equal(swapped.joints.values[:, :, nose], plain.joints.values[:, :, nose])
    assert not np.array_equal(swapped.joints.values, plain.joints.values)
    assert "left and right swapped" in swapped.about["joints"]["fit"]


def test_another_person_may_come_first(tmp_path: Path) -> None:
    three = person(tmp_path / "three.npz", 24, (96, 64), people=3)
    one, two = posed(f"{tmp_path}/three.npz#person=3"), posed(f"{tmp_path}/three.npz#person=2", people=2)
    assert one.joints is not None
    assert two.joints is not None
    np.testing.assert_array_equal(one.joints.values[0], three.values[2])
    np.testing.assert_array_equal(two.joints.values, three.values[1:])
    assert one.cautions == ()
    assert posed(f"{tmp_path}/three.npz#person=2").cautions == ("The file has the joints of 3 people; this model is given from person 2 on only 1.",)
    with pytest.raises(pose.JointsError, match=r"person=4: three.npz has the joints of 3; choose 1 … 3"):
        posed(f"{tmp_path}/three.npz#person=4")


def test_a_layout_helps_a_file_that_says_none_and_is_refused_where_the_file_knows_better(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", joints=np.ones((24, 17, 3), np.float32))
    with pytest.raises(pose.JointsError, match="no layout"):
        posed(f"{tmp_path}/bare.npz")
    assert posed(f"{tmp_path}/bare.npz#layout=coco17").joints is not None
    film = study.open_clip("short")
    assert pose.mended(tmp_path / "bare.npz", film) == pose.Named(f"{tmp_path}/bare.npz", layout="coco17")
    from scipy.io import savemat

    savemat(tmp_path / "penn.mat", {name: np.ones((24, 13)) for name in ("x", "y", "visibility")})
    with pytest.raises(pose.JointsError, match=r"penn\.mat is always in penn13; leave out layout=coco17"):
        posed(f"{tmp_path}/penn.mat#layout=coco17")


def test_a_file_is_mended_only_where_it_must_be(home: Path, tmp_path: Path) -> None:
    film, card_ = study.open_clip("short"), study.load("tinydeform").card
    assert pose.mended(home / "short.npz", film, card_) == pose.Named(f"{home}/short.npz")
    found = person(tmp_path / "late.npz", 24, (96, 64))
    pose.write(tmp_path / "late.npz", replace(found, frames=found.frames + 100))
    assert pose.mended(tmp_path / "late.npz", film, card_).offset == -100
    person(tmp_path / "three.npz", 24, (96, 64), layout=pose.named(("left_wrist", "right_wrist", "neck")))
    assert pose.mended(tmp_path / "three.npz", film) == pose.Named(f"{tmp_path}/three.npz")
    with pytest.raises(pose.LayoutError, match="cannot be said in coco17"):
        pose.mended(tmp_path / "three.npz", film, card_)
    (tmp_path / "broken.npz").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(pose.JointsError, match=r"broken\.npz"):
        pose.mended(tmp_path / "broken.npz", film, card_)


def test_a_file_whose_name_looks_like_choices_is_taken_as_it_is_called(tmp_path: Path) -> None:
    person(tmp_path / "a#offset=3", 24, (96, 64))
    assert "moved" not in posed(f"{tmp_path}/a#offset=3").about["joints"]["fit"]
    assert "moved by +2" in posed(f"{tmp_path}/a#offset=3#offset=2").about["joints"]["fit"]


def test_choices_make_another_question_and_a_changed_file_another_answer(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.npz"
    person(file, 24, (96, 64))
    first = study.answer(ask(joints=f"{file}#offset=2"))
    assert study.answer(ask(joints=f"{file}#offset=2")) is first
    assert not np.array_equal(study.answer(ask(joints=f"{file}#offset=9")).predictions.logits, first.predictions.logits)
    person(file, 24, (40, 30))
    assert study.answer(ask(joints=f"{file}#offset=2")) is not first


def test_the_name_of_a_sample_clip_stands_for_its_joints(home: Path) -> None:
    own = study.answer(ask(clip="walk"))
    told = study.answer(ask(clip="walk", joints="walk"))
    np.testing.assert_array_equal(own.predictions.logits, told.predictions.logits)
    other = study.answer(ask(clip="walk", joints="sit_down"))
    assert not np.array_equal(own.predictions.logits, other.predictions.logits)
    assert other.provenance["joints"]["source"] == "sit_down.truth.npz"


# ------------------------------------------------------------------------------------------------------------ hiding


def people_(count: int) -> pose.Joints:
    values = np.random.default_rng(2).random((count, 3, len(COCO), 3)).astype(np.float32)
    return pose.Joints(values, COCO, np.arange(3))


def hidden(joints: pose.Joints, *names: str) -> set[tuple[int, str]]:
    """Who and what has no place any more."""
    gone = ~joints.without(names).known.any(1)
    return {(p + 1, COCO.joints[i]) for p, i in np.argwhere(gone)}


ARM = {"left_shoulder", "left_elbow", "left_wrist"}


@pytest.mark.parametrize("name", ["left_wrist", "left wrist", " Left  Wrist ", "LEFT-WRIST"])
def test_a_joint_is_hidden_however_it_is_written(name: str) -> None:
    assert hidden(people_(1), name) == {(1, "left_wrist")}
    assert hidden(people_(2), name) == {(1, "left_wrist"), (2, "left_wrist")}


def test_limbs_people_and_one_persons_parts_are_hidden_and_nothing_else() -> None:
    assert hidden(people_(1), "Left_arm") == {(1, name) for name in ARM}
    assert hidden(people_(2), "2: left arm") == {(2, name) for name in ARM}
    assert hidden(people_(2), "1 :left_wrist", "person 2: nose") == {(1, "left_wrist"), (2, "nose")}
    assert hidden(people_(2), "Person 2") == {(2, name) for name in COCO.joints}
    assert hidden(people_(2)) == set()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tail", "'tail' is no joint or limb of coco17.*left arm.*left_wrist"),
        ("", "no joint or limb"),
        ("2: tail", "'2: tail' is no joint"),
        ("person 3", "no person 3; they are numbered 1 … 2"),
        ("0: nose", "no person 0"),
        ("person", "no joint or limb"),
    ],
)
def test_what_is_not_there_cannot_be_hidden_and_what_is_there_is_listed(name: str, says: str) -> None:
    with pytest.raises((pose.JointsError, pose.LayoutError), match=says):
        people_(2).without([name])


def test_what_can_be_hidden_is_told_people_first_then_limbs_then_joints() -> None:
    one, two = people_(1).hideable(), people_(2).hideable()
    assert one == (*COCO.groups, *COCO.joints)
    assert two[:3] == ("person 1", "person 2", "1: head")
    assert "2: left_wrist" in two
    assert "left_wrist" not in two
    for joints, names in ((people_(1), one), (people_(2), two)):
        assert all(hidden(joints, name) for name in names)
    assert "left_wrist" not in people_(1).without(["left_wrist"]).hideable()
    alone = replace(people_(2), values=people_(2).without(["person 2"]).values)
    assert not any(name.startswith("2") or name == "person 2" for name in alone.hideable())


def test_what_is_hidden_is_not_told_to_the_model_and_the_answer_says_so(home: Path) -> None:
    plain, without = study.answer(ask(joints=f"{home}/short.npz")), study.answer(ask(joints=f"{home}/short.npz", hide=("left arm", "nose")))
    given_ = pose.read(home / "short.npz").hide(["left arm", "nose"])
    pose.write(home / "cut.npz", given_)
    np.testing.assert_array_equal(without.predictions.logits, study.answer(ask(joints=f"{home}/cut.npz")).predictions.logits)
    assert not np.array_equal(without.predictions.logits, plain.predictions.logits)
    assert "The model was not told of: left arm, nose." in without.cautions
    assert without.provenance["joints"]["hidden"] == ["left arm", "nose"]
    assert "hidden" not in plain.provenance["joints"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "tiny", "method": "cam"}, "'nose' cannot be hidden: .* reads no joints"),
        ({}, "'nose' cannot be hidden: no joints were given"),
        ({"clip": "walk", "joints": "none"}, "no joints were given"),
        ({"clip": "walk", "hide": ("tail",)}, "'tail' is no joint"),
    ],
)
def test_where_there_is_nothing_to_hide_the_question_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ActrecError, match=says):
        study.answer(ask(**({"hide": ("nose",)} | changes)))
