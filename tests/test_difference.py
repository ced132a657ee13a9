"""RGB differences against a plain loop over decoded frames; the same in training as in an answer; at the end of a video, turned, shuffled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import clips_made
import numpy as np
import pytest
import runs_made
import shift_made
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec import catalogue, cli, study
from actrec.clips import video
from actrec.core.card import Card
from actrec.core.clip import Preprocess, Sampling, Video
from actrec.core.question import Question
from actrec.inputs import pixels, sampling, streams
from actrec.inputs.streams import difference
from actrec.lab import sets
from actrec.study import asking

SEGMENTS, DENSE = Sampling("segments", 4), Sampling("dense", 4, 8)
SMALL = Preprocess((36, 48), (32, 32))


@pytest.fixture(scope="module", autouse=True)
def shifted(home: Path) -> Path:
    """Models that read differences, in segments and in a dense window; a clip that stands still."""
    shift_made.both(home / "checkpoints", "shifts")
    shift_made.stream(home / "checkpoints", "difference", called="dense", sampling=DENSE)
    video.write(home / "clips" / "still.mp4", [np.full((64, 96, 3), 90, np.uint8)] * 24, 25.0)
    return home


def card(preprocess: Preprocess = SMALL, **arguments: int) -> Card:
    part = catalogue.parts(shift_made.card())["difference"]
    return replace(part, preprocess=preprocess, arguments={**part.arguments, **arguments})


def looped(film: Video, index: NDArray[np.int64], preprocess: Preprocess, stack: int = 5, way: int = 1) -> Tensor:
    """What the stream says it is, number by number: frame i + d + 1 minus frame i + d, in units, one frame of the video at a time."""
    geometry, unit = pixels.geometry(film, preprocess), 2 * 255 * sum(preprocess.std) / 3
    out = torch.zeros(1, 3 * stack, len(index), *preprocess.crop)

    def picture(number: int) -> NDArray[np.float32]:
        return pixels.cropped(video.read(film, [min(max(number, 0), film.frames - 1)]), preprocess, geometry)[0].astype(np.float32)

    for step, number in enumerate(index.tolist()):
        for d in range(stack):
            change = picture(number + way * (d + 1)) - picture(number + way * d)
            for colour in range(3):
                out[0, 3 * d + colour, step] = torch.from_numpy(change[..., colour] / unit)
    return out


@pytest.mark.parametrize("how", [SEGMENTS, DENSE, Sampling("uniform", 5), Sampling("dense", 30, 30), Sampling("segments", 30)])
@pytest.mark.parametrize("preprocess", [SMALL, Preprocess(40, (48, 72), std=(0.2, 0.25, 0.3)), Preprocess(20, (16, 20), antialias=False)])
def test_the_input_is_what_a_plain_loop_over_the_frames_gives(home: Path, how: Sampling, preprocess: Preprocess) -> None:
    film = video.probe(home / "clips" / "short.mp4")
    clip, geometry = sampling.load(film, how, 0.2), pixels.geometry(film, preprocess)
    (stream,) = streams.of(card(preprocess))
    found = stream.tensor(streams.Given(), clip, geometry, torch.device("cpu"))
    assert found is not None
    assert found.shape == (1, 15, how.frames, *preprocess.crop)
    torch.testing.assert_close(found, looped(film, clip.index, preprocess), atol=1e-6, rtol=0)
    blank = stream.blank(2, how.frames, preprocess.crop, "meta")
    assert blank is not None
    assert blank.shape == (2, *found.shape[1:])


@pytest.mark.parametrize("turn", [0, 1])
def test_a_turned_file_is_upright(tmp_path: Path, turn: int) -> None:
    film = video.probe(clips_made.clip(tmp_path / "turned.mp4", 16, turn=turn))
    clip = sampling.load(film, SEGMENTS)
    (stream,) = streams.of(card())
    found = stream.tensor(streams.Given(), clip, pixels.geometry(film, SMALL), torch.device("cpu"))
    torch.testing.assert_close(found, looped(film, clip.index, SMALL), atol=1e-6, rtol=0)


def test_how_many_there_are_the_card_says() -> None:
    (stream,) = streams.of(card(inputs=6))
    assert isinstance(stream, difference.Difference)
    assert stream.stack == 2
    blank = stream.blank(1, 4, (8, 8), "cpu")
    assert blank is not None
    assert blank.shape == (1, 6, 4, 8, 8)
    assert stream.batch(torch.zeros(1), None) is None
    both = streams.every(shift_made.card())["difference"]
    assert isinstance(both, difference.Difference)
    assert both.stack == difference.STACK


def test_beyond_the_end_the_last_frame_is_held(home: Path) -> None:
    film = video.probe(home / "clips" / "short.mp4")
    last = film.frames - 1
    index = np.array([last - 2, last])
    clip = replace(sampling.load(film, Sampling("uniform", 2)), index=index, frames=video.read(film, index))
    (stream,) = streams.of(card())
    found = stream.tensor(streams.Given(), clip, pixels.geometry(film, SMALL), torch.device("cpu"))
    assert found is not None
    moving = found[0].unflatten(0, (5, 3)).abs().amax((1, 3, 4)) > 0
    assert moving.T.tolist() == [[True, True, False, False, False], [False] * 5]


@pytest.mark.parametrize("model", ["shifts:difference", "dense-difference"])
@pytest.mark.parametrize("keep", [True, False])
def test_training_gives_a_centre_crop_the_same_as_an_answer_does(home: Path, tmp_path: Path, model: str, keep: bool) -> None:
    clips = sets.read_index(runs_made.make_set(tmp_path / "set", ("train", "test")))
    asked = catalogue.card(model)
    windows, broken = sets.open_windows(clips.items, clips, asked.sampling, asked.preprocess, train=False, keep=keep, streams=streams.of(asked))
    assert not broken
    for number, item in enumerate(windows.items):
        batch = next(iter(sets.batches(windows, 1, order=[number])))
        trained = windows.inputs(batch, torch.device("cpu"))["difference"]
        film = item.media.table()
        start = float(film.seconds[max(film.frames - sampling.span(film, asked.sampling), 0) // 2])
        given = asking.asked(Question(str(item.media.path), model, "gradcam", start=start)).inputs["difference"]
        assert trained is not None
        assert given is not None
        torch.testing.assert_close(trained, given, atol=1e-6, rtol=0)
        assert given.abs().max() > 0


def test_a_part_of_a_video_knows_nothing_behind_its_end(home: Path, tmp_path: Path) -> None:
    clips = sets.read_index(runs_made.make_set(tmp_path / "set", ("train", "test")))
    asked = catalogue.card("shifts:difference")
    whole = sets.open_windows(clips.items[:1], clips, asked.sampling, asked.preprocess, train=False, keep=False, streams=streams.of(asked))[0]
    table = whole.items[0].media.table()
    around = whole._around(0, table, 2, np.array([0, 4]), 5, 3)  # frames 2 … 6 of the video
    wanted = pixels.shrink(video.read(table, [2, 3, 4, 5, 6, 6, 6, 6]), asked.preprocess, pixels.geometry(table, asked.preprocess))
    np.testing.assert_array_equal(around, wanted.reshape(2, 4, *wanted.shape[1:]))


def test_turned_round_other_frames_lie_behind_and_shuffled_each_keeps_its_own() -> None:
    asked = asking.asked(Question("long", "shifts:difference", "gradcam"))
    (stream,), tensor = asked.streams, asked.inputs["difference"]
    assert tensor is not None
    back = stream.reordered(tensor, torch.arange(8).flip(0), asked.clip, asked.geometry)
    torch.testing.assert_close(back, looped(asked.film, asked.clip.index[::-1], asked.card.preprocess, way=-1), atol=1e-6, rtol=0)
    assert not torch.allclose(back, tensor.flip(2), atol=0.1), "it is not the same stack in another place"
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    torch.testing.assert_close(stream.reordered(tensor, order, asked.clip, asked.geometry), tensor[:, :, order])


def test_the_order_check_runs_the_model_on_the_clip_played_backwards() -> None:
    question = Question("long", "shifts:difference", "gradcam")
    asked = asking.asked(question)
    seen = asked.run()
    target = asked.target(seen.logits)
    back = seen.rerun({"difference": looped(asked.film, asked.clip.index[::-1], asked.card.preprocess, way=-1)})
    found = study.time_order(question)
    assert found.logits[0] == pytest.approx(target.score(seen.logits)[1], abs=1e-5)
    assert found.logits[1] == pytest.approx(target.score(back)[1], abs=1e-4)
    assert study.time_order(question.with_(model="shifts")).names == found.names


@pytest.mark.parametrize("most", [0, 2, 3])
def test_what_is_noise_is_doubted_and_no_more(most: int) -> None:
    (stream,) = streams.of(card())
    assert isinstance(stream, difference.Difference)
    tensor = torch.zeros(1, 15, 4, 8, 8)
    tensor[0, 7, 2, 3, 4] = -most / stream.unit
    (doubt,) = stream.doubts(tensor) or ("",)
    assert bool(doubt) == (most <= difference.STILL)
    assert not doubt or f"at most {most} of 255 grey levels" in doubt


def test_of_a_still_clip_the_stream_sees_nothing_and_every_answer_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("shifts", "shifts:difference", "dense-difference"):
        tensor = asking.asked(Question("still", model, "gradcam")).inputs["difference"]
        assert tensor is not None
        assert not tensor.any()
        assert any("the stream of differences had nothing to see" in line for line in study.answer(Question("still", model, "gradcam")).doubts)
        assert cli.main(["predict", "still", "--model", model]) == 0
        assert "nothing to see" in "".join(capsys.readouterr())
    for model in ("shifts", "shifts:rgb"):
        assert not any("nothing to see" in line for line in study.answer(Question("short", model, "gradcam")).cautions)
    assert not any("nothing to see" in line for line in study.answer(Question("still", "shifts:rgb", "gradcam")).cautions)
