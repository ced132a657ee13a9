"""What the flow stream was given, as an answer: exactly placed, in the unit said, still where nothing moves, and found in the way asked for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import clips_made
import flow_made
import numpy as np
import pytest
import streams_made
import torch
from app_made import EXPLORE, address, visit
from hypothesis import given
from hypothesis import strategies as st

from actrec import catalogue, cli, study
from actrec.clips import video
from actrec.core.clip import Clip, Preprocess, Video
from actrec.core.errors import Cancelled, QuestionError, WeightsError
from actrec.core.look import Look
from actrec.core.question import Question
from actrec.draw import export
from actrec.explain import flow as shown
from actrec.inputs import flow, pixels
from actrec.inputs.flow import camera
from actrec.inputs.streams.flow import STILL, UNIT

SHIFT = (4.0, -2.0)
"""Source pixels a frame that the drifting clips go, upright, to the right and down."""


def drifting(number: int, width: int, height: int) -> np.ndarray:
    """Frame `number` of a texture that goes by SHIFT a frame."""
    large = flow_made.texture(height + 120, width + 120, 5, smooth=4)
    x, y = (round(60 - number * step) for step in SHIFT)
    return large[y : y + height, x : x + width]


@pytest.fixture(scope="module", autouse=True)
def flowing(home: Path) -> Path:
    """Models that read flow; clips that drift evenly, one of them with rotation metadata, and one that stands still."""
    streams_made.both(home / "checkpoints", "two")
    for turn in (0, 1, 3):
        clips_made.clip(home / "clips" / f"drift{turn}.mp4", 16, size=(160, 120), turn=turn, paint=drifting)
    video.write(home / "clips" / "still.mp4", [np.full((64, 96, 3), 90, np.uint8)] * 24, 25.0)
    return home


def ask(clip: str = "drift0", model: str = "two:flow", **more: object) -> study.Explanation:
    return study.answer(Question(clip, model, "flow", **more))  # type: ignore[arg-type]


def words(figure: Path) -> str:
    """What is written on a figure."""
    return " ".join(re.sub("<[^>]*>", " ", figure.read_text(encoding="utf-8")).split())


resizes = st.one_of(st.integers(20, 60), st.tuples(st.integers(16, 60), st.integers(16, 60)))
crops = st.tuples(st.integers(8, 70), st.integers(8, 70))
jumps = st.lists(st.integers(0, 3), min_size=1, max_size=6)


@given(st.tuples(st.integers(20, 90), st.integers(20, 90)), resizes, crops, jumps, st.data())
def test_every_displacement_is_placed_exactly_in_source_pixels_and_frames(
    size: tuple[int, int], resize: int | tuple[int, int], crop: tuple[int, int], steps: list[int], data: st.DataObject
) -> None:
    index = np.cumsum([2, *steps])
    seconds = np.cumsum(np.random.default_rng(len(steps)).uniform(0.01, 0.2, index[-1] + 3))
    film = Video(Path("x"), "x", seconds - seconds[0], size[1], size[0], 0, "")
    clip = Clip(film, np.zeros((len(index), *size, 3), np.uint8), index, film.seconds[index])
    geometry = pixels.geometry(film, Preprocess(resize, crop))
    k, row, column = (data.draw(st.integers(0, most - 1)) for most in (len(steps), *crop))
    tensor = torch.zeros(1, 2, len(steps), *crop)
    tensor[0, :, k, row, column] = torch.tensor([1.25, -0.5])
    found = shown.given(tensor, clip, geometry)
    heat, (sy, sx) = found.lengths, geometry.scale
    x, y = geometry.to_source(column + 0.5, row + 0.5)
    np.testing.assert_allclose(shown.middles(heat)[row, column], [x, y])
    if 0 <= x < size[1] and 0 <= y < size[0]:
        np.testing.assert_allclose(found.moved[k, row, column], [1.25 * UNIT / sx, -0.5 * UNIT / sy], rtol=1e-6)
        assert heat.peak == heat.values[k, row, column] > 0
    else:
        assert np.isnan(heat.values[:, row, column]).all(), "beyond the picture nothing is known"
    np.testing.assert_array_equal(np.isnan(heat.values), np.isnan(found.moved).any(-1))
    np.testing.assert_allclose(found.seconds, film.seconds[index[1:]] - film.seconds[index[:-1]])
    for frame in range(film.frames):
        on = heat.step_at(frame)
        if index[0] <= frame < index[-1]:
            assert on is not None
            assert index[on] <= frame < index[on + 1], "a step is drawn from its first frame up to its second"
        else:
            assert (on is None) == (frame != index[-1])
    np.testing.assert_array_equal(heat.fields, np.stack([index[:-1], index[1:] + 1], 1))


@pytest.mark.parametrize("turn", [0, 1, 3])
@pytest.mark.parametrize("model", ["two", "two:flow", "tiny-flow"])
def test_a_drift_is_shown_as_long_as_it_is_whatever_the_files_rotation(turn: int, model: str) -> None:
    found = ask(f"drift{turn}", model)
    flow, gaps = found.flow, np.diff(found.clip.index)
    assert flow is not None
    assert found.heat is flow.lengths
    for step, gap in zip(flow.moved, gaps, strict=True):
        middle = np.nanmedian(step[8:-8, 8:-8].reshape(-1, 2), 0)
        np.testing.assert_allclose(middle, np.array(SHIFT) * gap, atol=1)  # a third of an input pixel
    told = {finding.name: finding for finding in found.findings}
    assert told["mean motion"].value == pytest.approx(25 * np.hypot(*SHIFT), rel=0.15)
    assert told["the camera's share"].value > 0.9
    everything, by_camera, share = found.tracks
    assert {everything.unit, by_camera.unit} == {"source px per second"}
    np.testing.assert_allclose(by_camera.values, 25 * np.hypot(*SHIFT), rtol=0.1)
    assert (share.values > 0.85).all()
    np.testing.assert_array_equal(everything.frames, np.arange(found.clip.index[0], found.clip.index[-1] + 1))
    given = np.linalg.norm(flow.moved, axis=-1)
    assert everything.values[0] == pytest.approx(np.nanmean(given[0]) / flow.seconds[0])


def test_only_models_that_read_flow_show_it() -> None:
    method = catalogue.methods()["flow"]
    assert catalogue.layers(catalogue.card("two"), method) == ("input",)
    assert catalogue.layers(catalogue.card("two:rgb"), method) == "this model is given no optical flow"
    with pytest.raises(QuestionError, match="given no optical flow"):
        ask(model="tiny-rgb")


def test_what_is_noise_counts_as_rest() -> None:
    film = Video(Path("x"), "x", np.arange(2) / 25, 40, 40, 0, "")
    clip = Clip(film, np.zeros((2, 40, 40, 3), np.uint8), np.arange(2), film.seconds)
    tensor = torch.full((1, 2, 1, 20, 20), 0.9 * STILL / UNIT)
    found = shown.given(tensor, clip, pixels.geometry(film, Preprocess(20, (20, 20))))
    assert not found.moved.any()
    tensor[0, 0, 0, 3, 4] = 1.1 * STILL / UNIT
    assert np.count_nonzero(shown.given(tensor, clip, pixels.geometry(film, Preprocess(20, (20, 20)))).lengths.values) == 1


def test_of_a_still_clip_every_view_says_that_there_was_nothing_to_see(tmp_path: Path) -> None:
    found = ask("still")
    assert found.heat.empty
    assert "the flow stream had nothing to see" in found.doubts[-1]
    assert "the flow stream had nothing to see" in found.told
    assert found.claim == "There is no flow to show: nothing moves farther than the noise of finding it."
    assert [np.isnan(finding.value) for finding in found.findings] == [False, True]
    assert found.findings[0].value == 0
    assert all("Nothing moves" in finding.sentence for finding in found.findings)
    assert not np.nan_to_num(found.tracks[0].values).any()
    assert np.isnan(found.tracks[2].values).all()
    files = export.write(found, tmp_path)
    for figure in (files.figure_svg, files.more["flow_svg"]):
        text = words(figure)
        assert "nothing to see" in text
        assert "no evidence" in text or "no flow" in text
    for method in ("cam", "gradcam"):
        other = study.answer(Question("still", "two:flow", method))
        assert "nothing to see" in other.told, "in the figures and at the top of the page, whatever the method"
    page = visit(EXPLORE, clip="still", model="two:flow", method="flow")
    assert any("nothing to see" in str(element.value) for element in (*page.markdown, *page.warning, *page.info))


def test_what_is_saved_is_the_field_to_the_bit_and_its_wheel(tmp_path: Path) -> None:
    found = ask()
    assert found.flow is not None
    files = export.write(found, tmp_path, look=Look(threshold=0.2))
    with np.load(files.arrays) as kept:
        np.testing.assert_array_equal(kept["flow_moved"], found.flow.moved)
        np.testing.assert_array_equal(kept["flow_seconds"], found.flow.seconds)
    told = json.loads(files.provenance.read_text(encoding="utf-8"))
    assert told["flow"]["shape"] == list(found.flow.moved.shape)
    assert told["run"]["flow"]["backend"] == "dis"
    text = words(files.more["flow_svg"])
    assert "rim:" in text
    assert "Baker et al. 2011" in text
    assert "Found by dis (medium, OpenCV" in text
    assert "mean motion: the camera,source px per second," in files.curves.read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------------ how it is found


class Stub:
    """In place of a back end's network: everything goes one pixel to the right; counts how often it is asked."""

    asked = 0

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        type(self).asked += 1
        return np.broadcast_to(np.float32([1, 0]), (*first.shape[:2], 2))


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> type[Stub]:
    """RAFT small is the stub, of which the flow is known."""
    Stub.asked = 0
    way = replace(flow.BACKENDS["raft-small"], opened=lambda progress: Stub(), made_by=lambda: "a stub")
    monkeypatch.setitem(flow.BACKENDS, "raft-small", way)  # type: ignore[arg-type]
    return Stub


