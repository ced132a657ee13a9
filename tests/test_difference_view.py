"""What the stream of differences was given, as an answer: signed, in grey levels, in its place, beside the flow of the same frames; its sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path

import flow_made
import numpy as np
import pytest
import shift_made
import streams_made
import torch
from app_made import EXPLORE, visit
from claims_made import opens_there
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from actrec import catalogue, cli, study
from actrec.clips import video
from actrec.core.clip import Clip, Preprocess, Video
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence
from actrec.core.look import Look
from actrec.core.question import Question
from actrec.core.trace import Trace
from actrec.draw import export
from actrec.explain import Ask
from actrec.explain import difference as shown
from actrec.inputs import flow, pixels, streams
from actrec.inputs.streams.difference import STILL, Difference

SHIFT = (2, -1)
"""Source pixels that the drifting clip goes in a frame, to the right and down."""


def drifting(number: int) -> np.ndarray:
    """Frame `number` of a texture that goes by SHIFT a frame."""
    large = flow_made.texture(220, 280, 5, smooth=4)
    x, y = (60 - number * step for step in SHIFT)
    return large[y : y + 120, x : x + 160]


@pytest.fixture(scope="module", autouse=True)
def clips(home: Path) -> Path:
    """Models that read differences and one that reads flow; clips that drift, stand still, fade to black, and have one frame."""
    folder = home / "checkpoints"
    shift_made.both(folder, "shifts")
    shift_made.stream(folder, "difference", called="two", inputs=6)
    streams_made.stream(folder, "flow")
    grey = np.full((64, 96, 3), 90, np.uint8)
    video.write(home / "clips" / "drift.mp4", [drifting(i) for i in range(24)], 25.0)
    video.write(home / "clips" / "still.mp4", [grey] * 24, 25.0)
    video.write(home / "clips" / "fading.mp4", [np.full_like(grey, 240 - 9 * i) for i in range(24)], 25.0)
    video.write(home / "clips" / "single.mp4", [grey], 25.0)
    return home


def ask(clip: str = "drift", model: str = "shifts:difference", which: str = "all") -> study.Explanation:
    return study.answer(Question(clip, model, "difference", knobs=(("differences", which),)))


def looked(tensor: torch.Tensor, clip: Clip, preprocess: Preprocess, which: str = "all") -> Evidence:
    seen = Trace(nn.Identity(), clip, pixels.geometry(clip.video, preprocess), {"difference": tensor}, torch.zeros(1, 2), {})
    return shown.explain(seen, Ask(0, preprocess=preprocess, knobs={"differences": which}))


def film(frames: int, size: tuple[int, int]) -> Video:
    return Video(Path("x"), "x", np.arange(frames) / 25, size[1], size[0], 0, "")


# ------------------------------------------------------------------------------------------------------------- the map


@settings(max_examples=30)
@given(
    st.tuples(st.integers(20, 90), st.integers(20, 90)),
    st.one_of(st.integers(20, 60), st.tuples(st.integers(16, 60), st.integers(16, 60))),
    st.tuples(st.integers(8, 70), st.integers(8, 70)),
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from(["all", "1", "3"]),
    st.data(),
)
def test_every_change_is_placed_exactly_and_is_the_mean_of_the_colours(
    size: tuple[int, int], resize: int | tuple[int, int], crop: tuple[int, int], steps: list[int], which: str, data: st.DataObject
) -> None:
    index = np.cumsum([2, *steps])
    whole = film(int(index[-1]) + data.draw(st.integers(1, 8)), size)
    clip = Clip(whole, np.full((len(index), *size, 3), 128, np.uint8), index, whole.seconds[index])
    preprocess = Preprocess(resize, crop)
    geometry, unit = pixels.geometry(whole, preprocess), Difference(preprocess).unit
    k, row, column = (data.draw(st.integers(0, most - 1)) for most in (len(index), *crop))
    tensor = torch.zeros(1, 15, len(index), *crop)
    tensor[0, 7, k, row, column], tensor[0, 3, k, row, column] = -60 / unit, 24 / unit  # of the third difference and of the second, a colour each
    found = looked(tensor, clip, preprocess, which)
    heat, far = found.heats
    x, y = geometry.to_source(column + 0.5, row + 0.5)
    x0, y0, x1, y1 = heat.box
    assert (x0 + (column + 0.5) * (x1 - x0) / crop[1], y0 + (row + 0.5) * (y1 - y0) / crop[0]) == pytest.approx((x, y))
    value = {"all": -12.0, "1": 0.0, "3": -20.0}[which]
    if 0 <= x < size[1] and 0 <= y < size[0]:
        assert heat.values[k, row, column] == pytest.approx(value, abs=1e-4)
        assert heat.peak == pytest.approx(abs(value), abs=1e-4)
    else:
        assert np.isnan(heat.values[:, row, column]).all(), "beyond the picture nothing is known"
        assert heat.peak == 0
    np.testing.assert_array_equal(np.isnan(heat.values), np.isnan(far.values))
    assert (heat.signed, far.signed) == (True, False)
    first, last = {"all": (0, 5), "1": (0, 1), "3": (2, 3)}[which]
    end = whole.frames - 1
    assert heat.fields is not None
    assert heat.fields.tolist() == [[min(i + first, end), min(i + last, end) + 1] for i in index.tolist()]
    for step, (begin, until) in enumerate(heat.bands.tolist()):
        assert begin == until or begin == index[step], "a step is drawn from its frame on"


@pytest.mark.parametrize("which", ["all", "1", "4"])
@pytest.mark.parametrize("model", ["shifts", "shifts:difference"])
def test_the_maps_are_of_the_two_pictures_that_the_words_name(model: str, which: str) -> None:
    found = ask("drift", model, which)
    first, last = {"all": (0, 5), "1": (0, 1), "4": (3, 4)}[which]
    clip, geometry, preprocess = found.clip, found.geometry, catalogue.card(model).preprocess
    change, far = found.heats
    for step, number in enumerate(clip.index.tolist()):
        numbers = [min(number + each, clip.video.frames - 1) for each in (first, last)]
        pictures = pixels.cropped(video.read(clip.video, numbers), preprocess, geometry)
        np.testing.assert_allclose(change.values[step], np.diff(pictures.astype(float), axis=0)[0].mean(-1), atol=1e-3)
        moved = flow.between(pictures)[0]
        length = np.linalg.norm(moved / np.array(geometry.scale[::-1]), axis=-1)
        np.testing.assert_allclose(far.values[step], np.where(np.abs(moved).max(-1) < 0.05, 0, length), atol=0.1)
    said = {"all": "from each of the model’s frames to 5 frames after it", "1": "from each of the model’s frames to 1 frame after it"}
    assert said.get(which, "from 3 to 4 frames after each of the model’s frames") in found.findings[0].sentence
    names = {"all": ("frame t", "frame t+5"), "1": ("frame t", "frame t+1"), "4": ("frame t+3", "frame t+4")}[which]
    assert [heat.unit for heat in found.heats] == ["grey levels ({1} − {0})".format(*names), "source px ({} to {})".format(*names)]
    assert found.evidence.together
    assert [heat.title for heat in found.heats] == ["Change of brightness", "Length of the flow"]


def test_a_drift_is_as_far_as_it_is_in_source_pixels() -> None:
    found = ask()
    gaps = np.minimum(5, found.clip.video.frames - 1 - found.clip.index)
    middles = np.median(found.heats[1].values[:, 10:-10, 10:-10], (1, 2))
    np.testing.assert_allclose(middles, np.hypot(*SHIFT) * gaps, atol=1.5)
    told = {finding.name: finding.value for finding in found.findings}
    assert told["mean change"] == pytest.approx(np.abs(found.heat.values).mean(), rel=1e-5)
    assert told["pixels that change"] > 0.5


def test_the_curves_are_the_means_of_the_maps_and_nothing_is_called_evidence() -> None:
    found = ask()
    assert [(track.title, track.unit) for track in found.tracks] == [
        ("mean change of brightness", "grey levels"),
        ("mean length of the flow", "source px"),
    ]
    for track, heat in zip(found.tracks, found.heats, strict=True):
        for frame, value in zip(track.frames, track.values, strict=True):
            assert value == pytest.approx(np.abs(heat.values[heat.step_at(int(frame))]).mean(), rel=1e-5)


def test_only_models_that_read_differences_show_them_and_only_those_that_there_are() -> None:
    method = catalogue.methods()["difference"]
    assert catalogue.layers(catalogue.card("shifts"), method) == ("input",)
    assert catalogue.layers(catalogue.card("shifts:rgb"), method) == "this model is given no RGB differences"
    for model in ("shifts:rgb", "tiny-flow", "tiny"):
        with pytest.raises(QuestionError, match="given no RGB differences"):
            ask(model=model)
    assert ask(model="two-difference").heat.unit == "grey levels (frame t+2 − frame t)"
    with pytest.raises(QuestionError, match="differences=3: this model is given 2 for each of its frames; choose all, or a number up to 2"):
        ask(model="two-difference", which="3")
    with pytest.raises(QuestionError, match="differences='6' is not a setting"):
        ask(which="6")


# --------------------------------------------------------------------------------------------------------------- words


def test_the_claim_is_of_the_moment_at_which_the_clip_opens() -> None:
    for which in ("all", "2"):
        found = ask(which=which)
        assert found.claim.startswith("The rise in brightness between these frames is strongest ")
        opens_there(found.heat, found.claim, 1, clip=found.clip)
    found = ask("fading")
    assert found.claim.startswith("Nothing becomes brighter between these frames. The fall in brightness is strongest ")
    opens_there(found.heat, found.claim, -1, clip=found.clip)
    np.testing.assert_allclose(found.heat.values[-2:, 0, 0], [-4 * 9, -9], atol=2, err_msg="the last frame is held")


def test_of_a_still_clip_the_view_says_that_there_was_nothing_to_see(tmp_path: Path) -> None:
    for clip in ("still", "single"):
        found = ask(clip)
        assert found.heat.empty
        assert found.heats[1].empty
        assert found.claim == shown.NOTHING
        assert f"more than {STILL} of 255 grey levels" in found.claim
        assert [finding.value for finding in found.findings[:2]] == [0, 0]
        assert np.isnan(found.findings[2].value)
        assert not any(track.values.any() for track in found.tracks)
    page = visit(EXPLORE, clip="still", model="shifts", method="difference")
    assert any("This stream had nothing to see" in text.value for text in page.markdown)
    words = " ".join(re.sub("<[^>]*>", " ", export.write(ask("still"), tmp_path).figure_svg.read_text(encoding="utf-8")).split())
    assert "This stream had nothing to see" in words


def test_where_one_difference_alone_shows_nothing_no_more_is_said() -> None:
    preprocess = Preprocess(20, (20, 20))
    whole = film(9, (20, 20))
    clip = Clip(whole, np.full((2, 20, 20, 3), 90, np.uint8), np.array([0, 3]), whole.seconds[[0, 3]])
    tensor = torch.zeros(1, 15, 2, 20, 20)
    tensor[0, 3:6] = 0.5
    assert looked(tensor, clip, preprocess, "1").claim == "Between these frames no pixel becomes brighter or darker."
    found = looked(tensor, clip, preprocess, "2")
    assert found.claim.startswith("The rise in brightness")
    assert found.findings[1].value == 1
    assert np.isnan(found.findings[2].value), "the same change everywhere goes with nothing"


def test_black_borders_do_not_count() -> None:
    preprocess = Preprocess(20, (40, 30))
    whole = film(8, (20, 20))
    frames = np.random.default_rng(0).integers(0, 256, (8, 20, 20, 3), np.uint8)
    clip = Clip(whole, frames[:1], np.array([0]), whole.seconds[:1])
    stack = torch.from_numpy(np.diff(frames[:6].astype(np.float32), axis=0)).movedim(-1, 1).flatten(0, 1) / Difference(preprocess).unit
    tensor = torch.zeros(1, 15, 1, 40, 30)
    tensor[0, :, 0, 10:30, 5:25] = stack
    found = looked(tensor, clip, preprocess)
    change = (frames[5].astype(float) - frames[0]).mean(-1)
    np.testing.assert_allclose(found.heat.values[0, 10:30, 5:25], change, atol=1e-3)
    assert np.isnan(found.heat.values).sum() == 40 * 30 - 400
    assert found.findings[0].value == pytest.approx(np.abs(change).mean(), rel=1e-4)
    assert found.tracks[0].values.tolist() == pytest.approx([np.abs(change).mean()] * len(found.tracks[0].values), rel=1e-4)
    assert "one map stands for the whole window" in found.claim


# ----------------------------------------------------------------------------------------------------- page, files, command


def test_the_command_line_and_the_page_find_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("shifts", "shifts:difference"):
        words = ["explain", "drift", "--model", model, "--method", "difference", "--knob", "differences=1", "--out", str(tmp_path), "--json"]
        assert cli.main(words) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["command"].endswith("--knob differences=1")
        assert Path(told["files"]["video"]).is_file()
    page = visit(EXPLORE, clip="drift", model="shifts:difference", method="difference")
    shown_there = [text.value for text in (*page.markdown, *page.caption)]
    assert any("The rise in brightness" in text for text in shown_there)
    assert any("rank correlation" in text for text in shown_there)
    assert any("not what it used of it" in text for text in shown_there)


def test_what_is_saved_are_both_maps_and_their_units(tmp_path: Path) -> None:
    found = ask()
    files = export.write(found, tmp_path, look=Look(scale="shared"))
    with np.load(files.arrays) as kept:
        np.testing.assert_array_equal(kept["values"], found.heat.values)
        np.testing.assert_array_equal(kept["values_2"], found.heats[1].values)
        np.testing.assert_array_equal(kept["fields"], found.heat.fields)
        assert bool(kept["signed"])
    assert "mean change of brightness,grey levels," in files.curves.read_text(encoding="utf-8")
    words = " ".join(re.sub("<[^>]*>", " ", files.figure_svg.read_text(encoding="utf-8")).split())
    assert "Change of brightness" in words
    assert "Length of the flow" in words


def test_a_window_of_a_single_frame_has_one_map() -> None:
    (stream,) = streams.of(catalogue.card("shifts:difference"))
    assert isinstance(stream, Difference)
    whole = video.probe(study.open_clip("drift").path)
    clip = Clip(whole, video.read(whole, [4]), np.array([4]), whole.seconds[[4]])
    tensor = stream.tensor(streams.Given(), clip, pixels.geometry(whole, stream.preprocess), torch.device("cpu"))
    assert tensor is not None
    found = looked(tensor, clip, stream.preprocess)
    assert found.heat.values.shape == (1, 32, 32)
    assert found.heat.fields is not None
    assert found.heat.fields.tolist() == [[4, 10]]
    assert not np.isnan(found.findings[2].value)
