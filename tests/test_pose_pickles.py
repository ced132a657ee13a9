"""Pickles are read without running code."""

from __future__ import annotations

import os
import pickle
import shutil
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pose_made import Evil, film, pyskl, some

from actrec.inputs import pose
from actrec.inputs.pose import pickles
from actrec.inputs.pose.joints import JointsError


@pytest.mark.parametrize(
    ("what", "named"),
    [
        (Evil(), r"builtins\.exec|__builtin__\.exec"),
        ({"annotations": [Evil()]}, "exec"),
        (Path("x"), "pathlib"),
        (np.array([Evil()], object), "holds no numbers"),
    ],
)
def test_a_pickle_that_wants_code_is_refused_by_name_and_not_run(what: object, named: str, tmp_path: Path) -> None:
    for protocol in (0, 2, 5):
        (tmp_path / "evil.pkl").write_bytes(pickle.dumps(what, protocol))
        with pytest.raises(JointsError, match=named):
            pose.read(tmp_path / "evil.pkl")
    assert "ACTREC_EVIL" not in os.environ


@pytest.mark.parametrize("call", [eval, getattr, __import__, np.load, np.array, np.fromfile, shutil.rmtree, pickle.loads])
def test_no_function_of_any_library_is_called_for_a_pickle(call: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(Evil(call, "x")))
    with pytest.raises(JointsError, match="which is code"):
        pickles.read_pickle(tmp_path / "bad.pkl")


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_in_a_pickle_come_back_as_they_were(protocol: int, tmp_path: Path) -> None:
    value = {
        "half": np.arange(6, dtype=np.float16).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
        "names": np.array(["a", "bc"]),
        "number": np.int64(7),
        "truth": np.bool_(True),
        "more": [(1, 2.5), {"x"}, OrderedDict(a=None), b"raw"],
    }
    (tmp_path / "good.pkl").write_bytes(pickle.dumps(value, protocol))
    found = pickles.read_pickle(tmp_path / "good.pkl")
    for name in ("half", "columns", "names"):
        assert found[name].dtype == value[name].dtype
        assert np.array_equal(found[name], value[name])
    assert (found["number"], found["truth"], found["more"]) == (7, True, value["more"])


@pytest.mark.parametrize("value", [np.array([{}], object), np.zeros(2, [("a", "i4")])])
def test_arrays_of_objects_are_no_data(value: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "odd.pkl").write_bytes(pickle.dumps(value, 4))
    with pytest.raises(JointsError, match="holds no numbers"):
        pickles.read_pickle(tmp_path / "odd.pkl")


def test_a_pickle_cannot_change_the_reader_for_the_next_one(tmp_path: Path) -> None:
    """BUILD on a function sets attributes of it: they must end with the file."""
    poison = b"\x80\x02cnumpy\nndarray\n}(X\x01\x00\x00\x00aK\x01ub."
    (tmp_path / "poison.pkl").write_bytes(poison)
    with pytest.raises(JointsError, match=r"poison\.pkl"):
        pose.read(tmp_path / "poison.pkl")
    assert not hasattr(np.ndarray, "a")
    (tmp_path / "good.pkl").write_bytes(pickle.dumps(pyskl(some())))
    assert pose.read(tmp_path / "good.pkl", film()).people == 1


@pytest.mark.parametrize("wrong", [{"keypoint_score": np.ones(3)}, {"img_shape": 7}, {"keypoint": "x"}])
def test_a_pickle_whose_joints_do_not_agree_gets_a_sentence(wrong: dict[str, object], tmp_path: Path) -> None:
    row = pyskl(some())["annotations"][0] | wrong
    (tmp_path / "odd.pkl").write_bytes(pickle.dumps([row]))
    with pytest.raises(JointsError, match=r"odd\.pkl: the joints of clip are damaged"):
        pose.read(tmp_path / "odd.pkl")


def test_no_pickle_is_loaded_by_the_standard_reader() -> None:
    assert "pickle.load" not in Path(pickles.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_pyskl_pickles_are_read_without_running_code(protocol: int, tmp_path: Path) -> None:
    joints = some(people=2)
    (tmp_path / "set.pkl").write_bytes(pickle.dumps(pyskl(joints), protocol))
    for found in (pose.read(tmp_path / "set.pkl", film()), pose.read(tmp_path / "set.pkl" / "other")):
        assert (found.layout.name, found.size) == ("coco17", (96, 64))
        np.testing.assert_allclose(found.values, joints.values, rtol=1e-3)
    with pytest.raises(JointsError, match=r"2 clips and none is called None.*clip, other"):
        pose.read(tmp_path / "set.pkl")
