"""What attention in windows saves, for this very clip: tokens, pairs, FLOPs and seconds, against attention without windows.

Pairs are counted from the queries and keys that passed the taps, and FLOPs are what torch's counter adds up in a whole forward pass. For the full
attention the network is built a second time with windows as long as everything, filled with the same weights, and run on the same input; the two take
turns, and medians are given. A token in two windows passes their linear layers twice, which takes back part of what fewer pairs save. The paper
writes O(T²R²) against O(T²·wnd²) and O(T²D_n²) against O(wnd²·D_n²); here stand this clip's own numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from actrec import catalogue, study
from actrec.core import devices, trace
from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.inputs import pose

WITHOUT_WINDOWS = {"joint_window": 1_000_000, "joint_stride": 0, "temporal_window": 1_000_000, "temporal_stride": 0}
"""Arguments that make every window as long as there are joints and frames."""

KINDS = {"joint": "joint stride attention", "temporal": "temporal stride attention"}
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
            return "This model attends in no windows: there is nothing to save."
        speed = self.full_seconds / self.seconds
        faster = f"{speed:.2f} times as fast" if speed > 1.05 else "no faster than measuring can tell" if speed > 0.95 else f"slower ({speed:.2f} ×)"
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
    film, loaded = study.open_clip(question.clip), study.load(question.model, progress)
    names = trace.taps(loaded.model)
    layers = [name.removesuffix(".attend.q") for name in names if name.endswith((".joint.attend.q", ".temporal.attend.q"))]
    if not layers:
        raise QuestionError(f"{loaded.card.title} has no attention in windows; choose a deformable transformer")
    given = pose.given(question.joints, film, loaded.card, question.hide)
    clip, geometry, inputs = study.window(loaded, film, question.start, given.joints)
    full = _twin(loaded)
    watch = [f"{layer}.attend.{name}" for layer in layers for name in ("q", "k")]
    runs: list[tuple[nn.Module, trace.Trace, float, list[float]]] = []
    with devices.turn(loaded.device):
        for network in (loaded.model, full):
            with FlopCounterMode(display=False) as counter:
                seen = trace.run(network, inputs, clip, geometry, watch=watch)
            runs.append((network, seen, counter.get_total_flops() / 2e9, []))
        for turn in range(REPEATS):
            for which, (network, _, _, spent) in enumerate(runs):
                progress((2 * turn + which) / (2 * REPEATS), "measuring with windows" if not which else "measuring without windows")
                spent.append(_seconds(network, inputs))
    strided, whole = runs
    first = study.predictions_of(loaded.card, strided[1].logits)
    label, _ = study.classes(question, first)
    rows = tuple(_row(layer, strided[1].seen, whole[1].seen) for layer in layers)
    return Cost(
        rows,
        strided[2],
        whole[2],
        median(strided[3]),
        median(whole[3]),
        float(first.probabilities[label]),
        float(study.predictions_of(loaded.card, whole[1].logits).probabilities[label]),
        loaded.card.labels[label],
        loaded.device.type,
    )


def _twin(loaded: study.Loaded) -> nn.Module:
    """The same network without windows; windows have no weights, so the state is the same."""
    network = catalogue.build(replace(loaded.card, arguments={**loaded.card.arguments, **WITHOUT_WINDOWS}))
    network.load_state_dict(loaded.model.state_dict())
    return network.to(loaded.device).eval().requires_grad_(False)


def _row(layer: str, strided: Mapping[str, trace.Seen], full: Mapping[str, trace.Seen]) -> Row:
    _, number, kind = layer.split(".")
    windows, _, tokens, _ = strided[f"{layer}.attend.q"].tensor.shape
    _, _, full_tokens, _ = full[f"{layer}.attend.q"].tensor.shape
    return Row(f"block {int(number) + 1}, {KINDS[kind]}", windows, tokens, windows * tokens**2, full_tokens, full_tokens**2)


def _seconds(network: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    begin = time.perf_counter()
    with torch.no_grad():
        float(network(*inputs)[0, 0])  # waits for the device
    return time.perf_counter() - begin
