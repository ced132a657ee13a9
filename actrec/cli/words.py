"""What the visual words of a model mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from actrec.cli.options import AsJson, Model, Out, app, clear, print_json, progress, streamed
from actrec.core import files
from actrec.core.errors import QuestionError


@app.command()
@streamed
def words(
    model: Model,
    clips: Annotated[Path | None, typer.Option(help="A folder with clips to look in; default: the sample clips and your own clip folders.")] = None,
    word: Annotated[
        list[int] | None, typer.Option(min=1, help="A word by its number, to draw it alone; may be repeated. Default: all of them.")
    ] = None,
    out: Out = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Show what the visual words of a NetVLAD mean: the places of many clips that are nearest to each, as a figure and in numbers."""
    from actrec import study  # late: torch
    from actrec.clips import library  # late: av
    from actrec.draw.figures import vocabulary as figure  # late: matplotlib

    if clips is not None and not clips.is_dir():
        raise QuestionError(f"{clips} is not a folder; give one with clips in it")
    names = list(library.samples()) if clips is None else [str(file) for file in library.inside(clips)]
    found = study.vocabulary(model, names, progress())
    clear()
    numbers = [n - 1 for n in word or range(1, len(found.words) + 1)]
    if beyond := [n + 1 for n in numbers if n >= len(found.words)]:
        raise QuestionError(f"there is no word {beyond[0]}; this model has the words 1 … {len(found.words)}")
    rows = [
        figure.Row(f"word {n + 1}", found.line(n), [(p.picture, f"{Path(p.clip).stem}, {p.seconds:.2f} s") for p in found.words[n]]) for n in numbers
    ]
    sheet = figure.vocabulary(f"Visual words of {model}", rows, found.notes)
    written = {"figure": out / "words.png", "figure_svg": out / "words.svg", "numbers": out / "words.json"}
    with files.together(out) as work:
        (work / "words.png").write_bytes(sheet.png())
        (work / "words.svg").write_bytes(sheet.svg())
        (work / "words.json").write_bytes(files.encoded(json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n"))
    if as_json:
        return print_json(found.to_json() | {"files": {name: str(path) for name, path in written.items()}})
    for n in numbers:
        print(f"word {n + 1:3}  " + "; ".join(f"{Path(p.clip).stem} {p.seconds:.2f} s" for p in found.words[n][:4]))
    for line in found.left_out:
        print(f"left out: {line}")
    print("", *written.values(), sep="\n")
