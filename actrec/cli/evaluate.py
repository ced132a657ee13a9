"""Scoring a model on labelled clips."""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actrec.cli.options import AsJson, Model, app, print_json, progress, streamed
from actrec.core import files, settings
from actrec.core.errors import QuestionError
from actrec.lab import results
from actrec.lab.results import Evaluation, folder

if TYPE_CHECKING:
    from actrec.lab.evaluate import Trial


@app.command()
@streamed
def evaluate(
    model: Model,
    data: Annotated[str, typer.Option(help="`mannequin`, or a folder of labelled clips (see the command `data`).")],
    split: Annotated[str, typer.Option(help="The split: test, train, val, or another that the data set names.")] = "test",
    test_clips: Annotated[int, typer.Option(min=1, help="Mannequin test clips per action.")] = 20,
    views: Annotated[
        str, typer.Option(help="Windows × crops of each clip: 1x1 is the middle window and the centre crop; the papers use 10x3.")
    ] = "1x1",
    batch: Annotated[int, typer.Option(min=1, help="Views of a clip that go through the model together.")] = 4,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode clips.")] = 0,
    name: Annotated[str, typer.Option(help="The evaluation's name. Default: the model's, the set's and the split's.")] = "",
    out: Annotated[Path | None, typer.Option(help="The evaluation's folder. Default: its name in the results folder.")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Only merge what other runs have evaluated.")] = False,
    against: Annotated[str, typer.Option(help="Another evaluation, by name or folder, to compare this one with.")] = "",
    as_json: AsJson = False,
) -> None:
    """Score a model on labelled clips: all measures, tables and a report in a folder. A run that was interrupted continues.

    Under torchrun, every process takes its share of the clips and the last one to finish puts them together.
    """
    from actrec import study  # late: torch
    from actrec.lab import evaluate, sets  # late: torch

    other = results.open_result(against) if against else None
    _own_gpu()
    loaded = study.load(model, progress())
    clips = evaluate.of_model(loaded.card, sets.open_set(data, train=test_clips, test=test_clips))
    command = shlex.join(["python", "-m", "actrec", *sys.argv[1:]])
    trial = evaluate.Trial(model, loaded.card, loaded.sha256, clips, split, _views(views), batch, data, command)
    where = out or _folder(trial, name)
    rank, world = evaluate.share()
    found = evaluate.merge(trial, where) if merge else evaluate.run(trial, loaded.model, where, workers=workers, part=(rank, world))
    if found is None:
        return print(f"process {rank + 1} of {world} is done; another process merges the results", file=sys.stderr)
    said: dict[str, Any] = {
        "model": model,
        "data": clips.name,
        "split": split,
        "views": list(trial.views),
        "broken": list(found.broken),
        "folder": str(where),
    }
    said |= results.measure(found).to_json() | results.ways.to_json(found)
    if other is not None:
        said["against"] = _compare(other, found)
    if as_json:
        return print_json(said)
    _print(found, said)


def _compare(a: Evaluation, b: Evaluation) -> dict[str, Any]:
    """Write what b does otherwise than a into b's folder, and say it."""
    from actrec.lab.results import report  # late: plotly

    found = results.compare(a, b)
    file = b.folder / f"against-{re.sub(r'[^A-Za-z0-9._@-]+', '-', a.name)}.html"
    files.write(file, report.difference_html(found))
    moved = [{"true": found.labels[i], "wrong": found.labels[j], "clips": clips, "corrected": good} for i, j, clips, good in found.strongest(10**9)]
    facts = {"result": a.name, "rescued": len(found.rescued), "lost": len(found.lost), "p_value": found.p_value, "verdict": report.verdict(found)}
    return facts | {"moved": moved, "change": found.change.tolist(), "file": str(file)}


def _print(found: Evaluation, said: dict[str, Any]) -> None:
    from actrec.lab.results import report  # late: plotly

    measured = results.measure(found)
    print(f"{found.title} on {said['data']}, {said['split']}: {len(found)} clips, accuracy {measured.top1:.4f}")
    for line, value in report.summary(measured, len(found.labels)):
        print(f"  {line}: {value}")
    for title, *values in results.ways.rows(found):
        print(f"  {title}: {'; '.join(f'{column} {value}' for column, value in zip(results.ways.COLUMNS[1:], values, strict=True))}")
    if found.broken:
        print(f"  left out because they could not be read: {len(found.broken)}")
    worst = [row for row in measured.worst if (row.recall if row.ap is None else row.ap) < 1][:5]
    for row in worst:
        share = row.recall if row.ap is None else row.ap
        taken = f", {row.mistaken} taken for {row.taken_for}" if row.mistaken else ""
        print(f"  {row.label}: {'recall' if row.ap is None else 'average precision'} {share:.3f} of {row.clips} clips{taken}")
    if "against" in said:
        print(f"{said['against']['verdict']}\n{said['against']['file']}")
    print(found.folder / "report.html")


def _views(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,2})\s*[x×]\s*([13])", text.strip())
    if found is None:
        raise QuestionError(f"--views {text!r} is not possible; write windows x crops with 1 or 3 crops: 1x1, 10x1, 10x3")
    return int(found[1]), int(found[2])


def _folder(trial: Trial, name: str) -> Path:
    """The evaluation's folder in the results folder. A name that was not asked for gives way where it is taken by something else."""
    if name:
        if not re.fullmatch(r"[\w@][\w.@ -]*", name):
            raise QuestionError(f"--name {name!r} cannot be the name of a folder; use letters, digits and . _ - @")
        return settings.results() / name
    views = "" if trial.views == (1, 1) else f"-{trial.views[0]}x{trial.views[1]}"
    plain = re.sub(r"[^\w.@-]+", "-", f"{trial.card.id}-on-{trial.clips.name}-{trial.split}{views}")
    where = settings.results() / plain
    digest = hashlib.sha256(folder.text(trial.about()).encode()).hexdigest()[:6]
    return where.with_name(f"{plain}-{digest}") if folder.differs(where, trial.about()) else where


def _own_gpu() -> None:
    """Under torchrun each process of a machine takes a GPU of its own."""
    import os

    import torch

    local = os.environ.get("LOCAL_RANK", "")
    if local.isdecimal() and torch.cuda.is_available():
        torch.cuda.set_device(int(local) % torch.cuda.device_count())
