"""What reading a file from outside may cost: claims are not believed, and everything is counted before it is made."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrec.core import outside
from actrec.core.outside import Budget, TooMuch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=3), x)
)


def made(value: object) -> int:
    """How many values stand in something, names of tables counted too."""
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + sum(made(one) for one in inner)


@given(JSON)
def test_json_pays_for_at_least_every_value_in_it(value: object) -> None:
    spend = Budget("a.json")
    before = spend.items_left
    assert outside.parsed(json.dumps(value).encode(), spend) == value
    assert before - spend.items_left >= made(value)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"[" + b"0," * outside.MOST_ITEMS + b"0]"])
def test_json_that_would_fill_the_memory_is_refused_in_one_line(text: bytes) -> None:
    with pytest.raises(TooMuch, match=r"^a\.json .*; [a-z]") as refused:
        outside.parsed(text, Budget("a.json"))
    assert "\n" not in str(refused.value)


def test_an_archive_that_unpacks_to_more_than_it_may_is_stopped_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("small", b"x" * 100)
        packed.writestr("large", bytes(30_000_000))
    raw = path.read_bytes().replace((30_000_000).to_bytes(4, "little"), (5).to_bytes(4, "little"))  # it says that it is small
    path.write_bytes(raw)
    spend = Budget("a.zip", bytes_left=5_000_000)
    with outside.archive(path, spend) as inside:
        assert inside["small"]() == b"x" * 100
        with pytest.raises((TooMuch, zipfile.BadZipFile)):
            inside["large"]()


@pytest.mark.parametrize("count", [1000, 70_000])  # the second needs the larger form of the list
def test_an_archive_pays_for_its_list_before_it_is_read(count: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for number in range(count):
            packed.writestr(f"{number}", b"")
    with pytest.raises(TooMuch, match="names and values"):
        outside.archive(tmp_path / "a.zip", Budget("a.zip", items_left=outside.ENTRY_ITEMS * count)).__enter__()
    with outside.archive(tmp_path / "a.zip", Budget("a.zip", items_left=4 * outside.ENTRY_ITEMS * count)) as inside:
        assert len(inside) == count


def test_the_size_of_an_archive_is_no_number_of_names(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(bytes(20_000))
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as packed:
        packed.writestr("one", bytes(20_000))
    with outside.archive(tmp_path / "a.zip", Budget("a.zip", items_left=100)) as inside:
        assert inside["one"]() == bytes(20_000)


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_cannot_be_stopped_on_the_way_is_refused(how: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", how) as packed:
        packed.writestr("zeros", bytes(1_000_000))
    with outside.archive(tmp_path / "a.zip", Budget("a.zip")) as inside, pytest.raises(zipfile.BadZipFile, match="neither stored nor deflated"):
        inside["zeros"]()


@pytest.mark.parametrize(
    "values", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3)[:2]), np.array("coco17"), np.zeros((0, 3)), np.array(["é"])]
)
def test_an_array_is_what_numpy_saved(values: np.ndarray) -> None:
    stream = io.BytesIO()
    np.save(stream, values)
    assert np.array_equal(outside.array(stream.getvalue()), values)


@pytest.mark.parametrize("shape", [(10**12,), (-1,), (10**9, 10**9)])
def test_an_array_that_claims_more_than_there_is_is_refused(shape: tuple[int, ...]) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with pytest.raises(ValueError, match="in 0 bytes"):
        outside.array(stream.getvalue())


def test_objects_are_not_unpickled() -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="object"):
        outside.array(stream.getvalue())


def test_a_budget_says_what_there_is_too_much_of() -> None:
    spend = Budget("x.npz", until=0)
    for use, word in ((lambda: spend.bytes(10**12), "MB"), (spend.clock, "15 s"), (lambda: spend.items(-1), "claims a size of -1")):
        with pytest.raises(TooMuch, match=word):
            use()
    deep = Budget("x.json", depth_left=0)
    with pytest.raises(TooMuch, match="nested"), deep.deeper():
        pass
