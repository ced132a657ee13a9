"""The command line: `python -m actrec …`. Same questions, same answers as the pages.

Exit status 0; 2 with one line on standard error for what the reader can mend; 130 when interrupted.
"""

from __future__ import annotations

import enum
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from actrec.types import ActrecError, Explanation, Progress, Question, QuestionError

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False, rich_markup_mode=None)

Clip = Annotated[str, typer.Argument(help="A video file, or the name of a sample clip.")]
Models = Annotated[list[str], typer.Option("--model", help="A model's id (see `models`); several to compare. `dam-12@file.pth` brings a checkpoint.")]
Model = Annotated[str, typer.Option(help="A model's id (see `models`), or `architecture@checkpoint file`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Start = Annotated[float, typer.Option(min=0.0, help="Seconds where the model's window begins.")]
Out = Annotated[Path, typer.Option(help="Folder for the files.")]


class Crops(enum.StrEnum):
    """How training crops."""

    corner = "corner"
    near = "near"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    if not (sys.argv[1:] if arguments is None else arguments):
        arguments = ["--help"]
    try:
        app(arguments, prog_name="python -m actrec", standalone_mode=False)
    except typer.TyperException as error:
        return _fail(error.format_message())
    except ActrecError as error:
        return _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        print("actrec: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except Exception as error:
        if os.environ.get("ACTREC_DEBUG"):
            raise
        return _fail(f"this is a fault of ours: {type(error).__name__}: {error}; run again with ACTREC_DEBUG=1 and send us what it prints")
    return 0


def _fail(message: str) -> int:
    print(f"actrec: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _progress() -> Progress:
    """Progress on standard error, on a terminal only."""
    if not sys.stderr.isatty():
        return lambda fraction, text: None
    return lambda fraction, text: print(f"\r\x1b[K{fraction:4.0%} {text}", end="\r" if fraction >= 1 else "", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@app.command()
def explain(
    clip: Clip,
    model: Model,
    method: Annotated[str | None, typer.Option(help="A way of explaining; default: exact CAM where it is exact, else Grad-CAM.")] = None,
    label: Annotated[str | None, typer.Option(help="The class to explain; default: the model's first choice.")] = None,
    versus: Annotated[str | None, typer.Option(help="Explain the label rather than this class.")] = None,
    start: Start = 0.0,
    at: Annotated[str | None, typer.Option(help="A place for directed attention: seconds,x,y in source pixels.")] = None,
    layer: Annotated[str | None, typer.Option(help="The tap to explain.")] = None,
    knob: Annotated[list[str] | None, typer.Option(help="A setting of the method: name=value.")] = None,
    out: Out = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Explain one prediction: overlay video, figure, raw numbers, curves and provenance in a folder."""
    from actrec import catalogue, export, study

    knobs = dict(_pair(k) for k in knob or ()) | ({"layer": layer} if layer else {})
    place = _place(at) if at else None
    chosen = method or study.default_method(catalogue.card(model))
    report = _progress()
    found = study.answer(Question(clip, model, chosen, label, versus, start, place, tuple(knobs.items())), report)
    files = export.write(found, out, progress=report)
    _clear()
    if as_json:
        paths = {"video": files.video, "figure": files.figure, "figure_svg": files.figure_svg, "arrays": files.arrays, "curves": files.curves}
        paths["provenance"] = files.provenance
        return _print_json(_summary(found) | {"claim": found.claim, "cautions": found.cautions, "files": {k: str(v) for k, v in paths.items()}})
    _print_top(found)
    print(f"\n{found.claim}")
    for line in found.cautions:
        print(f"  not to conclude: {line}")
    print(f"\n{files.video}\n{files.figure}\n{files.arrays}\n{files.curves}\n{files.provenance}")


@app.command()
def predict(clip: Clip, model: Model, start: Start = 0.0, as_json: AsJson = False) -> None:
    """Say what the model recognises, and whether the order of the frames matters to it."""
    from actrec import catalogue, study

    report = _progress()
    question = Question(clip, model, study.default_method(catalogue.card(model)), start=start)
    found, arrow = study.answer(question, report), study.arrow(question, report)
    _clear()
    if as_json:
        order = {name: {"logit": z, "probability": p} for name, z, p in zip(arrow.names, arrow.logits, arrow.probabilities, strict=True)}
        return _print_json(_summary(found) | {"order": order, "verdict": arrow.verdict})
    _print_top(found)
    print(f"\n{arrow.verdict}")


@app.command()
def compare(
    clip: Clip,
    model: Models,
    method: Annotated[list[str] | None, typer.Option(help="One for all models, or one each.")] = None,
    label: Annotated[str | None, typer.Option(help="The class to explain in each; default: each model's first choice.")] = None,
    start: Start = 0.0,
    segments: Annotated[int, typer.Option(min=1, max=12, help="Columns of the figure.")] = 3,
    out: Out = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Compare up to four models (or methods) on one clip: figure as PNG and SVG, agreement in numbers."""
    from actrec import catalogue, export, study

    ways = method or [study.default_method(catalogue.card(name)) for name in model]
    names, ways = (model * len(ways) if len(model) == 1 else model), (ways * len(model) if len(ways) == 1 else ways)
    if len(names) != len(ways):
        raise QuestionError(f"{len(names)} models and {len(ways)} methods; give one method for all models, or one each")
    report = _progress()
    found = study.compare([Question(clip, name, way, label, start=start) for name, way in zip(names, ways, strict=True)], report)
    files = export.write_comparison(found.explanations, found.agreements, out, segments=segments)
    _clear()
    numbers = [{"first": i, "second": j, **agreement.to_json()} for (i, j), agreement in found.agreements.items()]
    if as_json:
        answers = [_summary(e) | {"claim": e.claim} for e in found.explanations]
        return _print_json({"answers": answers, "agreements": numbers, "files": {k: str(v) for k, v in files.items()}})
    for explanation in found.explanations:
        print(f"{explanation.model}, {explanation.question.method}")
        _print_top(explanation)
        print(f"  {explanation.claim}\n")
    for (i, j), agreement in found.agreements.items():
        print(f"{i + 1} and {j + 1}: {agreement}")
    print("\n".join(str(path) for path in files.values()))


@app.command()
def models(as_json: AsJson = False) -> None:
    """List every model: what it needs, its size beside the paper's, and the ways of explaining that fit it."""
    from actrec import catalogue

    rows: list[dict[str, Any]] = []
    for card in catalogue.cards().values():
        parameters, gflops = catalogue.counts(card)
        fitting = [m.id for m in catalogue.methods().values() if not isinstance(catalogue.layers(card, m), str)]
        lacking = catalogue.ready(card)
        row: dict[str, Any] = {
            "id": card.id,
            "title": card.title,
            "ready": not lacking,
            "lacking": lacking,
            "parameters": parameters,
            "gflops": round(gflops, 4),
        }
        rows.append(row | {"inputs": list(card.inputs), "methods": fitting, "paper": dict(card.paper_figures), "trained_on": card.trained_on})
    if as_json:
        return _print_json(rows)
    print(f"{'id':28} {'ready':6} {'M parameters (paper)':>22} {'GFLOPs (paper)':>18}  title")
    for row in rows:
        paper = row["paper"]
        told = paper.get("parameters", 0.0)
        told = told / 1e6 if told > 1e4 else told  # torchvision counts them, the papers give millions
        size = f"{row['parameters'] / 1e6:.2f}" + (f" ({told:.2f})" if told else "")
        cost = f"{row['gflops']:.2f}" + (f" ({paper['gflops']:g})" if "gflops" in paper else "")
        print(f"{row['id']:28} {'yes' if row['ready'] else 'no':6} {size:>22} {cost:>18}  {row['title']}")


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
    arguments = {name: json.loads(value) for name, value in map(_pair, argument or ())}
    run = train.Run(card, clip_set, recipe, out, arguments, init=init, command=train.command_line())
    run.fit()
    scores = run.ship()
    if as_json:
        return _print_json(scores.to_json() | {"folder": str(out)})
    print(f"test accuracy {scores.accuracy:.4f}, with reversed pairs as one {scores.merged:.4f}; checkpoint {out / 'model.safetensors'}")


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

    loaded = study.load(model, _progress())
    clip_set = sets.open_set(data, train=test_clips, test=test_clips)
    scores = evaluate.examine(loaded.model, loaded.card, clip_set, (split,))
    if as_json:
        return _print_json({"model": model, "data": clip_set.name, "split": split} | scores.to_json())
    print(f"{loaded.card.title} on {clip_set.name}, {split}: {scores.confusion.sum()} clips, accuracy {scores.accuracy:.4f}")
    print(f"with reversed pairs as one: {scores.merged:.4f}")
    for pair, value in scores.pairs.items():
        print(f"within {pair}: {value:.3f} (0.5 is guessing)")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise QuestionError(f"{text!r} has no '='; write name=value")
    return name, value


def _place(text: str) -> tuple[float, float, float]:
    try:
        seconds, x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise QuestionError(f"--at {text!r} is no place; write --at seconds,x,y, with x and y in source pixels") from None
    return seconds, x, y


def _summary(found: Explanation) -> dict[str, Any]:
    top = [{"label": label, "probability": p} for label, p in found.predictions.top(5)]
    question = found.question
    return {"question": question.to_query(), "command": question.to_command(), "model": found.model, "label": found.label, "predictions": top}


def _print_top(found: Explanation) -> None:
    for label, probability in found.predictions.top(5):
        print(f"  {probability:6.1%}  {label}")


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False))
