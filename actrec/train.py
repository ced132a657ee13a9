"""Train a model on labelled clips: one readable loop, recipes as data, resumable at every epoch, everything in the checkpoint.

The default recipe is DAM's (§4.2: SGD with momentum 0.9, exponential decay of the learning rate, weight decay 5e-4, dropout 0.5, batch 16,
100 epochs at 1e-3 from pretrained weights). The decay's base is not stated there; ours ends at a hundredth of the first rate. From scratch a larger
rate is needed, so rates and epochs are arguments, and the checkpoint says which were used.
"""

from __future__ import annotations

import csv
import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from actrec import __version__, catalogue, data, devices, weights
from actrec.evaluate import Scores, evaluate, opened
from actrec.types import ActrecError, Card


@dataclass(frozen=True)
class Recipe:
    """How to train. lr_end is the last epoch's learning rate as a share of the first's, reached exponentially; warmup counts epochs."""

    epochs: int = 100
    batch: int = 16
    lr: float = 1e-3
    lr_end: float = 0.01
    warmup: int = 0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip_norm: float = 20.0
    crops: str = "corner"
    seed: int = 0
    workers: int = 0

    def rate(self, epoch: float) -> float:
        """The learning rate at an epoch (fractions allowed)."""
        rise = min((epoch + 1e-3) / self.warmup, 1.0) if self.warmup else 1.0
        return self.lr * rise * float(self.lr_end ** (epoch / max(self.epochs, 1)))


@dataclass
class Run:
    """A training run and its folder: config.json, log.csv, last.pt (to resume), last and best.safetensors; model.safetensors to ship."""

    card: Card
    clips: data.ClipSet
    recipe: Recipe
    folder: Path
    arguments: Mapping[str, Any]
    init: Path | None = None
    command: str = ""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = devices.best()
        short = self.card.preprocess.resize
        if not isinstance(short, int):
            raise ActrecError(f"{self.card.id} resizes to {short}; training needs a model whose short side is one number")
        self.train_windows = opened(self.card, self.clips, ("train",), train=True, crops=self.recipe.crops, seed=self.recipe.seed)
        self.test_windows = opened(self.card, self.clips, ("test", "val"), train=False)
        torch.manual_seed(self.recipe.seed)  # the first weights
        self.model = catalogue.build(self.card, len(self.clips.labels), **self.arguments).to(self.device).to(memory_format=torch.channels_last_3d)
        self.before: list[str] = []
        if self.init:
            state, metadata = weights.read(self.init)
            self.before = metadata.get("commands", [f"({self.init.name})"])
            weights.load(self.model, adapt(self.model, catalogue.inflate(self.card, self.model, state)))
        _keep_layout(self.model)
        self.optimizer = torch.optim.SGD(self.model.parameters(), self.recipe.lr, self.recipe.momentum, weight_decay=self.recipe.weight_decay)
        self.epoch, self.best = 0, -1.0

    def fit(self) -> Scores:
        """Train to the last epoch, from where the folder's last state left off; returns the last epoch's scores."""
        self._resume()
        self._write("config.json", json.dumps(self.describe(None), indent=1))
        started, first = time.monotonic(), self.epoch
        scores = None
        for epoch in range(self.epoch, self.recipe.epochs):
            loss, right = self._epoch(epoch)
            scores = self._score()
            self.epoch = epoch + 1
            self._keep(loss, right, scores)
            left = (time.monotonic() - started) / (self.epoch - first) * (self.recipe.epochs - self.epoch)
            print(
                f"epoch {self.epoch}/{self.recipe.epochs}  loss {loss:.4f}  train {right:.3f}  test {scores.accuracy:.3f}"
                f"  (pairs as one {scores.merged:.3f})  {left / 60:.1f} min left",
                flush=True,
            )
        return scores or self._score()

    def _epoch(self, epoch: int) -> tuple[float, float]:
        self.model.train()
        self.train_windows.epoch = epoch
        torch.manual_seed(self.recipe.seed * 100_003 + epoch)  # dropout: a resumed epoch draws what an uninterrupted one does
        order = np.random.default_rng((self.recipe.seed, epoch)).permutation(len(self.train_windows))
        batches = data.batches(
            self.train_windows, self.recipe.batch, order=order.tolist(), workers=self.recipe.workers, drop_last=len(order) > self.recipe.batch
        )
        total, right, count = 0.0, 0, 0
        with tqdm(batches, desc=f"epoch {epoch + 1}", unit="batch", leave=False, disable=None) as bar:
            for step, found in enumerate(bar):
                clips = data.to_input(found.frames.to(self.device), self.card.preprocess)
                classes = self.train_windows.targets(found.numbers).to(self.device)
                for group in self.optimizer.param_groups:
                    group["lr"] = self.recipe.rate(epoch + step / len(batches))
                loss, hits = self._step(clips, classes)
                total, right, count = total + loss * len(classes), right + hits, count + len(classes)
                bar.set_postfix(loss=f"{total / count:.3f}", accuracy=f"{right / count:.3f}")
        return total / count, right / count

    def _step(self, clips: Tensor, classes: Tensor) -> tuple[float, int]:
        with devices.autocast(self.device):
            logits = self.model(clips.contiguous(memory_format=torch.channels_last_3d))
        loss = F.cross_entropy(logits.float(), classes)
        if not torch.isfinite(loss):
            raise ActrecError(f"the loss became {loss.item()} in epoch {self.epoch + 1}; start again with a smaller --lr than {self.recipe.lr}")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        return float(loss.detach()), int((logits.argmax(1) == classes).sum())

    def describe(self, scores: Scores | None) -> dict[str, Any]:
        """All that travels with the weights: enough to build the model, run it and train it again."""
        return {
            "title": self.card.title,
            "family": self.card.family,
            "architecture": self.card.id,
            "arguments": {**self.card.arguments, **self.arguments},
            "labels": list(self.clips.labels),
            "sampling": asdict(self.card.sampling),
            "preprocess": asdict(self.card.preprocess),
            "paper": self.card.paper,
            "note": self.card.note,
            "trained_on": self.clips.name,
            "clips": {"train": len(self.train_windows), "test": len(self.test_windows)},
            "recipe": asdict(self.recipe),
            "commands": [*self.before, self.command],
            "epoch": self.epoch,
            "versions": {"actrec": __version__, "torch": torch.__version__},
            "results": scores.to_json() if scores else {},
        }

    def ship(self) -> Scores:
        """Write model.safetensors, in 16 bits, with its card README.md; its scores are those of the very numbers in the file."""
        path = self.folder / "model.safetensors"
        weights.save(path, self.model, self.describe(None), half=True)
        weights.load(self.model, weights.read(path)[0])
        scores = self._score()
        metadata = self.describe(scores)
        weights.save(path, self.model, metadata, half=True)
        self._write("README.md", model_card(metadata))
        return scores

    def _score(self) -> Scores:
        return evaluate(self.model, self.test_windows, self.recipe.batch)

    def _keep(self, loss: float, right: float, scores: Scores) -> None:
        """Write the state first, the log last: a run killed in between repeats the epoch and writes the same line."""
        metadata = self.describe(scores)
        weights.save(self.folder / "last.safetensors", self.model, metadata)
        if scores.accuracy > self.best:
            self.best = scores.accuracy
            weights.save(self.folder / "best.safetensors", self.model, metadata)
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "epoch": self.epoch, "best": self.best}
        state |= {"recipe": asdict(self.recipe)}
        partial = self.folder / "last.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "last.pt")
        rows = [row for row in self._log() if int(row["epoch"]) < self.epoch]
        rows.append({"epoch": self.epoch, "loss": loss, "train_accuracy": right, "test_accuracy": scores.accuracy, "test_merged": scores.merged})
        with (self.folder / "log.csv").open("w", newline="") as lines:
            writer = csv.DictWriter(lines, list(rows[-1]))
            writer.writeheader()
            writer.writerows(rows)

    def _log(self) -> Iterator[dict[str, Any]]:
        path = self.folder / "log.csv"
        if path.is_file():
            with path.open(newline="") as lines:
                yield from list(csv.DictReader(lines))

    def _resume(self) -> None:
        path = self.folder / "last.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            other = {k: v for k, v in state["recipe"].items() if v != asdict(self.recipe).get(k)}
            raise ActrecError(f"{self.folder} holds a run with other settings ({other}); give another --out, or the same settings to go on with it")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.best = state["epoch"], state["best"]
        print(f"going on after epoch {self.epoch}", file=sys.stderr)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


