"""Films and browser copies that are written: what is read back, and what a failure leaves behind."""

from __future__ import annotations

from pathlib import Path

import av
import clips_made as made
import numpy as np
import pytest

from actrec.clips import video


@pytest.mark.parametrize("size", [(96, 64), (97, 65), (1, 1), (64, 31)])
def test_written_frames_come_back_and_odd_sizes_repeat_their_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    frames = [np.full((height, width, 3), (10 * i, 250 - 10 * i, 90), np.uint8) for i in range(8)]
    video.write(tmp_path / "deep" / "out.mp4", frames, 12.5)
    clip = video.probe(tmp_path / "deep" / "out.mp4")
    assert (clip.frames, clip.width, clip.height) == (8, width + width % 2, height + height % 2)
    np.testing.assert_allclose(clip.seconds, np.arange(8) / 12.5, atol=1e-9)
    back = video.read(clip, range(8)).astype(int)
    assert np.abs(back - np.stack(frames)[:, :1, :1]).max() <= 4


def test_colours_are_written_so_that_they_are_read_the_same(tmp_path: Path) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 100, 50], [128, 128, 128], [0, 0, 0], [255, 255, 255]], np.uint8)
    frame = colours.repeat(16, 0)[None].repeat(32, 0)
    video.write(tmp_path / "out.mp4", [frame] * 3, 25, crf=1)
    clip = video.probe(tmp_path / "out.mp4")
    seen = video.read(clip, [1])[0, 16, 8::16].astype(int)
    assert np.abs(seen - colours).max() <= 4
    small = video.probe(video.proxy(clip, tmp_path / "proxy.mp4").path)
    assert np.abs(video.read(small, [1])[0, 16, 8::16].astype(int) - colours).max() <= 16


def test_a_failed_write_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    video.write(tmp_path / "out.mp4", [made.picture(0)], 25)
    before = (tmp_path / "out.mp4").read_bytes()
    with pytest.raises(ValueError, match="no frames"):
        video.write(tmp_path / "out.mp4", [], 25)
    assert (tmp_path / "out.mp4").read_bytes() == before


def test_a_proxy_is_small_keyed_often_and_never_reordered(tmp_path: Path) -> None:
    clip = video.probe(made.clip(tmp_path / "large.mp4", 40, size=(1280, 720)))
    copy = video.proxy(clip, tmp_path / "proxy.mp4")
    assert (copy.width, copy.height) == (640, 360)
    with av.open(str(copy.path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    assert [p.pts for p in packets] == sorted(p.pts for p in packets) == [p.dts for p in packets]
    assert [i for i, p in enumerate(packets) if p.is_keyframe] == [0, 15, 30]
    data = copy.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # a browser can begin before it has all


def test_motion_is_zero_where_nothing_moves_and_the_share_of_change_where_it_does(tmp_path: Path) -> None:
    dark, half = np.zeros((64, 96, 3), np.uint8), np.zeros((64, 96, 3), np.uint8)
    half[:, :48] = 255
    video.write(tmp_path / "cut.mp4", [dark] * 5 + [half] * 5, 25)
    motion = video.proxy(video.probe(tmp_path / "cut.mp4"), tmp_path / "proxy.mp4").motion
    assert motion.dtype == np.float64
    assert motion.shape == (10,)
    assert motion[5] == pytest.approx(0.5, abs=0.03)
    assert np.delete(motion, 5).max() < 0.005
