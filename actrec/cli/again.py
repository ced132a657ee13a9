"""Asking a model again about a changed clip, or a changed model about the clip: what-if, cost, check."""

from __future__ import annotations

from typing import Annotated

import typer

from actrec.cli.options import AsJson, Clip, Flow, Hide, Joints, Model, Start, app, clear, print_doubts, print_json, progress, streamed
from actrec.core.errors import QuestionError
from actrec.core.question import Question


@app.command("what-if")
@streamed
def what_if(
    clip: Clip,
    model: Model,
    label: Annotated[str | None, typer.Option(help="The class whose score is followed; default: the model's first choice.")] = None,
    versus: Annotated[str | None, typer.Option(help="Follow the label's score minus this class's.")] = None,
    start: Start = 0.0,
    joints: Joints = None,
    hide: Hide = None,
    as_json: AsJson = False,
) -> None:
    """Run a model again without each person, limb and joint that it is given, and say how the class's score moves."""
    from actrec import study  # late: torch
    from actrec.study.checks import hidden  # late: torch

    question = Question(clip, model, "", label, versus, start, joints=joints, hide=tuple(hide or ()))
    found, doubts = hidden.what_if(question, progress()), study.doubts(question)
    clear()
    if as_json:
        return print_json({"doubts": doubts} | found.to_json())
    print_doubts(doubts)
    print(f"{'hidden':24} {'score':>8} {'change':>8} {'probability':>11}\nscore: {found.measure}")
    print(f"{'nothing':24} {found.score:8.3f} {'':8} {found.probability:11.3f}")
    for row in found.effects:
        print(f"{row.name:24} {row.score:8.3f} {found.change(row):+8.3f} {row.probability:11.3f}")
    print(f"\n{found.verdict}")


@app.command()
@streamed
def cost(clip: Clip, model: Model, start: Start = 0.0, joints: Joints = None, hide: Hide = None, as_json: AsJson = False) -> None:
    """Count and measure what attention in windows saves on this clip, compared with attention without windows."""
    from actrec import study  # late: torch
    from actrec.study.checks import windows_cost as costs  # late: torch

    question = Question(clip, model, "", start=start, joints=joints, hide=tuple(hide or ()))
    found, doubts = costs.cost(question, progress()), study.doubts(question)
    clear()
    if as_json:
        return print_json({"doubts": doubts} | found.to_json())
    print_doubts(doubts)
    print(f"{'':38} {'windows × tokens':>18} {'pairs':>12} {'without windows':>16} {'pairs':>12}")
    for row in found.rows:
        print(f"{row.name:38} {f'{row.windows} × {row.tokens}':>18} {row.pairs:12,} {row.full_tokens:16,} {row.full_pairs:12,}")
    print(
        f"{'a whole forward pass':38} {found.gflops:13.2f} GFLOPs, {found.seconds:.3f} s {found.full_gflops:13.2f} GFLOPs, {found.full_seconds:.3f} s"
    )
    print(
        f"probability of {found.label}: {found.probability:.3f} with windows, {found.full_probability:.3f} without (the model was trained with them)"
    )
    print(f"\n{found.verdict}")


@app.command()
@streamed
def check(
    clip: Clip,
    model: Model,
    which: Annotated[list[str] | None, typer.Option("--check", help="A check by its id; default: every one that fits.")] = None,
    label: Annotated[str | None, typer.Option(help="The class whose score is followed; default: the model's first choice.")] = None,
    versus: Annotated[str | None, typer.Option(help="Follow the label's score minus this class's.")] = None,
    start: Start = 0.0,
    joints: Joints = None,
    hide: Hide = None,
    flow: Flow = None,
    as_json: AsJson = False,
) -> None:
    """Run a model again on a changed clip, with every check that fits, and say in a sentence what the result is."""
    from actrec import catalogue  # late: torch
    from actrec.study import asking, checks  # late: torch

    question = Question(clip, model, "", label, versus, start, joints=joints, hide=tuple(hide or ()), flow=flow)
    asked = asking.asked(question)
    lacking = {name: each.lacks(asked.card, catalogue.taps(asked.card), asked.clip) for name, each in checks.every().items()}
    report, found = progress(), {}
    for name in which or [name for name, reason in lacking.items() if not reason]:
        if reason := lacking.get(name, ""):
            raise QuestionError(f"the check {name!r} does not fit: {reason}")
        found[name] = checks.run(name, question, report)
    doubts = asking.doubts(question)
    clear()
    if as_json:
        ran = {name: each.to_json() for name, each in found.items()}
        return print_json({"doubts": doubts, "checks": ran, "not": {k: v for k, v in lacking.items() if v}})
    print_doubts(doubts)
    for name, each in found.items():
        print(f"{name}: {checks.every()[name].title}\n  {each.verdict}")
    for name, reason in lacking.items():
        if reason and not which:
            print(f"{name} does not fit: {reason}")
