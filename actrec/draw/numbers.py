"""An explanation's numbers for files: arrays, curves, and where it all comes from. They are those of the explanation, bit for bit."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from actrec import __version__
from actrec.core.answer import Explanation
from actrec.core.evidence import Evidence
from actrec.core.look import Look
from actrec.draw import marks

PACKAGES = ("actrec", "torch", "torchvision", "av", "numpy", "grad-cam", "opencv-python-headless", "matplotlib")


def ending(number: int) -> str:
    """What is put to the names of the second, third, … of a kind."""
    return "" if number == 1 else f"_{number}"


def arrays(explanation: Explanation) -> dict[str, Any]:
    """The raw numbers as arrays; text as unicode arrays, so that they load without pickles.

    values (K, h, w) in unit, bands (K, 2) source frames on which each step is drawn, fields (K, 2) those that can reach it, where this is known, box
    and seen (4) source pixels, of the first map; `values_2`, … of the others.
    index, seconds (T): the source frames the model was given.  labels, logits, probabilities (C).  question: JSON.
    terms, terms_names (n), terms_bias: parts that add up to the score, where there are any.
    points_…, joints_…, matrix…, matrix_2…: the fields of `Points`, `Skeleton` and every `Matrix`, where there are any; joints_xy (T, n, 2) in
    source pixels. flow_moved (K, h, w, 2) in source pixels a step, x and y, on the first map's cells, flow_seconds (K): how long each step takes.
    findings: JSON, a list of name, value (null: unknown) and sentence.
    """
    found: dict[str, Any] = {
        "index": explanation.clip.index,
        "seconds": explanation.clip.seconds,
        "labels": np.array(explanation.predictions.labels, dtype=np.str_),
        "logits": explanation.predictions.logits,
        "probabilities": explanation.predictions.probabilities,
        "question": np.array(json.dumps(explanation.question.to_query(), ensure_ascii=False, sort_keys=True), dtype=np.str_),
    }
    for kind in KINDS:
        found |= kind.arrays(explanation.evidence)
    return found


def _heat_arrays(evidence: Evidence) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, heat in enumerate(evidence.heats, 1):
        end = ending(number)
        found |= {
            f"values{end}": heat.values,
            f"bands{end}": heat.bands,
            f"box{end}": np.array(heat.box, np.float64),
            f"seen{end}": np.array(heat.seen, np.float64),
            f"title{end}": _words(heat.title),
            f"unit{end}": _words(heat.unit),
            f"signed{end}": np.array(heat.signed),
        }
        found |= {} if heat.fields is None else {f"fields{end}": heat.fields}
    return found


def _heats_in_short(evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {"title": h.title, "unit": h.unit, "signed": h.signed, "shape": list(h.values.shape)}
        | {"bands": h.bands.tolist(), "fields": None if h.fields is None else h.fields.tolist()}
        for h in evidence.heats
    ]


def _point_arrays(evidence: Evidence) -> dict[str, Any]:
    points = evidence.points
    if points is None:
        return {}
    found: dict[str, Any] = {f"points_{name}": getattr(points, name) for name in ("places", "reference", "scores", "bands", "seconds")}
    found |= {f"points_{name}": np.array(getattr(points, name), np.float64) for name in ("seen", "reach")}
    return found | {f"points_{name}": _words(getattr(points, name)) for name in ("title", "unit")}


def _points_in_short(evidence: Evidence) -> dict[str, Any] | None:
    points = evidence.points
    if points is None:
        return None
    counts = {"count": len(points.scores), "largest": marks.largest(points.scores), "inside": int(points.inside.sum())}
    return {"title": points.title, "unit": points.unit} | counts


def _joint_arrays(evidence: Evidence) -> dict[str, Any]:
    skeleton = evidence.skeleton
    if skeleton is None:
        return {}
    found: dict[str, Any] = {"joints_xy": skeleton.joints[..., :2], "joints_confidence": skeleton.joints[..., 2]}
    found |= {"joints_scores": skeleton.scores, "joints_bands": skeleton.bands, "joints_bones": _pairs(skeleton.bones)}
    return found | {f"joints_{name}": _words(getattr(skeleton, name)) for name in ("title", "unit", "names", "groups")}


def _joints_in_short(evidence: Evidence) -> dict[str, Any] | None:
    skeleton = evidence.skeleton
    if skeleton is None:
        return None
    about = {"title": skeleton.title, "unit": skeleton.unit, "names": list(skeleton.names), "shape": list(skeleton.scores.shape)}
    return about | {"largest": marks.largest(skeleton.scores)}


def _flow_arrays(evidence: Evidence) -> dict[str, Any]:
    return {} if evidence.flow is None else {"flow_moved": evidence.flow.moved, "flow_seconds": evidence.flow.seconds}


def _flow_in_short(evidence: Evidence) -> dict[str, Any] | None:
    flow = evidence.flow
    return None if flow is None else {"unit": flow.lengths.unit, "shape": list(flow.moved.shape), "largest": flow.lengths.peak}


def _matrix_arrays(evidence: Evidence) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, matrix in enumerate(evidence.matrices, 1):
        of = f"matrix{ending(number)}"
        found |= {of: matrix.values, f"{of}_windows": _pairs(matrix.windows)} | ({f"{of}_read": _pairs(matrix.read)} if matrix.read else {})
        found |= {f"{of}_{name}": _words(getattr(matrix, name)) for name in ("title", "unit", "rows", "columns")}
    return found


def _matrices_in_short(evidence: Evidence) -> list[dict[str, Any]]:
    return [{"title": m.title, "unit": m.unit, "shape": list(m.values.shape), "windows": [list(w) for w in m.windows]} for m in evidence.matrices]


def _term_arrays(evidence: Evidence) -> dict[str, Any]:
    terms = evidence.terms
    return {} if terms is None else {"terms": terms.values, "terms_names": _words(terms.names), "terms_bias": np.array(terms.bias)}


def _terms_in_short(evidence: Evidence) -> dict[str, Any] | None:
    terms = evidence.terms
    if terms is None:
        return None
    parts = [{"name": n, "value": float(v), "note": note} for n, v, note in zip(terms.names, terms.values, terms.notes, strict=True)]
    return {"title": terms.title, "unit": terms.unit, "parts": parts, "bias": terms.bias, "total": terms.total}


def _finding_arrays(evidence: Evidence) -> dict[str, Any]:
    return {"findings": _words(json.dumps(_findings(evidence), ensure_ascii=False))} if evidence.findings else {}


def _findings(evidence: Evidence) -> list[dict[str, Any]]:
    """What was found out, for JSON, which has no NaN."""
    return [{"name": f.name, "value": f.value if np.isfinite(f.value) else None, "sentence": f.sentence} for f in evidence.findings]


def _words(text: str | Sequence[str]) -> np.ndarray:
    return np.array(text, dtype=np.str_)


def _pairs(pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class Kind:
    """What is kept of one kind of evidence: its arrays, and what provenance.json says of it under a name, in short. Nothing of what is not there."""

    name: str
    arrays: Callable[[Evidence], dict[str, Any]]
    in_short: Callable[[Evidence], Any]


KINDS = (
    Kind("evidence", _heat_arrays, _heats_in_short),
    Kind("points", _point_arrays, _points_in_short),
    Kind("skeleton", _joint_arrays, _joints_in_short),
    Kind("flow", _flow_arrays, _flow_in_short),
    Kind("matrices", _matrix_arrays, _matrices_in_short),
    Kind("terms", _term_arrays, _terms_in_short),
    Kind("findings", _finding_arrays, _findings),
)
"""Every kind of evidence that is saved as numbers, in the order of the files; curves have a file of their own."""


def curves(explanation: Explanation) -> str:
    """Every track as CSV, one row a point: curve, unit, frame, seconds, value (empty where nothing is known); numbers in full.

    A curve of a group is called by both: "left arm: left_wrist".
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["curve", "unit", "frame", "seconds", "value"])
    for track in explanation.tracks:
        name = f"{track.group}: {track.title}" if track.group else track.title
        for frame, second, value in zip(track.frames, track.seconds, track.values, strict=True):
            table.writerow([name, track.unit, int(frame), repr(float(second)), "" if np.isnan(value) else repr(float(value))])
    return out.getvalue()


