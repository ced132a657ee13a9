"""Labelled clips: folders with an `index.csv`, and the mannequin set; small frames on disk so that training never waits for a decoder.

An index has the columns file and label, and may have subject and split (train, test, val). Frames are decoded once, shrunk to the size that training
needs, and kept as one uint8 array file per clip in the cache folder; arrays are memory-mapped, so worker processes share them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec import mannequin, prepare, settings, video
from actrec.types import ActrecError, ClipError, Preprocess, Progress, Sampling, Video, no_progress

CORNER = (1.0, 0.875, 0.75, 0.66)
"""Scale jitter of the temporal-segment networks' recipe, which DAM §4.2 names: the crop's side as a share of the short side."""
NEAR = (1.0, 0.94, 0.875)
"""Our milder jitter for pictures whose actor is small and near the middle: corner crops would cut the action off."""

FPS = 25.0
"""Frames are kept without their times: windows are counted in frames, as DAM's are."""


class DataError(ActrecError):
    """A set of clips that cannot be used."""


@dataclass(frozen=True)
class Item:
    """One labelled clip. key names its frames in the cache; decode(preprocess) gives all of them, resized: uint8 (T, h, w, 3)."""

    key: str
    label: str
    subject: str
    split: str
    decode: Callable[[Preprocess], NDArray[np.uint8]]


@dataclass(frozen=True)
class ClipSet:
    """Clips with labels; label order is the class order. pairs: labels that are each other's reverse in time."""

    name: str
    items: tuple[Item, ...]
    labels: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()

    def split(self, *names: str) -> list[Item]:
        """The clips of the named splits.

        Raises:
            DataError: there is none.
        """
        chosen = [item for item in self.items if item.split in names]
        if not chosen:
            raise DataError(f"the set {self.name!r} has no clip in split {' or '.join(names)}; it has {sorted({i.split for i in self.items})}")
        return chosen


def open_set(spec: str, *, train: int = 100, test: int = 20) -> ClipSet:
    """The set a command line names: `mannequin`, or a folder with an index.csv. train, test: mannequin clips per action."""
    return mannequin_set(train, test) if spec == "mannequin" else read_index(Path(spec))


def mannequin_set(train: int, test: int) -> ClipSet:
    """Generated clips of every mannequin action; seeds of the test clips are far from those of the training clips."""

    def item(action: str, seed: int, split: str) -> Item:
        def decode(preprocess: Preprocess) -> NDArray[np.uint8]:
            height = preprocess.resize if isinstance(preprocess.resize, int) else preprocess.resize[0]
            return mannequin.render(action, seed, height=height, width=round(height * 4 / 3), truth=False).frames

        return Item(f"mannequin-{action}-{seed}", action, f"seed{seed}", split, decode)

    seeds = [(s, "train") for s in range(1000, 1000 + train)] + [(s, "test") for s in range(900_000, 900_000 + test)]
    items = tuple(item(action, seed, split) for action in mannequin.ACTIONS for seed, split in seeds)
    return ClipSet("mannequin", items, tuple(mannequin.ACTIONS), tuple(mannequin.PAIRS))


def read_index(folder: Path) -> ClipSet:
    """The clips that `folder/index.csv` lists.

    Raises:
        DataError: no index, no column file or label, or a file that is not there; the message names it.
    """
    index = folder / "index.csv"
    if not index.is_file():
        raise DataError(f"{folder} has no index.csv; make one with the columns file,label,subject,split")
    with index.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"file", "label"} <= set(rows[0]):
        has = list(rows[0]) if rows else "no rows"
        raise DataError(f"{index} needs a header with the columns file and label, and at least one row; it has {has}")
    for number, row in enumerate(rows, 2):
        if not (folder / row["file"]).is_file():
            raise DataError(f"{index}, line {number}: no file {row['file']!r} in {folder}; correct the line or put the clip there")

    def item(row: dict[str, str]) -> Item:
        path = folder / row["file"]
        stamp = f"{path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}"
        key = f"{path.stem}-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"
        return Item(key, row["label"], row.get("subject") or path.stem, row.get("split") or "train", lambda preprocess: _decode(path, preprocess))

    labels = tuple(sorted({row["label"] for row in rows}))
    reverse = tuple(pair for pair in (("bend_down", "straighten_up"), *mannequin.PAIRS) if set(pair) <= set(labels))
    return ClipSet(folder.name, tuple(item(row) for row in rows), labels, reverse)


