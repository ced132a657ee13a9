"""An evaluation clip by clip, in a folder that can be gone on with and shared by processes.

Its numbers are the same to the bit however the clips are shared out, because nothing but the clip and the model enters a clip's forward pass:

* a clip's views go through the model by themselves: on a CPU, the logits of a clip change in their last bits with the number of clips beside it;
* each pass runs in one thread, and several clips side by side: the bits also change with the number of threads that share a pass.

Torch's own kernels differ between kinds of processor and between versions, so that holds for one kind of machine.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from actrec import __version__, catalogue
from actrec.core import devices
from actrec.core.abilities import Fuses
from actrec.core.card import Card
from actrec.core.clip import Preprocess
from actrec.core.errors import ActrecError
from actrec.core.trace import Inputs
from actrec.inputs import streams
from actrec.lab import sets
from actrec.lab.evaluate.scores import absent, open_items
from actrec.lab.results import Evaluation, ResultError, folder, report
from actrec.lab.results.evaluation import OWN, WAY
from actrec.lab.sets import ClipSet, Item


@dataclass(frozen=True)
class Trial:
    """What is evaluated.

    name, source, command: the model, the set and all of it, as the reader wrote them.  sha256: of the weights.  clips: of the model's classes.
    views: windows and crops of each clip.  batch: how many views go through the model together; only views of the same clip do.
    """

    name: str
    card: Card
    sha256: str
    clips: ClipSet
    split: str
    views: tuple[int, int] = (1, 1)
    batch: int = 4
    source: str = ""
    command: str = ""

    @property
    def items(self) -> list[Item]:
        return self.clips.split(self.split)

    def about(self) -> dict[str, Any]:
        """What about.json says; what the run finds out comes later."""
        return {
            "model": self.name,
            "title": self.card.title,
            "weights_sha256": self.sha256,
            "reads": "; ".join([str(self.card.sampling), _read_as(self.card.preprocess), *self._streams()]),
            "data": self.source,
            "set": self.clips.name,
            "split": self.split,
            "views": list(self.views),
            "batch": self.batch,
            "labels": list(self.clips.labels),
            "pairs": [list(pair) for pair in self.clips.pairs],
            "multilabel": self.clips.multilabel,
            "clips": len(self.items),
            "broken": [],
            "problems": [*self.clips.problems, *filter(None, [absent(self.card, self.clips, self.items)])],
            "command": self.command,
            "versions": {"actrec": __version__, "torch": torch.__version__},
        }

    def _streams(self) -> list[str]:
        """What is to be known of the streams beside the frames."""
        return [line for stream in streams.of(self.card) if (line := stream.told(self.items))]


def share() -> tuple[int, int]:
    """Which process this is, and of how many, as torchrun says (RANK, WORLD_SIZE); (0, 1) without it.

    Raises:
        ActrecError: numbers that cannot be.
    """
    rank, world = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and world.isdecimal() and int(rank) < int(world)):
        raise ActrecError(f"RANK={rank!r} of WORLD_SIZE={world!r} is not possible; start the processes with torchrun, or unset both")
    return int(rank), int(world)


def run(trial: Trial, model: nn.Module, where: Path, *, workers: int = 0, part: tuple[int, int] = (0, 1)) -> Evaluation | None:
    """Evaluate every rank-th of the clips (part: rank and processes) that has no scores yet, then merge; None if other processes still have clips.

    A clip that cannot be read is reported, counted, and tried again by the next run.

    Raises:
        ActrecError: a folder with another evaluation, views that the model cannot take, or no clip that can be read.
    """
    rank, world = part
    items = trial.items
    _must_take(trial.card, trial.views)
    if lacking := absent(trial.card, trial.clips, items):
        print(lacking, file=sys.stderr)
    folder.start(where, trial.about())
    todo = [item for item in items[rank::world] if not folder.done(where, item)]
    for item in todo:
        folder.forget(where, item)
    if todo:
        # Generated clips are painted at the size that is kept, and at another size if not: decided here, not by how many clips are this process's.
        keep = True if todo[0].media.kind == "mannequin" else None
        windows, broken = open_items(trial.card, trial.clips, todo, trial.split, train=False, views=trial.views, keep=keep)
        opened_here = set(map(id, windows.items))
        for item, why in zip([item for item in todo if id(item) not in opened_here], broken, strict=True):
            _leave_out(where, item, why)
        with tqdm(total=len(windows), desc=f"{trial.split}, {rank + 1} of {world}", unit="clip", disable=None, position=rank) as bar:
            for number, found in logits(model, windows, trial.batch, workers):
                item = windows.items[number]
                if isinstance(found, str):
                    _leave_out(where, item, found)
                else:
                    folder.keep_clip(where, item, found)
                bar.update()
    return merge(trial, where) if not folder.missing(where, items) else None


def merge(trial: Trial, where: Path) -> Evaluation:
    """One evaluation of all clips' files.

    Raises:
        ResultError: there are clips without one, or the folder holds another evaluation.
    """
    if folder.differs(where, trial.about()) or not where.is_dir():
        raise ResultError(f"{where} holds no clips of this evaluation ({folder.differs(where, trial.about()) or 'no such folder'}); run it first")
    return folder.merge(where, trial.about(), trial.items, trial.clips, report.html)


def logits(model: nn.Module, windows: sets.Windows, batch: int, workers: int = 0) -> Iterator[tuple[int, folder.Logits | str]]:
    """For each of the windows' items, in order, its number and the logits of its views (V, K), or why it cannot be read.

    Of a model with several streams also the logits of every way to take them (`Fuses.ways`).

    On a CPU as many clips go side by side as torch has threads, one thread each; elsewhere one by one.
    """
    device = next(model.parameters()).device
    model.eval()
    before = torch.get_num_threads()
    abreast = before if device.type == "cpu" else 1
    waiting: deque[tuple[int, Future[folder.Logits]]] = deque()
    try:
        with ThreadPoolExecutor(abreast, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for number, found in enumerate(sets.batches(windows, 1, workers=workers)):
                if found.broken:
                    yield number, found.broken[0]
                    continue
                waiting.append((number, pool.submit(_forward, model, found, windows, batch, device)))
                if len(waiting) > 2 * abreast:
                    done, answer = waiting.popleft()
                    yield done, answer.result()
            while waiting:
                done, answer = waiting.popleft()
                yield done, answer.result()
    finally:
        torch.set_num_threads(before)


def _forward(model: nn.Module, clip: sets.Batch, windows: sets.Windows, batch: int, device: torch.device) -> folder.Logits:
    """The logits (V, K) of one clip's views (1, V, T, H, W, 3), of every way to take them."""
    try:
        with torch.no_grad(), devices.turn(device):
            parts = [_said(model, windows.inputs(part, device)) for part in _parts(clip, batch)]
    except torch.OutOfMemoryError:
        raise ActrecError(f"{batch} views at a time do not fit into the device's memory; use a smaller --batch") from None
    found = {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}
    if not all(np.isfinite(each).all() for each in found.values()):
        raise ActrecError("the model's logits are not finite; its weights are damaged, or training diverged")
    return found


