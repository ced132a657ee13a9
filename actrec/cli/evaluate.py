"""Scoring a model on labelled clips."""

from __future__ import annotations

from typing import Annotated

import typer

from actrec.cli.options import AsJson, Model, app, print_json, progress


@app.command()
def evaluate(
    model: Model,
    data: Annotated[str, typer.Option(help="`mannequin`, or a folder with an index.csv (file,label,subject,split).")],
    split: Annotated[str, typer.Option(help="Which clips: test, train or val.")] = "test",
    test_clips: Annotated[int, typer.Option(min=1, help="Mannequin test clips per action.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Score a model on labelled clips: one window, centre crop; all classes, and the time-reversed pairs apart."""
    from actrec import data as sets
    from actrec import evaluate, study

    loaded = study.load(model, progress())
    clip_set = sets.open_set(data, train=test_clips, test=test_clips)
    scores = evaluate.examine(loaded.model, loaded.card, clip_set, (split,))
    if as_json:
        return print_json({"model": model, "data": clip_set.name, "split": split} | scores.to_json())
    print(f"{loaded.card.title} on {clip_set.name}, {split}: {scores.confusion.sum()} clips, accuracy {scores.accuracy:.4f}")
    print(f"with reversed pairs as one: {scores.merged:.4f}")
    for pair, value in scores.pairs.items():
        print(f"within {pair}: {value:.3f} (0.5 is guessing)")
