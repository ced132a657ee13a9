"""The clips at hand: samples by name, small previews of them, and browser copies that every page shares.

Nothing here imports torch, so that the first page is there before the models are.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.clips import video
from actrec.clips.video import Proxy
from actrec.core import files, settings
from actrec.core.clip import Video
from actrec.core.errors import ClipError, Progress, no_progress

SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif", ".mpg", ".mpeg", ".ts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv"})
"""File names that are offered as clips; what a file really is, its content decides."""

PREVIEW_FRAMES, PREVIEW_SIZE = 6, (208, 156)
"""A preview is this many frames side by side, each width × height pixels."""

LOOKS = 2
"""Counted up whenever a copy of the same bytes would look another way than before."""

MOST_PREVIEWS, MOST_COPIES_MB = 600, 2000
"""What the cache folder keeps, oldest out first."""


def samples() -> dict[str, Path]:
    """Clips by name: those that ship, then those in the reader's own clip folders. A name that is taken twice keeps the first.

    What is no text in a file's name is replaced by � in the clip's.
    """
    found: dict[str, Path] = {}
    for folder in settings.clip_folders():
        for file in inside(folder):
            found.setdefault(os.fsencode(file.stem).decode(errors="replace"), file)
    return found


def inside(folder: Path) -> list[Path]:
    """The files of a folder that are offered as clips."""
    return [file for file in files.inside(folder) if file.suffix.lower() in SUFFIXES and not files.odd(file)]


def ships(name: str) -> bool:
    """Whether a clip of that name is one of the samples that ship, and not the reader's own. An upload never has a sample's name."""
    found = samples().get(name)
    return found is not None and found.parent == settings.assets() / "clips"


def browser_copy(film: Video, folder: Path | None = None, progress: Progress = no_progress) -> Proxy:
    """The clip for the player: made once for the same bytes, kept in the cache folder (or in `folder`, for what is private to a session).

    Raises:
        ClipError: the clip cannot be read any more.  Cancelled: from `progress`.
    """
    home = folder or settings.cache() / "copies"
    copy, facts = home / f"{film.sha256}.mp4", home / f"{film.sha256}.npz"
    known = _known(copy, facts, film.frames)
    if known is not None:
        return known
    made = video.proxy(film, copy, progress=progress)
    with files.whole(facts) as part, part.open("wb") as file:
        np.savez(
            file,
            motion=made.motion,
            held=np.array(made.held, np.int64),
            size=[made.width, made.height],
            fps=made.fps,
            bytes=copy.stat().st_size,
            looks=LOOKS,
        )
    if folder is None:
        _prune_copies(home)
    return made


def _known(copy: Path, facts: Path, frames: int) -> Proxy | None:
    try:
        with np.load(facts) as kept:
            motion, held, size, fps, whole, looks = (kept[name] for name in ("motion", "held", "size", "fps", "bytes", "looks"))
        os.utime(copy)
        if len(motion) != frames or copy.stat().st_size != whole or looks != LOOKS:
            return None
    except (OSError, KeyError, ValueError, EOFError, BadZipFile, zlib.error):
        return None
    return Proxy(copy, int(size[0]), int(size[1]), float(fps), frames, motion, tuple(int(i) for i in held))


def preview_file(path: Path) -> Path:
    """Where the preview of a clip is, or will be."""
    facts = path.stat()
    key = hashlib.sha256(f"{path.resolve()} {facts.st_mtime_ns} {facts.st_size}".encode(errors="surrogateescape")).hexdigest()[:32]
    return settings.cache() / "previews" / f"{key}.webp"


def preview(path: Path, folder: Path | None = None) -> bytes:
    """PREVIEW_FRAMES frames of a clip side by side, as WebP; b"" for a clip that cannot be read. Made once."""
    try:
        file = preview_file(path)
        file = folder / file.name if folder else file
        if file.is_file() and (kept := file.read_bytes())[4:8] == (len(kept) - 8).to_bytes(4, "little"):  # as long as it says
            return kept
        film = video.probe(path)
        frames = video.read(film, np.linspace(0, film.frames - 1, PREVIEW_FRAMES).round().astype(int))
    except (ClipError, OSError):
        return b""
    data = picture(np.concatenate([_fill(frame, *PREVIEW_SIZE) for frame in frames], 1), 70)
    files.write(file, data)
    if folder is None:
        for old in files.oldest(file.parent.glob("*.webp"), most=MOST_PREVIEWS):
            old.unlink(missing_ok=True)
    return data


def picture(pixels: NDArray[np.uint8], quality: int = 80) -> bytes:
    """RGB pixels (H, W, 3) as WebP."""
    return bytes(cv2.imencode(".webp", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, quality])[1])


def _fill(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The middle of a frame, filling width × height."""
    scale = max(width / frame.shape[1], height / frame.shape[0])
    w, h = (max(1, min(side, round(part / scale))) for side, part in ((frame.shape[1], width), (frame.shape[0], height)))
    left, top = (frame.shape[1] - w) // 2, (frame.shape[0] - h) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame[top : top + h, left : left + w], (width, height), interpolation=how), np.uint8)


def _prune_copies(home: Path) -> None:
    """Remove the copies used longest ago, with their curves of motion, beyond MOST_COPIES_MB."""
    for old in files.oldest(home.glob("*.mp4"), most_bytes=MOST_COPIES_MB * 10**6):
        old.unlink(missing_ok=True)
        old.with_suffix(".npz").unlink(missing_ok=True)


def side_by_side(frames: NDArray[np.uint8], width: int) -> bytes:
    """Frames (T, H, W, 3) next to each other in one WebP, each `width` pixels wide (less if there are more than a WebP holds)."""
    width = min(width, 16000 // len(frames))
    height = min(max(round(width * frames.shape[1] / frames.shape[2]), 1), 16000)
    return picture(np.concatenate([cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames], 1))
