"""Joints on the page, without a browser: a file is brought, checked, mended and kept; a bad one changes nothing; an estimator says what it lacks."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import demo_made
import joints_made
import numpy as np
import pytest
from joints_page_made import FRAMES, address, bare, bring, joints, npz, texts
from streamlit.testing.v1 import AppTest

from actrec import catalogue
from actrec.core.errors import Progress
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.inputs.pose import estimators

COCO = pose.layout("coco17")
SIZE = (96, 64)
LABELS = ("sit down", "stand up")

PAGE = """
import streamlit as st
from actrec import catalogue, study
from actrec.ui import joints as ui_joints, own as ui_own
from actrec.core.errors import ActrecError
from actrec.core.question import Question
from actrec.ui.frame import asked, trouble

question = Question.from_query(asked())
try:
    real = ui_own.real(question)
    card, film = catalogue.card(real.model), study.open_clip(real.clip)
    found = ui_joints.panel(question, real, card, film)
    shape = None if found is None else found.every.shape
    known = None if found is None else int((found.every[..., 0] == found.every[..., 0]).any(1).sum())
    st.text(f"drawn: {shape}, on {known} frames")
except ActrecError as error:
    trouble(error)
"""

Visit = Callable[..., AppTest]


@pytest.fixture(scope="module")
def home(bare_home: Path) -> Path:
    """A clip without joints, and a model of each kind."""
    demo_made.checkpoint(bare_home / "checkpoints")
    joints_made.checkpoint(bare_home / "checkpoints")
    return bare_home


@pytest.fixture
def visit(home: Path) -> Visit:
    """visit(**query) -> the panel after its run."""

    def open_page(**query: str) -> AppTest:
        test = AppTest.from_string(PAGE, default_timeout=120)
        for name, value in ({"clip": "short", "model": "tinydeform", "method": "gradcam"} | query).items():
            test.query_params[name] = value
        test.run()
        assert not test.exception, test.exception
        return test

    return open_page


def test_without_joints_the_panel_says_video_only_and_draws_nothing(visit: Visit) -> None:
    test = visit()
    assert pose.VIDEO_ONLY in texts(test)
    assert "drawn: None" in texts(test)
    assert not test.number_input  # there is nothing to mend


def test_a_sample_clip_brings_its_own_unless_it_is_told_not_to(visit: Visit) -> None:
    test = visit(clip="walk")
    assert "as many as the clip" in texts(test)
    assert "drawn: (72, 17, 3), on 72 frames" in texts(test)
    test.selectbox("joints-choice").select("none").run()
    assert address(test)["joints"] == "none"
    assert pose.VIDEO_ONLY in texts(test)
    test.selectbox("joints-choice").select(None).run()
    assert "joints" not in address(test)


def test_a_model_of_frames_alone_has_no_panel_and_says_that_joints_are_not_used(visit: Visit) -> None:
    plain, offered = visit(clip="walk", model="tiny"), visit(clip="walk", model="tiny", joints="sit_down")
    assert not plain.expander
    assert not offered.expander
    assert pose.UNREAD not in texts(plain)
    assert pose.UNREAD in texts(offered)


def test_a_file_that_is_brought_stands_in_the_link_by_its_name_and_the_panel_says_how_it_fits(visit: Visit, tmp_path: Path) -> None:
    test = bring(visit(hide="left arm"), "../mine.npz", npz(joints(), tmp_path))
    assert not test.error
    assert address(test)["joints"] == "mine.npz"
    assert "hide" not in address(test)  # what was hidden of other joints is not of these
    assert f"{FRAMES} frames of 1 person in coco17, as many as the clip" in texts(test)
    assert f"drawn: ({FRAMES}, 17, 3), on {FRAMES} frames" in texts(test)
    assert "another clip’s" not in texts(test)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("notes.txt", b"not joints", "not a known file of joints"),
        ("empty.npz", b"", "is empty"),
        ("[three] _joints_.npz", None, "cannot be converted to coco17"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_sentence_and_changes_nothing(
    visit: Visit, tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    before = bring(visit(), "good.npz", npz(joints(), tmp_path))
    link, session = address(before), list(before.selectbox("joints-choice").options)
    three = pose.Joints(np.ones((1, FRAMES, 3, 3), np.float32), pose.named(("left_wrist", "right_wrist", "neck")), np.arange(FRAMES))
    test = bring(before, name, npz(three, tmp_path) if content is None else content)
    assert len(test.error) == 1
    assert says in texts(test)
    assert address(test) == link
    assert list(test.selectbox("joints-choice").options) == session


def test_the_offset_moves_the_joints_and_stands_in_the_link(visit: Visit, tmp_path: Path) -> None:
    test = bring(visit(), "mine.npz", npz(joints(10), tmp_path))
    assert test.warning  # less than half of the frames have joints
    test.number_input("joints-offset").set_value(20).run()
    assert address(test)["joints"] == "mine.npz#offset=20"
    assert f"drawn: ({FRAMES}, 17, 3), on 4 frames" in texts(test)
    assert test.number_input("joints-offset").value == 20
    test.number_input("joints-offset").set_value(500).run()
    assert "give an offset from -9 to 23" in texts(test)
    test.number_input("joints-offset").set_value(0).run()  # and it can be mended
    assert address(test)["joints"] == "mine.npz"
    assert "on 10 frames" in texts(test)


def test_a_file_whose_frames_are_those_of_a_longer_video_begins_with_the_clip(visit: Visit, tmp_path: Path) -> None:
    test = bring(visit(), "part.npz", npz(joints(first=300), tmp_path))
    assert not test.error
    assert address(test)["joints"] == "part.npz#offset=-300"
    assert "moved by -300 frames" in texts(test)
    assert f"on {FRAMES} frames" in texts(test)


def test_a_file_that_does_not_say_its_layout_is_taken_in_one_that_can_be_changed(visit: Visit, tmp_path: Path) -> None:
    test = bring(visit(), "results.json", bare(joints(layout="ntu25")))
    assert not test.error
    assert address(test)["joints"] == "results.json#layout=ntu25"
    test.selectbox("joints-layout").select("openpose25").run()
    assert address(test)["joints"] == "results.json#layout=openpose25"
    assert "OpenPose" in texts(test)
    test.selectbox("joints-layout").select("").run()
    assert "does not say which" in texts(test)
    assert len(test.error) == 0  # the page's own answer says it once
    test.selectbox("joints-layout").select("ntu25").run()
    assert "drawn: (24, 17, 3)" in texts(test)


def test_joints_of_a_smaller_copy_are_doubted_with_the_panel_closed_and_mended_by_its_size(visit: Visit, tmp_path: Path) -> None:
    test = bring(visit(), "half.npz", npz(replace(joints(), values=joints().values * np.array([0.5, 0.5, 1], np.float32)), tmp_path))
    assert "The joints are doubtful: all joints lie in the top left quarter" in texts(test)
    test.selectbox("joints-units").select("48x32").run()
    assert address(test)["joints"] == "half.npz#units=48x32"
    assert not test.warning


def test_sides_are_swapped_and_another_person_comes_first(visit: Visit, tmp_path: Path) -> None:
    test = bring(visit(), "two.npz", npz(joints(people=2), tmp_path))
    assert "2 people, of whom the model is given only the first" in texts(test)
    test.toggle("joints-swap").set_value(True).run()
    test.selectbox("joints-person").select(2).run()
    assert address(test)["joints"] == "two.npz#sides=swapped,person=2"
    assert test.toggle("joints-swap").value is True
    assert list(test.selectbox("joints-person").options) == ["person 1", "person 2"]


def test_the_clips_own_joints_of_another_sample_can_be_told_by_a_link_and_a_path_cannot(visit: Visit, home: Path, tmp_path: Path) -> None:
    test = visit(clip="walk", joints="sit_down#offset=2")
    assert "moved by +2 frames" in texts(test)
    npz(joints(), tmp_path)
    for name in (str(tmp_path / "made.npz"), "../made.npz", "nobody.npz", f"{tmp_path}/made.npz#offset=1"):
        test = visit(joints=name)
        assert len(test.error) == 1
        assert "a link cannot name a file" in texts(test)
    assert "unknown choice" in texts(visit(joints="sit_down#colour=red"))


def test_a_name_full_of_markup_stays_text_and_its_signs_are_no_choices(visit: Visit, tmp_path: Path) -> None:
    name = "_my_ [joints](x) a#b=c `.npz"
    test = bring(visit(), name, npz(joints(), tmp_path))
    assert not test.error
    kept = pose.Named.of(address(test)["joints"]).file
    assert kept == name
    assert "as many as the clip" in texts(test)
    assert not any("_my_" in e.value or "[joints]" in e.value for kind in (test.markdown, test.caption) for e in kind)
    test.number_input("joints-offset").set_value(1).run()
    assert pose.Named.of(address(test)["joints"]) == pose.Named(name, offset=1)
    assert "moved by +1 frames" in texts(test)


def test_an_upload_called_none_or_like_a_sample_is_not_mistaken_for_it(visit: Visit, tmp_path: Path) -> None:
    for name in ("none", "walk"):
        test = bring(visit(), name, npz(joints(), tmp_path))
        assert address(test)["joints"] == f"upload of {name}"
        assert "as many as the clip" in texts(test)


def test_a_file_brought_again_takes_the_place_of_the_older_one(visit: Visit, tmp_path: Path) -> None:
    test = bring(visit(), "mine.npz", npz(joints(), tmp_path))
    test = bring(test, "mine.npz", npz(joints(10), tmp_path))
    assert "on 10 frames" in texts(test)
    assert list(test.selectbox("joints-choice").options).count("mine.npz") == 1


def test_what_is_kept_as_npz_lies_on_the_clips_frames(home: Path, tmp_path: Path) -> None:
    from actrec import study
    from actrec.ui import joints as panel

    pose.write(tmp_path / "mine.npz", joints(10, "penn13"))
    question = Question(str(home / "clips" / "short.mp4"), "tinydeform", joints=f"{tmp_path}/mine.npz#offset=4,sides=swapped")
    film = study.open_clip(question.clip)
    found = panel.laid(question, catalogue.card("tinydeform"), film)
    assert found is not None
    (tmp_path / "kept.npz").write_bytes(pose.packed(found.whole))
    kept = pose.read(tmp_path / "kept.npz")
    assert (kept.layout.name, len(kept.frames)) == ("penn13", FRAMES)
    np.testing.assert_array_equal(kept.at([4]), joints(10, "penn13").swap_sides().at([0]))
    assert not kept.known[:, :4].any()


def test_an_estimator_that_cannot_run_says_how_to_get_it(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    test = visit()
    test.selectbox("estimator").select("mediapipe").run()
    assert "pip install mediapipe" in texts(test)
    assert [button.disabled for button in test.button if button.label.startswith("Estimate")] == [True]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    test.run()
    assert "pose_landmarker_full.task" in texts(test)
    test.file_uploader[1].upload("pose_landmarker_lite.task", io.BytesIO(b"a model").read()).run()
    assert [button.disabled for button in test.button if button.label.startswith("Estimate")] == [False]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """In place of Keypoint R-CNN: one person on every frame; the seconds of the frames that were looked at."""
    looked: list[float] = []

    @contextlib.contextmanager
    def opened(model: Path | None, progress: Progress) -> Iterator[Callable[..., Any]]:
        def detect(frame: Any, second: float) -> list[Any]:
            looked.append(second)
            return [joints(1).values[0, 0]]

        yield detect

    way = pose.Estimator("keypointrcnn", "Keypoint R-CNN", "coco17", opened, lambda model: "", lambda model: model, "slow")
    monkeypatch.setattr(estimators, "ESTIMATORS", {"keypointrcnn": way})
    monkeypatch.setattr(pose, "ESTIMATORS", {"keypointrcnn": way})
    return looked


def test_estimated_joints_become_a_file_of_this_session(visit: Visit, fake: list[float]) -> None:
    test = visit()
    test.selectbox("estimator").select("keypointrcnn").run()
    assert not fake  # nothing is begun unasked
    next(button for button in test.button if button.label.startswith("Estimate")).click().run()
    assert not test.exception
    assert len(fake) == FRAMES
    assert address(test)["joints"] == "short · Keypoint R-CNN (estimated).npz"
    assert f"on {FRAMES} frames" in texts(test)
    test.run()
    assert len(fake) == FRAMES


def test_an_estimate_that_was_stopped_waits_until_it_is_told_to_go_on(visit: Visit, fake: list[float], home: Path) -> None:
    for file in (home / "cache" / "joints").glob("*"):
        file.unlink()
    test = visit()
    test.selectbox("estimator").select("keypointrcnn").run()
    key = next(button.key for button in test.button if button.label.startswith("Estimate")).removeprefix("want ")
    test.session_state["estimating"], test.session_state["stopped"] = key, key
    test.run()
    assert not fake
    assert "Stopped" in texts(test)
    test.button(f"go {key}").click().run()
    assert len(fake) == FRAMES
    assert "estimated" in address(test)["joints"]
