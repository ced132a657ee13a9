"""Networks made of other networks: two streams put together, and one made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actrec.cli.options import AsJson, Model, app, clear, print_json, progress
from actrec.core.words import percent as per_cent

if TYPE_CHECKING:
    from actrec.lab.prune import Plan

Title = Annotated[str, typer.Option(help="The new model's name on the pages.")]
Checkpoint = Annotated[Path, typer.Option(help="The checkpoint to write, such as checkpoints/small.safetensors.")]


@app.command()
def fuse(
    rgb: Annotated[str, typer.Argument(help="A model that reads pictures.")],
    motion: Annotated[str, typer.Argument(help="A model that reads flow or RGB differences, trained on the same classes.")],
    out: Checkpoint,
    fusion: Annotated[str, typer.Option(help="What both say together: mean or max of their scores, or mean of their logits (logits).")] = "mean",
    title: Title = "",
    data: Annotated[str, typer.Option(help="Score it on the test split of this data set (see the command `data`); the figures go into it.")] = "",
    test_clips: Annotated[int, typer.Option(min=1, help="Mannequin test clips per action.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Put two trained streams together into one model."""
    from actrec.lab import fuse as fusing  # late: torch
    from actrec.lab import sets, train  # late: torch

    clips = sets.open_set(data, train=test_clips, test=test_clips) if data else None
    card = fusing.fuse(rgb, motion, out, fusion, title, clips, [train.command_line()])
    if as_json:
        said = {"file": str(out), "title": card.title, "streams": [rgb, motion], "fusion": fusion}
        return print_json(said | ({"results": dict(card.results)} if data else {}))
    scored = f", accuracy {card.results['accuracy']:.4f}" if data else ""
    print(f"{card.title}: {out}{scored}")


@app.command()
def prune(
    model: Model,
    out: Checkpoint,
    percent: Annotated[
        str,
        typer.Option(
            help="How many of the channels that can go do go, those with the smallest scales. Of a model of two streams: one number for both, one "
            "for each (70,80: rgb, flow), or the paper's for a data set (ucf101: 70,80; hmdb51: 40,30)."
        ),
    ] = "40",
    stream: Annotated[str, typer.Option(help="Prune this stream alone, rgb or flow; the other stays in the checkpoint as it is.")] = "",
    fc: Annotated[bool, typer.Option(help="Where the last shortcut was left out: prune what narrows the last linear layer too.")] = True,
    title: Title = "",
    as_json: AsJson = False,
) -> None:
    """Write a smaller network without the channels that a model hardly uses (qian2024). Train it on with `train --init`."""
    from actrec import catalogue  # late: torch
    from actrec.lab import prune as pruning  # late: torch

    whole = catalogue.card(model)
    card, plans = pruning.save(model, pruning.percents(whole, percent, "" if stream == "fused" else stream), out, title, fc, progress())
    clear()
    before, after = catalogue.counts(whole), catalogue.counts(card)
    if as_json:
        sizes = {"parameters": [after[0], before[0]], "gflops": [after[1], before[1]], "bytes": out.stat().st_size}
        return print_json({"file": str(out), "title": card.title, "streams": {name: _told(chosen) for name, chosen in plans.items()}} | sizes)
    for name, chosen in plans.items():
        _print(f"{name}: " if len(plans) > 1 else "", chosen)
    sizes_now = f"{after[0] / 1e6:.2f} of {before[0] / 1e6:.2f} M parameters, {after[1]:.2f} of {before[1]:.2f} GFLOPs"
    print(f"{sizes_now}, {out.stat().st_size / 1e6:.2f} MB\n{out}")


def _told(chosen: Plan) -> dict[str, Any]:
    kept = {name: [int(each.sum()), len(each)] for name, each in chosen.kept.items()}
    return {"percent": chosen.percent, "threshold": chosen.threshold, "share": chosen.share, "kept": kept}


def _print(before: str, chosen: Plan) -> None:
    """What is left of every layer of one network. before: its name, where there are several."""
    for name, (stays, there) in _told(chosen)["kept"].items():
        print(f"{before}{name:20} {stays:5} of {there} channels")
    if chosen.share < chosen.percent / 100 - 0.01:
        print(f"{before}{chosen.percent:g} % were asked for: scales that are as large as the threshold stay, and so does the largest of every layer")
    print(f"{before}threshold {chosen.threshold:.4g}: {per_cent(chosen.share)} of these channels are gone")
