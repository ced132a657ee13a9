"""Model windows of labelled clips, made in worker processes: which frames, which crop, as bytes; normalised on the model's device.

Small sets are decoded once, shrunk to the size that training needs, and kept as one uint8 array file per clip in the cache folder; the arrays are
memory-mapped, so worker processes share them. Of larger sets each window is decoded when it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from actrec import prepare, settings
from actrec.data.items import ClipSet, DataError, Item, Media
from actrec.types import ClipError, Preprocess, Progress, Sampling, Video, no_progress

CORNER = (1.0, 0.875, 0.75, 0.66)
"""Scale jitter of the temporal-segment networks' recipe, which DAM §4.2 names: the crop's side as a share of the short side."""
NEAR = (1.0, 0.94, 0.875)
"""Our milder jitter for pictures whose actor is small and near the middle: corner crops would cut the action off."""

MOST_KEPT = 20e9
"""Bytes of shrunk frames up to which a set's clips are kept."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows that belong together: frames uint8 (B, V, T, H, W, 3), V views of each clip; numbers: which of the windows' items they are.

    broken: one line for each clip of the batch that could not be read; it is in neither of the others.
    """

    frames: Tensor
    numbers: list[int]
    broken: list[str]


class Windows(torch.utils.data.Dataset[tuple[int, NDArray[np.uint8] | str]]):
    """What the model is given of each clip.

    train: a random window (of a sampling in segments: a random frame of each) and crop, drawn from (seed, epoch, clip), so a resumed run sees
    the same windows. crops "corner": the four corners and the centre at four scales (DAM §4.2); "near": anywhere in the middle square; "random":
    anywhere, in the model's own scale; "none": the centre, in the model's own scale. flip: mirror every second clip; not where left and right are
    labels.
    Otherwise `views` = (windows, crops): (1, 1) is the middle window and the centre crop; n windows lie evenly over the clip; 3 crops are squares of
    the short side at both ends and the middle of the long one (DAM §4.2: 10 × 3 at 256).
    kept: all frames of every clip, resized as the model wants them; None: decode what is needed.

    Raises:
        DataError: views that the model's sampling does not have.
    """

    def __init__(
        self,
        items: Sequence[Item],
        clips: ClipSet,
        sampling: Sampling,
        preprocess: Preprocess,
        *,
        train: bool,
        crops: str = "corner",
        flip: bool = False,
        views: tuple[int, int] = (1, 1),
        seed: int = 0,
        kept: Sequence[NDArray[np.uint8]] | None = None,
    ) -> None:
        if views[1] not in (1, 3) or views[0] < 1:
            raise DataError(f"{views[0]} windows × {views[1]} crops cannot be tested; take 1 or more windows and 1 or 3 crops")
        if views[0] > 1 and sampling.kind != "dense":
            raise DataError(f"this model always reads {sampling}: there is one window, not {views[0]}")
        self.items, self.clips, self.sampling, self.preprocess = list(items), clips, sampling, preprocess
        self.train, self.crops, self.flip, self.views, self.seed, self.kept, self.epoch = train, crops, flip, views, seed, kept, 0

    def __len__(self) -> int:
        return len(self.items)

    def targets(self, numbers: Sequence[int]) -> Tensor:
        """What the clips show: class numbers int64 (B), or for a multi-label set float32 (B, classes) of zeros and ones."""
        if not self.clips.multilabel:
            return torch.tensor([self.clips.labels.index(self.items[n].label) for n in numbers])
        return torch.tensor([[float(label in self.items[n].labels) for label in self.clips.labels] for n in numbers])

    def __getitem__(self, number: int) -> tuple[int, NDArray[np.uint8] | str]:
        """The item's number and its views (V, T, H, W, 3), or why it cannot be read."""
        try:
            return number, self._views(number)
        except ClipError as error:
            return number, self.items[number].media.line(error)

    def _views(self, number: int) -> NDArray[np.uint8]:
        media = self.items[number].media
        draw = np.random.default_rng((self.seed, self.epoch, number))
        table = media.table()
        first, last = media.span(table)
        part = Video(table.path, "", table.seconds[first:last] - table.seconds[first], table.width, table.height, 0, "")
        found = []
        for start in self._starts(part, draw):
            index = self._scattered(part, draw) if self.train and self.sampling.kind == "segments" else self._sampled(part, start)
            if self.kept is not None:
                frames = np.asarray(self.kept[number][index])
            else:
                frames = media.read(table, index + first)
                if not (self.train and self.crops in ("corner", "near") and isinstance(self.preprocess.resize, int)):
                    frames = prepare.shrink(frames, self.preprocess, prepare.geometry(table, self.preprocess))
            found += [self._jittered(frames, draw)] if self.train else self._crops(frames)
        return np.stack(found)

    def _sampled(self, part: Video, start: int) -> NDArray[np.int64]:
        return prepare.sample(part, self.sampling, part.seconds[start])[0]

    def _scattered(self, part: Video, draw: np.random.Generator) -> NDArray[np.int64]:
        edges = np.arange(self.sampling.frames + 1) * part.frames // self.sampling.frames
        return draw.integers(edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)).clip(max=part.frames - 1)

    def _starts(self, part: Video, draw: np.random.Generator) -> list[int]:
        room = max(part.frames - prepare.span(part, self.sampling), 0)
        if self.train:
            return [int(draw.integers(room + 1))]
        count = self.views[0]
        return [room // 2] if count == 1 else [round(place) for place in np.linspace(0, room, count)]

    def _crops(self, frames: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        height, width = frames.shape[1:3]
        if self.views[1] == 1:
            crop = self.preprocess.crop
            places = [(round((height - crop[0]) / 2), round((width - crop[1]) / 2))]
        else:
            short = min(height, width)
            crop = (short, short)
            places = [((height - short) * step // 2, (width - short) * step // 2) for step in range(3)]
        return [frames[:, top : top + crop[0], left : left + crop[1]] for top, left in places]

    def _jittered(self, frames: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
        height, width = frames.shape[1:3]
        crop, short = self.preprocess.crop, min(height, width)
        if self.crops in ("random", "none"):
            h, w = min(crop[0], height), min(crop[1], width)
        else:
            h, w = (round(short * draw.choice(CORNER if self.crops == "corner" else NEAR)) for _ in range(2))
        middle = ((height - h) // 2, (width - w) // 2)
        if self.crops == "corner":
            places = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w), middle]
            top, left = places[int(draw.integers(5))]
        elif self.crops == "near":
            top, left = (height - short) // 2 + int(draw.integers(short - h + 1)), (width - short) // 2 + int(draw.integers(short - w + 1))
        else:
            top, left = (int(draw.integers(height - h + 1)), int(draw.integers(width - w + 1))) if self.crops == "random" else middle
        frames = frames[:, top : top + h, left : left + w]
        if self.flip and draw.random() < 0.5:
            frames = frames[:, :, ::-1]
        how = cv2.INTER_AREA if min(h / crop[0], w / crop[1]) > 1.5 else cv2.INTER_LINEAR  # frames not shrunk before would alias
        return np.stack([cv2.resize(np.ascontiguousarray(f), crop[::-1], interpolation=how) for f in frames])


def open_windows(
    items: Sequence[Item],
    clips: ClipSet,
    sampling: Sampling,
    preprocess: Preprocess,
    *,
    train: bool,
    crops: str = "corner",
    flip: bool = False,
    views: tuple[int, int] = (1, 1),
    seed: int = 0,
    keep: bool | None = None,
    progress: Progress = no_progress,
) -> tuple[Windows, list[str]]:
    """The clips' windows; and a line for each clip that could not be read and is left out, as far as that is known before it is needed.

    keep: decode every clip once and keep it; None: if the set is small enough (MOST_KEPT).
    """
    if keep is None:
        keep = _bytes(items, preprocess) <= MOST_KEPT
    kept: list[NDArray[np.uint8]] | None = None
    broken: list[str] = []
    if keep:
        kept, broken = _keep(items, preprocess, progress)
        items = [item for item, frames in zip(items, kept, strict=True) if len(frames)]
        kept = [frames for frames in kept if len(frames)]
    windows = Windows(items, clips, sampling, preprocess, train=train, crops=crops, flip=flip, views=views, seed=seed, kept=kept)
    return windows, broken


def batches(windows: Windows, size: int, *, order: Sequence[int] | None = None, workers: int = 0, drop_last: bool = False) -> DataLoader[Any]:
    """The windows in batches (`Batch`), in the given order of numbers."""
    numbers = list(range(len(windows))) if order is None else list(order)
    return DataLoader(
        windows, size, sampler=numbers, num_workers=workers, drop_last=drop_last, collate_fn=_together, worker_init_fn=_alone if workers else None
    )


def to_input(frames: Tensor, preprocess: Preprocess) -> Tensor:
    """Model input float32 (B · V, 3, T, H, W) of a batch's frames, on their device: scaled and normalised; channels last in memory."""
    mean, std = (torch.tensor(v, device=frames.device) * 255 for v in (preprocess.mean, preprocess.std))
    return ((frames.flatten(0, 1).float() - mean) / std).permute(0, 4, 1, 2, 3)


def _together(found: list[tuple[int, NDArray[np.uint8] | str]]) -> Batch:
    good = [(number, views) for number, views in found if not isinstance(views, str)]
    frames = torch.from_numpy(np.stack([views for _, views in good])) if good else torch.zeros(0, 0, 0, 0, 0, 3, dtype=torch.uint8)
    return Batch(frames, [number for number, _ in good], [views for _, views in found if isinstance(views, str)])


def _alone(_: int) -> None:
    """Workers are many: each takes one thread."""
    cv2.setNumThreads(1)


def _bytes(items: Sequence[Item], preprocess: Preprocess) -> float:
    """About how many bytes the clips' shrunk frames take, judged by twenty of them."""
    found = []
    for item in [items[i] for i in np.unique(np.linspace(0, len(items) - 1, 20).round().astype(int))]:
        try:
            table = item.media.table()
        except ClipError:
            continue
        first, last = item.media.span(table)
        height, width = prepare.geometry(table, preprocess).resized
        found.append(3.0 * (last - first) * height * width)
    return float(np.mean(found)) * len(items) if found else 0.0


def _keep(items: Sequence[Item], preprocess: Preprocess, progress: Progress) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Memory-mapped frames of every clip, resized, uint8 (T, h, w, 3), none for a broken clip; and a line for each of those."""
    size = preprocess.resize if isinstance(preprocess.resize, int) else "x".join(map(str, preprocess.resize))
    folder = settings.cache() / "frames" / f"{size}{'' if preprocess.antialias else '-plain'}"
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[NDArray[np.uint8]] = []
    broken: list[str] = []
    for number, item in enumerate(items):
        try:
            file = folder / f"{item.media.key}.npy"
            if not file.is_file():
                partial = file.with_suffix(".partial.npy")
                np.save(partial, _all(item.media, preprocess))
                partial.replace(file)
            kept.append(np.load(file, mmap_mode="r"))
        except (ClipError, OSError) as error:
            broken.append(item.media.line(error))
            kept.append(np.zeros((0, 1, 1, 3), np.uint8))
        progress((number + 1) / len(items), f"frames of {item.media.path.name}")
    return kept, broken


def _all(media: Media, preprocess: Preprocess) -> NDArray[np.uint8]:
    table = media.table()
    if media.kind == "mannequin":  # painted at the size that is needed: sharper than shrinking, and quicker
        height = preprocess.resize if isinstance(preprocess.resize, int) else preprocess.resize[0]
        table = Video(table.path, "", table.seconds, round(height * 4 / 3), height, 0, "")
        if isinstance(preprocess.resize, int):
            return media.read(table, range(table.frames))
    return prepare.shrink(media.read(table, range(*media.span(table))), preprocess, prepare.geometry(table, preprocess))
