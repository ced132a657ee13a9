"""A few hostile files of every kind in every run of the tests; the same ones each time on a server. `make fuzz` runs thousands."""

from __future__ import annotations

import os
import time

import pytest

from fuzz import runner

SEED = 7 if os.environ.get("CI") else int(time.time())


@pytest.mark.slow
@pytest.mark.parametrize("kind", runner.KINDS)
def test_no_file_from_outside_does_harm(kind: str) -> None:
    found = runner.run(kind, SEED, 400, seconds=15)
    assert found.cases >= 10
    assert not found.bad, f"seed {SEED}: {found.bad[:3]}"
    assert found.outcomes.get("read") or kind == "videos", "not one was read: the cases are too wild to find anything"
