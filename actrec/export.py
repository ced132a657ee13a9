"""An explanation as files: overlay video, figures, raw numbers, curves, and where it all comes from.

The numbers are those of the explanation, bit for bit. The same explanation written twice gives the same npz, csv and json; nothing carries a
date. Files are made in a folder beside their place and moved when all are whole, so that a cancelled export leaves nothing behind.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from actrec import attention_plates, figures, film, marks, plates, side_by_side
from actrec.agreement import Agreement
from actrec.core.answer import Explanation
from actrec.core.errors import Progress, no_progress
from actrec.figures import Sheet
from actrec.overlay import Look

PACKAGES = ("actrec", "torch", "torchvision", "av", "numpy", "grad-cam", "opencv-python-headless", "matplotlib")


@dataclass(frozen=True)
class Files:
    """What `write` wrote. video is None if it was not asked for.

    more: figures that only some explanations have: "tokens", "tokens_svg" and "tokens_html" (to be turned in a browser), "joints", "joints_svg",
    "matrix", "matrix_svg", "matrix_2", …
    """

    video: Path | None
    figure: Path
    figure_svg: Path
    arrays: Path
    curves: Path
    provenance: Path
    more: Mapping[str, Path] = field(default_factory=dict)


def write(explanation: Explanation, folder: Path, *, look: Look | None = None, with_video: bool = True, progress: Progress = no_progress) -> Files:
    """Write the files of an explanation into a folder (made if it is not there; files of the same names are replaced).

    Raises:
        ClipError: a source frame that does not decode any more.  Cancelled: from `progress`; nothing is written then.
    """
    folder, more = Path(folder), dict[str, Path]()

    def make(work: Path) -> None:
        if with_video:
            film.write(explanation, work / "overlay.mp4", look=look, progress=lambda f, text: progress(0.8 * f, text))
        progress(0.82, "drawing the figure")
        _draw(plates.strip(explanation, look), work, "strip")
        for name, draw in sheets(explanation, look).items():
            progress(0.86, f"drawing the figure {name}")
            _draw(draw(), work, name)
            more.update({name: folder / f"{name}.png", f"{name}_svg": folder / f"{name}.svg"})
        if explanation.points is not None:
            (work / "tokens.html").write_text(_turning(explanation, look), encoding="utf-8")
            more["tokens_html"] = folder / "tokens.html"
        progress(0.95, "writing the numbers")
        with (work / "evidence.npz").open("wb") as file:
            np.savez_compressed(file, **arrays(explanation))
        (work / "curves.csv").write_text(curves(explanation), encoding="utf-8", newline="")
        _write_json(work / "provenance.json", provenance(explanation) | {"files": _hashes(work)})

    _in_one_go(folder, make)
    progress(1.0, "written")
    film_at = folder / "overlay.mp4" if with_video else None
    arrays_at, curves_at, provenance_at = (folder / name for name in ("evidence.npz", "curves.csv", "provenance.json"))
    return Files(film_at, folder / "strip.png", folder / "strip.svg", arrays_at, curves_at, provenance_at, more)


def sheets(explanation: Explanation, look: Look | None = None) -> dict[str, Callable[[], Sheet]]:
    """The figures that an explanation has beside its strip, each by its name, to be drawn."""
    found: dict[str, Callable[[], Sheet]] = {}
    if explanation.points is not None:
        found["tokens"] = lambda: attention_plates.tokens(explanation, look)
    if explanation.skeleton is not None:
        found["joints"] = lambda: attention_plates.joints(explanation, look)
    for number, matrix in enumerate(explanation.matrices):
        found["matrix" + _end(number + 1)] = partial(attention_plates.matrix, explanation, matrix, look)
    return found


def _draw(sheet: Sheet, folder: Path, name: str) -> None:
    (folder / f"{name}.png").write_bytes(sheet.png())
    (folder / f"{name}.svg").write_bytes(sheet.svg())


def _turning(explanation: Explanation, look: Look | None) -> str:
    """The tokens in space and time as a page that needs no network."""
    points, video = explanation.points, explanation.clip.video
    assert points is not None
    figure = figures.tokens_3d(points, threshold=look.threshold if look else 0.0, ink=figures.INK, size=(video.width, video.height))
    title = (
        f"{points.title} · {plates.about(explanation)}, p = {explanation.probability:.3f} · {explanation.model} · {plates.window(explanation.clip)}"
    )
    return figures.document(figure, title, "tokens")


def _end(number: int) -> str:
    """What is put to the names of the second, third, … of a kind."""
    return "" if number == 1 else f"_{number}"


def write_comparison(
    explanations: Sequence[Explanation],
    agreements: Mapping[tuple[int, int], Agreement],
    folder: Path,
    *,
    segments: int = 3,
    look: Look | None = None,
) -> dict[str, Path]:
    """Write the comparison figure, the segment strip (PNG and SVG) and the agreement in numbers; returns the paths by name.

    Raises:
        QuestionError: more than four answers, or about different clips.
    """
    rows = list(zip(names(explanations), explanations, strict=True))
    comparison, strip = side_by_side.comparison(rows, agreements, look), side_by_side.segment_strip(rows, segments, look)
    numbers = [{"first": i, "second": j, **found.to_json()} for (i, j), found in agreements.items()]
    files = {
        "figure": ("comparison.png", comparison.png()),
        "figure_svg": ("comparison.svg", comparison.svg()),
        "segments": ("segments.png", strip.png()),
        "segments_svg": ("segments.svg", strip.svg()),
    }

    def make(work: Path) -> None:
        for name, data in files.values():
            (work / name).write_bytes(data)
        sources = [provenance(explanation) | {"name": name} for name, explanation in rows]
        _write_json(work / "comparison.json", {"answers": sources, "agreements": numbers, "files": _hashes(work)})

    _in_one_go(Path(folder), make)
    return {key: Path(folder) / name for key, (name, _) in files.items()} | {"provenance": Path(folder) / "comparison.json"}


def names(explanations: Sequence[Explanation]) -> list[str]:
    """A short name for each of several answers: the model, the map, or both, whichever tells them apart."""
    models, maps = [e.model for e in explanations], [e.heat.title for e in explanations]
    if len(set(models)) == len(models):
        return models
    return maps if len(set(models)) == 1 else [f"{model}, {title}" for model, title in zip(models, maps, strict=True)]


def arrays(explanation: Explanation) -> dict[str, Any]:
    """The raw numbers as arrays; text as unicode arrays, so that they load without pickles.

    values (K, h, w) in unit, bands (K, 2) source frames, box and seen (4) source pixels, of the first map; `values_2`, … of the others.
    index, seconds (T): the source frames the model was given.  labels, logits, probabilities (C).  question: JSON.
    points_…, joints_…, matrix…, matrix_2…: the fields of `Points`, `Skeleton` and every `Matrix`, where there are any; joints_xy (T, n, 2) in source
    pixels.  findings: JSON, a list of name, value (null: unknown) and sentence.
    """
    found: dict[str, Any] = {
        "index": explanation.clip.index,
        "seconds": explanation.clip.seconds,
        "labels": np.array(explanation.predictions.labels, dtype=np.str_),
        "logits": explanation.predictions.logits,
        "probabilities": explanation.predictions.probabilities,
        "question": np.array(json.dumps(explanation.question.to_query(), ensure_ascii=False, sort_keys=True), dtype=np.str_),
    }
    for number, heat in enumerate(explanation.heats, 1):
        end = _end(number)
        found |= {
            f"values{end}": heat.values,
            f"bands{end}": heat.bands,
            f"box{end}": np.array(heat.box, np.float64),
            f"seen{end}": np.array(heat.seen, np.float64),
            f"title{end}": np.array(heat.title, dtype=np.str_),
            f"unit{end}": np.array(heat.unit, dtype=np.str_),
            f"signed{end}": np.array(heat.signed),
        }
    return found | _marked(explanation)


def _marked(explanation: Explanation) -> dict[str, Any]:
    """The arrays of what is no map."""
    found: dict[str, Any] = {}
    points, skeleton = explanation.points, explanation.skeleton
    if points is not None:
        found |= {f"points_{name}": getattr(points, name) for name in ("places", "reference", "scores", "bands", "seconds")}
        found |= {f"points_{name}": np.array(getattr(points, name), np.float64) for name in ("seen", "reach")}
        found |= {f"points_{name}": _words(getattr(points, name)) for name in ("title", "unit")}
    if skeleton is not None:
        found |= {"joints_xy": skeleton.joints[..., :2], "joints_confidence": skeleton.joints[..., 2]}
        found |= {"joints_scores": skeleton.scores, "joints_bands": skeleton.bands, "joints_bones": _pairs(skeleton.bones)}
        found |= {f"joints_{name}": _words(getattr(skeleton, name)) for name in ("title", "unit", "names", "groups")}
    for number, matrix in enumerate(explanation.matrices, 1):
        of = f"matrix{_end(number)}"
        found |= {of: matrix.values, f"{of}_windows": _pairs(matrix.windows)}
        found |= {f"{of}_{name}": _words(getattr(matrix, name)) for name in ("title", "unit", "rows", "columns")}
    if explanation.findings:
        found["findings"] = _words(json.dumps(_findings(explanation), ensure_ascii=False))
    return found


def _words(text: str | Sequence[str]) -> np.ndarray:
    return np.array(text, dtype=np.str_)


def _pairs(pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, np.int64).reshape(-1, 2)


def _findings(explanation: Explanation) -> list[dict[str, Any]]:
    """What was found out, for JSON, which has no NaN."""
    return [{"name": f.name, "value": f.value if np.isfinite(f.value) else None, "sentence": f.sentence} for f in explanation.findings]


def _also(explanation: Explanation) -> dict[str, Any]:
    """What there is beside maps, in short."""
    found: dict[str, Any] = {}
    points, skeleton = explanation.points, explanation.skeleton
    if points is not None:
        largest = marks.largest(points.scores)
        found["points"] = {
            "title": points.title,
            "unit": points.unit,
            "count": len(points.scores),
            "largest": largest,
            "inside": int(points.inside.sum()),
        }
    if skeleton is not None:
        about = {"title": skeleton.title, "unit": skeleton.unit, "names": list(skeleton.names), "shape": list(skeleton.scores.shape)}
        found["skeleton"] = about | {"largest": marks.largest(skeleton.scores)}
    if explanation.matrices:
        kept = [
            {"title": m.title, "unit": m.unit, "shape": list(m.values.shape), "windows": [list(w) for w in m.windows]} for m in explanation.matrices
        ]
        found["matrices"] = kept
    return found | ({"findings": _findings(explanation)} if explanation.findings else {})


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


def provenance(explanation: Explanation) -> dict[str, Any]:
    """Where an explanation comes from: question, command, clip, frames, model, method, target, versions."""
    clip, heat = explanation.clip, explanation.heat
    film = clip.video
    return {
        "question": explanation.question.to_query(),
        "command": explanation.question.to_command(),
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
        "evidence": [{"title": h.title, "unit": h.unit, "signed": h.signed, "shape": list(h.values.shape)} for h in explanation.heats],
        **_also(explanation),
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
            found[name] = _own_version() if name == "actrec" else "not installed"
    return found


def _own_version() -> str:
    """The version of a checkout that was not installed as a package."""
    import actrec

    return str(getattr(actrec, "__version__", "unknown"))


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")


def _in_one_go(folder: Path, make: Callable[[Path], None]) -> None:
    """Let `make` write into an empty folder, then move all files to their place; if it fails, none."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as work:
        make(Path(work))
        for path in sorted(Path(work).iterdir()):
            os.replace(path, folder / path.name)
