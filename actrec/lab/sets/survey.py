"""What is in a set of clips, before it is used: counts, how even they are, who is in which split, what cannot be read."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from actrec.core.errors import ActrecError, ClipError, Progress, no_progress
from actrec.lab.sets import skeletons
from actrec.lab.sets.index import layouts
from actrec.lab.sets.items import ClipSet, DataError, Item

SAMPLE = 20
"""So many clips are opened if not all are asked for."""

_UNKNOWN = {"", "unknown"}


@dataclass(frozen=True)
class Split:
    """clips; classes that have any; least, median and most clips of a class, over all classes of the set; subjects (0: not known)."""

    clips: int
    classes: int
    least: int
    median: float
    most: int
    subjects: int


class Probed(NamedTuple):
    """seconds: how long a clip lasts.  error: why it cannot be used.  doubt: about its joints. "" where there is none."""

    seconds: float
    error: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Survey:
    """shared: subjects that are in both of two splits, by “train and test”.  opened: how many clips were; unreadable: a line for each that failed.

    doubtful: a line for each clip whose joints are probably not its own, or were measured in units that had to be guessed.
    hours: of all clips; estimated from those that were opened where not all were; None where nothing is known.
    """

    name: str
    layout: str
    line: str
    labels: tuple[str, ...]
    multilabel: bool
    pairs: tuple[tuple[str, str], ...]
    splits: Mapping[str, Split]
    kinds: Mapping[str, int]
    joints: int
    subject: str
    shared: Mapping[str, tuple[str, ...]]
    empty: tuple[str, ...]
    problems: tuple[str, ...]
    opened: int
    unreadable: tuple[str, ...]
    doubtful: tuple[str, ...]
    hours: float | None

    @property
    def clips(self) -> int:
        return sum(split.clips for split in self.splits.values())

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return asdict(self) | {"clips": self.clips}

    def lines(self) -> Iterator[str]:
        """The survey in words, for a terminal."""
        what = "labels, several to a clip" if self.multilabel else "classes"
        yield f"{self.name}: {self.clips} clips, {len(self.labels)} {what}; layout {self.layout} ({self.line})"
        for name, s in self.splits.items():
            who = f"; subjects: {s.subjects}" if s.subjects else ""
            yield f"  {name:6} {s.clips:7} clips; classes: {s.classes}, each {s.least} … {s.most} clips, median {s.median:g}{who}"
        yield (
            "  media: " + ", ".join(f"{count} {kind}" for kind, count in self.kinds.items()) + (f"; {self.joints} with joints" if self.joints else "")
        )
        if self.hours is not None:
            how_long = f"{self.hours:.1f} hours" if self.hours >= 1 else f"{self.hours * 60:.1f} minutes"
            yield f"  length: {'' if self.opened == self.clips else 'about '}{how_long}"
        if self.pairs:
            yield f"  reversed in time: {'; '.join(' / '.join(pair) for pair in self.pairs)}"
        for names, subjects in self.shared.items():
            of = f" ({self.subject})" if self.subject else ""
            example = ", ".join(subjects[:3])
            yield f"  warning: subjects{of} in both {names}: {len(subjects)}, such as {example}; such a test says little about new ones"
        if len(self.splits) > 1 and not any(split.subjects for split in self.splits.values()):
            yield "  no subjects are named, so whether the splits share people, scenes or videos cannot be seen here"
        if self.empty:
            yield f"  warning: classes without a clip: {len(self.empty)}, such as {', '.join(self.empty[:3])}"
        yield from _listed("missing or contradictory, and left out", self.problems)
        how = "all clips were opened" if self.opened == self.clips else f"{self.opened} clips were opened; --check opens all"
        yield from _listed(f"unreadable ({how})", self.unreadable)
        if self.joints:
            yield from _listed(f"joints doubtful, or in units that were guessed ({how})", self.doubtful)


def _listed(what: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"  {what}: {len(lines)}"
    yield from (f"    {line}" for line in lines[:10])
    if len(lines) > 10:
        yield f"    … and {len(lines) - 10} more"


def survey(clips: ClipSet, *, check: bool = False, workers: int | None = None, progress: Progress = no_progress) -> Survey:
    """What is in the set. check: open every clip, in worker processes (by default one a core, none for small sets); else a sample.

    Raises:
        DataError: a worker process died.
    """
    items = list(clips.items)
    chosen = items if check else [items[i] for i in np.unique(np.linspace(0, len(items) - 1, SAMPLE).round().astype(int))]
    if workers is None:
        workers = min(os.cpu_count() or 1, 8) if len(chosen) > 200 else 0
    found = _probed(chosen, workers, progress)
    lengths = [seconds for seconds, error, _ in found if not error]
    splits = {name: _split(clips, [item for item in items if item.split == name]) for name in dict.fromkeys(item.split for item in items)}
    layout = next((layout for layout in layouts().values() if clips.layout.startswith(layout.name)), None)
    taken = {label for item in items for label in item.labels}
    return Survey(
        clips.name,
        clips.layout,
        layout.line if layout else clips.layout,
        clips.labels,
        clips.multilabel,
        clips.pairs,
        splits,
        dict(Counter(item.media.kind for item in items)),
        sum(item.joints is not None for item in items),
        layout.subject if layout else "",
        _shared(items),
        tuple(label for label in clips.labels if label not in taken),
        clips.problems,
        len(chosen),
        tuple(error for _, error, _ in found if error),
        tuple(doubt for _, _, doubt in found if doubt),
        float(np.mean(lengths)) * len(items) / 3600 if lengths else None,
    )


def _split(clips: ClipSet, items: Sequence[Item]) -> Split:
    counts = Counter(label for item in items for label in item.labels)
    each = [counts[label] for label in clips.labels]
    subjects = len({item.subject for item in items} - _UNKNOWN)
    return Split(len(items), sum(count > 0 for count in each), min(each), float(np.median(each)), max(each), subjects)


def _shared(items: Sequence[Item]) -> dict[str, tuple[str, ...]]:
    who: dict[str, set[str]] = {}
    for item in items:
        who.setdefault(item.split, set()).update({item.subject} - _UNKNOWN)
    found = {f"{a} and {b}": tuple(sorted(who[a] & who[b])) for a, b in combinations(who, 2)}
    return {names: subjects for names, subjects in found.items() if subjects}


def _probed(items: Sequence[Item], workers: int, progress: Progress) -> list[Probed]:
    """Every item's, in order."""
    if not workers:
        found = []
        for number, item in enumerate(items, 1):
            found.append(probe(item))
            progress(number / len(items), f"opening {item.media.path.name}")
        return found
    # New processes, not forked ones: a fork takes over the locks of threads that it does not take over.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(probe, item): number for number, item in enumerate(items)}
        answers: dict[int, Probed] = {}
        try:
            for done in as_completed(waiting):
                answers[waiting[done]] = done.result()
                progress(len(answers) / len(items), f"opening {items[waiting[done]].media.path.name}")
        except BrokenProcessPool:
            left = next(item for number, item in enumerate(items) if number not in answers)
            raise DataError(
                f"a process that read clips died, perhaps at {left.media.path} or soon after; look at these files with --workers 0"
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [answers[number] for number in range(len(items))]


def probe(item: Item) -> Probed:
    """A clip opened: its frames are listed, its first, middle and last are read, and its joints, if it has any, are laid on them."""
    try:
        if item.media.kind == "skeleton":
            return Probed(len(item.skeleton().frames) / item.media.fps)
        table = item.media.table()
        if item.media.start >= table.duration:
            raise ClipError(
                f"{item.media.path} ends at second {table.duration:.2f}, before the clip begins ({item.media.start:.2f}); is it the right video?"
            )
        first, last = item.media.span(table)
        item.media.read(table, sorted({first, (first + last - 1) // 2, last - 1}))
        return Probed((last - first) * table.step, doubt=skeletons.doubts(item, table) if item.joints is not None else "")
    except (ActrecError, OSError) as error:
        return Probed(0.0, item.media.line(error))
