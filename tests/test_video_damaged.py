"""Damaged videos: what is there is read, what is lost is counted, and nothing is silent."""

from __future__ import annotations

from pathlib import Path

import clips_made as made
import numpy as np
import pytest

from actrec.clips import demux, video
from actrec.core.errors import ClipError


def test_damage_in_the_middle_costs_the_frames_there_and_no_other(tmp_path: Path) -> None:
    whole = made.clip(tmp_path / "whole.mp4", 120, options={"g": "12"})
    clip = video.probe(made.damaged(whole, tmp_path / "hurt.mp4"))
    assert 0 < clip.lost < 60
    assert clip.frames + clip.lost >= 120
    assert (np.diff(clip.seconds) > 0).all()
    true = np.rint(clip.seconds * 25).astype(int)
    frames = video.read(clip, range(clip.frames))
    early, late = true < 30, true >= 96  # well away from the noise
    assert true[early].tolist() == list(range(30))
    assert true[late].tolist() == list(range(96, 120))
    assert made.numbers(frames[early]) == true[early].tolist()
    assert made.numbers(frames[late]) == true[late].tolist()


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_file_cut_off_behind_its_index_gives_what_is_there(tmp_path: Path, share: float) -> None:
    video.write(tmp_path / "whole.mp4", [made.picture(i) for i in range(60)], 25, exact_seek=True)
    clip = video.probe(made.cut(tmp_path / "whole.mp4", tmp_path / "cut.mp4", share))
    assert 0 < clip.frames < 60
    assert clip.lost >= 60 - clip.frames - 1
    assert made.numbers(video.read(clip, range(clip.frames - 1))) == list(range(clip.frames - 1))


def test_damage_that_probe_did_not_come_across_is_said_on_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made.clip(tmp_path / "whole.mp4", 400, options={"g": "10"})
    hurt = made.damaged(whole, tmp_path / "hurt.mp4", [(0.36, 0.40)])
    monkeypatch.setattr(demux, "CHECKED", 96 * 64 * 8 * 8)
    clip = video.probe(hurt)
    assert clip.frames == 400  # as the packets promise
    with pytest.raises(ClipError, match=r"hurt.mp4 is damaged or was changed: frame \d+ .*; "):
        video.read(clip, range(400))
    assert made.numbers(video.read(clip, [5, 300])) == [5, 300]
    copy = video.proxy(clip, tmp_path / "proxy.mp4")
    assert copy.frames == video.probe(copy.path).frames == 400
    assert 0 < len(copy.held) < 60
