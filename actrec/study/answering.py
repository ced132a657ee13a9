"""The only joiner: a question in, an explanation out. The pages and the command line both come here, so they cannot disagree."""

from __future__ import annotations

import difflib
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from actrec import catalogue
from actrec.core import devices, trace
from actrec.core.answer import Explanation, Predictions
from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.errors import ActrecError, Progress, QuestionError, WeightsError, no_progress
from actrec.core.evidence import Evidence, Finding, Heat, Track
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.explain import Ask, Method
from actrec.inputs import pose
from actrec.measure import regions
from actrec.study import claim, loading

_answers: Kept[Explanation] = Kept(24, lambda found: found.clip.frames.nbytes, 1.5e9)


def default_method(card: Card) -> str:
    """The first way of explaining that fits: exact CAM where it is exact, the tokens of a model that chooses them, else Grad-CAM."""
    known = catalogue.methods()
    order = [known[name] for name in ("cam", "tokens", "gradcam") if name in known]
    return next((m.id for m in order if not isinstance(catalogue.layers(card, m), str)), "gradcam")


def answer(question: Question, progress: Progress = no_progress) -> Explanation:
    """Predict and explain in one pass; the same question about the same bytes and weights is answered from memory.

    Raises:
        ActrecError: anything that the reader can mend (clip, weights, question, memory); its message is one clear line.
    """
    film = loading.open_clip(question.clip)
    loaded = loading.load(question.model, progress)
    key = (question, film.sha256, loaded.sha256, pose.stamp(question.joints, film))
    return _answers.get_or(key, lambda: _answer(question, film, loaded, progress))


def _answer(question: Question, film: Video, loaded: loading.Loaded, progress: Progress) -> Explanation:
    method = catalogue.methods().get(question.method)
    if method is None:
        raise QuestionError(f"no method {question.method!r}; there are {', '.join(catalogue.methods())}")
    layer, knobs = _settings(question, loaded.card, method)
    progress(0.1, "reading the frames")
    given = pose.given(question.joints, film, loaded.card, question.hide)
    clip, geometry, inputs = loading.window(loaded, film, question.start, given.joints)
    picked = method.picks(knobs)
    progress(0.3, "asking the model")
    try:
        with devices.turn(loaded.device):
            seen = trace.run(loaded.model, inputs, clip, geometry, watch=method.watch(layer), grad=method.grad)
            predictions = predictions_of(loaded.card, seen.logits)
            label, versus = classes(question, predictions)
            progress(0.6, "explaining")
            place = _place(question, clip, geometry) if picked else None
            layout = () if given.joints is None else given.joints.layout.joints
            found = method.explain(seen, Ask(label, versus, layer, place, knobs, loaded.card.gap, layout))
            evidence = _whole(found if isinstance(found, Evidence) else Evidence(found), clip, layout)
    except torch.OutOfMemoryError:
        what = f"{loaded.card.title} with {method.title}"
        raise ActrecError(f"the {loaded.device.type} ran out of memory for {what}; choose a later layer or a smaller model") from None
    progress(0.9, "writing it down")
    value = predictions.logits[label] - (predictions.logits[versus] if versus is not None else 0)
    names, first = loaded.card.labels, evidence.heat
    return Explanation(
        question=question,
        model=loaded.card.title,
        predictions=predictions,
        label=names[label],
        versus=None if versus is None else names[versus],
        probability=float(predictions.probabilities[label]),
        score=float(value),
        claim=evidence.claim or claim.sentence(first, clip, names[label], None if versus is None else names[versus], picked=picked),
        cautions=(*given.cautions, *claim.cautions(first, clip, loaded.card, method)),
        evidence=evidence,
        clip=clip,
        geometry=geometry,
        provenance={
            "model": loaded.card.id,
            "weights_sha256": loaded.sha256,
            "clip_sha256": film.sha256,
            "method": method.id,
            "layer": layer,
            "knobs": dict(knobs),
            "device": loaded.device.type,
            "precision": "float32",
            **given.about,
        },
    )


