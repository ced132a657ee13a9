"""Optical flow is kept on the disk: read again for the same question alone, whole or not at all, and not without end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import flow_made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from actrec.core import files, settings
from actrec.core.errors import Cancelled, Progress, QuestionError, WeightsError
from actrec.inputs import flow
from actrec.inputs.flow import backends
from actrec.inputs.flow.backend import Backend, Pair

ROOT = Path(__file__).parents[1]
FRAMES = np.stack([flow_made.texture(12, 16, seed) for seed in range(3)])


class Counted:
    """A back end that counts how often it was asked, and differs by what it is said to be made by."""

    def __init__(self) -> None:
        self.made, self.by = 0, "first weights"

    def opened(self, _: Progress) -> Pair:
        self.made += 1
        return lambda first, second: np.repeat(second[..., :1] - np.float32(first[..., 1:2]) / 7, 2, -1)

    def backend(self, name: str) -> Backend:
        return Backend(name, name, "", self.opened, lambda: self.by)


@pytest.fixture(autouse=True)
def counted(own_cache: None, monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted()
    monkeypatch.setattr(backends, "BACKENDS", {**backends.BACKENDS, "one": made.backend("one"), "two": made.backend("two")})
    return made


def ask(frames: np.ndarray = FRAMES, backend: str = "one") -> np.ndarray:
    return flow.kept(frames, backend)


def other(number: int) -> np.ndarray:
    """The frames with another pixel."""
    frames = FRAMES.copy()
    frames[0, 0, 0, 0] = number
    return frames


def places() -> list[Path]:
    return sorted((settings.cache() / "flow").iterdir())


def test_the_second_time_it_is_read(counted: Counted) -> None:
    first = ask()
    np.testing.assert_array_equal(ask(np.asfortranarray(FRAMES)), first)
    assert first.dtype == np.float32
    assert counted.made == 1
    assert len(places()) == 1
    np.testing.assert_allclose(first, flow.between(FRAMES, "dis") * 0 + backends.named("one").between(FRAMES), atol=1 / 8)


OTHERS: dict[str, Callable[[], np.ndarray]] = {
    "another pixel": lambda: ask(other(255 - int(FRAMES[0, 0, 0, 0]))),
    "the frames in another order": lambda: ask(FRAMES[::-1]),
    "fewer frames": lambda: ask(FRAMES[:2]),
    "another size": lambda: ask(FRAMES[:, :8]),
    "the sides changed about": lambda: ask(np.ascontiguousarray(FRAMES.swapaxes(1, 2))),
    "another back end": lambda: ask(backend="two"),
}


@pytest.mark.parametrize("how", OTHERS)
def test_another_question_has_an_entry_of_its_own(how: str, counted: Counted) -> None:
    ask()
    OTHERS[how]()
    assert counted.made == len(places()) == 2
    ask()
    OTHERS[how]()
    assert counted.made == len(places()) == 2


def test_so_have_other_weights(counted: Counted) -> None:
    ask()
    counted.by = "other weights"
    ask()
    assert counted.made == len(places()) == 2


@given(arrays.arrays(np.float32, (5, 2), elements=st.floats(-1000, 1000, width=32)))
def test_what_is_kept_is_rounded_as_it_says(flows: np.ndarray) -> None:
    rounded = flows.astype(np.float16).astype(np.float32)
    assert (np.abs(rounded - flows) <= np.maximum(np.abs(flows) / 2048, 2.0**-24)).all()
    assert (np.abs(rounded - flows)[np.abs(flows) <= 64] <= 1 / 64).all()


def damaged(place: Path, how: str) -> None:
    whole = place.read_bytes()
    middle = len(whole) // 2
    content = {
        "empty": b"",
        "cut": whole[:middle],
        "cut by a byte": whole[:-1],
        "one bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "other text": b"not an archive",
        "another array": None,
        "another name": None,
        "a folder": None,
    }[how]
    place.unlink()
    if how == "a folder":
        place.mkdir()
    elif content is None:
        np.savez(place, **{"flow" if how == "another array" else "values": np.zeros((2, 5, 5, 2), np.float16)})
    else:
        place.write_bytes(content)


@pytest.mark.parametrize("how", ["empty", "cut", "cut by a byte", "one bit", "other text", "another array", "another name", "a folder"])
def test_a_damaged_file_is_made_again(how: str, counted: Counted) -> None:
    first = ask()
    damaged(places()[0], how)
    np.testing.assert_array_equal(ask(), first)
    assert counted.made == 2
    if how != "a folder":
        np.testing.assert_array_equal(ask(), first)
        assert counted.made == 2
        assert len(places()) == 1


def test_no_damage_to_any_byte_changes_the_answer(counted: Counted) -> None:
    first = ask()
    place = places()[0]
    whole = place.read_bytes()
    for at in range(0, len(whole), 7):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        np.testing.assert_array_equal(ask(), first)


def test_stopped_or_failed_work_leaves_nothing() -> None:
    def stop(fraction: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        flow.kept(FRAMES, "one", stop)
    with pytest.raises(QuestionError, match="choose one of"):
        ask(backend="none")
    with pytest.raises(QuestionError, match="two frames"):
        ask(FRAMES[:1])
    with pytest.raises(WeightsError, match="ACTREC_PWC"):
        ask(backend="pwc")
    assert not (settings.cache() / "flow").exists()


def test_a_cache_that_cannot_be_written_is_none(counted: Counted) -> None:
    settings.cache().mkdir(parents=True)
    (settings.cache() / "flow").write_text("in the way")
    np.testing.assert_array_equal(ask(), ask())
    assert counted.made == 2


def test_what_was_used_longest_ago_goes_when_there_is_too_much(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        ask(other(number))
        for place in places():
            os.utime(place, ns=(0, place.stat().st_mtime_ns - 10**9))  # as if a second had passed
    ask(other(0))
    monkeypatch.setattr(sys.modules["actrec.inputs.flow.kept"], "MOST_BYTES", 3 * places()[0].stat().st_size)
    assert counted.made == 3
    ask(other(3))
    assert len(places()) == 3
    ask(other(0))
    ask(other(2))
    assert counted.made == 4
    ask(other(1))
    assert counted.made == 5


def test_the_newest_stays_however_large(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["actrec.inputs.flow.kept"], "MOST_BYTES", 1)
    for number in range(3):
        ask(other(number))
        assert len(places()) == 1
    ask(other(2))
    assert counted.made == 3


def test_many_who_ask_at_once_all_get_the_same() -> None:
    start = Barrier(6)

    def one(number: int) -> np.ndarray:
        start.wait()
        return ask(other(number % 2))

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(one, range(6)))
    for number, each in enumerate(found):
        np.testing.assert_array_equal(each, found[number % 2])
    assert len(places()) == 2


SCRIPT = """
import os, sys
import numpy as np
from actrec.inputs import flow
frames = np.random.default_rng(0).integers(0, 256, (3, 32, 40, 3), dtype=np.uint8)
if sys.argv[1:]:
    import actrec.core.files
    actrec.core.files._settle = lambda part: os._exit(9)
print(float(flow.kept(frames).sum()))
"""


def process(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_leaves_nothing_that_is_taken_for_whole() -> None:
    assert process("die").wait(60) == 9
    assert [place.match(files.LEFTOVERS) for place in places()] == [True]
    assert files.inside(settings.cache() / "flow") == []
    both = [process(), process()]
    said = [one.communicate(timeout=60)[0] for one in both]
    assert said[0] == said[1] != ""
    assert len(files.inside(settings.cache() / "flow")) == 1
