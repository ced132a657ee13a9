"""Model windows of labelled clips, made in worker processes: which frames, which crop, as bytes; normalised on the model's device.

Small sets are decoded once, shrunk to the size that training needs, and kept as one uint8 array file per clip in the cache folder; the arrays are
memory-mapped, so worker processes share them. Of larger sets each window is decoded when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from actrec.core import files, settings
from actrec.core.clip import Preprocess, Sampling, Video
from actrec.core.errors import ClipError, Progress, no_progress
from actrec.core.trace import Inputs
from actrec.inputs import flow, pixels, sampling
from actrec.inputs.crops import CROPS_OF_ALL, Cut, drawn, fixed
from actrec.inputs.pose import Layout
from actrec.inputs.streams import Stream, View
from actrec.inputs.streams.difference import neighbours
from actrec.inputs.streams.rgb import Frames
from actrec.lab.sets.items import ClipSet, DataError, Item, Media
from actrec.lab.sets.skeletons import laid

MOST_KEPT = 20e9
"""Bytes of shrunk frames up to which a set's clips are kept."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows that belong together: frames uint8 (B, V, T, H, W, 3), V views of each clip; numbers: which of the windows' items they are.

    broken: one line for each clip of the batch that could not be read; it is in none of the others.  beside: what the streams have beside the frames,
    by name, (B, V, …) each; joints (B, V, T, R, 3) in input pixels, where any clip of the set has some.
    """

    frames: Tensor
    numbers: list[int]
    broken: list[str]
    beside: Mapping[str, Tensor] = field(default_factory=dict)


Beside = dict[str, NDArray[np.float32]]
Found = tuple[int, NDArray[np.uint8] | str, Beside]


class Windows(torch.utils.data.Dataset[Found]):
    """What the model is given of each clip.

    train: a random window (of a sampling in segments: a random frame of each) and crop, drawn from (seed, epoch, clip), so a resumed run sees
    the same windows. crops "corner": the four corners and the centre at four scales (DAM §4.2); "near": anywhere in the middle square; "random":
    anywhere, in the model's own scale; "none": the centre, in the model's own scale. flip: mirror every second clip; not where left and right are
    labels.
    Otherwise `views` = (windows, crops): (1, 1) is the middle window and the centre crop; n windows lie evenly over the clip; 3 crops are squares of
    the short side at both ends and the middle of the long one (DAM §4.2: 10 × 3 at 256, with windows drawn at random).
    kept: all frames of every clip, resized as the model wants them; None: decode what is needed.
    streams: what the model reads, in its order; frames alone if nothing is said. What they leave open, as the layout of joints, the items decide.

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
        streams: Sequence[Stream] = (),
    ) -> None:
        if views[1] not in (1, 3) or views[0] < 1:
            raise DataError(f"{views[0]} windows × {views[1]} crops are not possible; use 1 or more windows and 1 or 3 crops")
        if views[0] > 1 and sampling.kind != "dense":
            raise DataError(f"this model always reads {sampling}: there is one window, not {views[0]}")
        self.items, self.clips, self.sampling, self.preprocess = list(items), clips, sampling, preprocess
        self.train, self.crops, self.flip, self.views, self.seed, self.kept, self.epoch = train, crops, flip, views, seed, kept, 0
        self.streams = tuple(stream.settled(self.items) for stream in streams or (Frames(preprocess),))

    def __len__(self) -> int:
        return len(self.items)

    def targets(self, numbers: Sequence[int]) -> Tensor:
        """What the clips show: class numbers int64 (B), or for a multi-label set float32 (B, classes) of zeros and ones."""
        if not self.clips.multilabel:
            return torch.tensor([self.clips.labels.index(self.items[n].label) for n in numbers])
        return torch.tensor([[float(label in self.items[n].labels) for label in self.clips.labels] for n in numbers])

    def __getitem__(self, number: int) -> Found:
        """The item's number, its views (V, T, H, W, 3), or why it cannot be read, and what the streams have beside them, (V, …) each by name."""
        try:
            return number, *self._views(number)
        except (ClipError, DataError) as error:
            return number, self.items[number].media.line(error), {}

    def _views(self, number: int) -> tuple[NDArray[np.uint8], Beside]:
        media = self.items[number].media
        draw = np.random.default_rng((self.seed, self.epoch, number))
        table = media.table()
        first, last = media.span(table)
        part = Video(table.path, "", table.seconds[first:last] - table.seconds[first], table.width, table.height, 0, "")
        found, views = list[NDArray[np.uint8]](), list[View]()
        for start in self._starts(part, draw):
            index = self._scattered(part, draw) if self.train and self.sampling.kind == "segments" else self._sampled(part, start)
            frames = self._read(number, table, first, index)
            cuts = self._cuts(frames.shape[1:3], draw)
            found += [cut.pixels(frames) for cut in cuts]
            joints = cache(partial(self._joints, number, index, frames.shape[1:3]))  # read once for all cuts
            fields = cache(partial(flow.between, frames))
            around = cache(partial(self._around, number, table, first, index, part.frames))
            views += [View(index, frames.shape[1:3], cut, joints, fields, around) for cut in cuts]
        beside = {stream.name: own for stream in self.streams if (own := [share for view in views if (share := stream.view(view)) is not None])}
        return np.stack(found), {name: np.stack(own) for name, own in beside.items()}

    def _read(self, number: int, table: Video, first: int, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Frames of a clip, which begins at the video's frame `first`, as they are before they are cut."""
        if self.kept is not None:
            return np.asarray(self.kept[number][index])
        frames = self.items[number].media.read(table, index + first)
        if self.train and self.crops in CROPS_OF_ALL and isinstance(self.preprocess.resize, int):
            return frames
        return pixels.shrink(frames, self.preprocess, pixels.geometry(table, self.preprocess))

    def _around(self, number: int, table: Video, first: int, index: NDArray[np.int64], frames: int, count: int) -> NDArray[np.uint8]:
        """Each frame and so many behind it, of a clip of so many frames."""
        wanted = neighbours(index, count, frames)
        numbers, place = np.unique(wanted, return_inverse=True)
        return self._read(number, table, first, numbers)[place.reshape(wanted.shape)]

    def _cuts(self, size: tuple[int, int], draw: np.random.Generator) -> list[Cut]:
        if self.train:
            return [drawn(size, self.preprocess.crop, self.crops, self.flip, draw)]
        return fixed(size, self.preprocess.crop, self.views[1])

    def _joints(self, number: int, index: NDArray[np.int64], size: tuple[int, int], layout: Layout, people: int) -> NDArray[np.float32]:
        """The joints (people, T, R, 3) on these frames of an item, in the pixels of frames of that size (height, width)."""
        item = self.items[number]
        table = painted(item.media, self.preprocess) if self.kept is not None else item.media.table()
        values = laid(item, table, layout, people)
        return values[:, index] * np.array([size[1] / table.width, size[0] / table.height, 1], np.float32)

    def inputs(self, found: Batch, device: torch.device) -> Inputs:
        """All that the model is given of a batch of these windows, on its device, by the streams' names: (B · V, …) each."""
        frames = found.frames.to(device, non_blocking=True).flatten(0, 1)
        own = {name: values.to(device, non_blocking=True).flatten(0, 1) for name, values in found.beside.items()}
        return {stream.name: stream.batch(frames, own.get(stream.name)) for stream in self.streams}

    def _sampled(self, part: Video, start: int) -> NDArray[np.int64]:
        return sampling.sample(part, self.sampling, part.seconds[start])[0]

    def _scattered(self, part: Video, draw: np.random.Generator) -> NDArray[np.int64]:
        edges = np.arange(self.sampling.frames + 1) * part.frames // self.sampling.frames
        return draw.integers(edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)).clip(max=part.frames - 1)

    def _starts(self, part: Video, draw: np.random.Generator) -> list[int]:
        room = max(part.frames - sampling.span(part, self.sampling), 0)
        if self.train:
            return [int(draw.integers(room + 1))]
        count = self.views[0]
        return [room // 2] if count == 1 else [round(place) for place in np.linspace(0, room, count)]


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
    streams: Sequence[Stream] = (),
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
    windows = Windows(items, clips, sampling, preprocess, train=train, crops=crops, flip=flip, views=views, seed=seed, kept=kept, streams=streams)
    return windows, broken


def batches(windows: Windows, size: int, *, order: Sequence[int] | None = None, workers: int = 0, drop_last: bool = False) -> DataLoader[Any]:
    """The windows in batches (`Batch`), in the given order of numbers."""
    numbers = list(range(len(windows))) if order is None else list(order)
    if workers:
        cv2.setNumThreads(1)  # here, not in the workers: a thread pool does not live through a fork, and they would wait for it for ever
    return DataLoader(windows, size, sampler=numbers, num_workers=workers, drop_last=drop_last, collate_fn=_together)


def _together(found: list[Found]) -> Batch:
    good = [(number, views, beside) for number, views, beside in found if not isinstance(views, str)]
    frames = torch.from_numpy(np.stack([views for _, views, _ in good])) if good else torch.zeros(0, 0, 0, 0, 0, 3, dtype=torch.uint8)
    beside = {name: torch.from_numpy(np.stack([own[name] for _, _, own in good])) for name in (good[0][2] if good else ())}
    broken = [views for _, views, _ in found if isinstance(views, str)]
    return Batch(frames, [number for number, _, _ in good], broken, beside)


def _bytes(items: Sequence[Item], preprocess: Preprocess) -> float:
    """About how many bytes the clips' shrunk frames take, judged by twenty of them."""
    found = []
    for item in [items[i] for i in np.unique(np.linspace(0, len(items) - 1, 20).round().astype(int))]:
        try:
            table = item.media.table()
        except ClipError:
            continue
        first, last = item.media.span(table)
        height, width = pixels.geometry(table, preprocess).resized
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
                with files.whole(file) as part, part.open("wb") as opened:
                    np.save(opened, _all(item.media, preprocess))
            kept.append(np.load(file, mmap_mode="r"))
        except (ClipError, OSError) as error:
            broken.append(item.media.line(error))
            kept.append(np.zeros((0, 1, 1, 3), np.uint8))
        progress((number + 1) / len(items), f"frames of {item.media.path.name}")
    return kept, broken


def painted(media: Media, preprocess: Preprocess) -> Video:
    """The clip's frame table for frames that are kept: generated clips are painted at the size that is needed: sharper than shrinking, quicker."""
    table = media.table()
    if media.kind != "mannequin":
        return table
    height = preprocess.resize if isinstance(preprocess.resize, int) else preprocess.resize[0]
    return Video(table.path, "", table.seconds, round(height * 4 / 3), height, 0, "")


def _all(media: Media, preprocess: Preprocess) -> NDArray[np.uint8]:
    table = painted(media, preprocess)
    if media.kind == "mannequin" and isinstance(preprocess.resize, int):
        return media.read(table, range(table.frames))
    return pixels.shrink(media.read(table, range(*media.span(table))), preprocess, pixels.geometry(table, preprocess))
