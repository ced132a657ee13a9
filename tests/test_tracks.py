"""People are followed from frame to frame: as the nearest pairs would be, in time that many people cannot blow up."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from actrec.inputs.pose import layouts, tracks
from actrec.inputs.pose.tracks import FAR, GAP, Found

COCO = layouts.layout("coco17")


def scene(people: int, frames: int, seed: int = 0, room: float = 1000) -> NDArray[np.float32]:
    """(people, T, 17, 3) of people who walk about, as large as each other."""
    rng = np.random.default_rng(seed)
    begin, shape, way = rng.uniform(0, room, (people, 1, 1, 2)), rng.uniform(0, 60, (people, 1, 17, 2)), rng.normal(0, 3, (people, 1, 1, 2))
    xy = begin + shape + way * np.arange(frames)[:, None, None] + rng.normal(0, 1, (people, frames, 17, 2))
    return np.concatenate([xy, rng.uniform(0.3, 1, (people, frames, 17, 1))], -1).astype(np.float32)


def found_in(values: NDArray[np.float32], seed: int = 0) -> list[Found]:
    rng = np.random.default_rng(seed)
    return [Found(t, values[p, t]) for t in range(values.shape[1]) for p in rng.permutation(len(values)) if np.isfinite(values[p, t]).any()]


def one_apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    both = np.isfinite(a[:, 0]) & np.isfinite(b[:, 0])
    if not both.any():
        return float("inf")
    size = max(float(np.linalg.norm(np.nanmax(one[:, :2], 0) - np.nanmin(one[:, :2], 0))) for one in (a, b))
    return float(np.linalg.norm(a[both, :2] - b[both, :2], axis=-1).mean()) / max(size, 1e-6)


def nearest_first(found: list[Found]) -> list[str]:
    """The tracker in plain words: of all pairs the nearest first."""
    names, last = [""] * len(found), dict[str, int]()
    for frame in sorted({one.frame for one in found}):
        here = [i for i, one in enumerate(found) if one.frame == frame]
        alive = {name: i for name, i in last.items() if frame - found[i].frame <= GAP}
        taken: set[str] = set()
        for way, name, j in sorted((one_apart(found[i].joints, found[j].joints), name, j) for name, i in alive.items() for j in here):
            if way <= FAR and name not in taken and not names[j]:
                names[j], last[name] = name, j
                taken.add(name)
        for j in here:
            if not names[j]:
                names[j] = str(len(last))
                last[names[j]] = j
    return names


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_distances_are_those_of_each_pair(seed: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    values = scene(people + 2, 1, seed, room=100)[:, 0]
    values[rng.random(values.shape[:2]) < 0.4] = np.nan
    values[-1, rng.random(17) < 0.7, 1] = np.nan
    values[:, 0] = np.nan_to_num(values[:, 0], nan=5.0)
    a, b = values[:people], values[people:]
    whole = np.where(np.isfinite(b).all(-1, keepdims=True), b, np.nan)
    np.testing.assert_allclose(tracks.apart(a, b), [[one_apart(x, y) for y in whole] for x in a], rtol=1e-4)


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 6))
def test_people_are_followed_as_by_the_nearest_pairs(seed: int, people: int) -> None:
    values = scene(people, 12, seed)
    values[np.random.default_rng(seed).random((people, 12)) < 0.15] = np.nan  # out of sight for a while
    found = found_in(values, seed)
    assert tracks.follow(found) == nearest_first(found)


def test_two_who_cross_keep_their_names() -> None:
    values = scene(2, 30, 3, room=1)
    values[..., 0] += np.array([np.arange(30) * 8.0, 240 - np.arange(30) * 8.0])[:, :, None]
    values[1, :, :, 1] += 12
    joints = tracks.gather(found_in(values), COCO)
    order = np.argsort(joints.xy[:, 0, 0, 0])
    np.testing.assert_array_equal(joints.values[order], values)


def test_absence_is_bridged_for_a_while() -> None:
    one = scene(1, GAP + 3)[0]
    assert tracks.follow([Found(0, one[0]), Found(GAP, one[0])]) == ["0", "0"]
    assert tracks.follow([Found(0, one[0]), Found(GAP + 1, one[0])]) == ["0", "1"]


@pytest.mark.parametrize(("people", "frames"), [(30, 300), (1000, 2), (100, 40)])
def test_many_people_are_followed_in_no_time(people: int, frames: int) -> None:
    found = found_in(scene(people, frames))
    began = time.process_time()
    joints = tracks.gather(found, COCO)
    assert time.process_time() - began < 3
    assert joints.people == min(people, tracks.MOST)
    assert ("more people left out" in joints.note) is (people > tracks.MOST)
    assert ("only the surest 100 were followed" in joints.note) is (people > tracks.MOST_AT_ONCE)


def test_people_who_are_all_new_in_every_frame_take_no_time_either() -> None:
    values = scene(100, 40) + np.arange(40)[None, :, None, None] * np.array([10_000, 0, 0], np.float32)
    began = time.process_time()
    tracks.gather(found_in(values), COCO)
    assert time.process_time() - began < 3


def test_no_more_people_are_kept_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "MOST_PLACES", 17 * 40 * 11)
    values = scene(20, 2)
    found = [Found(t, values[p, t], f"{p}") for p in range(20) for t in range(2)]
    joints = tracks.gather(found, COCO, frames=np.arange(40))
    assert joints.people == 11
    assert "9 more people left out" in joints.note
