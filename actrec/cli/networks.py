"""Networks made of other networks: two streams put together, and one made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from actrec.cli.options import AsJson, Model, app, print_json
from actrec.core.words import percent as per_cent

Title = Annotated[str, typer.Option(help="The new model's name on the pages.")]
Checkpoint = Annotated[Path, typer.Option(help="The checkpoint to write, such as checkpoints/small.safetensors.")]


@app.command()
def fuse(
    rgb: Annotated[str, typer.Argument(help="A model that reads pictures.")],
    flow: Annotated[str, typer.Argument(help="A model that reads flow, trained on the same classes.")],
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
    card = fusing.fuse(rgb, flow, out, fusion, title, clips, [train.command_line()])
    if as_json:
        said = {"file": str(out), "title": card.title, "streams": [rgb, flow], "fusion": fusion}
        return print_json(said | ({"results": dict(card.results)} if data else {}))
    scored = f", accuracy {card.results['accuracy']:.4f}" if data else ""
    print(f"{card.title}: {out}{scored}")


@app.command()
def prune(
    model: Model,
    out: Checkpoint,
    percent: Annotated[float, typer.Option(help="How many of the channels that can go do go, those with the smallest scales.")] = 40.0,
    title: Title = "",
    as_json: AsJson = False,
) -> None:
    """Write a smaller network without the channels that a model hardly uses (qian2024). Train it on with `train --init`."""
    from actrec import catalogue  # late: torch
    from actrec.lab import prune as pruning  # late: torch

    whole = catalogue.counts(catalogue.card(model))
    card, chosen = pruning.save(model, percent, out, title)
    small = catalogue.counts(card)
    kept: dict[str, Any] = {name: [int(each.sum()), len(each)] for name, each in chosen.kept.items()}
    if as_json:
        sizes = {"parameters": [small[0], whole[0]], "gflops": [small[1], whole[1]]}
        return print_json({"file": str(out), "title": card.title, "threshold": chosen.threshold, "share": chosen.share, "kept": kept} | sizes)
    for name, (stays, there) in kept.items():
        print(f"{name:20} {stays:5} of {there} channels")
    if chosen.share < percent / 100 - 0.01:
        print(f"{percent:g} % were asked for: scales that are as large as the threshold stay, and so does the largest of every layer")
    print(
        f"threshold {chosen.threshold:.4g}: {per_cent(chosen.share)} of these channels are gone; {small[0] / 1e6:.2f} of {whole[0] / 1e6:.2f} M "
        f"parameters, {small[1]:.2f} of {whole[1]:.2f} GFLOPs\n{out}"
    )