def test_how_flow_is_found_belongs_to_the_question(stub: type[Stub]) -> None:
    question = Question("drift0", "two:flow", "flow", flow="raft-small")
    assert Question.from_query(question.to_query()) == question
    assert "--flow raft-small" in question.to_command()
    assert "--flow" not in question.with_(flow=None).to_command()
    usual, other = ask(), study.answer(question)
    assert other.flow is not None
    scale = other.geometry.scale
    np.testing.assert_allclose(
        other.flow.moved[np.isfinite(other.flow.moved).all(-1)], np.broadcast_to([1 / scale[1], 0], (7 * 32 * 32, 2)), rtol=1e-6
    )
    assert usual.identity != other.identity
    assert other.provenance["flow"] == {"backend": "raft-small", "made_by": "a stub"}
    assert any("found by RAFT, small; this program trains and evaluates with DIS" in line for line in other.cautions)
    assert not any("trains and evaluates" in line for line in usual.cautions)
    before = stub.asked
    study.answer(question.with_(method="gradcam"))
    assert stub.asked == before, "the same frames are not gone through again"
    study.time_order(question)
    assert stub.asked > before, "frames in another order are"


def test_other_weights_are_another_answer(stub: type[Stub], monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(flow="raft-small")
    assert ask(flow="raft-small") is first
    monkeypatch.setitem(flow.BACKENDS, "raft-small", replace(flow.BACKENDS["raft-small"], made_by=lambda: "another"))  # type: ignore[arg-type]
    assert ask(flow="raft-small").provenance["flow"]["made_by"] == "another"


def test_what_cannot_be_had_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("ACTREC_PWC", raising=False)
    with pytest.raises(WeightsError, match="PWC-Net comes without weights"):
        ask(flow="pwc")
    with pytest.raises(QuestionError, match=r"no optical flow is called 'sharp'; choose one of dis, raft-small"):
        ask(flow="sharp")
    assert cli.main(["explain", "drift0", "--model", "two:flow", "--method", "flow", "--flow", "pwc", "--out", str(tmp_path)]) == 2
    assert "PWC-Net comes without weights" in capsys.readouterr().err
    page = visit(EXPLORE, clip="drift0", model="two:flow", method="flow", flow="pwc")
    assert any("comes without weights" in error.value for error in page.error)
    assert page.selectbox("flow").value == "pwc"


def test_a_model_without_flow_says_that_the_choice_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTREC_PWC", raising=False)
    found = study.answer(Question("drift0", "tiny-rgb", "gradcam", flow="pwc"))
    assert any("reads no optical flow" in line for line in found.cautions)


def test_the_command_line_and_the_page_choose_it(stub: type[Stub], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "drift0", "--model", "two", "--method", "flow", "--flow", "raft-small", "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["question"]["flow"] == "raft-small"
    assert "--flow raft-small" in said["command"]
    assert Path(said["files"]["flow"]).is_file()
    assert cli.main(["predict", "drift0", "--model", "two", "--flow", "raft-small"]) == 0
    assert cli.main(["check", "drift0", "--model", "two", "--flow", "raft-small", "--check", "order"]) == 0
    page = visit(EXPLORE, clip="drift0", model="two:flow", method="flow")
    assert page.selectbox("flow").value == "dis"
    page.selectbox("flow").select("raft-small").run()
    assert address(page)["flow"] == "raft-small"
    page.segmented_control("stream").select("fused").run()
    assert address(page)["flow"] == "raft-small", "another stream of the model is asked of the same flow"
    page.selectbox("flow").select("dis").run()
    assert "flow" not in address(page)


def test_finding_flow_reports_and_can_be_stopped(stub: type[Stub], home: Path) -> None:
    said: list[tuple[float, str]] = []

    def stop(fraction: float, text: str) -> None:
        said.append((fraction, text))
        if "pair 3" in text:
            raise Cancelled

    clips_made.clip(home / "clips" / "fresh.mp4", 16, size=(160, 120), paint=lambda i, w, h: drifting(i, w, h)[::-1])
    with pytest.raises(Cancelled):
        study.answer(Question("fresh", "two:flow", "flow", flow="raft-small"), stop)
    assert stub.asked == 3
    pairs = [fraction for fraction, text in said if "pair" in text]
    assert pairs == sorted(pairs)
    assert all(0.1 <= fraction <= 0.3 for fraction in pairs)


def test_the_camera_is_looked_for_in_the_frames_that_the_model_was_given() -> None:
    found = ask()
    matrix = camera.homography(found.clip.frames[0], found.clip.frames[1])
    assert matrix is not None
    assert found.flow is not None
    by_camera = shown.by_camera(found.flow.lengths, found.clip)
    np.testing.assert_allclose(by_camera[0], camera.moved(matrix, shown.middles(found.heat)))