def _whole(found: Evidence, clip: Clip, layout: tuple[str, ...]) -> Evidence:
    """What a way of explaining found, with what is worked out from it whatever the way: its curve, and on what its places lie."""
    curve = mass(found.heat, clip.video)
    return replace(found, tracks=(curve, *found.tracks), findings=(*found.findings, *_on_what(found, clip, layout)))


def _on_what(evidence: Evidence, clip: Clip, layout: tuple[str, ...]) -> tuple[Finding, ...]:
    """On what the chosen places lie, where that is known."""
    if evidence.points is None:
        return ()
    people = None if clip.joints is None else pose.skeleton(clip.joints, pose.named(layout), evidence.points.bands)
    return regions.findings(evidence.points, regions.regions(clip, people))


def _settings(question: Question, card: Card, method: Method) -> tuple[str, dict[str, str]]:
    found = catalogue.layers(card, method)
    if isinstance(found, str):
        raise QuestionError(f"{method.title} does not fit {card.title}: {found}")
    given = dict(question.knobs)
    layer = given.pop("layer", found[0])
    if layer not in found:
        raise QuestionError(f"{method.title} cannot explain layer {layer!r} of {card.title}; it can explain {', '.join(found)}")
    legal = {knob.name: knob.choices for knob in method.knobs_for(card)}
    for name, value in given.items():
        if name not in legal:
            raise QuestionError(f"{method.title} has no setting {name!r}; it has {', '.join(['layer', *legal])}")
        if value not in legal[name]:
            raise QuestionError(f"{name}={value!r} is no setting of {method.title}; choose {', '.join(legal[name])}")
    return layer, {name: given.get(name, choices[0]) for name, choices in legal.items()}


def predictions_of(card: Card, logits: Tensor) -> Predictions:
    row = logits[0].detach().float()
    if len(row) != len(card.labels):
        names = f"{len(card.labels)} names; put a file with one name a line beside the checkpoint"
        raise WeightsError(f"{card.title} gives {len(row)} classes but has {names}")
    return Predictions(card.labels, row.cpu().numpy(), row.softmax(0).cpu().numpy())


def classes(question: Question, predictions: Predictions) -> tuple[int, int | None]:
    def number(name: str) -> int:
        if name in predictions.labels:
            return predictions.labels.index(name)
        near = difflib.get_close_matches(name, predictions.labels, 3, 0.4) or [label for label, _ in predictions.top(3)]
        raise QuestionError(f"the model knows no class {name!r}; did you mean {', '.join(near)}?")

    label = int(np.argmax(predictions.logits)) if question.label is None else number(question.label)
    versus = None if question.versus is None else number(question.versus)
    if versus == label:
        raise QuestionError(f"{predictions.labels[label]!r} cannot be explained against itself; choose another class for versus")
    return label, versus


def _place(question: Question, clip: Clip, geometry: Geometry) -> tuple[int, float, float]:
    if question.at is None:
        return len(clip.index) // 2, geometry.crop[1] / 2, geometry.crop[0] / 2
    seconds, x, y = question.at
    column, row = geometry.to_input(x, y)
    if not (0 <= column < geometry.crop[1] and 0 <= row < geometry.crop[0]):
        left, top, right, bottom = geometry.box
        legal = f"x in {left:.0f}–{right:.0f} and y in {top:.0f}–{bottom:.0f}"
        raise QuestionError(f"the place x={x:g}, y={y:g} lies outside what the model saw; pick {legal}")
    return int(np.argmin(np.abs(clip.seconds - seconds))), column, row


def mass(heat: Heat, film: Video) -> Track:
    """Evidence per source frame: the heat's mass of the step that stands for it; NaN where the model did not look."""
    steps = heat.steps_of(film.frames)
    frames = np.flatnonzero(steps >= 0)
    return Track("evidence per frame", heat.unit, film.seconds[frames], frames, heat.mass[steps[frames]])
