"""Training a model."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Annotated

import typer

from actrec.cli.options import AsJson, app, pair, print_json


class Crops(enum.StrEnum):
    """How training crops."""

    corner = "corner"
    near = "near"


@app.command()
def train(
    data: Annotated[str, typer.Option(help="`mannequin`, or a folder with an index.csv (file,label,subject,split).")],
    out: Annotated[Path, typer.Option(help="The run's folder; a run that is there already goes on.")],
    model: Annotated[str, typer.Option(help="An architecture's id (see `models`).")] = "dam-12",
    argument: Annotated[list[str] | None, typer.Option(help="A constructor argument: name=value, such as width=0.25.")] = None,
    init: Annotated[Path | None, typer.Option(help="A relative's checkpoint to start from, or torchvision's ImageNet ResNet (.pth).")] = None,
    size: Annotated[int | None, typer.Option(min=32, help="Crop side in pixels; the short side becomes 8/7 of it. Default: the card's.")] = None,
    frames: Annotated[int | None, typer.Option(min=4, help="Frames the model reads. Default: the card's.")] = None,
    span: Annotated[int | None, typer.Option(min=4, help="Consecutive source frames they are taken from. Default: the card's.")] = None,
    epochs: int = 100,
    batch: int = 16,
    lr: float = 1e-3,
    lr_end: Annotated[float, typer.Option(min=1e-6, max=1.0, help="The last epoch's learning rate as a share of the first's.")] = 0.01,
    warmup: int = 0,
    crops: Annotated[Crops, typer.Option(help="corner: as the paper crops; near: milder, for actors small and near the middle.")] = Crops.corner,
    seed: int = 0,
    clips: Annotated[int, typer.Option(min=1, help="Mannequin training clips per action.")] = 100,
    test_clips: Annotated[int, typer.Option(min=1, help="Mannequin test clips per action.")] = 20,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare clips.")] = 0,
    title: Annotated[str, typer.Option(help="The trained model's name on the pages.")] = "",
    as_json: AsJson = False,
) -> None:
    """Train a model on the mannequin set or on a folder of labelled clips (DAM's recipe, §4.2); resumable."""
    from dataclasses import replace

    from actrec import catalogue, train
    from actrec import data as sets

    base = catalogue.card(model)
    sampling = replace(base.sampling, frames=frames or base.sampling.frames, span=span or (frames or 0) * 2 or base.sampling.span)
    preprocess = replace(base.preprocess, resize=round(size * 8 / 7), crop=(size, size)) if size else base.preprocess
    card = replace(base, sampling=sampling, preprocess=preprocess, title=title or base.title)
    recipe = train.Recipe(epochs=epochs, batch=batch, lr=lr, lr_end=lr_end, warmup=warmup, crops=crops.value, seed=seed, workers=workers)
    clip_set = sets.open_set(data, train=clips, test=test_clips)
    arguments = {name: json.loads(value) for name, value in map(pair, argument or ())}
    run = train.Run(card, clip_set, recipe, out, arguments, init=init, command=train.command_line())
    run.fit()
    scores = run.ship()
    if as_json:
        return print_json(scores.to_json() | {"folder": str(out)})
    print(f"test accuracy {scores.accuracy:.4f}, with reversed pairs as one {scores.merged:.4f}; checkpoint {out / 'model.safetensors'}")