def _said(model: nn.Module, inputs: Inputs) -> dict[str, Tensor]:
    """The network's logits, and of one with several streams those of every way, from one pass."""
    if not isinstance(model, Fuses):
        return {OWN: model(*inputs.values()).float().cpu()}
    ways = {name: logits.float().cpu() for name, logits in model.ways(model.alone(*inputs.values())).items()}
    return {OWN: ways[model.fusion]} | {f"{WAY}{name}": logits for name, logits in ways.items()}


def _parts(clip: sets.Batch, size: int) -> Iterator[sets.Batch]:
    """One clip's views, so many at a time, each as a clip of one view."""
    for first in range(0, clip.frames.shape[1], size):
        some = slice(first, first + size)
        yield sets.Batch(clip.frames[0, some].unsqueeze(1), [], [], {name: own[0, some].unsqueeze(1) for name, own in clip.beside.items()})


def _leave_out(where: Path, item: Item, why: str) -> None:
    print(f"left out: {why}", file=sys.stderr)
    folder.keep_broken(where, item, why)


def _must_take(card: Card, views: tuple[int, int]) -> None:
    """Three crops are squares of the whole short side: not every model takes another size than it was made for."""
    if views[1] == 1:
        return
    resize = card.preprocess.resize
    side = resize if isinstance(resize, int) else min(resize)
    try:
        with torch.no_grad():
            catalogue.without_numbers(card)(*streams.blanks(card, 1, card.sampling.frames, (side, side), "meta").values())
    except (RuntimeError, ValueError, AssertionError, TypeError):
        height, width = card.preprocess.crop
        raise ActrecError(
            f"{card.title} reads only frames of {height} × {width}, but three crops are {side} × {side}; use --views {views[0]}x1"
        ) from None


def _read_as(preprocess: Preprocess) -> str:
    return f"short side {preprocess.resize}, crop {preprocess.crop}, mean {preprocess.mean}, std {preprocess.std}, antialias {preprocess.antialias}"