def _decode(path: Path, preprocess: Preprocess) -> NDArray[np.uint8]:
    film = video.probe(path)
    return prepare.shrink(video.read(film, range(film.frames)), preprocess, prepare.geometry(film, preprocess))


def keep_frames(items: Sequence[Item], preprocess: Preprocess, progress: Progress = no_progress) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Memory-mapped frames of every clip, resized as the model wants them, uint8 (T, h, w, 3); and what could not be read.

    A broken clip gives an array without frames and one line in the second list.
    """
    size = preprocess.resize if isinstance(preprocess.resize, int) else "x".join(map(str, preprocess.resize))
    folder = settings.cache() / "frames" / f"{size}{'' if preprocess.antialias else '-plain'}"
    folder.mkdir(parents=True, exist_ok=True)
    kept, broken = [], []
    for number, item in enumerate(items):
        file = folder / f"{item.key}.npy"
        try:
            if not file.is_file():
                partial = file.with_suffix(".partial.npy")
                np.save(partial, item.decode(preprocess))
                partial.replace(file)
            kept.append(np.load(file, mmap_mode="r"))
        except ClipError as error:
            broken.append(str(error))
            kept.append(np.zeros((0, 1, 1, 3), np.uint8))
        progress((number + 1) / len(items), f"frames of {item.key}")
    return kept, broken


class Windows(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """One model window per clip: float32 (3, T, H, W) normalised, and its class number.

    train: a random window, crop and scale jitter, drawn from (seed, epoch, clip), so a resumed run sees the same windows. crops "corner": the four
    corners and the centre at four scales (DAM §4.2); "near": anywhere in the middle square.
    Otherwise the middle window and the centre crop, the paper's single-view test. No mirroring: left and right are labels here.
    """

    def __init__(
        self,
        frames: Sequence[NDArray[np.uint8]],
        labels: Sequence[int],
        sampling: Sampling,
        preprocess: Preprocess,
        *,
        train: bool,
        crops: str = "corner",
        seed: int = 0,
    ) -> None:
        self.frames, self.labels = frames, labels
        self.sampling, self.preprocess, self.train, self.crops, self.seed, self.epoch = sampling, preprocess, train, crops, seed, 0

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        frames = self.frames[number]
        draw = np.random.default_rng((self.seed, self.epoch, number))
        index = self._window(len(frames), draw)
        pixels = self._crop(np.asarray(frames[index]), draw)
        mean, std = (np.asarray(v, np.float32) * 255 for v in (self.preprocess.mean, self.preprocess.std))
        return torch.from_numpy((pixels.astype(np.float32) - mean) / std).permute(3, 0, 1, 2), self.labels[number]

    def _window(self, count: int, draw: np.random.Generator) -> NDArray[np.int64]:
        room = max(count - (self.sampling.span or count), 0) if self.sampling.kind == "dense" else 0
        start = int(draw.integers(room + 1)) if self.train else room // 2
        film = Video(Path(), "", np.arange(count) / FPS, 0, 0, 0, "")
        return prepare.sample(film, self.sampling, start / FPS)[0]

    def _crop(self, frames: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
        height, width = frames.shape[1:3]
        crop = self.preprocess.crop
        if not self.train:
            top, left = round((height - crop[0]) / 2), round((width - crop[1]) / 2)
            return frames[:, top : top + crop[0], left : left + crop[1]]
        short = min(height, width)
        h, w = (round(short * draw.choice(CORNER if self.crops == "corner" else NEAR)) for _ in range(2))
        if self.crops == "corner":
            places = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w), ((height - h) // 2, (width - w) // 2)]
            top, left = places[int(draw.integers(5))]
        else:
            top, left = (height - short) // 2 + int(draw.integers(short - h + 1)), (width - short) // 2 + int(draw.integers(short - w + 1))
        return np.stack([cv2.resize(f, crop[::-1], interpolation=cv2.INTER_LINEAR) for f in frames[:, top : top + h, left : left + w]])
