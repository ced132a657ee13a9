"""One evaluation: a model's scores on the clips of a split, as they lie in a folder.

about.json    what was run: model, weights, set, split, views, labels, what was broken, versions, the command
result.npz    keys, paths, kinds (n) text; fps, starts, ends (n) float64; scores (n, K) float32; truth (n) int64, or (n, K) uint8;
              of a model with several streams also "way rgb", "way mean" … (n, K) float32
summary.json, per_class.csv, clips.csv, report.html    made from these two
clips/        one small file per clip, so that a broken off run goes on and several processes can share the work
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actrec.core import files, settings
from actrec.core.errors import ActrecError, quoted
from actrec.core.words import few
from actrec.measure import accuracy
from actrec.measure.accuracy import Measures

if TYPE_CHECKING:
    from actrec.lab.sets import Media

ABOUT, RESULT = "about.json", "result.npz"

OWN, WAY = "logits", "way "
"""Names of what is kept of a clip: the network's own logits, and behind "way " those of each way to take its streams."""


class ResultError(ActrecError):
    """An evaluation that cannot be read, merged or compared."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of n clips in the set's order, the classes in the model's.

    scores float32 (n, K): the mean over the views of softmax, or for a multi-label set of sigmoid.  truth: int64 (n), or uint8 (n, K).
    paths: as the command gave them (of a generated clip action/seed).  starts, ends: seconds of the part of a video that is the clip.
    ways: of a model with several streams, the scores of each stream alone and of every way to fuse them, by name; one of these are `scores`.
    """

    folder: Path
    about: Mapping[str, Any]
    keys: tuple[str, ...]
    paths: tuple[str, ...]
    kinds: tuple[str, ...]
    fps: NDArray[np.float64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    scores: NDArray[np.float32]
    truth: NDArray[np.integer]
    ways: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def title(self) -> str:
        return str(self.about["title"])

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.about["labels"])

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple((str(a), str(b)) for a, b in self.about.get("pairs", ()))

    @property
    def multilabel(self) -> bool:
        return self.truth.ndim == 2

    @property
    def views(self) -> tuple[int, int]:
        """Windows and crops of each clip."""
        windows, crops = self.about["views"]
        return int(windows), int(crops)

    @property
    def broken(self) -> tuple[str, ...]:
        """A line for each clip that could not be read; it is in none of the numbers."""
        return tuple(map(str, self.about.get("broken", ())))

    @cached_property
    def media(self) -> tuple[Media, ...]:
        """Where each clip's pictures are."""
        from actrec.lab.sets import Media  # late: torch

        facts = zip(self.paths, self.kinds, self.fps, self.starts, self.ends, strict=True)
        return tuple(Media(Path(path), kind, float(fps), float(start), float(end)) for path, kind, fps, start, end in facts)  # type: ignore[arg-type]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What a reader knows each clip by: its path inside the set, and the seconds where it is a part of a video. The same on every machine."""
        files = [path for path, kind in zip(self.paths, self.kinds, strict=True) if kind != "mannequin"]
        alike = len({os.path.isabs(path) for path in files}) == 1
        root = os.path.commonpath([os.path.dirname(path) for path in files]) if alike else ""
        inside = set(files) if root else set()
        short = [Path(os.path.relpath(path, root) if path in inside else path).as_posix() for path in self.paths]
        parts = zip(short, self.starts, self.ends, strict=True)
        return tuple(name if start == 0 and np.isinf(end) else f"{name} {start:g}–{end:g} s" for name, start, end in parts)

    @property
    def answers(self) -> NDArray[np.int64]:
        """Each clip's highest-scored class (n)."""
        return np.argmax(self.scores, 1).astype(np.int64)

    @cached_property
    def counted(self) -> NDArray[np.int64]:
        """The clips' places in the confusion matrix: (clip, true class, column), int64 (m, 3); see `accuracy.counted`."""
        return accuracy.counted(self.scores, self.truth)

    def behind(self, row: int, column: int) -> NDArray[np.int64]:
        """Numbers of the clips that the confusion matrix counts in a cell, the surest answer first."""
        clips = self.counted[(self.counted[:, 1] == row) & (self.counted[:, 2] == column), 0]
        return clips[np.argsort(-self.scores[clips, column], kind="stable")]

    def true_labels(self, clip: int) -> tuple[str, ...]:
        """The classes of a clip by name."""
        numbers = np.flatnonzero(self.truth[clip]) if self.multilabel else [int(self.truth[clip])]
        return tuple(self.labels[k] for k in numbers)

    def top(self, clip: int, count: int = 5) -> list[tuple[str, float]]:
        """The clip's highest-scored classes with their scores."""
        order = np.argsort(-self.scores[clip], kind="stable")[:count]
        return [(self.labels[k], float(self.scores[clip, k])) for k in order]


