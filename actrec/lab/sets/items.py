"""Labelled clips as plain data: where the pictures are, what they show, which split they belong to. All of it can be sent to a worker process."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.clips import mannequin, video
from actrec.core import files, settings
from actrec.core.clip import Video
from actrec.core.errors import ActrecError, ClipError
from actrec.inputs import pose
from actrec.inputs.pose.pickles import read_pyskl

FPS = 25.0
"""The rate of pictures that come without times, unless their set says another."""

MANNEQUIN_FRAMES = 64
"""How long a generated clip is, at FPS."""

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


class DataError(ActrecError):
    """A set of clips that cannot be used."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What goes wrong with a file of a set is a DataError that names its whole path: names alone repeat themselves in large sets."""
    try:
        yield
    except (ActrecError, OSError) as error:
        raise DataError(_named(path, error)) from None


def _named(path: Path, error: Exception) -> str:
    told = str(error)
    if str(path) in told:
        return told
    return f"{path}{told.removeprefix(path.name)}" if told.startswith((f"{path.name} ", f"{path.name}:")) else f"{path}: {told}"


@dataclass(frozen=True)
class Media:
    """Where a clip's pictures are.

    kind "video": path is a file.  "pictures": path is a folder, its pictures in order of the numbers in their names, at `fps`.
    "mannequin": path is action/seed.  "skeleton": joints without pictures; path is the file with the joints, or file.pkl/clip.
    start, end: the part in seconds that is the clip, end exclusive; all of it by default.
    """

    path: Path
    kind: Literal["video", "pictures", "mannequin", "skeleton"] = "video"
    fps: float = FPS
    start: float = 0.0
    end: float = float("inf")

    @cached_property
    def key(self) -> str:
        """A name for what is kept of this clip: another one when the file or the part changes."""
        file = self.path.parent if self.kind == "skeleton" and self.path.parent.is_file() else self.path
        facts = "" if self.kind == "mannequin" else f"{file.stat().st_size} {file.stat().st_mtime_ns}"
        about = f"{self.path if self.kind == 'mannequin' else self.path.resolve()} {self.kind} {facts} {self.fps} {self.start} {self.end}"
        return f"{self.path.stem}-{hashlib.sha256(about.encode(errors='surrogateescape')).hexdigest()[:16]}"

    def table(self) -> Video:
        """The clip's frame table: seconds and size; for a part of a video, the whole video's.

        Raises:
            ClipError: nothing there that can be read.
        """
        if self.kind == "video":
            try:
                return _table(self.path)
            except OSError as error:
                raise ClipError(f"{self.path} cannot be opened: {error.strerror or error}") from None
        if self.kind == "mannequin":
            return Video(self.path, self.key, np.arange(MANNEQUIN_FRAMES) / FPS, 320, 240, 0, "")
        if self.kind == "skeleton":
            raise ClipError(f"{self.path} has joints but no frames; put its video into the data set's folder")
        files = self._pictures()
        first = cv2.imread(str(files[0]))
        if first is None:
            raise ClipError(f"{files[0]} cannot be read as a picture; extract the frames of {self.path.name} again")
        return Video(self.path, self.key, np.arange(len(files)) / self.fps, first.shape[1], first.shape[0], 0, "")

    def span(self, table: Video) -> tuple[int, int]:
        """Numbers of the clip's first frame and of the one behind its last; at least one frame."""
        first, last = (int(np.searchsorted(table.seconds, s - 1e-6)) for s in (self.start, self.end))
        first = min(first, table.frames - 1)
        return first, max(last, first + 1)

    def read(self, table: Video, index: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Frames by number in the table: uint8 (T, H, W, 3) RGB.

        Raises:
            ClipError: a frame that cannot be read.
        """
        if self.kind == "mannequin":
            action, seed = self.path.parts
            return mannequin.render(action, int(seed), height=table.height, width=table.width, truth=False).frames[np.asarray(index)]
        if self.kind == "video":
            return video.read(table, index)
        files = self._pictures()
        frames: list[NDArray[np.uint8]] = []
        for i in index:
            frame = cv2.imread(str(files[i]))
            if frame is None or (frames and frame.shape != frames[0].shape):
                raise ClipError(f"{files[i]} is not a picture of the same size as the others; extract the frames of {self.path.name} again")
            frames.append(np.asarray(frame, np.uint8)[..., ::-1])
        return np.stack(frames)

    def line(self, error: Exception) -> str:
        """One line for a clip that cannot be used, with its whole path."""
        return _named(self.path, error)

    def _pictures(self) -> list[Path]:
        inside = self.path.iterdir() if self.path.is_dir() else ()
        files = [
            f for f in inside if f.suffix.lower() in PICTURES and not f.name.startswith(("flow_", "."))
        ]  # flow lies among frames in MMAction2's sets
        if not files:
            raise ClipError(f"{self.path} holds no frames; extract the clip's frames there")
        return sorted(files, key=lambda f: [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", f.stem)])


def _table(path: Path) -> Video:
    """A video's frame table, kept on disk: listing a file's frames takes longer than decoding a window of them."""
    facts = path.stat()
    name = hashlib.sha256(f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}".encode(errors="surrogateescape")).hexdigest()[:32]
    file = settings.cache() / "tables" / f"{name}.npz"
    try:
        with np.load(file) as kept:
            width, height, rotation, lost = (int(v) for v in kept["facts"])
            sha256, codec = (str(v) for v in kept["names"])
            told = tuple(str(line) for line in kept["notes"])
            return Video(path, sha256, kept["seconds"], width, height, rotation, codec, lost, kept["pts"], kept["keys"], told)
    except (OSError, KeyError, ValueError, EOFError):
        pass
    film = video.probe(path)
    facts_of = np.array([film.width, film.height, film.rotation, film.lost])
    names, notes = np.array([film.sha256, film.codec]), np.array(film.notes, str)
    with files.whole(file) as part, part.open("wb") as opened:
        np.savez(opened, seconds=film.seconds, pts=film.pts, keys=film.keys, facts=facts_of, names=names, notes=notes)
    return film


@dataclass(frozen=True)
class Item:
    """One labelled clip. labels: one of the set's classes, or several where the set is multi-label. subject: what a split must not tear apart.

    joints: the file with its skeleton, where the set has one; file.pkl/clip for one of many.  layout: of that file: npz, penn, ntu or pyskl.
    """

    media: Media
    labels: tuple[str, ...]
    split: str = "train"
    subject: str = ""
    joints: Path | None = None
    layout: str = ""

    @property
    def label(self) -> str:
        return self.labels[0]

    @property
    def posed(self) -> bool:
        """Whether its people's joints are known."""
        return self.joints is not None or self.media.kind == "mannequin"

    def joints_layout(self) -> pose.Layout:
        """The layout that its joints are in.

        Raises:
            DataError: it has none, or they cannot be read.
        """
        return pose.layout("mannequin") if self.media.kind == "mannequin" else self.skeleton().layout

    def skeleton(self) -> pose.Joints:
        """The clip's joints as they are in their file; `pose.fit` lays them on its frames.

        Raises:
            DataError: it has none, or they cannot be read.
        """
        if self.joints is None:
            raise DataError(f"{self.media.path} has no joints; the set has none for this clip")
        with naming(self.joints):
            if self.layout == "pyskl":  # one file for all clips: larger than a clip's joints may be
                file = next((parent for parent in self.joints.parents if parent.suffix in (".pkl", ".pickle")), self.joints)
                return read_pyskl(file, self.joints.relative_to(file).as_posix())
            return pose.read(self.joints)


@dataclass(frozen=True)
class ClipSet:
    """Clips with labels; label order is the class order. pairs: labels that are each other's reverse in time.

    problems: what the reader found missing or contradictory, one line each; such clips are left out.
    """

    name: str
    layout: str
    items: tuple[Item, ...]
    labels: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    multilabel: bool = False
    problems: tuple[str, ...] = field(default=(), repr=False)

    def split(self, *names: str) -> list[Item]:
        """The clips of the named splits.

        Raises:
            DataError: there is none.
        """
        chosen = [item for item in self.items if item.split in names]
        if not chosen:
            has = ", ".join(sorted({i.split for i in self.items})) or "none"
            raise DataError(f"the set {self.name!r} has no clip in split {' or '.join(names)}; it has {has}")
        return chosen


def mannequin_set(train: int, test: int) -> ClipSet:
    """Generated clips of every mannequin action; seeds of the test clips are far from those of the training clips."""
    seeds = [(s, "train") for s in range(1000, 1000 + train)] + [(s, "test") for s in range(900_000, 900_000 + test)]
    items = (
        Item(Media(Path(action, str(seed)), "mannequin"), (action,), split, f"seed{seed}") for action in mannequin.ACTIONS for seed, split in seeds
    )
    return ClipSet("mannequin", "generated", tuple(items), tuple(mannequin.ACTIONS), tuple(mannequin.PAIRS))
