"""The only joiner: a question in, an explanation out. The pages and the command line both come here, so they cannot disagree."""

from __future__ import annotations

import difflib
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from actrec import catalogue, claim, score
from actrec.clips import library, video
from actrec.core import devices, trace
from actrec.core.answer import Explanation, Predictions
from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.errors import ActrecError, ClipError, Progress, QuestionError, WeightsError, no_progress
from actrec.core.evidence import Evidence, Finding, Heat, Track
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.explain import Ask, Method
from actrec.inputs import pixels, pose, sampling
from actrec.measure import agreement, regions
from actrec.models import weights


@dataclass(frozen=True, eq=False)
class Loaded:
    """A card with its network on a device: evaluation mode, no parameter asks for gradients, shared by all sessions and never written to."""

    card: Card
    model: nn.Module
    device: torch.device
    sha256: str


_videos: Kept[Video] = Kept(64)
_models: Kept[Loaded] = Kept(4)
_answers: Kept[Explanation] = Kept(24, lambda found: found.clip.frames.nbytes, 1.5e9)
_loading = threading.Lock()


def open_clip(name: str) -> Video:
    """The frame table of a sample clip (by name) or of a file (by path).

    Raises:
        ClipError: no such clip, or a file that cannot be used.
    """
    path = find_clip(name)
    facts = path.stat()
    return _videos.get_or((path, facts.st_mtime_ns, facts.st_size), lambda: video.probe(path))


def find_clip(name: str) -> Path:
    """The file behind a clip's name: a path as it is, or a sample's name."""
    path = Path(name)
    if path.is_file():
        return path
    found = library.samples()
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, 3) or list(found)[:3]
    raise ClipError(f"no clip {name!r}: neither a file nor a sample; samples are {', '.join(near)} …")


def load(name: str, progress: Progress = no_progress) -> Loaded:
    """The model of that name, ready to run; the last four are kept.

    Raises:
        QuestionError: no such model.  WeightsError: no weights, or weights that do not fit; the message carries the report.
    """
    card = catalogue.card(name)
    if card.weights is None:
        raise WeightsError(f"{card.title} cannot answer: {catalogue.ready(card)}")
    file = weights.fetch(card.weights, progress)
    key = (name, file, file.stat().st_mtime_ns)
    with _loading:  # two sessions that ask at once load it once
        return _models.get_or(key, lambda: _load(card, file))


def _load(card: Card, file: Path) -> Loaded:
    model = catalogue.build(card)
    state, _ = weights.read(file)
    weights.load(model, state)
    device = devices.best()
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return Loaded(card, model.to(device).eval().requires_grad_(False), device, digest)


def window(loaded: Loaded, film: Video, start: float, joints: pose.Joints | None = None) -> tuple[Clip, Geometry, tuple[Tensor, ...]]:
    """What the model is given: the sampled clip, the geometry, and the inputs on the model's device: frames (1, 3, T, H, W), and behind them joints
    (1, T, R, 3) in input pixels if there are any.

    joints: one step for every frame of the film, as `pose.given` lays them.
    """
    clip = sampling.load(film, loaded.card.sampling, start)
    geometry = pixels.geometry(film, loaded.card.preprocess)
    frames = pixels.to_input(clip.frames, loaded.card.preprocess, geometry).to(loaded.device)
    if joints is None:
        return clip, geometry, (frames,)
    return replace(clip, joints=pose.side_by_side(joints, clip.index)), geometry, (frames, placed(joints, clip, geometry, loaded.device))


def placed(joints: pose.Joints, clip: Clip, geometry: Geometry, device: torch.device) -> Tensor:
    """Joints laid on the film's frames, as a model is given them: (1, T, people · R, 3), x and y in input pixels."""
    return torch.from_numpy(pose.side_by_side(joints.to_input(geometry), clip.index))[None].to(device)


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
    film = open_clip(question.clip)
    loaded = load(question.model, progress)
    key = (question, film.sha256, loaded.sha256, pose.stamp(question.joints, film))
    return _answers.get_or(key, lambda: _answer(question, film, loaded, progress))


