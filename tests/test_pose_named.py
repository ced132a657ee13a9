"""Names of joints with choices (file#offset=2): read back as they were said, and every choice does what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joints_made import COCO, LEFT, RIGHT, ask, person, posed

from actrec import study
from actrec.core.question import Question
from actrec.inputs import pose

pytestmark = pytest.mark.usefixtures("joints_home")


NAMES = st.builds(
    pose.Named,
    st.text(st.sampled_from("ab#=,./ é~\\\n")) | st.text() | st.sampled_from(["x.npz", "a#b=1.npz", "dir/f.pkl/clip 1", "#", "##", "none"]),
    st.integers(-999_999_999, 999_999_999),
    st.sampled_from(["", *pose.LAYOUTS]),
    st.booleans(),
    st.integers(1, 999_999_999),
    st.sampled_from(["", *pose.UNITS, "640x480", "1x999999"]),
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
        ("ofset=3", "the unknown choice 'ofset=3'.*offset, layout, sides, person, units"),
        ("offset=3,offset=4", "offset= twice"),
        ("offset=", "nothing after offset="),
        ("offset=3,", "the unknown choice ''"),
        ("offset=1.5", r"offset=1\.5 is not a whole number"),
        ("offset=99999999999999999999", "not a whole number"),
        ("layout=bones7", "'bones7'.*coco17"),
        ("sides=left", "sides=left; write sides=swapped"),
        ("person=0", "person=0 is not a whole number of 1 or more"),
        ("person=-1", "of 1 or more"),
    ],
)
def test_a_choice_that_there_is_none_of_is_named_with_the_legal_ones(tail: str, says: str, home: Path) -> None:
    with pytest.raises((pose.JointsError, pose.LayoutError), match=says):
        study.answer(ask(joints=f"{home}/short.npz#{tail}"))


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
    assert posed(f"{tmp_path}/three.npz#person=2").cautions == ("The file has the joints of 3 people; this model is given only those of person 2.",)
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
    with pytest.raises(pose.LayoutError, match="cannot be converted to coco17"):
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
