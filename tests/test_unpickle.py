"""Pickles are read as data by a machine that pays for everything before it is there: as Python reads them, or not at all."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrec.core.outside import Budget, TooMuch
from actrec.inputs.pose import unpickle
from actrec.inputs.pose.unpickle import Code

NAMES = st.text(max_size=5) | st.integers(-(2**59), 2**59) | st.booleans() | st.none() | st.binary(max_size=5)
ARRAYS = st.sampled_from(["<f8", ">f4", "f2", "<i8", "u1", "?", "<U3", "S2", "c8"]).map(lambda kind: np.arange(6).reshape(2, 3).astype(kind))
ATOMS = (
    NAMES | st.integers() | st.floats(allow_nan=False) | st.binary(max_size=300) | st.binary().map(bytearray) | ARRAYS | ARRAYS.map(np.asfortranarray)
)
DATA = st.recursive(
    ATOMS | st.sets(NAMES) | st.frozensets(NAMES) | st.sampled_from([np.float32(1.5), np.int64(7), np.bool_(True)]),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=4) | st.tuples(inner, inner) | st.tuples(inner, inner, inner, inner)
    ),
    max_leaves=12,
)


def read(raw: bytes, tmp_path: Path, **most: Any) -> Any:
    (tmp_path / "a.pkl").write_bytes(raw)
    with (tmp_path / "a.pkl").open("rb") as file:
        return unpickle.plain(file, Budget("a.pkl", **most))


def same(a: Any, b: Any) -> bool:
    if isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in b)
    if isinstance(b, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@given(DATA, st.integers(0, 5))
def test_data_are_what_python_reads(tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int) -> None:
    assert same(read(pickle.dumps([value, value], protocol), tmp_path_factory.getbasetemp()), [value, value])


def test_what_python_2_wrote_is_read(tmp_path: Path) -> None:
    written = (
        b"(dp1\nS'caf\\xe9'\np2\nL7L\nsVna\\u00efve\np3\n(lp4\nI01\naI5\naF1.5\nasS'x'\nccollections\nOrderedDict\n"
        b"((lp5\n(lp6\nS'a'\naNaatRsS'arr'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I2\ntcnumpy\ndtype\n(S'<i2'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x01\\x00\\x02\\x00'\ntbs."
    )
    found = read(written, tmp_path)
    assert found.pop("arr").tolist() == [1, 2]
    assert found == {"café": 7, "naïve": [True, 5, 1.5], "x": OrderedDict(a=None)}


def test_what_is_named_twice_is_one_object_and_costs_nothing(tmp_path: Path) -> None:
    one: list[Any] = [np.arange(5)]
    found = read(pickle.dumps([one] * 1000), tmp_path)
    assert all(part is found[0] for part in found)


NEST, LAUGH, BIG = b")" + b"\x85" * 100_000, b")" + b"2\x86" * 60, 2**61 - 1


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"r\xff\xff\xff\x7fN.", id="a memo of billions"),
        pytest.param(b"]p99999999999\n.", id="the same in text"),
        pytest.param(b"\x8e" + (10**12).to_bytes(8, "little") + b".", id="bytes without end"),
        pytest.param(b"\x96" + (10**12).to_bytes(8, "little") + b".", id="a bytearray without end"),
        pytest.param(b"X\xff\xff\xff\xffa.", id="text without end"),
        pytest.param(b"cbuiltins\nbytearray\n(J\0\0\0\x7ftR.", id="a bytearray by number"),
        pytest.param(b"}" + NEST + b"Ns.", id="a name nested deeper than the stack"),
        pytest.param(b"}" + LAUGH + b"Ns.", id="a name that takes ages to hash"),
        pytest.param(b"\x8f(" + LAUGH + b"\x90.", id="the same in a set"),
        pytest.param(b"cbuiltins\nset\n(](" + LAUGH + b"etR.", id="the same in a set that is called"),
        pytest.param(b"(" + LAUGH + b"\x91.", id="the same in a frozen set"),
        pytest.param(b"}(" + b"".join(b"\x8a\x0a" + (i * BIG).to_bytes(10, "little") + b"N" for i in range(1, 9)) + b"u.", id="names that collide"),
        pytest.param(b"cnumpy\ndtype\n(" + LAUGH + b"tR.", id="a type that is no text"),
        pytest.param(b"N}b.", id="a state of nothing"),
        pytest.param(b"]N}s.", id="a list as a table"),
        pytest.param(b"(\x86.", id="a pair of nothing"),
        pytest.param(b"i__main__\nx\n.", id="an instance"),
        pytest.param(b"Pid\n.", id="what lies elsewhere"),
        pytest.param(b"\x82\1.", id="an extension"),
        pytest.param(b"\x97.", id="a buffer from outside"),
        pytest.param(b"L" + b"9" * 10_000 + b"\n.", id="a number of ten thousand digits"),
        pytest.param(b"]", id="no end"),
    ],
)
def test_what_would_fill_the_memory_or_never_end_is_refused_before_it_begins(raw: bytes, tmp_path: Path) -> None:
    with pytest.raises((ValueError, TypeError, EOFError, LookupError, TooMuch)):
        read(b"\x80\x04" + raw, tmp_path, items_left=400_000)


@pytest.mark.parametrize(
    ("raw", "most"),
    [
        (b"B" + (10**6).to_bytes(4, "little") + bytes(10**6), {"bytes_left": 999_999}),
        (b"V" + "é".encode("raw_unicode_escape") * 10**5 + b"\n", {"bytes_left": 2 * 10**5}),
        (b"cbuiltins\nset\n(](" + b"K\1" * 3000 + b"etR", {"items_left": 6000}),
        (b"\x8f" * 20_000, {"items_left": 9000}),
        (b"]" + b"2" * 20_000, {"items_left": 9000}),
    ],
)
def test_everything_is_paid_for(raw: bytes, most: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(TooMuch):
        read(b"\x80\x04" + raw + b".", tmp_path, **most)
    assert read(b"\x80\x04" + raw + b".", tmp_path) is not None


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "builtins.list", "numpy.load", "collections.defaultdict", "copyreg._reconstructor"])
def test_other_names_are_code_wherever_they_stand(name: str, tmp_path: Path) -> None:
    module, function = name.rsplit(".", 1)
    texts = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, function))
    for raw in (f"c{module}\n{function}\n".encode(), texts + b"\x93"):
        with pytest.raises(Code, match=name):
            read(b"\x80\x04" + raw + b".", tmp_path)
