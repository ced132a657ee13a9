"""MATLAB's files, read by our own bounds-checked reader."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from actrec.core.outside import Budget
from actrec.inputs.pose import mat


@pytest.mark.parametrize("how", [{}, {"do_compression": True}])
def test_matlab_arrays_are_read_as_scipy_reads_them(how: dict[str, bool], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds: list[type] = [np.uint8, np.int16, np.int32, np.uint64, np.float32, np.float64]
    wanted = {f"{kind.__name__}_{n}": rng.uniform(0, 99, shape).astype(kind) for kind in kinds for n, shape in enumerate([(1, 1), (3, 2), (2, 3, 4)])}
    savemat(tmp_path / "a.mat", wanted | {"text": "bowl", "cell": np.array([1, "a"], object), "deep": {"x": 1}}, **how)
    found = mat.variables((tmp_path / "a.mat").read_bytes(), Budget("a.mat"))[0]
    assert found.keys() == wanted.keys()
    assert mat.variables((tmp_path / "a.mat").read_bytes(), Budget("a.mat"))[1] == {"text": "bowl"}
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(("code", "number"), [("latin1", 2), ("utf-16-le", 4), ("utf-8", 16), ("utf-16-le", 17), ("utf-32-le", 18)])
def test_matlab_text_is_read_in_every_coding_of_the_format(code: str, number: int) -> None:
    def element(kind: int, body: bytes) -> bytes:
        return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)

    parts = (6, struct.pack("<II", 4, 0)), (5, struct.pack("<ii", 1, 5)), (1, b"action"), (number, "café!".encode(code))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    assert mat.variables(head + element(14, b"".join(element(*part) for part in parts)), Budget("a.mat"))[1] == {"action": "café!"}
