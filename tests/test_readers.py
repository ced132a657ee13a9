"""Readers of sets: what holds in every layout, and how a set is named; what is missing is told with its place."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sets_made as made

from actrec.lab import sets
from actrec.lab.sets.disk_layout import REVERSES
from actrec.lab.sets.survey import probe

pytestmark = pytest.mark.usefixtures("own_cache")


MAKERS: dict[str, Callable[[Path], Path]] = {
    "ucf101": made.ucf101,
    "hmdb51": made.hmdb51,
    "kinetics": made.kinetics,
    "something v1": made.something_v1,
    "something v2": made.something_v2,
    "charades": made.charades,
    "penn": made.penn,
    "ntu": made.ntu,
    "gym": made.gym,
    "folders": made.folders,
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_layout_is_known_by_what_lies_in_its_folder_and_every_clip_can_be_read(name: str, root: Path) -> None:
    found = sets.open_set(str(MAKERS[name](root)))
    assert found.layout.startswith(name.split()[0])
    assert [probe(item)[1] for item in found.items] == [""] * len(found.items)
    assert all(set(item.labels) <= set(found.labels) and item.labels for item in found.items)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "folders"])  # they have no list
def test_a_clip_that_is_not_on_disk_is_left_out_and_named(name: str, root: Path) -> None:
    before = sets.open_set(str(MAKERS[name](root)))
    lost = next(item for item in before.items if name != "gym" or item.split == "val").media.path
    (shutil.rmtree if lost.is_dir() else os.remove)(lost)
    after = sets.open_set(str(root))
    assert len(after.items) < len(before.items)
    told = set(after.problems) - set(before.problems)
    assert len(told) == len(before.items) - len(after.items)
    assert all(lost.stem.removesuffix("_rgb") in line for line in told)


@pytest.mark.parametrize("layout", sets.layouts())
def test_a_wrong_path_is_named_by_every_reader(layout: str, tmp_path: Path) -> None:
    (tmp_path / "neighbour").mkdir()
    with pytest.raises(sets.DataError, match="nowhere") as told:
        sets.open_set(f"{tmp_path / 'nowhere'}#layout={layout}")
    assert "neighbour" in str(told.value)


MISSING = {
    "ucf101": "classInd.txt",
    "hmdb51": "testTrainMulti_7030_splits/<class>_test_split1.txt",
    "kinetics": "label,youtube_id,time_start,time_end,split",
    "something": "labels/labels.json",
    "charades": "Charades_v1_classes.txt",
    "penn": "frames/ with 0001/000001.jpg",
    "ntu": "S001C001P001R001A001_rgb.avi",
    "gym": "annotations/gym99_train_element_v1.1.txt",
    "pyskl": "one skeleton file",
    "folders": "class/clip.mp4",
    "index.csv": "has no index.csv",
}


@pytest.mark.parametrize("layout", sets.layouts())
def test_an_empty_folder_is_told_what_it_lacks_and_where_to_get_it(layout: str, tmp_path: Path) -> None:
    with pytest.raises(sets.DataError) as told:
        sets.open_set(f"{tmp_path}#layout={layout}")
    assert MISSING[layout] in str(told.value)
    assert any(word in str(told.value) for word in ("get ", "make ", "expected ")), told.value


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ucf101", "ucfTrainTestlist/testlist01.txt"),
        ("ucf101", "ucfTrainTestlist/classInd.txt"),
        ("something v1", "something-something-v1-validation.csv"),
        ("something v2", "labels/validation.json"),
        ("something v2", "labels/labels.json"),
        ("charades", "Charades_v1_test.csv"),
        ("charades", "Charades_v1_classes.txt"),
        ("gym", "annotations/gym99_val_element.txt"),
    ],
)
def test_a_missing_list_is_named_with_its_place(name: str, file: str, root: Path) -> None:
    (MAKERS[name](root) / file).unlink()
    with pytest.raises(sets.DataError) as told:
        sets.open_set(str(root))
    stem = Path(file).name.removeprefix("something-something-v1-").replace("_element.txt", "_element_v1.1.txt")
    assert stem in str(told.value)
    assert str(root) in str(told.value)


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("ntu", "folders")])  # there the clips are the list
def test_lists_without_any_clip_are_no_set(name: str, root: Path) -> None:
    MAKERS[name](root)
    for place in [p for p in root.rglob("*") if p.suffix in (".mp4", ".avi", ".webm", ".jpg")]:
        place.unlink()
    with pytest.raises(sets.DataError, match=r"no clip of the layout|lacks"):
        sets.open_set(str(root) + f"#layout={name.split()[0]}")


def test_a_folder_of_nothing_known_is_told_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(sets.DataError) as told:
        sets.open_set(str(tmp_path))
    assert all(f"{layout.name}: {layout.mark}" in str(told.value) for layout in sets.layouts().values())


def test_choices_that_do_not_exist_are_answered_with_those_that_do(root: Path) -> None:
    made.ucf101(root)
    for spec, words in (
        ("split=4", "one of 1, 2, 3"),
        ("protocol=xsub", "it has split"),
        ("layout=tape", "one of charades"),
        ("split", "name=value"),
        ("fps=fast", "frames per second"),
    ):
        with pytest.raises(sets.DataError, match=words):
            sets.open_set(f"{root}#{spec}")


def test_a_path_with_a_hash_in_it_is_a_path(tmp_path: Path) -> None:
    made.folders(tmp_path / "take #2=b")
    assert len(sets.open_set(str(tmp_path / "take #2=b")).items) == 6


def test_two_layouts_in_one_folder_are_not_guessed_between(root: Path) -> None:
    made.ucf101(root)
    made.charades(root)
    with pytest.raises(sets.DataError, match="like charades and like ucf101"):
        sets.open_set(str(root))
    assert sets.open_set(f"{root}#layout=charades").multilabel


def test_every_reader_is_found_by_its_file_and_says_what_it_is() -> None:
    files = {p.stem for p in Path(sets.__file__).parent.joinpath("readers").glob("[!_]*.py")}
    assert len(sets.layouts()) == len(files)
    assert all(layout.line and layout.mark for layout in sets.layouts().values())


def test_reversed_labels_stand_in_one_pair_only() -> None:
    names = [name for pair in REVERSES for name in pair]
    assert len(names) == len(set(names))


def test_items_can_be_sent_to_workers(root: Path) -> None:
    item = sets.open_set(str(made.ntu(root))).items[0]
    assert pickle.loads(pickle.dumps(item)) == item
    assert replace(item, split="val").media == item.media