def adapt(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A whole state for `model` from one of a relative: what fits is taken, kernels of length 1 in time are spread over the model's t steps and
    divided by t (inflation), and what the relative lacks (attention blocks, which start as the identity; a head with other classes) stays new.

    Raises:
        ActrecError: nothing but new parts would be left.
    """
    found, taken = dict(model.state_dict()), 0
    for name, own in model.state_dict().items():
        given = state.get(name)
        if given is not None and given.ndim == own.ndim == 5 and given.shape[2] == 1 < own.shape[2]:
            given = (given / own.shape[2]).repeat(1, 1, own.shape[2], 1, 1)
        if given is not None and given.shape == own.shape:
            found[name], taken = given, taken + 1
    if not taken:
        raise ActrecError(f"no tensor of the checkpoint fits this model; it begins with {', '.join(list(state)[:3])}; start from a relative of it")
    return found


def _keep_layout(model: nn.Module) -> None:
    """Have batch normalisations get gradients laid out like their outputs: else their backward pass on a CPU takes ten times as long."""

    def same(_: nn.Module, __: tuple[object, ...], out: Tensor) -> None:
        if out.requires_grad:
            out.register_hook(lambda gradient: gradient.contiguous(memory_format=torch.channels_last_3d))

    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.register_forward_hook(same)


def model_card(metadata: Mapping[str, Any]) -> str:
    """A checkpoint's card in Markdown: data, command, seed, test figures and confusion, all from its own metadata."""
    results, labels = metadata["results"], metadata["labels"]
    lines = [
        f"# {metadata.get('title', metadata['architecture'])}",
        "",
        f"{metadata['architecture']} with {json.dumps(metadata['arguments'])}, trained from scratch on *{metadata['trained_on']}*",
        f"({metadata['clips']['train']} training clips, {metadata['clips']['test']} test clips), seed {metadata['recipe']['seed']}.",
        "",
        "```",
        *metadata["commands"],
        "```",
        "",
        f"Test split, one window, centre crop: **{results['accuracy']:.3f}** over all classes;",
        f"{results['accuracy_reversed_pairs_merged']:.3f} when both labels of a time-reversed pair count as one.",
        "",
        *[f"- within {pair}: {value:.3f} (0.5 is guessing)" for pair, value in results["accuracy_within_reversed_pairs"].items()],
        "",
        metadata.get("note", ""),
        "",
        "Confusion (rows: true class):",
        "",
        "| | " + " | ".join(labels) + " |",
        "|---" * (len(labels) + 1) + "|",
        *["| " + label + " | " + " | ".join(map(str, row)) + " |" for label, row in zip(labels, results["confusion"], strict=True)],
        "",
    ]
    return "\n".join(lines)


def command_line() -> str:
    """The command that started this process, as it could be typed."""
    return "python -m actrec " + shlex.join(sys.argv[1:])
