"""Every frame is the one it says it is, at its true second; a bad file gets one sentence."""

from __future__ import annotations

import contextlib
import hashlib
from fractions import Fraction
from pathlib import Path

import av
import clips_made as made
import numpy as np
import pytest

from actrec.clips import demux, video
from actrec.core.errors import Cancelled, ClipError
from actrec.core.settings import Limits

REAL = sorted(p for p in (Path(__file__).resolve().parents[2] / "shared/data/clips").glob("*.*") if p.suffix != ".csv")
VFR = np.cumsum(np.random.default_rng(5).integers(1, 9, 40)).tolist()


WAYS = {
    "plain.mp4": {},
    "short_gops.mp4": {"options": {"g": "2", "bf": "1"}},
    "open_gops.mkv": {"options": {"g": "10", "bf": "3", "x264-params": "open-gop=1"}},
    "open_gops.ts": {"options": {"g": "10", "bf": "3", "x264-params": "open-gop=1"}},
    "uneven.mp4": {"stamps": VFR, "base": Fraction(1, 100)},
    "uneven.mkv": {"stamps": VFR, "base": Fraction(1, 100), "options": {"g": "7"}},
    "early.mkv": {"stamps": range(-10, 30)},
    "turned_left.mp4": {"turn": 1},
    "upside_down.mp4": {"turn": 2},
    "turned_right.mov": {"turn": 3},
    "odd.mkv": {"size": (97, 65), "pix_fmt": "yuv444p"},
    "odd.avi": {"size": (97, 65), "codec": "ffv1", "pix_fmt": "bgr0"},
    "picture.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "web.webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}},
    "hidden_frames.webm": {"codec": "libvpx", "options": {"cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16"}},
    "phone.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=10"}},
    "old.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "reordered.avi": {"options": {"bf": "2"}},
    "still.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "bare.h264": {},
    "flash.flv": {},
    "disc.mpg": {"codec": "mpeg2video"},
    "one.mp4": {"count": 1},
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def make(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        codec = WAYS[name].get("codec", "libx264")
        if codec not in av.codecs_available:
            pytest.skip(f"this FFmpeg has no {codec}")
        made.clip(path, **WAYS[name])
    return path


@pytest.mark.parametrize("name", WAYS)
def test_every_frame_comes_back_under_its_number(folder: Path, name: str) -> None:
    clip = video.probe(make(folder, name))
    count, (width, height) = WAYS[name].get("count", 40), WAYS[name].get("size", (96, 64))
    assert (clip.frames, clip.lost, clip.width, clip.height) == (count, 0, width, height)
    frames = video.read(clip, range(count))
    assert frames.shape == (count, height, width, 3)
    assert made.numbers(frames) == list(range(count))
    assert made.corner(frames[0])
    some = np.random.default_rng(0).integers(0, count, 9)
    np.testing.assert_array_equal(video.read(clip, some), frames[some])
    for number in {0, count // 2, count - 1}:
        assert made.numbers(video.read(clip, [number])) == [number]


@pytest.mark.parametrize("name", WAYS)
def test_every_frame_has_its_true_second(folder: Path, name: str) -> None:
    clip = video.probe(make(folder, name))
    stamps = np.array(list(WAYS[name].get("stamps", range(clip.frames))), float)
    expected = (stamps - stamps[0]) * float(WAYS[name].get("base", Fraction(1, 25)))
    np.testing.assert_allclose(clip.seconds, expected, atol=1.1e-3)  # Matroska and FLV round to a millisecond
    assert clip.seconds[0] == 0


def test_frames_hidden_by_an_edit_list_are_not_listed(folder: Path) -> None:
    path, data = folder / "edited.mp4", bytearray(make(folder, "plain.mp4").read_bytes())
    begin = data.index(b"elst") + 16  # the first edit's media time, in ticks of the stream
    with av.open(str(make(folder, "plain.mp4"))) as container:
        skip = round(12 / 25 / container.streams.video[0].time_base)
    data[begin : begin + 4] = (int.from_bytes(data[begin : begin + 4], "big") + skip).to_bytes(4, "big")
    path.write_bytes(data)
    clip = video.probe(path)
    assert made.numbers(video.read(clip, range(clip.frames))) == list(range(12, 40))
    assert clip.seconds[0] == 0
    assert clip.lost == 0


def test_a_fragmented_file_is_read_whole(tmp_path: Path, folder: Path) -> None:
    with av.open(str(make(folder, "short_gops.mp4"))) as old, av.open(str(tmp_path / "f.mp4"), "w", options={"movflags": "frag_keyframe"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    clip = video.probe(tmp_path / "f.mp4")
    assert (clip.frames, clip.lost) == (40, 0)
    assert made.numbers(video.read(clip, [39, 3])) == [39, 3]


def test_the_table_is_the_same_whether_all_or_only_places_were_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("plain.mp4", "short_gops.mp4", "open_gops.mkv", "uneven.mkv", "reordered.avi", "bare.h264", "hidden_frames.webm", "picture.gif"):
        whole = video.probe(make(folder, name))
        monkeypatch.setattr(demux, "CHECKED", 10_000)
        quick = video.probe(make(folder, name))
        monkeypatch.undo()
        np.testing.assert_array_equal(quick.seconds, whole.seconds)
        assert made.numbers(video.read(quick, [39, 20, 11])) == [39, 20, 11]


def test_a_stream_gives_each_wanted_frame_once_and_in_order(folder: Path) -> None:
    clip = video.probe(make(folder, "short_gops.mp4"))
    assert [(n, made.number_of(frame)) for n, frame in video.stream(clip, [30, 2, 2, 31])] == [(2, 2), (30, 30), (31, 31)]
    assert not list(video.stream(clip, []))
    with pytest.raises(ValueError, match="frames 0 … 39"):
        video.read(clip, [40])


def test_a_picture_that_changes_its_size_keeps_the_first(tmp_path: Path, folder: Path) -> None:
    big = made.clip(tmp_path / "big.h264", 20, size=(192, 128))
    path = tmp_path / "both.h264"
    path.write_bytes(make(folder, "bare.h264").read_bytes() + big.read_bytes())
    clip = video.probe(path)
    assert video.read(clip, [0, clip.frames - 1]).shape[1:] == (64, 96, 3)
    small = video.probe(path, Limits(max_pixels=96 * 64))
    assert small.frames < clip.frames  # the decoder itself refuses what the header did not show


def test_the_checksum_is_the_files(folder: Path) -> None:
    path = make(folder, "plain.mp4")
    assert video.probe(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def bad_files(folder: Path, good: Path) -> dict[Path, str]:
    """Files that cannot be used and what must be said of them."""
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "letter.mp4").write_text("Dear reader, " * 500)
    (folder / "notes.txt").write_text("no video at all " * 500)
    (folder / "list.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{good}\n#EXT-X-ENDLIST\n")
    (folder / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile {good.name}\n")
    return {
        folder / "nowhere.mp4": "is not there",
        folder: "is a folder",
        folder / "empty.mp4": "is empty",
        folder / "letter.mp4": "is not a video",
        folder / "notes.txt": "is not a video",
        folder / "list.m3u8": "is not a video",
        folder / "list.ffconcat": "is not a video",
        made.cut(good, folder / "truncated.mp4", 0.5): "breaks off before its index",
        made.clip(folder / "photo.png", 1, codec="png", pix_fmt="rgb24"): "is not a video",
        made.clip(folder / "photo.jpg", 1, codec="mjpeg", pix_fmt="yuvj420p"): "is not a video",
        made.sound(folder / "tone.m4a"): "only sound",
        made.sound(folder / "tone.mp3"): "only sound",
        made.sound(folder / "album.mp3", cover=True): "only a cover picture",
        made.damaged(good, folder / "noise.mp4", [(0.0, 1.0)]): "no frame that can be decoded",
    }


def test_a_bad_file_gets_one_clear_sentence(folder: Path, tmp_path: Path) -> None:
    for path, words in bad_files(tmp_path, make(folder, "plain.mp4")).items():
        with pytest.raises(ClipError) as caught:
            video.probe(path)
        said = str(caught.value)
        assert words in said, said
        assert said.startswith(path.name)
        assert "; " in said  # the way out
        assert "\n" not in said


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(max_mb=0.001), r"MB, more than the 0.001 MB allowed; .*ACTREC_MAX_MB"),
        (Limits(max_seconds=1), r"lasts 1.6 s, longer than the 1 s allowed; .*ACTREC_MAX_SECONDS"),
        (Limits(max_pixels=6000), r"96×64 = 6144 pixels, more than the 6000 allowed; .*ACTREC_MAX_PIXELS"),
        (Limits(max_frames=39), r"more frames than the 39 allowed; .*ACTREC_MAX_FRAMES"),
    ],
)
def test_a_file_over_a_limit_is_refused_before_a_frame_is_decoded(folder: Path, limits: Limits, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(folder, "plain.mp4")
    decoded = []
    monkeypatch.setattr(demux.Decoder, "__iter__", lambda self: iter(decoded.append(1) or ()))
    with pytest.raises(ClipError, match=words):
        video.probe(path, limits)
    assert not decoded


def test_noise_in_a_file_never_brings_anything_but_a_clip_error(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    for name in ("plain.mp4", "open_gops.mkv", "picture.gif", "old.avi", "open_gops.ts"):
        clean = make(folder, name).read_bytes()
        for _ in range(12):
            data = np.frombuffer(clean, np.uint8).copy()
            places = rng.integers(0, len(data), rng.integers(1, 60))
            data[places] = rng.integers(0, 256, len(places))
            path = tmp_path / name
            path.write_bytes(data[: rng.integers(1, len(data) + 1)] if rng.random() < 0.3 else data)
            with contextlib.suppress(ClipError):
                clip = video.probe(path)
                assert (np.diff(clip.seconds) > 0).all()
                assert len(video.read(clip, [0, clip.frames - 1])) == 2


def test_colours_that_swscale_refuses_are_read_as_if_unnamed(folder: Path, tmp_path: Path) -> None:
    path = made.clip(tmp_path / "odd_colours.mp4", 20, options={"x264-params": "colormatrix=ictcp"})
    clip = video.probe(path)
    assert made.numbers(video.read(clip, [3, 17])) == [3, 17]
    assert video.proxy(clip, tmp_path / "proxy.mp4").frames == 20


def test_an_unfinished_file_leaves_nothing_behind(tmp_path: Path, folder: Path) -> None:
    def frames():
        yield made.picture(0)
        raise RuntimeError("the painter stopped")

    def stop(fraction: float, text: str) -> None:
        if fraction > 0.3:
            raise Cancelled("stopped by the reader")

    with pytest.raises(RuntimeError, match="painter"):
        video.write(tmp_path / "out.mp4", frames(), 25)
    with pytest.raises(ValueError, match="no frames"):
        video.write(tmp_path / "out.mp4", [], 25)
    with pytest.raises(Cancelled):
        video.proxy(video.probe(make(folder, "plain.mp4")), tmp_path / "proxy.mp4", progress=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["plain.mp4", "uneven.mp4", "turned_left.mp4", "turned_right.mov", "odd.mkv", "odd.avi", "picture.gif", "reordered.avi", "one.mp4"]
)
def test_a_proxy_shows_source_frame_i_as_frame_i_at_a_constant_rate(folder: Path, tmp_path: Path, name: str) -> None:
    clip, reports = video.probe(make(folder, name)), []
    copy = video.proxy(clip, tmp_path / "proxy.mp4", progress=lambda fraction, text: reports.append(fraction))
    again = video.probe(copy.path)
    assert copy.frames == again.frames == clip.frames
    assert made.numbers(video.read(again, range(again.frames))) == list(range(clip.frames))
    assert made.corner(video.read(again, [0])[0])
    np.testing.assert_allclose(again.seconds, np.arange(clip.frames) / copy.fps, atol=1e-6)
    assert (copy.width, copy.height) == (again.width, again.height)
    assert copy.held == ()
    assert reports == sorted(reports)
    assert 0 <= reports[0] <= reports[-1] <= 1


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_clips_open_and_read_the_same_in_any_order(path: Path) -> None:
    clip = video.probe(path)
    assert clip.lost == 0
    assert clip.frames > 50
    assert (np.diff(clip.seconds) > 0).all()
    some = [clip.frames - 1, 0, clip.frames // 2, clip.frames // 2 + 1]
    frames = video.read(clip, some)
    assert frames.shape == (4, clip.height, clip.width, 3)
    np.testing.assert_array_equal(frames[2], video.read(clip, [some[2]])[0])