def load(folder: Path) -> Evaluation:
    """The evaluation in a folder.

    Raises:
        ResultError: no finished evaluation there, or files that contradict each other.
    """
    folder = Path(folder)
    if not (folder / ABOUT).is_file():
        raise ResultError(f"{folder} holds no evaluation (no {ABOUT}); make one with: python -m actrec evaluate --model … --data …")
    if not (folder / RESULT).is_file():
        raise ResultError(f"the evaluation in {folder} is not finished (no {RESULT}); run its command again to continue it")
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        with np.load(folder / RESULT) as kept:
            keys, paths, kinds = (tuple(map(str, kept[name])) for name in ("keys", "paths", "kinds"))
            fps, starts, ends = (np.asarray(kept[name], np.float64) for name in ("fps", "starts", "ends"))
            ways = {name.removeprefix(WAY): np.asarray(kept[name], np.float32) for name in kept.files if name.startswith(WAY)}
            found = Evaluation(folder, about, keys, paths, kinds, fps, starts, ends, np.asarray(kept["scores"], np.float32), kept["truth"], ways)
        _check(found)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ResultError(f"the evaluation in {folder} cannot be read ({quoted(error)}); evaluate again, with another --name") from None
    return found


def _check(found: Evaluation) -> None:
    count, classes = len(found.keys), len(found.labels)
    wanted = (count, classes) if found.about["multilabel"] else (count,)
    lengths = {len(v) for v in (found.paths, found.kinds, found.fps, found.starts, found.ends)}
    if any(scores.shape != (count, classes) for scores in (found.scores, *found.ways.values())) or found.truth.shape != wanted or lengths != {count}:
        raise ValueError(f"scores {found.scores.shape} and truth {found.truth.shape} for {count} clips of {classes} classes")
    if count and not found.multilabel and not 0 <= int(found.truth.min()) <= int(found.truth.max()) < classes:
        raise ValueError(f"a true class outside the {classes} labels")
    if len({name for name in found.labels if isinstance(name, str)}) != classes:
        raise ValueError(f"its {classes} labels are not {classes} different names")
    strange = {name for pair in found.pairs for name in pair} - set(found.labels)
    if strange:
        raise ValueError(f"pairs with {few([repr(name) for name in sorted(strange)])}, which is not one of the {classes} labels")
    _ = (found.title, found.views)


def found() -> dict[str, Path]:
    """Folders of the finished evaluations by name: those that ship, then the reader's own, which win where a name is taken twice."""
    here: dict[str, Path] = {}
    for root in (settings.assets() / "results", settings.results()):
        here |= {folder.name: folder for folder in files.inside(root) if not any(files.odd(folder / name) for name in (RESULT, ABOUT))}
    return here


def open_result(name: str) -> Evaluation:
    """The evaluation of that name, or in that folder.

    Raises:
        ResultError: there is none, or it cannot be read.
    """
    known = found()
    if name in known:
        return load(known[name])
    if os.path.isdir(name):  # unlike `Path.is_dir` it bears any text
        return load(Path(name))
    raise ResultError(f"no evaluation {name!r}; there are {few(list(known), 8) or 'none yet'}; or give its folder")


def measure(evaluation: Evaluation) -> Measures:
    """Everything counted."""
    return accuracy.measure(evaluation.labels, evaluation.scores, evaluation.truth, evaluation.pairs)
