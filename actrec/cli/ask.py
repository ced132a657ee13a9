"""Asking models about a clip: predict, explain, compare."""

from __future__ import annotations

import math
from dataclasses import replace
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
    Threshold,
    app,
    clear,
    pair,
    paired,
    print_doubts,
    print_json,
    progress,
    streamed,
)
from actrec.core.answer import Explanation
from actrec.core.errors import QuestionError
from actrec.core.evidence import Finding
from actrec.core.look import TOGETHER, Look
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.measure import agreement


@app.command()
@streamed
def explain(
    clip: Clip,
    model: Model,
    method: Annotated[
        str | None, typer.Option(help="The explanation method; default: the first that fits of cam, words, streams, tokens, gradcam.")
    ] = None,
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
    scale: Scale = None,
    moment: Moment = None,
    out: Out = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Explain one prediction: overlay video, figure, raw numbers, curves and provenance in a folder."""
    from actrec import catalogue, study  # late: torch
    from actrec.draw import export  # late: matplotlib

    look = Look(palette, diverging, opacity, threshold, scale or Look.scale, moment=moment)  # type: ignore[arg-type]
    knobs = dict(pair(k) for k in knob or ()) | ({"layer": layer} if layer else {})
    place = _place(at) if at else None
    chosen = method or study.default_method(catalogue.card(model))
    report = progress()
    question = Question(clip, model, chosen, label, versus, start, place, tuple(knobs.items()), joints, tuple(hide or ()), flow)
    found = study.answer(question, report)
    look = look if scale else replace(look, scale=found.usual.scale)
    files = export.write(found, out, look=look, progress=report)
    clear()
    if as_json:
        paths = {name: path for name, path in vars(files).items() if name != "more"} | {**files.more}
        told: dict[str, Any] = {"claim": found.claim, "cautions": found.cautions, "findings": [_finding(f) for f in found.findings]}
        told |= {"with_time": found.earlier.to_command()} if found.earlier else {}
        return print_json(_summary(found, look) | told | {"files": {k: str(v) for k, v in paths.items()}})
    _print_top(found)
    print(f"\n{found.claim}")
    for finding in found.findings:
        print(f"  {finding.sentence}")
    for line in found.cautions[len(found.doubts) :]:
        print(f"  what not to conclude: {line}")
    if found.earlier is not None:
        print(f"with a time axis: {found.earlier.to_command()}")
    print("", files.video, files.figure, *files.more.values(), files.arrays, files.curves, files.provenance, sep="\n")


@app.command()
@streamed
def predict(
    clip: Clip, model: Model, start: Start = 0.0, joints: Joints = None, hide: Hide = None, flow: Flow = None, as_json: AsJson = False
) -> None:
    """Say what the model recognises, and whether the order of the frames matters to it."""
    from actrec import catalogue, study  # late: torch
    from actrec.study import claim  # late: torch

    report, card = progress(), catalogue.card(model)
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
@streamed
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
    scale: Scale = None,
    moment: Moment = None,
    out: Out = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Compare up to four models (or methods) on one clip: figure as PNG and SVG, agreement in numbers."""
    from actrec import catalogue, study  # late: torch
    from actrec.draw import export  # late: matplotlib

    look = Look(palette, diverging, opacity, threshold, scale or TOGETHER.scale, moment=moment)  # type: ignore[arg-type]
    ways = method or [study.default_method(catalogue.card(name)) for name in model]
    report = progress()
    asked = [Question(clip, name, way, label, start=start, joints=joints, flow=flow) for name, way in paired(model, ways, "methods")]
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


def _place(text: str) -> tuple[float, float, float]:
    try:
        seconds, x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise QuestionError(f"--at {text!r} is not a place; write --at seconds,x,y, with x and y in source pixels") from None
    return seconds, x, y


def _summary(found: Explanation, look: Look | None = None) -> dict[str, Any]:
    top = [{"label": label, "probability": p} for label, p in found.predictions.top(5)]
    question = found.question
    return {
        "question": question.to_query(),
        "command": question.to_command(look, found.usual),
        "model": found.model,
        "label": found.label,
        "predictions": top,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"name": finding.name, "value": None if math.isnan(finding.value) else finding.value, "sentence": finding.sentence}


def _joints_told(found: Explanation) -> str:
    """What the model was given of the people's joints, in a sentence; "" for a model that reads none and was offered none."""
    from actrec.inputs import pose  # late: av

    if "joints" not in found.provenance:
        return pose.UNREAD if found.question.joints not in (None, pose.NONE) else ""
    about = found.provenance["joints"]
    return f"{'Doubtful joints' if about['doubts'] else 'Joints'}: {about['source']} ({about['fit']})." if about else pose.VIDEO_ONLY


def _print_top(found: Explanation) -> None:
    print_doubts(found.doubts)
    for label, probability in found.predictions.top(5):
        print(f"  {percent(probability):>7}  {label}")
