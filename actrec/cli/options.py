"""What the commands share: the options that mean the same everywhere, progress, and how they answer."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from actrec.core import look
from actrec.core.errors import Progress, QuestionError
from actrec.core.words import percent

app = typer.Typer(add_completion=False, help="See what a video action-recognition model sees.", pretty_exceptions_enable=False, rich_markup_mode=None)

Clip = Annotated[str, typer.Argument(help="A video file, or the name of a sample clip.")]
Models = Annotated[
    list[str], typer.Option("--model", help="A model's id (see `models`); repeat it to compare several. `dam-12@file.pth` uses that checkpoint.")
]
Model = Annotated[str, typer.Option(help="A model's id (see `models`), or `architecture@checkpoint file`.")]
_STREAM = "One stream of a model that has several (rgb, flow, difference) as a model of its own; fused: all of it, as without."
Stream = Annotated[str | None, typer.Option(help=_STREAM)]
Streams = Annotated[list[str] | None, typer.Option("--stream", help=f"{_STREAM} Repeat it for one each, or for several of one model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Start = Annotated[float, typer.Option(min=0.0, help="The second at which the model's window begins.")]
Joints = Annotated[
    str | None,
    typer.Option(
        help="A file with the joints of the people in the clip, for models that read them, with choices after a #: FILE#offset=3,layout=coco17,"
        "sides=swapped,person=2,units=640x480 (or fractions, centred, pixels). A sample clip's name stands for its joints; `none` leaves out the "
        "joints that are known for the clip."
    ),
]
Hide = Annotated[
    list[str] | None,
    typer.Option(help="A joint, limb or person to hide from the model: left_wrist, 'left arm', 'person 2', '2: left arm'; may be repeated."),
]
Flow = Annotated[
    str | None,
    typer.Option(help="How optical flow is found, for models that read it: dis (no weights), raft-small, raft-large, or pwc (your weights)."),
]
Palette = Annotated[str, typer.Option(help=f"Colours of evidence without a sign: {', '.join(look.PALETTES)}.")]
Diverging = Annotated[str, typer.Option(help=f"Colours of evidence for and against: {', '.join(look.DIVERGING)}.")]
Opacity = Annotated[float, typer.Option(help="How much of the frame the strongest evidence covers, 0 to 1.")]
Threshold = Annotated[float, typer.Option(help="Leave out evidence weaker than this share of the scale, 0 to 1.")]
Scale = Annotated[
    str | None,
    typer.Option(
        help="The end of the colours is the largest value of each step (frame), of a map (clip), or of all maps of a unit (shared). Default: shared "
        "for maps that lie beside each other, else clip."
    ),
]
Moment = Annotated[float | None, typer.Option(help="Seconds of the clip: figures that leave frames out keep the one nearest to it.")]
Out = Annotated[Path, typer.Option(help="Folder for the files.")]


def progress() -> Progress:
    """Progress on standard error, on a terminal only."""
    if not sys.stderr.isatty():
        return lambda fraction, text: None
    return lambda fraction, text: print(f"\r\x1b[K{percent(fraction, 0):>5} {text}", end="\r" if fraction >= 1 else "", file=sys.stderr, flush=True)


def clear() -> None:
    """Wipe the line of progress."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def pair(text: str) -> tuple[str, str]:
    """name=value as two texts."""
    name, equals, value = text.partition("=")
    if not equals:
        raise QuestionError(f"{text!r} has no '='; write name=value")
    return name, value


def print_json(value: Any) -> None:
    """For machines, on standard output."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


def streamed(command: Callable[..., None]) -> Callable[..., None]:
    """A command that asks models, with the option --stream beside --model, which makes one stream of each the model that is asked.

    Where --model may be repeated, so may --stream: one for all models, one each, or several of one model.
    """
    signature = inspect.signature(command, eval_str=True)
    several = signature.parameters["model"].annotation == Models

    @functools.wraps(command)
    def asked(*, model: Any, stream: Any, **rest: Any) -> None:
        given = [stream] if isinstance(stream, str) else stream
        if given:
            pairs = paired(model if several else [model], given, "streams")
            model = [_of_stream(*pair) for pair in pairs] if several else _of_stream(*pairs[0])
        command(model=model, **rest)

    stream = inspect.Parameter("stream", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Streams if several else Stream)
    known = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in signature.parameters.values()]
    after = list(signature.parameters).index("model") + 1
    asked.__signature__ = signature.replace(parameters=[*known[:after], stream, *known[after:]])  # type: ignore[attr-defined]
    return asked


def paired(models: list[str], others: list[str], what: str) -> list[tuple[str, str]]:
    """Models and something of which there is one for all, or one each; one model may have several.

    Raises:
        QuestionError: any other numbers of them.
    """
    models, others = (models * len(others) if len(models) == 1 else models), (others * len(models) if len(others) == 1 else others)
    if len(models) != len(others):
        raise QuestionError(f"{len(models)} models and {len(others)} {what}; give one of the {what} for all models, or one each")
    return list(zip(models, others, strict=True))


def _of_stream(model: str, stream: str) -> str:
    """The name of a model's stream, which is a model too; of the whole model for "fused".

    Raises:
        QuestionError: a stream that the model has not.
    """
    from actrec import catalogue  # late: torch

    known = catalogue.parts(catalogue.card(model))
    if stream == "fused" and known:
        return model
    if stream not in known:
        has = f"it has {', '.join(known)} and fused" if known else "it has one stream; leave --stream out"
        raise QuestionError(f"{model} has no stream {stream!r}: {has}")
    return f"{model}:{stream}"


def print_doubts(doubts: Iterable[str]) -> None:
    """What must be read before an answer, a line each."""
    for line in doubts:
        print(f"  first of all: {line}")
