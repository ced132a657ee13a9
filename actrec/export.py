"""An explanation as files: overlay video, figure, raw numbers, curves, and where it all comes from.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actrec import film, plates, side_by_side
from actrec.agreement import Agreement
from actrec.overlay import Look
from actrec.types import Explanation, Progress, no_progress

PACKAGES = ("actrec", "torch", "torchvision", "av", "numpy", "grad-cam", "opencv-python-headless", "matplotlib")


@dataclass(frozen=True)
class Files:
    """What `write` wrote. video is None if it was not asked for."""

    video: Path | None
    figure: Path
    figure_svg: Path
    arrays: Path
    curves: Path
    provenance: Path


def write(explanation: Explanation, folder: Path, *, look: Look | None = None, with_video: bool = True, progress: Progress = no_progress) -> Files:
    """Write the files of an explanation into a folder (made if it is not there; files of the same names are replaced).

    Raises:
        ClipError: a source frame that does not decode any more.  Cancelled: from `progress`; nothing is written then.
    """
    folder = Path(folder)

    def make(work: Path) -> None:
        if with_video:
            film.write(explanation, work / "overlay.mp4", look=look, progress=lambda f, text: progress(0.85 * f, text))
        progress(0.88, "drawing the figure")
        strip = plates.strip(explanation, look)
        (work / "strip.png").write_bytes(strip.png())
        (work / "strip.svg").write_bytes(strip.svg())
        progress(0.95, "writing the numbers")
        with (work / "evidence.npz").open("wb") as file:
            np.savez_compressed(file, **arrays(explanation))
        (work / "curves.csv").write_text(curves(explanation), encoding="utf-8", newline="")
        _write_json(work / "provenance.json", provenance(explanation) | {"files": _hashes(work)})

    _in_one_go(folder, make)
    names = ("strip.png", "strip.svg", "evidence.npz", "curves.csv", "provenance.json")
    progress(1.0, "written")
    return Files(folder / "overlay.mp4" if with_video else None, *(folder / name for name in names))


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
        end = "" if number == 1 else f"_{number}"
        found |= {
            f"values{end}": heat.values,
            f"bands{end}": heat.bands,
            f"box{end}": np.array(heat.box, np.float64),
            f"seen{end}": np.array(heat.seen, np.float64),
            f"title{end}": np.array(heat.title, dtype=np.str_),
            f"unit{end}": np.array(heat.unit, dtype=np.str_),
            f"signed{end}": np.array(heat.signed),
        }
    return found


def curves(explanation: Explanation) -> str:
    """Every track as CSV, one row a point: curve, unit, frame, seconds, value (empty where nothing is known); numbers in full."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["curve", "unit", "frame", "seconds", "value"])
    for track in explanation.tracks:
        for frame, second, value in zip(track.frames, track.seconds, track.values, strict=True):
            table.writerow([track.title, track.unit, int(frame), repr(float(second)), "" if np.isnan(value) else repr(float(value))])
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
