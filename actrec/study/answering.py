"""The only joiner: a question in, an explanation out. The pages and the command line both come here, so they cannot disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actrec import catalogue
from actrec.core.answer import Explanation
from actrec.core.card import Card
from actrec.core.clip import Clip, Video
from actrec.core.errors import ActrecError, Progress, QuestionError, no_progress
from actrec.core.evidence import Evidence, Finding, Heat, Track
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.explain import Ask, Method, from_where
from actrec.inputs import pose
from actrec.inputs.streams.pose import joints_on
from actrec.measure import regions
from actrec.study import asking, claim, loading
from actrec.study.asking import Asked, Target
from actrec.study.earlier import earlier

_answers: Kept[Explanation] = Kept(24, lambda found: found.clip.frames.nbytes, 1.5e9)


def default_method(card: Card) -> str:
    """The first way of explaining that fits: the exact map, of one stream or of each; the tokens of a model that chooses them; Grad-CAM."""
    known = catalogue.methods()
    order = [known[name] for name in ("cam", "words", "streams", "tokens", "gradcam") if name in known]
    return next((m.id for m in order if not isinstance(catalogue.layers(card, m), str)), "gradcam")


def answer(question: Question, progress: Progress = no_progress) -> Explanation:
    """Predict and explain in one pass; the same question about the same bytes and weights is answered from memory.

    Raises:
        ActrecError: anything that the reader can mend (clip, weights, question, memory); its message is one clear line.
    """
    film, loaded = loading.open_clip(question.clip), loading.load(question.model, progress)
    key = (question, film.sha256, loaded.sha256, asking.stamp(question, film, loaded.card))
    return _answers.get_or(key, lambda: _answer(question, film, loaded, progress))


def _answer(question: Question, film: Video, loaded: loading.Loaded, progress: Progress) -> Explanation:
    method = catalogue.methods().get(question.method)
    if method is None:
        raise QuestionError(f"no method {question.method!r}; there are {', '.join(catalogue.methods())}")
    layer, knobs = _settings(question, loaded.card, method)
    progress(0.1, "reading the frames")
    asked = asking.opened(question, film, loaded, lambda fraction, text: progress(0.1 + 0.2 * fraction, text))
    progress(0.3, "asking the model")
    try:
        with asked.turn():
            seen = asked.run(method.watch(layer), method.grad)
            target = asked.target(seen.logits)
            progress(0.6, "explaining")
            place = asking.place(asked) if method.picks(knobs) else None
            layout = next((given.names for given in asked.given.values() if given.names), ())
            picked = question.at is not None
            card, label, versus = loaded.card, target.label, target.versus
            ask = Ask(label, versus, layer, place, knobs, card.readout, card.readouts, layout, picked, card.preprocess)
            found = method.explain(seen, ask)
    except torch.OutOfMemoryError:
        what = f"{loaded.card.title} with {method.title}"
        raise ActrecError(f"the device {loaded.device.type} ran out of memory for {what}; choose a later layer or a smaller model") from None
    progress(0.9, "writing the answer")
    evidence = _whole(found if isinstance(found, Evidence) else Evidence(found), asked.clip, layout)
    return _written(asked, method, target, seen.logits, evidence, {"method": method.id, "layer": layer, "knobs": dict(knobs)})


def _written(asked: Asked, method: Method, target: Target, logits: Tensor, evidence: Evidence, run: Mapping[str, Any]) -> Explanation:
    """The answer in words and numbers, and where it comes from. run: which method, on which layer, with which settings."""
    film, loaded, clip, first = asked.film, asked.loaded, asked.clip, evidence.heat
    probability, score = target.score(logits)
    told = {"model": loaded.card.id, "weights_sha256": loaded.sha256, "clip_sha256": film.sha256, **run}
    about = {name: value for given in asked.given.values() for name, value in given.about.items()}
    place = from_where(asked.question.at is not None) if method.picks(run["knobs"]) else ""
    shown = evidence.heats if evidence.together else (first,)
    each = [claim.sentence(heat, clip, target.name, target.against, by_class=method.by_class, place=place) for heat in shown]
    said = each[0] if len(each) == 1 else " ".join(f"{heat.title}: {one}" for heat, one in zip(shown, each, strict=True))
    predictions = asked.predictions(logits)
    doubts, seen = asked.doubts(predictions), claim.cut(asked.geometry)
    instead, at = earlier(asked.question, loaded.card, method, run["layer"], first, clip) or (None, "")
    return Explanation(
        question=asked.question,
        model=loaded.card.title,
        predictions=predictions,
        label=target.name,
        versus=target.against,
        probability=probability,
        score=score,
        claim=evidence.claim or said,
        doubts=doubts,
        cautions=(*doubts, *asked.cautions, *([seen] if seen else []), *claim.cautions(first, clip, loaded.card, method, at)),
        earlier=instead,
        evidence=evidence,
        clip=clip,
        geometry=asked.geometry,
        provenance=told | {"stream": loaded.card.within.removesuffix("."), "device": loaded.device.type, "precision": "float32", **about},
    )


def _whole(found: Evidence, clip: Clip, layout: tuple[str, ...]) -> Evidence:
    """What a way of explaining found, with what is worked out from it whatever the way: its curve, and on what its places lie."""
    curves = [mass(found.heat, clip.video)]
    if found.together:  # each map has its own curve
        curves = [replace(mass(heat, clip.video), title=f"{heat.title}: evidence per frame") for heat in found.heats]
    tracks = (*(() if found.own_tracks else curves), *found.tracks)
    return replace(found, tracks=tracks, findings=(*found.findings, *_on_what(found, clip, layout)))


def _on_what(evidence: Evidence, clip: Clip, layout: tuple[str, ...]) -> tuple[Finding, ...]:
    """On what the chosen places lie, where that is known."""
    if evidence.points is None:
        return ()
    joints = joints_on(clip)
    people = None if joints is None else pose.skeleton(joints, pose.named(layout), evidence.points.bands)
    return regions.findings(evidence.points, regions.regions(clip, people))


def _settings(question: Question, card: Card, method: Method) -> tuple[str, dict[str, str]]:
    found = catalogue.layers(card, method)
    if isinstance(found, str):
        raise QuestionError(f"{method.title} does not fit {card.title}: {found}")
    given = dict(question.knobs)
    layer = given.pop("layer", found[0])
    if layer not in found:
        raise QuestionError(f"{method.title} cannot explain layer {layer!r} of {card.title}; it can explain {', '.join(found)}")
    legal = {knob.name: knob.choices for knob in catalogue.knobs(card, method)}
    for name, value in given.items():
        if name not in legal:
            raise QuestionError(f"{method.title} has no setting {name!r}; it has {', '.join(['layer', *legal])}")
        if value not in legal[name]:
            raise QuestionError(f"{name}={value!r} is not a setting of {method.title}; choose {', '.join(legal[name])}")
    return layer, {name: given.get(name, choices[0]) for name, choices in legal.items()}


def mass(heat: Heat, film: Video) -> Track:
    """Evidence per source frame: the heat's mass of the step that stands for it; NaN where the model did not look."""
    steps = heat.steps_of(film.frames)
    frames = np.flatnonzero(steps >= 0)
    return Track("evidence per frame", heat.unit, film.seconds[frames], frames, heat.mass[steps[frames]])
