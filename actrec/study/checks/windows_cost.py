"""What attention in windows saves, for this very clip: tokens, pairs, FLOPs and seconds, against attention without windows.

Pairs are counted from the queries and keys that passed the taps, and FLOPs are what torch's counter adds up in a whole forward pass. For the full
attention the network is built a second time with windows as long as everything, filled with the same weights, and run on the same input; the two take
turns, and medians are given. A token in two windows passes their linear layers twice, which takes back part of what fewer pairs save. The paper
writes O(T²R²) against O(T²·wnd²) and O(T²D_n²) against O(wnd²·D_n²); here stand this clip's own numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

import torch
from torch import nn

from actrec import catalogue
from actrec.core import trace as traces
from actrec.core.card import Card
from actrec.core.clip import Clip
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.question import Question
from actrec.core.trace import Seen, Tap, Trace
from actrec.core.words import percent
from actrec.study import asking
from actrec.study.asking import Asked
from actrec.study.checks import Check
from actrec.study.loading import Loaded

REPEATS = 3


@dataclass(frozen=True)
class Row:
    """One kind of attention in one block: windows and tokens in each, pairs of tokens it relates, and the same for one window over everything."""

    name: str
    windows: int
    tokens: int
    pairs: int
    full_tokens: int
    full_pairs: int


@dataclass(frozen=True)
class Cost:
    """Two forward passes of one clip: with windows, as the model is, and without. GFLOPs are multiply–accumulates / 1e9."""

    rows: tuple[Row, ...]
    gflops: float
    full_gflops: float
    seconds: float
    full_seconds: float
    probability: float
    full_probability: float
    label: str
    device: str

    @property
    def verdict(self) -> str:
        """One sentence: what the windows save here."""
        pairs, full = sum(row.pairs for row in self.rows), sum(row.full_pairs for row in self.rows)
        if not pairs:
            return "This model has no attention in windows: there is nothing to save."
        speed = self.full_seconds / self.seconds
        faster = f"{speed:.2f} times as fast" if speed > 1.05 else "not measurably faster" if speed > 0.95 else f"slower ({speed:.2f} ×)"
        return (
            f"Windows relate {pairs:,} pairs of tokens instead of {full:,} ({percent(pairs / full, 0)}); the whole pass takes"
            f" {self.gflops:.2f} GFLOPs instead of {self.full_gflops:.2f} and is {faster} on this {self.device}."
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}


def cost(question: Question, progress: Progress = no_progress) -> Cost:
    """Count and measure the question's model on its clip, with windows and without.

    Raises:
        QuestionError: a model that has no attention in windows.  ActrecError: as `study.answer`.
    """
    asked = asking.asked(question, progress)
    found = traces.taps(asked.loaded.model)
    if reason := lacks(asked.card, found):
        raise QuestionError(reason)
    layers = windowed(found)
    full = replace(asked, loaded=replace(asked.loaded, model=_twin(asked.loaded)))
    watch = [f"{layer}.attend.{name}" for layer in layers for name in ("q", "k")]
    with asked.turn():
        strided, whole = (_Run(one, *_counted(one, watch)) for one in (asked, full))
        for turn in range(REPEATS):
            for which, one in enumerate((strided, whole)):
                progress((2 * turn + which) / (2 * REPEATS), "measuring with windows" if not which else "measuring without windows")
                one.spent.append(_seconds(one.asked))
    target = asked.target(strided.trace.logits)
    return Cost(
        tuple(_row(layer, kind, strided.trace.seen, whole.trace.seen) for layer, kind in layers.items()),
        strided.gflops,
        whole.gflops,
        median(strided.spent),
        median(whole.spent),
        target.score(strided.trace.logits)[0],
        target.score(whole.trace.logits)[0],
        target.name,
        asked.loaded.device.type,
    )


def windowed(taps: Mapping[str, Tap]) -> dict[str, str]:
    """The layers that attend in windows, each with the name of its kind of attention, as their taps say."""
    return {name.rpartition(".")[0]: tap.about["attention"] for name, tap in taps.items() if tap.about.get("role") == "windows"}


def lacks(card: Card, taps: Mapping[str, Tap], clip: Clip | None = None) -> str:
    """Why there are no windows to be measured."""
    if windowed(taps) and catalogue.without_windows(card) is not None:
        return ""
    return f"{card.title} has no attention in windows; choose a deformable transformer"


@dataclass
class _Run:
    """A network's watched pass, its cost, and the seconds of the passes that were timed."""

    asked: Asked
    trace: Trace
    gflops: float
    spent: list[float] = field(default_factory=list)


def _counted(asked: Asked, watch: Sequence[str]) -> tuple[Trace, float]:
    from torch.utils.flop_counter import FlopCounterMode  # brings triton, 0.3 s

    with FlopCounterMode(display=False) as counter:
        seen = asked.run(watch)
    return seen, counter.get_total_flops() / 2e9


def _twin(loaded: Loaded) -> nn.Module:
    """The same network without windows; windows have no weights, so the state is the same."""
    card = catalogue.without_windows(loaded.card)
    assert card is not None
    network = catalogue.build(card)
    network.load_state_dict(loaded.model.state_dict())
    return network.to(loaded.device).eval().requires_grad_(False)


def _row(layer: str, kind: str, strided: Mapping[str, Seen], full: Mapping[str, Seen]) -> Row:
    windows, tokens, read = (strided[f"{layer}.attend.{name}"].tensor.shape[axis] for name, axis in (("q", 0), ("q", 2), ("k", 2)))
    full_tokens, full_read = (full[f"{layer}.attend.{name}"].tensor.shape[2] for name in ("q", "k"))
    return Row(f"block {int(layer.split('.')[1]) + 1}, {kind}", windows, tokens, windows * tokens * read, full_tokens, full_tokens * full_read)


def _seconds(asked: Asked) -> float:
    begin = time.perf_counter()
    with torch.no_grad():
        float(asked.loaded.model(*asked.inputs.values())[0, 0])  # waits for the device
    return time.perf_counter() - begin


CHECK = Check(
    "windows-cost",
    "What do the windows save?",
    "Pairs of tokens, FLOPs and seconds of attention in windows, against one window over everything.",
    "Count and measure it on this clip",
    lacks,
    cost,
    passes=2 * (1 + REPEATS),
)
