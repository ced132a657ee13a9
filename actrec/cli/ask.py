"""Asking models about a clip: predict, explain, compare, what-if, cost, check."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from actrec.cli.options import (
    AsJson,
    Clip,
    Diverging,
    Flow,
    Hide,
    Joints,
    Model,
    Models,
    Moment,
    Opacity,
    Out,
    Palette,
    Scale,
    Start,
    Stream,
    Threshold,
    app,
    clear,
    of_stream,
    pair,
    print_json,
    progress,
)
from actrec.core.answer import Explanation
from actrec.core.errors import QuestionError
from actrec.core.evidence import Finding
from actrec.core.look import TOGETHER, Look
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.measure import agreement


@app.command()
def explain(
    clip: Clip,
    model: Model,
    stream: Stream = None,
    method: Annotated[str | None, typer.Option(help="The explanation method; default: CAM where it is exact, else Grad-CAM.")] = None,
    label: Annotated[str | None, typer.Option(help="The class to explain; default: the model's first choice.")] = None,
    versus: Annotated[str | None, typer.Option(help="Explain why the label rather than this class: the difference of their logits.")] = None,
    start: Start = 0.0,
    at: Annotated[str | None, typer.Option(help="The place that attention starts from: seconds,x,y, with x and y in source pixels.")] = None,
    layer: Annotated[str | None, typer.Option(help="The layer (tap) to explain.")] = None,
    knob: Annotated[list[str] | None, typer.Option(help="A setting of the method: name=value.")] = None,
    joints: Joints = None,
    hide: Hide = None,
    flow: Flow = None,
    palette: Palette = Look.palette,
    diverging: Diverging = Look.diverging,
    opacity: Opacity = Look.opacity,
    threshold: Threshold = Look.threshold,
    scale: Scale = Look.scale,
    moment: Moment = None,
    out: Out = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Explain one prediction: overlay video, figure, raw numbers, curves and provenance in a folder."""
    from actrec import catalogue, study  # late: torch
    from actrec.draw import export  # late: matplotlib

    model, look = of_stream(model, stream), Look(palette, diverging, opacity, threshold, scale, moment=moment)  # type: ignore[arg-type]
    knobs = dict(pair(k) for k in knob or ()) | ({"layer": layer} if layer else {})
    place = _place(at) if at else None
    chosen = method or study.default_method(catalogue.card(model))
    report = progress()
    question = Question(clip, model, chosen, label, versus, start, place, tuple(knobs.items()), joints, tuple(hide or ()), flow)
    found = study.answer(question, report)
    files = export.write(found, out, look=look, progress=report)
    clear()
    if as_json:
        paths = {name: path for name, path in vars(files).items() if name != "more"} | {**files.more}
        told = {"claim": found.claim, "cautions": found.cautions, "findings": [_finding(f) for f in found.findings]}
        return print_json(_summary(found, look) | told | {"files": {k: str(v) for k, v in paths.items()}})
    _print_top(found)
    print(f"\n{found.claim}")
    for finding in found.findings:
        print(f"  {finding.sentence}")
    for line in found.cautions[len(found.doubts) :]:
        print(f"  what not to conclude: {line}")
    print("", files.video, files.figure, *files.more.values(), files.arrays, files.curves, files.provenance, sep="\n")


@app.command()
def predict(
    clip: Clip,
    model: Model,
    stream: Stream = None,
    start: Start = 0.0,
    joints: Joints = None,
    hide: Hide = None,
    flow: Flow = None,
    as_json: AsJson = False,
) -> None:
    """Say what the model recognises, and whether the order of the frames matters to it."""
    from actrec import catalogue, study  # late: torch
    from actrec.study import claim  # late: torch

    report, model = progress(), of_stream(model, stream)
    card = catalogue.card(model)
    question = Question(clip, model, study.default_method(card), start=start, joints=joints, hide=tuple(hide or ()), flow=flow)
    found, order = study.answer(question, report), study.time_order(question, report)
    told = [*found.doubts, *filter(None, [claim.cut(found.geometry)]), claim.closest(card)]
    clear()
    if as_json:
        runs = {name: {"logit": z, "probability": p} for name, z, p in zip(order.names, order.logits, order.probabilities, strict=True)}
        ran = {"order": runs, "verdict": order.verdict, "joints": _joints_told(found), "notes": found.clip.video.notes}
        return print_json(_summary(found) | {"cautions": told} | ran)
    _print_top(found)
    print(f"\n{order.verdict}")
    for line in filter(None, (_joints_told(found), *found.clip.video.notes, *told[len(found.doubts) :])):
        print(line)


