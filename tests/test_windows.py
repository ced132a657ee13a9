"""Which windows training takes of a clip: mirrored, cropped at random, a frame of each segment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from runs_made import card

from actrec.core.clip import Sampling
from actrec.lab import sets
from actrec.lab.recipes import sided


def test_mirroring_is_off_where_left_or_right_is_in_a_label() -> None:
    labels = ["push_left", "Throwing something from RIGHT to left", "TurnRight", "bright_light", "cleft", "wave"]
    assert sided(labels) == labels[:3]


def test_a_mirrored_window_is_the_same_one_read_backwards(clips: Path) -> None:
    found = sets.read_index(clips)
    how = {"train": True, "crops": "near", "keep": False}
    plain, mirrored = (sets.open_windows(found.items[:1], found, card().sampling, card().preprocess, flip=flip, **how)[0] for flip in (False, True))
    turns = set()
    for epoch in range(12):
        plain.epoch = mirrored.epoch = epoch
        one, two = plain[0][1], mirrored[0][1]
        assert not isinstance(one, str)
        assert not isinstance(two, str)
        turned = not np.array_equal(one, two)
        assert np.abs(one[..., ::-1, :].astype(int) - two).max() <= 1 or not turned
        turns.add(turned)
    assert turns == {True, False}


def test_random_crops_are_places_of_the_shrunk_frame(clips: Path) -> None:
    found = sets.read_index(clips)
    how = {"train": True, "keep": False}
    whole = sets.open_windows(found.items[:1], found, card().sampling, replace(card().preprocess, crop=(36, 43)), crops="none", **how)[0]
    random = sets.open_windows(found.items[:1], found, card().sampling, card().preprocess, crops="random", **how)[0]
    all_of_it, places = whole[0][1], set()
    assert not isinstance(all_of_it, str)
    assert all_of_it.shape[2:4] == (36, 43)
    for random.epoch in range(1, 20):
        whole.epoch = random.epoch
        frame, part = whole[0][1][0, 0], random[0][1][0, 0]
        at = [(y, x) for y in range(5) for x in range(12) if np.array_equal(frame[y : y + 32, x : x + 32], part)]
        assert len(at) == 1
        places |= set(at)
    assert len(places) > 8


def test_training_takes_a_frame_at_random_of_each_segment() -> None:
    clips = sets.mannequin_set(1, 1)
    windows = sets.open_windows(clips.items[:1], clips, Sampling("segments", 4), card().preprocess, train=True, keep=False)[0]
    part = windows.items[0].media.table()
    drawn = np.stack([windows._scattered(part, np.random.default_rng(seed)) for seed in range(50)])
    assert (drawn // (part.frames // 4) == np.arange(4)).all()
    assert len(np.unique(drawn[:, 0])) > 8
