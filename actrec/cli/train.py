"""Training a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from actrec.cli.options import AsJson, app, pair, print_json, streamed
from actrec.core.card import Card
from actrec.lab.recipes import RECIPES, Crops, Flip, Norm, Optimizer, Precision, Recipe, Schedule, recipe


@app.command()
@streamed
def train(
    data: Annotated[str, typer.Option(help="`mannequin`, or a folder with labelled clips (see `data`).")],
    out: Annotated[Path, typer.Option(help="The run's folder; a run that is already in it is continued.")],
    model: Annotated[str, typer.Option(help="An architecture's id (see `models`).")] = "dam-12",
    argument: Annotated[list[str] | None, typer.Option(help="A constructor argument: name=value, such as width=0.25.")] = None,
    init: Annotated[
        str | None,
        typer.Option(help="What to start from: a checkpoint file (of a related model, or torchvision's ImageNet ResNet), or a model's id."),
    ] = None,
    size: Annotated[int | None, typer.Option(min=32, help="Crop side in pixels; the resize is scaled with it. Default: the model card's.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Give the whole frame, squeezed to a square, instead of its middle.")] = False,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames the model reads. Default: the model card's.")] = None,
    span: Annotated[int | None, typer.Option(min=1, help="Consecutive source frames they are taken from. Default: the model card's.")] = None,
    people: Annotated[
        int | None, typer.Option(min=1, help="How many people's joints the model is given. Default: the model card's, which is one.")
    ] = None,
    recipe_name: Annotated[str, typer.Option("--recipe", help=f"A paper's: {', '.join(RECIPES)}; the options below override it.")] = "dam",
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Clips per step, over all processes.")] = None,
    accumulate: Annotated[
        int | None, typer.Option(min=1, help="Gradient accumulation: the number of parts in which a process takes its share of a batch.")
    ] = None,
    optimizer: Annotated[Optimizer | None, typer.Option(help="gc-sgd: SGD on centralised gradients.")] = None,
    lr: Annotated[float | None, typer.Option(help="The first epochs' learning rate.")] = None,
    momentum: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0.0)] = None,
    schedule: Annotated[Schedule | None, typer.Option(help="How the learning rate falls.")] = None,
    lr_end: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="The last epoch's learning rate as a share of the first's.")] = None,
    warmup: Annotated[int | None, typer.Option(min=0, help="Epochs in which the learning rate rises.")] = None,
    step: Annotated[list[int] | None, typer.Option(min=0, help="An epoch at which a step schedule lowers the rate; may be repeated.")] = None,
    factor: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="The factor by which the step and plateau schedules multiply the rate.")
    ] = None,
    patience: Annotated[int | None, typer.Option(min=0, help="Epochs without improvement that the plateau schedule waits for.")] = None,
    sparsity: Annotated[float | None, typer.Option(min=0.0, help="ζ Σ|γ| in the loss: small scales for pruning; 0: none.")] = None,
    clip_norm: Annotated[float | None, typer.Option(min=0.0, help="The gradient's largest norm (clipping); 0: no limit.")] = None,
    crops: Annotated[
        Crops | None, typer.Option(help="corner: corners and scales; near: milder, for actors small and near the middle; random; none.")
    ] = None,
    flip: Annotated[Flip | None, typer.Option(help="Mirror every second clip; unless-sided: not if a label contains left or right.")] = None,
    dropout: Annotated[float | None, typer.Option(min=0.0, max=0.99)] = None,
    norm: Annotated[Norm | None, typer.Option(help="frozen: batch normalisations from --init stay as they are; partial: all but the first.")] = None,
    precision: Annotated[Precision | None, typer.Option(help="auto: bf16 where the processor has units for it.")] = None,
    seed: int = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare clips.")] = 0,
    clips: Annotated[int, typer.Option(min=1, help="Mannequin training clips per action.")] = 100,
    test_clips: Annotated[int, typer.Option(min=1, help="Mannequin test clips per action.")] = 20,
    keep: Annotated[bool | None, typer.Option(help="Decode all clips once and keep them. Default: if the set is small.")] = None,
    ship: Annotated[
        Literal["best", "last"] | None, typer.Option(help="Epoch that becomes model.safetensors. Default: best by the val split; without one, last.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard events too.")] = False,
    title: Annotated[str, typer.Option(help="The trained model's name on the pages.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take, and write nothing into --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on labelled clips by a paper's recipe (default: DAM's, §4.2); resumable. Several GPUs: torchrun -m actrec train …"""
    asked: dict[str, Any] = dict(locals())
    from actrec.lab import sets, train  # late: torch

    given = {name: value for name, value in asked.items() if name in Recipe.__dataclass_fields__ and value is not None}
    given |= {"steps": tuple(step)} if step else {}
    chosen = replace(recipe(recipe_name), **given)
    card = _card(model, size, frames, span, title)
    card = replace(card, people=people or card.people)
    card = replace(card, preprocess=replace(card.preprocess, resize=card.preprocess.crop)) if whole else card
    arguments = {name: json.loads(value) for name, value in map(pair, argument or ())}
    processes = train.Processes.joined()
    try:
        clip_set = sets.open_set(data, train=clips, test=test_clips)
        how: dict[str, Any] = {"init": init, "command": train.command_line(), "processes": processes, "keep": False if dry_run else keep}
        run = train.Run(card, clip_set, chosen, out, arguments, tensorboard=tensorboard, ship_epoch=ship, **how)
        if dry_run:
            found = train.plan(run)
            if processes.main:
                print_json(found.to_json()) if as_json else print(found)
            return
        run.fit()
        scores = run.ship()
    finally:
        processes.leave()
    if as_json and processes.main:
        print_json(scores.to_json() | {"folder": str(out)})
    elif processes.main:
        print(f"{run.final} accuracy {scores.accuracy:.4f}, with reversed pairs as one {scores.merged:.4f}; checkpoint {out / 'model.safetensors'}")


def _card(model: str, size: int | None, frames: int | None, span: int | None, title: str) -> Card:
    """The architecture's card, reading as many frames and pixels as asked for."""
    from actrec import catalogue  # late: torch

    base = catalogue.card(model)
    sampling, preprocess = base.sampling, base.preprocess
    if sampling.span:  # a card that says seconds, or takes the whole video, has none
        sampling = replace(sampling, span=span or (frames or 0) * 2 or sampling.span)
    elif span:
        sampling = replace(sampling, span=span, rate=None, kind="dense")
    sampling = replace(sampling, frames=frames or sampling.frames)
    if size:
        scaled = [round(side * size / crop) for side, crop in zip(_pair(preprocess.resize), preprocess.crop, strict=True)]
        preprocess = replace(preprocess, resize=scaled[0] if isinstance(preprocess.resize, int) else (scaled[0], scaled[1]), crop=(size, size))
    return replace(base, sampling=sampling, preprocess=preprocess, title=title or base.title)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