def _answer(question: Question, film: Video, loaded: Loaded, progress: Progress) -> Explanation:
    method = catalogue.methods().get(question.method)
    if method is None:
        raise QuestionError(f"no method {question.method!r}; there are {', '.join(catalogue.methods())}")
    layer, knobs = _settings(question, loaded.card, method)
    progress(0.1, "reading the frames")
    given = pose.given(question.joints, film, loaded.card, question.hide)
    clip, geometry, inputs = window(loaded, film, question.start, given.joints)
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
            evidence = found if isinstance(found, Evidence) else Evidence(found)
    except torch.OutOfMemoryError:
        what = f"{loaded.card.title} with {method.title}"
        raise ActrecError(f"the {loaded.device.type} ran out of memory for {what}; choose a later layer or a smaller model") from None
    progress(0.9, "writing it down")
    value = predictions.logits[label] - (predictions.logits[versus] if versus is not None else 0)
    names, first = loaded.card.labels, evidence.heats[0]
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
        heats=evidence.heats,
        tracks=(mass(first, film), *evidence.tracks),
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
        points=evidence.points,
        skeleton=evidence.skeleton,
        matrices=evidence.matrices,
        findings=(*evidence.findings, *_on_what(evidence, clip, layout)),
    )


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


def sweep(question: Question, progress: Progress = no_progress, most: int = 40) -> Track:
    """The class's probability over a long clip: the model's window slid along it by half its length, or by more so that `most` windows do.

    A value stands at its window's middle. Raises QuestionError for a model that always samples the whole video.
    """
    film, loaded = open_clip(question.clip), load(question.model, progress)
    if loaded.card.sampling.kind != "dense":
        raise QuestionError(f"{loaded.card.title} always reads {loaded.card.sampling}: there is no window to slide")
    label, _ = classes(question, answer(question.with_(method=default_method(loaded.card), at=None, knobs=()), progress).predictions)
    given = pose.given(question.joints, film, loaded.card, question.hide)
    first = sampling.load(film, loaded.card.sampling, 0.0)
    length = float(first.seconds[-1] - first.seconds[0])
    room = max(film.duration - length - film.step, 0.0)
    count = int(min(max(np.ceil(room / max(length / 2, film.step)) + 1, 1), most))
    middles, values = [], []
    for number, start in enumerate(np.linspace(0, room, count)):
        progress(number / count, f"window {number + 1} of {count}")
        clip, _, inputs = window(loaded, film, float(start), given.joints)
        with torch.no_grad(), devices.turn(loaded.device):
            probabilities = loaded.model(*inputs)[0].float().softmax(0)
        middles.append(int(clip.index[len(clip.index) // 2]))
        values.append(float(probabilities[label]))
    frames = np.asarray(middles)
    return Track(f"p({loaded.card.labels[label]})", "probability", film.seconds[frames], frames, np.asarray(values))


def arrow(question: Question, progress: Progress = no_progress) -> score.Arrow:
    """Does this model use time's order on this clip? The explained class's score as the clip is, reversed, and shuffled."""
    film, loaded = open_clip(question.clip), load(question.model, progress)
    given = pose.given(question.joints, film, loaded.card, question.hide)
    clip, geometry, inputs = window(loaded, film, question.start, given.joints)
    with devices.turn(loaded.device):
        seen = trace.run(loaded.model, inputs, clip, geometry)
        label, versus = classes(question, predictions_of(loaded.card, seen.logits))
        return score.arrow(seen, label, versus, progress, loaded.card.labels[label])


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several answers about one clip, and the agreement of each pair of their first maps: {(i, j): numbers}."""

    explanations: tuple[Explanation, ...]
    agreements: dict[tuple[int, int], agreement.Agreement]


def compare(questions: Sequence[Question], progress: Progress = no_progress) -> Comparison:
    """Two to four questions about one clip, answered and measured against each other.

    Raises:
        QuestionError: another number of questions, or about different clips.
    """
    if not 2 <= len(questions) <= 4 or len({q.clip for q in questions}) > 1:
        raise QuestionError(f"{len(questions)} questions about {len({q.clip for q in questions})} clips; compare two to four about one clip")
    share = 1 / len(questions)
    found = tuple(answer(q, lambda f, text, i=i: progress((i + f) * share, text)) for i, q in enumerate(questions))  # type: ignore[misc]
    pairs = [(i, j) for i in range(len(found)) for j in range(i + 1, len(found))]
    return Comparison(found, {(i, j): agreement.compare(found[i], found[j]) for i, j in pairs})
