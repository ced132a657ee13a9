"""Layout by layout: the right splits, labels and clips of each public set."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sets_made as made

from actrec.core.errors import ClipError
from actrec.lab import sets
from actrec.lab.sets.readers import _ntu_names, ntu
from actrec.lab.sets.survey import probe

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize(("split", "train", "test"), [("1", 4, 4), ("2", 6, 2), ("3", 6, 2)])
def test_ucf101_has_three_splits_and_its_own_order_of_classes(split: str, train: int, test: int, root: Path) -> None:
    found = sets.open_set(f"{made.ucf101(root)}#split={split}")
    assert made.counts(found) == {"train": train, "test": test}
    assert found.labels == ("ApplyEyeMakeup", "HandstandPushups")
    assert all(item.media.path.parent.name == item.label for item in found.items)
    assert {i.subject for i in found.split("train")}.isdisjoint(i.subject for i in found.split("test"))


def test_ucf101_lists_may_lie_beside_the_videos_folder(root: Path) -> None:
    assert len(sets.open_set(str(made.ucf101(root) / "UCF-101")).items) == 8


def test_ucf101_as_frames(root: Path) -> None:
    made.ucf101(root)
    shutil.rmtree(root / "UCF-101" / "ApplyEyeMakeup")
    for group in (1, 2, 8, 9):
        made.pictures(root / "rawframes" / "ApplyEyeMakeup" / f"v_ApplyEyeMakeup_g{group:02}_c01", "img_{:05}.jpg")
    found = sets.open_set(str(root))
    assert Counter(item.media.kind for item in found.items) == {"pictures": 4, "video": 4}
    assert found.problems == ()


def test_hmdb51_leaves_out_what_its_split_leaves_out(root: Path) -> None:
    found = sets.open_set(str(made.hmdb51(root)))
    assert made.counts(found) == {"train": 4, "test": 2}
    second = sets.open_set(f"{root}#split=2")
    assert made.counts(second) == {"train": 2, "test": 2}
    assert [i.media.path.stem for i in second.split("test")] == ["April_09_brush_hair_u_nm_np1_ba_goo_1", "Alex_clap_u_nm_np1_fr_med_4"]
    assert found.items[0].subject == "brush_hair April_09"


def test_hmdb51_names_the_class_whose_list_is_missing(root: Path) -> None:
    (made.hmdb51(root) / "testTrainMulti_7030_splits" / "clap_test_split2.txt").unlink()
    found = sets.open_set(f"{root}#split=2")
    assert any("clap_test_split2.txt" in line for line in found.problems)
    assert found.labels == ("brush_hair", "clap")


def test_kinetics_finds_clips_in_class_folders_split_folders_and_as_frames(root: Path) -> None:
    found = sets.open_set(str(made.kinetics(root)))
    assert found.labels == ("abseiling", "baking, cookies")
    assert made.counts(found) == {"train": 2, "val": 1}
    assert [item.media.kind for item in found.items] == ["video", "pictures", "video"]
    assert any("_ooooooooo2_000005_000015" in line for line in found.problems)
    assert any("1 rows have no label" in line for line in found.problems)


def test_kinetics_takes_the_seconds_out_of_an_uncut_video(root: Path) -> None:
    made.kinetics(root)
    made.film(root / "_ooooooooo2.mp4")
    item = next(item for item in sets.open_set(str(root)).items if item.subject == "_ooooooooo2")
    assert (item.media.start, item.media.end) == (5.0, 15.0)
    assert "before the clip begins" in probe(item)[1]


def test_kinetics_without_a_list_says_which_columns_it_needs(root: Path) -> None:
    shutil.rmtree(made.kinetics(root) / "annotations")
    with pytest.raises(sets.DataError, match="label,youtube_id,time_start,time_end,split"):
        sets.open_set(str(root))


def test_something_v1_is_frames_at_twelve_a_second_with_reversed_pairs(root: Path) -> None:
    found = sets.open_set(str(made.something_v1(root)))
    assert made.counts(found) == {"train": 2, "val": 1}
    assert found.labels == ("Opening something", "Closing something")
    assert found.pairs == (("Closing something", "Opening something"),)
    assert {(item.media.kind, item.media.fps) for item in found.items} == {("pictures", 12.0)}


def test_something_v2_has_templates_for_labels_in_the_makers_order(root: Path) -> None:
    found = sets.open_set(str(made.something_v2(root)))
    assert found.labels == ("Opening something", "Holding something next to something")
    assert [(i.media.path.name, i.label, i.split) for i in found.items] == [
        ("78687.webm", "Holding something next to something", "train"),
        ("42326.webm", "Opening something", "train"),
        ("100904.webm", "Holding something next to something", "val"),
    ]


def test_something_v2_tests_where_the_answers_are_there(root: Path) -> None:
    made.film(made.something_v2(root) / "20bn-something-something-v2" / "1420.webm")
    made.text(root / "labels" / "test-answers.csv", "1420;Opening something")
    assert made.counts(sets.open_set(str(root))) == {"train": 2, "val": 1, "test": 1}


def test_charades_gives_each_video_all_its_actions(root: Path) -> None:
    found = sets.open_set(str(made.charades(root)))
    assert found.multilabel
    assert found.labels[0] == "Holding some clothes"
    assert [item.labels for item in found.items] == [
        ("Putting clothes somewhere", "Holding some clothes"),
        ("Taking some clothes from somewhere",),
    ]
    assert any("N11GT (train) has no action" in line for line in found.problems)
    assert any("Charades_v1_test.csv, line 2: 'c001 0.20 0.10' ends before it begins" in line for line in found.problems)


def test_charades_cut_by_interval_names_what_goes_on_at_the_middle(root: Path) -> None:
    found = sets.open_set(f"{made.charades(root)}#clips=intervals")
    parts = [(item.media.start, item.media.end, item.labels) for item in found.split("train")]
    both = ("Putting clothes somewhere", "Holding some clothes")
    assert parts == [(0.0, 0.24, both), (0.1, 0.16, both[::-1])]
    cut = found.split("train")[1].media
    assert cut.span(cut.table()) == (3, 4)


def test_charades_frames_run_at_their_own_rate(root: Path) -> None:
    made.charades(root)
    shutil.rmtree(root / "Charades_v1_480")
    for name in ("46GP8", "YSKX3"):
        made.pictures(root / "Charades_v1_rgb" / name, name + "-{:06}.jpg")
    assert {(item.media.kind, item.media.fps) for item in sets.open_set(str(root)).items} == {("pictures", 24.0)}


def test_penn_action_says_which_frames_have_no_labels_and_which_rate_was_chosen(root: Path) -> None:
    (made.penn(root) / "labels" / "0002.mat").unlink()
    (root / "labels" / "0003.mat").write_bytes(b"no matlab")
    found = sets.open_set(f"{root}#fps=30")
    assert any("frames/0002 is there, but no labels/0002.mat" in line for line in found.problems)
    assert any(f"{root / 'labels' / '0003.mat'} cannot be read as " in line for line in found.problems)
    assert [item.media.fps for item in found.items] == [30.0]


@pytest.mark.parametrize(
    ("protocol", "train"),
    [("xsub", ["S001C001P001R001A001", "S001C002P001R001A008"]), ("xview", ["S001C002P001R001A008", "S002C003P003R002A009"])],
)
def test_ntu_60_splits_by_performer_or_by_camera(protocol: str, train: list[str], root: Path) -> None:
    found = sets.open_set(f"{made.ntu(root)}#protocol={protocol}")
    assert [item.media.path.name[:20] for item in found.split("train")] == train
    assert len(found.split("test")) == 2
    assert len(found.labels) == 60
    assert ("sitting down", "standing up (from sitting position)") in found.pairs


def test_ntu_120_splits_by_setup_and_has_no_views(root: Path) -> None:
    made.ntu(root, ["S018C001P045R001A061", "S019C001P003R001A120", "S001C001P001R001A001"])
    found = sets.open_set(f"{root}#protocol=xset")
    assert len(found.labels) == 120
    assert [item.label for item in found.split("train")] == ["put on headphone"]
    assert [item.label for item in sets.open_set(str(root)).split("train")] == ["drink water", "put on headphone"]
    with pytest.raises(sets.DataError, match="one of xsub, xset"):
        sets.open_set(f"{root}#protocol=xview")


def test_ntu_trains_on_half_of_its_performers() -> None:
    assert len(ntu.TRAINING) == 53
    assert len([p for p in ntu.TRAINING if p <= 40]) == 20
    assert len(_ntu_names.ACTIONS) == len(set(_ntu_names.ACTIONS)) == 120


def test_ntu_without_videos_is_a_set_of_skeletons(root: Path) -> None:
    shutil.rmtree(made.ntu(root) / "nturgb+d_rgb")
    found = sets.open_set(str(root))
    assert {item.media.kind for item in found.items} == {"skeleton"}
    assert probe(found.items[0]) == (made.FRAMES / 30, "", "")
    with pytest.raises(ClipError, match="no frames"):
        found.items[0].media.table()
    assert len({item.media.key for item in found.items}) == len(found.items) == 4


def test_gym_cuts_elements_out_of_whole_videos_by_their_true_seconds(root: Path) -> None:
    found = sets.open_set(str(made.gym(root)))
    assert made.counts(found) == {"train": 2, "val": 1}
    assert len(found.labels) == 99
    assert found.items[0].label == "(FX) split jump"
    assert (found.items[1].media.start, found.items[1].media.end) == pytest.approx((0.12, 0.2))
    assert found.items[1].media.span(found.items[1].media.table()) == (3, 5)
    assert found.items[2].media.path.parent.name == "subactions"
    assert found.items[0].subject == "0LtLS9wROrk"


def test_gym_takes_events_before_whole_videos_and_skeletons_beside_them(root: Path) -> None:
    made.film(made.gym(root) / "events" / "0LtLS9wROrk_E_000000_000009.mp4")
    made.pyskl(root / "gym_hrnet.pkl", {made.GYM[1]: (0, "train")})
    found = sets.open_set(str(root))
    assert found.layout == "gym99"
    assert (found.items[1].media.path.parent.name, found.items[1].media.start) == ("events", 0.08)
    assert [item.joints is not None for item in found.items] == [False, True, False]
    assert found.items[1].skeleton().layout.name == "coco17"


def test_gym_288_is_a_choice_with_its_own_lists(root: Path) -> None:
    with pytest.raises(sets.DataError, match="gym288_train_element"):
        sets.open_set(f"{made.gym(root)}#classes=288")


def test_plain_folders_hold_videos_and_frames_in_the_order_of_their_numbers(root: Path) -> None:
    found = sets.open_set(str(made.folders(root)))
    assert made.counts(found) == {"train": 4, "test": 2}
    assert found.labels == ("jump", "run")
    frames = next(item.media for item in found.items if item.media.kind == "pictures")
    table = frames.table()
    assert table.frames == 12
    assert frames.read(table, [1, 9])[:, 0, 0, 0] == pytest.approx([40, 200], abs=3)  # img_2, img_10: not by name, where img_10 comes second


def test_optical_flow_among_the_frames_is_not_taken_for_frames(root: Path) -> None:
    folder = made.pictures(root / "train" / "run" / "a", "img_{:05}.jpg")
    made.pictures(folder, "flow_x_{:05}.jpg")
    assert sets.open_set(str(root)).items[0].media.table().frames == made.FRAMES


def test_a_folder_without_splits_can_hold_some_clips_out(root: Path) -> None:
    for number in range(40):
        made.film(root / "run" / f"{number}.mp4")
    assert made.counts(sets.open_set(str(root))) == {"train": 40}
    held = sets.open_set(f"{root}#holdout=30")
    assert 3 <= made.counts(held)["test"] <= 24
    assert held.items == sets.open_set(f"{root}#holdout=30").items


def test_an_index_takes_frames_and_joints_and_leaves_out_what_is_missing(root: Path) -> None:
    made.film(root / "a.mp4")
    made.pictures(root / "b")
    made.text(root / "index.csv", "file,label,subject,split", "a.mp4,run,anna,train", "b,jump,ben,test", "c.mp4,run,anna,train")
    (root / "joints").mkdir()
    np.savez(root / "joints" / "a.npz", joints=np.ones((made.FRAMES, 17, 3), np.float32), layout="coco17")
    found = sets.open_set(str(root / "index.csv"))
    assert [(item.media.kind, item.joints is not None) for item in found.items] == [("video", True), ("pictures", False)]
    assert found.problems == (f"{root / 'index.csv'}, line 4: no file 'c.mp4' in {root}; correct the line or put the clip there",)
    assert found.items[0].skeleton().values.shape == (1, made.FRAMES, 17, 3)
    with pytest.raises(sets.DataError, match="no joints"):
        found.items[1].skeleton()
