"""What is written is what was explained: numbers to the bit, a film of the right frames, and where it all comes from."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from answers_made import heat, one_hot, points, skeleton
from clips_made import clip as make_clip
from grey_made import MORE, about, attending, grey

from actrec.clips import video
from actrec.core.answer import Explanation
from actrec.core.clip import Video
from actrec.core.errors import Cancelled
from actrec.core.look import Look
from actrec.core.question import Question
from actrec.draw import export, overlay_video
from actrec.measure import agreement


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return video.probe(make_clip(tmp_path_factory.mktemp("clips") / "grey.mp4", 40, size=(64, 48), options={"crf": "8"}, paint=grey))


def test_the_arrays_are_the_explanations_own_to_the_bit_and_load_without_pickles(tmp_path: Path, source: Video) -> None:
    values = np.random.default_rng(0).normal(size=(4, 6, 8)).astype(np.float32)
    values[0, 0, 0] = np.nan
    one = about(source, heat(values, signed=True), heat(one_hot(0, 1, 1), unit="cosine"), question=Question("a clip.mp4", "toy", label="lift"))
    files = export.write(one, tmp_path, with_video=False)
    with np.load(files.arrays, allow_pickle=False) as found:
        np.testing.assert_array_equal(found["values"], one.heats[0].values)
        np.testing.assert_array_equal(found["values_2"], one.heats[1].values)
        np.testing.assert_array_equal(found["bands"], one.heat.bands)
        np.testing.assert_array_equal(found["index"], one.clip.index)
        np.testing.assert_array_equal(found["seconds"], one.clip.seconds)
        np.testing.assert_array_equal(found["logits"], one.predictions.logits)
        np.testing.assert_array_equal(found["probabilities"], one.predictions.probabilities)
        assert tuple(found["labels"]) == one.predictions.labels
        assert tuple(found["box"]) == one.heat.box
        assert tuple(found["seen"]) == one.heat.seen
        assert (str(found["unit_2"]), bool(found["signed"]), bool(found["signed_2"])) == ("cosine", True, False)
        assert Question.from_query(json.loads(str(found["question"]))) == one.question


def test_the_curves_are_written_in_full_and_a_gap_is_empty(tmp_path: Path, source: Video) -> None:
    files = export.write(about(source), tmp_path, with_video=False)
    with files.curves.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["curve", "unit", "frame", "seconds", "value"]
    assert [row["value"] for row in rows] == ["0.1", "", repr(1 / 3)]
    assert float(rows[1]["seconds"]) == 1 / 25


def test_the_same_explanation_written_twice_gives_the_same_files(tmp_path: Path, source: Video) -> None:
    first, second = (export.write(about(source), tmp_path / name, with_video=False) for name in ("a", "b"))
    for field in ("figure", "figure_svg", "arrays", "curves", "provenance"):
        assert getattr(first, field).read_bytes() == getattr(second, field).read_bytes(), field


def test_provenance_names_question_clip_frames_model_target_versions_and_every_file(tmp_path: Path, source: Video) -> None:
    one = about(source, question=Question(str(source.path), "toy", "cam", start=0.16, knobs=(("layer", "res4"),)))
    files = export.write(one, tmp_path)
    found = json.loads(files.provenance.read_text(encoding="utf-8"))
    assert Question.from_query(found["question"]) == one.question
    assert found["command"] == one.question.to_command()
    assert found["clip"]["sha256"] == hashlib.sha256(source.path.read_bytes()).hexdigest()
    assert found["frames"]["index"] == one.clip.index.tolist()
    assert found["frames"]["seconds"] == one.clip.seconds.tolist()
    assert found["run"]["weights_sha256"] == "b" * 64
    assert found["target"] == {"label": "lift", "versus": None, "probability": one.probability, "score": 2.5}
    assert {"python", "actrec", "torch", "av", "numpy", "grad-cam"} <= set(found["versions"])
    assert set(found["files"]) == {"overlay.mp4", "strip.png", "strip.svg", "evidence.npz", "curves.csv"}
    for name, digest in found["files"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_the_film_is_h264_of_every_source_frame_between_the_first_and_the_last_sampled(tmp_path: Path, source: Video) -> None:
    files = export.write(about(source), tmp_path)
    assert files.video is not None
    with av.open(str(files.video)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    written = video.probe(files.video)
    assert written.frames == 30 - 4 + 1
    assert written.fps == pytest.approx(source.fps)
    assert (written.width % 2, written.height % 2) == (0, 0)
    assert written.height <= overlay_video.HIGH
    # Frame i of the film shows source frame 4 + i: read its grey in a corner that has no evidence.
    high, wide, full = overlay_video.size_of(source.height, source.width)
    corner = video.read(written, range(27))[:, high - 40 : high - 8, (full - wide) // 2 + 8 : (full - wide) // 2 + 40].mean((1, 2, 3))
    np.testing.assert_array_equal(np.rint((corner - 10) / 6), np.arange(4, 31))


def test_the_films_evidence_is_where_and_when_the_map_says(tmp_path: Path, source: Video) -> None:
    one = about(source, heat(one_hot(1, 2, 3), bands=[(4, 12), (12, 20), (20, 26), (26, 32)]))
    overlay_video.write(one, tmp_path / "film.mp4")
    pictures = video.read(video.probe(tmp_path / "film.mp4"), range(27)).astype(int)
    high, wide, full = overlay_video.size_of(source.height, source.width)
    pictures = pictures[:, :high, (full - wide) // 2 : (full + wide) // 2]
    colour = np.ptp(pictures, axis=3)
    hot = (colour > 40).any((1, 2))
    assert np.flatnonzero(hot).tolist() == list(range(12 - 4, 20 - 4))
    _, y, x = np.nonzero(colour > 40)
    assert (y.mean() / high, x.mean() / wide) == pytest.approx((2.5 / 6, 3.5 / 8), abs=0.02)


def test_the_panel_says_when_there_is_no_evidence_and_the_picture_stays_grey(tmp_path: Path, source: Video) -> None:
    overlay_video.write(about(source, heat(np.full((4, 6, 8), 1e-6))), tmp_path / "film.mp4", look=Look(scale="frame"))
    picture = video.read(video.probe(tmp_path / "film.mp4"), [3])[0].astype(int)
    high, _, _ = overlay_video.size_of(source.height, source.width)
    assert np.ptp(picture[:high], axis=2).max() < 12
    assert np.ptp(picture[high:], axis=2).max() > 60  # the words are in colour


def test_a_long_window_becomes_a_film_of_about_ten_seconds(source: Video) -> None:
    long = replace(source, seconds=np.arange(3000) / 25)
    clip = replace(about(source).clip, video=long, index=np.array([0, 1500, 2999]), seconds=np.array([0, 60, 119.96]))
    numbers, stride = overlay_video.frames_of(clip)
    assert stride == 12
    assert len(numbers) == 250
    assert numbers[-1] <= 2999


@pytest.mark.parametrize("size", [(1080, 1920), (2160, 3840), (1920, 1080), (144, 180), (64, 64), (35, 47), (10, 2000)])
def test_a_film_has_even_sides_fits_720p_and_keeps_its_shape(size: tuple[int, int]) -> None:
    high, wide, full = overlay_video.size_of(*size)
    assert all(side % 2 == 0 for side in (high, wide, full))
    assert full <= overlay_video.WIDE
    assert high + 2 * round(overlay_video.PANEL_HIGH * overlay_video.DPI / 2) <= overlay_video.HIGH
    assert full >= overlay_video.NARROW
    assert wide / high == pytest.approx(size[1] / size[0], rel=0.3 if min(size) < 20 else 0.02)


def test_a_cancelled_export_leaves_nothing_behind_and_harms_no_earlier_one(tmp_path: Path, source: Video) -> None:
    def stop(fraction: float, text: str) -> None:
        if fraction > 0.3:
            raise Cancelled("stopped")

    export.write(about(source), tmp_path / "out", with_video=False)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(Cancelled):
        export.write(about(source, heat(one_hot(0, 0, 0))), tmp_path / "out", progress=stop)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_progress_only_rises_and_ends_at_one(tmp_path: Path, source: Video) -> None:
    seen: list[float] = []
    export.write(about(source), tmp_path, progress=lambda fraction, text: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


# ------------------------------------------------------------------------------------- tokens, joints, matrices, findings


@pytest.fixture(scope="module")
def exported(source: Video, tmp_path_factory: pytest.TempPathFactory) -> tuple[Explanation, export.Files]:
    one = attending(source)
    return one, export.write(one, tmp_path_factory.mktemp("all"), with_video=False)


def test_tokens_joints_and_matrices_come_back_to_the_bit(exported: tuple[Explanation, export.Files]) -> None:
    one, files = exported
    assert one.points is not None
    assert one.skeleton is not None
    with np.load(files.arrays, allow_pickle=False) as found:
        for name in ("places", "reference", "scores", "bands", "seconds"):
            np.testing.assert_array_equal(found[f"points_{name}"], getattr(one.points, name))
            assert found[f"points_{name}"].dtype == getattr(one.points, name).dtype
        assert (str(found["points_unit"]), tuple(found["points_seen"])) == ("attention", one.points.seen)
        np.testing.assert_array_equal(found["joints_xy"], one.skeleton.joints[..., :2])
        np.testing.assert_array_equal(found["joints_confidence"], one.skeleton.joints[..., 2])
        np.testing.assert_array_equal(found["joints_scores"], one.skeleton.scores)
        assert tuple(found["joints_names"]) == one.skeleton.names
        assert [tuple(pair) for pair in found["joints_bones"]] == list(one.skeleton.bones)
        assert str(found["joints_unit"]) == "attention"
        np.testing.assert_array_equal(found["matrix"], one.matrices[0].values)
        np.testing.assert_array_equal(found["matrix_2"], one.matrices[1].values)
        assert tuple(found["matrix_rows"]) == one.matrices[0].rows
        assert tuple(found["matrix_2_columns"]) == one.matrices[1].columns
        assert [tuple(pair) for pair in found["matrix_windows"]] == list(one.matrices[0].windows)
        assert found["matrix_2_windows"].shape == (0, 2)
        told = json.loads(str(found["findings"]))
    assert [(f["name"], f["value"]) for f in told] == [("share", 0.25), ("speed", None)]


def test_their_figures_are_written_whole_and_hashed(exported: tuple[Explanation, export.Files]) -> None:
    _, files = exported
    assert set(files.more) == set(MORE)
    hashes = json.loads(files.provenance.read_text(encoding="utf-8"))["files"]
    for name, path in files.more.items():
        assert path.stat().st_size > 5000, name
        assert hashes[path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
        if path.suffix == ".png":
            picture = cv2.imread(str(path))
            assert picture.shape[1] == 2160 if name != "matrix" else 1200 < picture.shape[1] < 2160
    assert set(hashes) == {path.name for path in files.more.values()} | {"strip.png", "strip.svg", "evidence.npz", "curves.csv"}


def test_the_turning_tokens_need_no_network_and_hold_the_numbers(exported: tuple[Explanation, export.Files]) -> None:
    text = exported[1].more["tokens_html"].read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "Plotly.newPlot" in text
    assert not re.search(r"<script[^>]* src=|<link[^>]* href=", text)
    assert len(text) > 1_000_000  # plotly's own script
    assert "tokens p + \\u0394p (48 of 48)" in text


def test_provenance_sums_up_findings_tokens_joints_and_matrices(exported: tuple[Explanation, export.Files]) -> None:
    one, files = exported
    text = files.provenance.read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert found["findings"][1] == {"name": "speed", "value": None, "sentence": "That cannot be told: nothing moves."}
    assert (found["points"]["count"], found["points"]["unit"]) == (48, "attention")
    assert found["points"]["largest"] == pytest.approx(float(one.points.scores.max()))  # type: ignore[union-attr]
    assert found["skeleton"]["shape"] == [16, 17]
    assert [m["shape"] for m in found["matrices"]] == [[16, 16], [2, 17]]
    assert found["matrices"][0]["windows"] == [[0, 8], [4, 12], [8, 16]]


def test_a_grouped_curve_is_called_by_its_group_too(exported: tuple[Explanation, export.Files]) -> None:
    with exported[1].curves.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["curve", "unit", "frame", "seconds", "value"]
    assert "left arm: left_wrist" in {row["curve"] for row in rows}
    assert len(rows) == 16 * 17


def test_everything_written_twice_is_the_same_twice(exported: tuple[Explanation, export.Files], tmp_path: Path, source: Video) -> None:
    again = export.write(attending(source), tmp_path, with_video=False)
    for name, path in {**again.more, "provenance": again.provenance, "arrays": again.arrays, "curves": again.curves}.items():
        assert path.read_bytes() == (exported[1].figure.parent / path.name).read_bytes(), name


def test_an_explanation_without_them_writes_none_of_them(tmp_path: Path, source: Video) -> None:
    files = export.write(about(source), tmp_path, with_video=False)
    assert not files.more
    assert {path.name for path in tmp_path.iterdir()} == {"strip.png", "strip.svg", "evidence.npz", "curves.csv", "provenance.json"}
    with np.load(files.arrays) as found:
        assert not [name for name in found if name.startswith(("points", "joints", "matrix", "findings"))]


def test_the_film_shows_a_token_on_the_frames_it_is_read_from_and_nowhere_else(tmp_path: Path, source: Video) -> None:
    blank = heat(np.zeros((4, 6, 8)))
    one = about(source, blank, points=replace(points([(3, 40, 30)]), bands=np.arange(16)[:, None] * 2 + np.array([0, 2])))
    overlay_video.write(one, tmp_path / "film.mp4")
    pictures = video.read(video.probe(tmp_path / "film.mp4"), range(27)).astype(int)
    high, wide, full = overlay_video.size_of(source.height, source.width)
    colour = np.ptp(pictures[:, :high, (full - wide) // 2 : (full + wide) // 2], axis=3) > 40
    assert np.flatnonzero(colour.any((1, 2))).tolist() == [6 - 4, 7 - 4]
    _, y, x = np.nonzero(colour)
    assert (x.mean() / wide * 64, y.mean() / high * 48) == pytest.approx((40, 30), abs=0.5)
    overlay_video.write(about(source, blank, skeleton=skeleton()), tmp_path / "joints.mp4")
    picture = video.read(video.probe(tmp_path / "joints.mp4"), [4])[0].astype(int)
    assert np.ptp(picture[:high], axis=2).max() > 60


def test_a_comparison_is_written_as_figures_and_numbers(tmp_path: Path, source: Video) -> None:
    answers = [about(source), about(source, heat(one_hot(2, 4, 6)), model="Another")]
    found = {(0, 1): agreement.compare(*answers)}
    files = export.write_comparison(answers, found, tmp_path, segments=2)
    assert set(files) == {"figure", "figure_svg", "segments", "segments_svg", "provenance"}
    numbers = json.loads(files["provenance"].read_text(encoding="utf-8"))
    assert numbers["agreements"][0]["moved"] == found[0, 1].moved
    assert [answer["name"] for answer in numbers["answers"]] == ["A toy", "Another"]
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".json": b"{"}
    assert all(path.read_bytes().startswith(starts[path.suffix]) for path in files.values())


def test_the_files_have_the_look_that_provenance_tells(tmp_path: Path, source: Video) -> None:
    look, one = Look("viridis", "purple-green", 0.5, 0.25, "frame", moment=0.5), about(source)
    usual, files = export.write(one, tmp_path / "usual", with_video=False), export.write(one, tmp_path / "own", look=look, with_video=False)
    told = json.loads(files.provenance.read_text(encoding="utf-8"))
    assert told["look"] == look.to_json()
    assert told["command"] == f"{one.question.to_command()} {' '.join(look.to_words())}"
    assert json.loads(usual.provenance.read_text(encoding="utf-8"))["look"] == Look().to_json()
    assert files.figure.read_bytes() != usual.figure.read_bytes()
    assert files.arrays.read_bytes() == usual.arrays.read_bytes(), "a look changes pixels, no numbers"


def test_answers_are_named_by_what_tells_them_apart(source: Video) -> None:
    one = about(source)
    other = one.with_evidence(heats=(replace(one.heat, title="Grad-CAM"),))
    assert export.names([one, replace(one, model="Another")]) == ["A toy", "Another"]
    assert export.names([one, other]) == ["CAM", "Grad-CAM"]
    assert export.names([one, other, replace(one, model="Another")]) == ["A toy, CAM", "A toy, Grad-CAM", "Another, CAM"]