@app.command()
def compare(
    clip: Clip,
    model: Models,
    method: Annotated[list[str] | None, typer.Option(help="One for all models, or one each.")] = None,
    label: Annotated[str | None, typer.Option(help="The class to explain in each; default: each model's first choice.")] = None,
    start: Start = 0.0,
    segments: Annotated[int, typer.Option(min=1, max=12, help="Columns of the figure.")] = 3,
    joints: Joints = None,
    flow: Flow = None,
    palette: Palette = Look.palette,
    diverging: Diverging = Look.diverging,
    opacity: Opacity = Look.opacity,
    threshold: Threshold = Look.threshold,
    scale: Scale = TOGETHER.scale,
    moment: Moment = None,
    out: Out = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Compare up to four models (or methods) on one clip: figure as PNG and SVG, agreement in numbers."""
    from actrec import catalogue, study  # late: torch
    from actrec.draw import export  # late: matplotlib

    look = Look(palette, diverging, opacity, threshold, scale, moment=moment)  # type: ignore[arg-type]
    ways = method or [study.default_method(catalogue.card(name)) for name in model]
    names, ways = (model * len(ways) if len(model) == 1 else model), (ways * len(model) if len(ways) == 1 else ways)
    if len(names) != len(ways):
        raise QuestionError(f"{len(names)} models and {len(ways)} methods; give one method for all models, or one each")
    report = progress()
    asked = [Question(clip, name, way, label, start=start, joints=joints, flow=flow) for name, way in zip(names, ways, strict=True)]
    found = study.compare(asked, report)
    files = export.write_comparison(found.explanations, found.agreements, out, segments=segments, look=look)
    clear()
    if as_json:
        answers = [_summary(e) | {"claim": e.claim, "cautions": e.cautions} for e in found.explanations]
        told = {"answers": answers, "notes": found.explanations[0].clip.video.notes, "agreements": agreement.to_json(found.agreements)}
        return print_json(told | {"files": {k: str(v) for k, v in files.items()}})
    for explanation in found.explanations:
        print(f"{explanation.model}, {explanation.question.method}")
        _print_top(explanation)
        print(f"  {explanation.claim}\n")
    for (i, j), common in found.agreements.items():
        print(f"{i + 1} and {j + 1}: {common}")
    print(*found.explanations[0].clip.video.notes, sep="\n")
    print("\n".join(str(path) for path in files.values()))


@app.command("what-if")
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
    _print_doubts(doubts)
    print(f"{'hidden':24} {'score':>8} {'change':>8} {'probability':>11}\nscore: {found.measure}")
    print(f"{'nothing':24} {found.score:8.3f} {'':8} {found.probability:11.3f}")
    for row in found.effects:
        print(f"{row.name:24} {row.score:8.3f} {found.change(row):+8.3f} {row.probability:11.3f}")
    print(f"\n{found.verdict}")


@app.command()
def cost(clip: Clip, model: Model, start: Start = 0.0, joints: Joints = None, hide: Hide = None, as_json: AsJson = False) -> None:
    """Count and measure what attention in windows saves on this clip, compared with attention without windows."""
    from actrec import study  # late: torch
    from actrec.study.checks import windows_cost as costs  # late: torch

    question = Question(clip, model, "", start=start, joints=joints, hide=tuple(hide or ()))
    found, doubts = costs.cost(question, progress()), study.doubts(question)
    clear()
    if as_json:
        return print_json({"doubts": doubts} | found.to_json())
    _print_doubts(doubts)
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
def check(
    clip: Clip,
    model: Model,
    stream: Stream = None,
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

    question = Question(clip, of_stream(model, stream), "", label, versus, start, joints=joints, hide=tuple(hide or ()), flow=flow)
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
    _print_doubts(doubts)
    for name, each in found.items():
        print(f"{name}: {checks.every()[name].title}\n  {each.verdict}")
    for name, reason in lacking.items():
        if reason and not which:
            print(f"{name} does not fit: {reason}")


def _place(text: str) -> tuple[float, float, float]:
    try:
        seconds, x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise QuestionError(f"--at {text!r} is not a place; write --at seconds,x,y, with x and y in source pixels") from None
    return seconds, x, y


def _summary(found: Explanation, look: Look | None = None) -> dict[str, Any]:
    top = [{"label": label, "probability": p} for label, p in found.predictions.top(5)]
    question = found.question
    return {"question": question.to_query(), "command": question.to_command(look), "model": found.model, "label": found.label, "predictions": top}


def _finding(finding: Finding) -> dict[str, Any]:
    return {"name": finding.name, "value": None if math.isnan(finding.value) else finding.value, "sentence": finding.sentence}


def _joints_told(found: Explanation) -> str:
    """What the model was given of the people's joints, in a sentence; "" for a model that reads none and was offered none."""
    from actrec.inputs import pose  # late: av

    if "joints" not in found.provenance:
        return pose.UNREAD if found.question.joints not in (None, pose.NONE) else ""
    about = found.provenance["joints"]
    return f"{'Doubtful joints' if about['doubts'] else 'Joints'}: {about['source']} ({about['fit']})." if about else pose.VIDEO_ONLY


def _print_doubts(doubts: Iterable[str]) -> None:
    for line in doubts:
        print(f"  first of all: {line}")


def _print_top(found: Explanation) -> None:
    _print_doubts(found.doubts)
    for label, probability in found.predictions.top(5):
        print(f"  {percent(probability):>7}  {label}")
