"""What a trained model says about itself: its card in Markdown, and the command that made it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

import torch

from actrec import __version__, catalogue
from actrec.core.card import Card
from actrec.inputs import streams
from actrec.lab import sets
from actrec.lab.evaluate import Scores
from actrec.lab.recipes import Recipe
from actrec.lab.train.folder import Folder
from actrec.lab.train.processes import Processes
from actrec.lab.train.start import Start

CHOSEN_BY = {
    "val": "The val split chose best.safetensors; the test split was looked at once, at the end.",
    "test": "There is no val split, so the test split chose best.safetensors and flatters it; no split chose the last epoch's numbers.",
}
"""How the best epoch is chosen, by the split that judges."""


DEPARTURES = "## Where it departs from its paper"


class Told(Protocol):
    """What is told of a training run. given: the arguments that the model was built with.  judge: the split that chooses the best epoch."""

    card: Card
    clips: sets.ClipSet
    recipe: Recipe
    given: dict[str, Any]
    start: Start | None
    train_windows: sets.Windows
    judge_windows: sets.Windows
    judge: str
    epoch: int
    command: str
    notes: list[str]
    files: Folder
    processes: Processes


def describe(run: Told, scores: Scores | None) -> dict[str, Any]:
    """All that travels with a run's weights: enough to build the model, run it and train it again."""
    counts = {"train": len(run.train_windows), run.judge: len(run.judge_windows)}
    about = settings(run) | {
        "title": run.card.title,
        "family": run.card.family,
        "paper": run.card.paper,
        "note": run.card.note,
        "trained_on": run.clips.name,
        "clips": {"test": sum(item.split == "test" for item in run.clips.items)} | counts,
        "recipe": asdict(run.recipe),
        "init": str(run.start) if run.start else "",
        "commands": [*(run.start.commands if run.start else ()), run.command],
        "epoch": run.epoch,
        "chosen_by": run.judge,
        "scored_on": run.judge,
        "notes": run.notes,
        "broken": run.files.broken,
        "processes": run.processes.world,
        "versions": {"actrec": __version__, "torch": torch.__version__},
    }
    return about | {"results": scores.to_json() if scores else {}}


def settings(run: Told) -> dict[str, Any]:
    """What a run cannot change on its way, beside its recipe."""
    sampling, preprocess = asdict(run.card.sampling), asdict(run.card.preprocess)
    about = {"architecture": run.card.architecture, "arguments": run.given, "labels": list(run.clips.labels)}
    return about | {"sampling": sampling, "preprocess": preprocess} | streams.header(run.card)


def model_card(metadata: Mapping[str, Any]) -> str:
    """A checkpoint's card in Markdown: data, command, seed, figures and confusion, all from its own metadata."""
    results = metadata["results"]
    counts = ", ".join(f"{count} {split}" for split, count in metadata["clips"].items())
    within = results.get("accuracy_within_reversed_pairs", {})
    precision = results.get("mean_average_precision")
    more = f"{results['accuracy_reversed_pairs_merged']:.3f} when both labels of a time-reversed pair count as one." if within else ""
    lines = [
        f"# {metadata.get('title', metadata['architecture'])}",
        "",
        f"{metadata['architecture']} with {json.dumps(metadata['arguments'])}, {_made(metadata)}; on *{metadata['trained_on']}* (clips: {counts}).",
        "",
        "```",
        *metadata["commands"],
        "```",
        "",
        f"{metadata.get('scored_on', 'test').capitalize()} split, one window, centre crop: **{results['accuracy']:.3f}** over all classes.",
        more if precision is None else f"Mean average precision {precision:.3f}.",
        metadata.get("choice", ""),
        "",
        *[f"- within {pair}: {value:.3f} (0.5 is guessing)" for pair, value in within.items()],
        "",
        *_broken(metadata.get("broken", [])),
        metadata.get("note", ""),
        "",
        *_confusion(metadata["labels"], results.get("confusion")),
        *departures(metadata),
    ]
    return "\n".join(lines)


def _made(metadata: Mapping[str, Any]) -> str:
    """How a checkpoint came about: of two streams that were trained alone, or by a recipe."""
    if streams := metadata.get("streams"):
        return f"made of {' and '.join(f'“{title}” ({name})' for name, title in streams.items())}"
    recipe, start = metadata["recipe"], metadata.get("init") or "trained from scratch"
    return f"{start}; recipe {recipe.get('name', 'dam')}, epoch {metadata['epoch']}, seed {recipe['seed']}"


def departures(metadata: Mapping[str, Any]) -> list[str]:
    """Lines on what a checkpoint's network reads in its paper in its own way, adds to it or changes."""
    found = catalogue.departures(metadata["family"], metadata["arguments"])
    return [DEPARTURES, "", *[f"- {line}" for line in found], ""] if found else []


def _broken(lines: list[str]) -> list[str]:
    return [f"{len(lines)} training clips could not be read and are not part of it.", ""] if lines else []


def _confusion(labels: list[str], counts: list[list[int]] | None) -> list[str]:
    if not counts:
        return []
    rows = ["| " + label + " | " + " | ".join(map(str, row)) + " |" for label, row in zip(labels, counts, strict=True)]
    return ["Confusion (rows: true class):", "", "| | " + " | ".join(labels) + " |", "|---" * (len(labels) + 1) + "|", *rows, ""]


def epoch_line(run: Told, loss: float, right: float, scores: Scores, broken: int, seconds_left: float) -> str:
    """An epoch's line on the screen."""
    facts = [f"epoch {run.epoch}/{run.recipe.epochs}", f"loss {loss:.4f}", f"train {right:.3f}", f"{run.judge} {scores.accuracy:.3f}"]
    facts += [f"(pairs as one {scores.merged:.3f})"] if scores.pairs else []
    facts += [f"mean average precision {scores.mean_ap:.3f}"] if scores.mean_ap is not None else []
    facts += [f"{broken} clips broken"] if broken else []
    return "  ".join([*facts, f"{minutes(seconds_left)} left"])


def command_line() -> str:
    """The command that started this process, as it could be typed."""
    return "python -m actrec " + shlex.join(sys.argv[1:])


def minutes(seconds: float) -> str:
    """Time left, for reading."""
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.1f} min" if seconds > 90 else f"{seconds:.0f} s"
