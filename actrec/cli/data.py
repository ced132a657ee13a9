"""Looking at a set of labelled clips before it is used."""

from __future__ import annotations

from typing import Annotated

import typer

from actrec.cli.options import AsJson, app, clear, print_json, progress


@app.command()
def data(
    path: Annotated[
        str, typer.Argument(help="A data set's folder or skeleton file, with choices after a #: `ucf101#split=2`, `ntu#protocol=xview`.")
    ],
    check: Annotated[bool, typer.Option("--check", help="Open every clip, in worker processes; otherwise only a sample of 20.")] = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that open clips; default: one per core for large data sets.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a data set holds: layout, classes, splits, shared subjects, clips that are missing or cannot be read."""
    from actrec.lab import sets  # late: torch
    from actrec.lab.sets.survey import survey  # late: torch

    report = progress()
    found = survey(sets.open_set(path), check=check, workers=workers, progress=report)
    clear()
    if as_json:
        return print_json(found.to_json())
    for line in found.lines():
        print(line)