def provenance(explanation: Explanation, look: Look | None = None) -> dict[str, Any]:
    """Where an explanation comes from: question, command, clip, frames, model, method, target, versions; and the look of the files, if it is told."""
    clip, heat = explanation.clip, explanation.heat
    film = clip.video
    return {
        "question": explanation.question.to_query(),
        "command": explanation.question.to_command(look, explanation.usual),
        **({"look": look.to_json()} if look else {}),
        "clip": {
            "name": film.path.name,
            "sha256": film.sha256,
            "width": film.width,
            "height": film.height,
            "frames": film.frames,
            "duration_seconds": film.duration,
            "rotation": film.rotation,
            "codec": film.codec,
            "lost_packets": film.lost,
        },
        "frames": {"index": clip.index.tolist(), "seconds": clip.seconds.tolist(), "padding": clip.padding},
        "model": {"title": explanation.model, "id": explanation.question.model},
        "target": {
            "label": explanation.label,
            "versus": explanation.versus,
            "probability": float(explanation.probability),
            "score": float(explanation.score),
        },
        **{kind.name: told for kind in KINDS if (told := kind.in_short(explanation.evidence))},
        "claim": explanation.claim,
        "cautions": list(explanation.cautions),
        "geometry": {
            "source": list(explanation.geometry.source),
            "resized": list(explanation.geometry.resized),
            "crop": list(explanation.geometry.crop),
            "offset": list(explanation.geometry.offset),
            "seen": list(heat.seen),
        },
        "run": dict(explanation.provenance),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """The versions of what took part, read from the installed packages without importing them."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = __version__ if name == "actrec" else "not installed"
    return found
