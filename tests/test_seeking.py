"""What a seek gives is what decoding from the start gives, for every codec that this FFmpeg writes; and knowing that stays cheap."""

from __future__ import annotations

from pathlib import Path

import av
import clips_made as made
import clips_odd_made as odd
import numpy as np
import pytest

from actrec.clips import colours, demux, listing, table, video
from actrec.clips.demux import Decoder
from actrec.core.settings import Limits

HOLDERS = ("mkv", "mov", "avi", "mxf", "ts")
"""Containers tried in turn for a codec."""

FIXED = {"h261": (176, 144), "h263": (128, 96), "dvvideo": (720, 576), "dnxhd": (256, 128)}
"""Sizes of codecs that take only a few."""

OPTIONS = {"dnxhd": {"profile": "dnxhr_lb"}}

LEFT = {
    *("a64multi", "a64multi5", "wrapped_avframe", "vnull", "xface", "alias_pix", "roqvideo", "rv10", "rv20", "apng", "gif", "webp"),
    *("libwebp", "libwebp_anim", "bmp", "fits", "hdr", "pam", "pbm", "pcx", "pfm", "pgm", "pgmyuv", "phm", "ppm", "qoi", "sunrast", "vbn"),
    *("wbmp", "xbm", "xwd", "bitpacked", "msrle", "smc"),
}
"""Encoders of still pictures, or of something else that these containers do not hold or that cannot be painted here."""


def encoders() -> list[str]:
    """This FFmpeg's own encoders of pictures, no hardware's."""
    found = []
    for name in sorted(av.codecs_available):
        try:
            codec = av.Codec(name, "w")
        except ValueError:
            continue
        if codec.type == "video" and codec.video_formats and not codec.hardware_configs and name not in LEFT:
            found.append(name)
    return [name for name in found if not name.endswith(("_amf", "_nvenc", "_qsv", "_v4l2m2m", "_vaapi", "_mf", "_vulkan"))]


def painted(i: int, width: int, height: int) -> np.ndarray:
    """A number, and noise that no codec can leave out: whatever is kept from frame to frame shows."""
    return np.maximum(made.picture(i, width, height), np.random.default_rng(i).integers(0, 60, (height, width, 3), np.uint8))


def written(folder: Path, name: str) -> Path:
    """A clip by this encoder, with a key every six frames where it has a say, in the first container that takes it and gives it back."""
    codec = av.Codec(name, "w")
    for ending in HOLDERS:
        path = folder / f"{name}.{ending}"
        for pix_fmt in [f.name for f in codec.video_formats][:4]:
            try:
                options = {"g": "6", "strict": "-2"} | OPTIONS.get(name, {})
                made.clip(path, 24, codec=name, size=FIXED.get(name, (96, 64)), pix_fmt=pix_fmt, options=options, paint=painted)
                if len(list(av.open(str(path)).decode(video=0))) == 24:
                    return path
            except (av.error.FFmpegError, ValueError, IndexError):
                continue
    pytest.skip(f"{name} cannot be written here")


@pytest.mark.parametrize("name", encoders())
def test_a_frame_read_alone_is_the_one_that_decoding_from_the_start_gives(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    film = video.probe(path)
    frames = video.read(film, range(film.frames))
    for number in (23, 7, 12, 18, 1):
        np.testing.assert_array_equal(video.read(film, [number])[0], frames[number], err_msg=f"{path.name}, frame {number}")


@pytest.mark.parametrize("name", [n for n in encoders() if av.Codec(n, "w").canonical_name in listing.CLEAN])
def test_a_key_frame_of_a_clean_codec_needs_nothing_from_before(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    found = listing.listed(path, Limits())
    with demux.opened(path) as (container, stream):
        whole = {frame.pts: colours.fingerprint(frame) for frame in Decoder(container, stream)}
    with demux.opened(path) as (container, stream):
        for row in range(len(found.keys))[::-1]:
            for count, frame in enumerate(Decoder(container, stream).since(found.keys, row)):
                assert whole[frame.pts] == colours.fingerprint(frame)
                if count == 8:
                    break


@pytest.mark.parametrize("checked", [demux.CHECKED, 100_000])
def test_what_a_seek_gets_wrong_is_read_from_the_start(tmp_path: Path, checked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that shows something else after a seek than before, at any place: such a file has no keys, and reads right all the same."""
    path = made.clip(tmp_path / "a.mkv", 60, options={"g": "10", "bf": "0"})
    monkeypatch.setattr(demux, "CHECKED", checked)
    assert len(video.probe(path).keys) >= 6
    sought, since, fingerprint = [False], Decoder.since, colours.fingerprint

    def noted(*where):
        sought[0] = True
        try:
            yield from since(*where)
        finally:
            sought[0] = False

    monkeypatch.setattr(Decoder, "since", noted)
    monkeypatch.setattr(colours, "fingerprint", lambda frame: fingerprint(frame) + sought[0])
    film = video.probe(path)
    assert not len(film.keys)
    assert made.numbers(video.read(film, [59, 31])) == [59, 31]


def test_the_palette_is_found_out_even_if_its_format_did_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_linear", lambda *_: False)
    film = video.probe(odd.palette(tmp_path / "palette.avi"))
    assert not len(film.keys)


@pytest.mark.parametrize("how", [{"g": "12"}, {"g": "250"}, {"g": "30", "bf": "3"}, {"g": "1"}], ids=str)
def test_a_usual_clip_is_decoded_little_more_than_once(tmp_path: Path, how: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = made.clip(tmp_path / "usual.mp4", 300, options=how)
    decoded = []
    inner = Decoder.__iter__
    monkeypatch.setattr(Decoder, "__iter__", lambda self: (decoded.append(1) or frame for frame in inner(self)))
    film = video.probe(path)
    assert len(film.keys)
    assert 300 <= len(decoded) <= 1.3 * 300
    decoded.clear()
    video.read(film, [len(film.seconds) - 1])
    assert len(decoded) <= max(int(how["g"]), 2) + 4, "a seek leads to the key before a frame, not to one before that"


def test_places_are_compared_whatever_the_number_of_keys() -> None:
    for keys, frames in ((0, 10), (1, 10), (2, 10), (40, 40), (500, 3000), (3000, 3000)):
        pts = np.arange(frames)
        begins = np.stack([np.linspace(0, frames - 1, keys).astype(int)] * 2, 1)
        rows = table._rows(listing.Listing(pts, pts / 25, begins, frames, 0, 0, 100, "h264", ()))
        assert len(set(rows)) == len(rows) <= max(1, frames // 36)
        assert all(0 < row < keys for row in rows)
        assert bool(rows) == (keys > 1)
