"""An explanation as files: overlay video, figures, raw numbers, curves, and where it all comes from.

The numbers are those of the explanation, bit for bit. The same explanation written twice gives the same npz, csv and json; nothing carries a
date. Files are made in a folder beside their place and moved when all are whole, so that a cancelled export leaves nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from actrec.core import files
from actrec.core.answer import Explanation
from actrec.core.errors import Progress, no_progress
from actrec.core.look import TOGETHER, Look
from actrec.draw import charts, overlay, overlay_video, style
from actrec.draw.figures import Sheet, attention, flow, several, strip, terms
from actrec.draw.numbers import arrays, curves, ending, provenance
from actrec.measure import agreement
from actrec.measure.agreement import Agreement

Drawings = Sequence[Callable[[], Sheet]]


@dataclass(frozen=True)
class Files:
    """What `write` wrote. video is None if it was not asked for.

    more: figures that only some explanations have: "tokens", "tokens_svg" and "tokens_html" (to be turned in a browser), "joints", "joints_svg",
    "flow", "flow_svg", "terms", "terms_svg", "matrix", "matrix_svg", "matrix_2", …
    """

    video: Path | None
    figure: Path
    figure_svg: Path
    arrays: Path
    curves: Path
    provenance: Path
    more: Mapping[str, Path] = field(default_factory=dict)


def write(explanation: Explanation, folder: Path, *, look: Look | None = None, with_video: bool = True, progress: Progress = no_progress) -> Files:
    """Write the files of an explanation into a folder (made if it is not there; files of the same names are replaced), in the look given.

    Raises:
        ClipError: a source frame that does not decode any more.  Cancelled: from `progress`; nothing is written then.
    """
    folder, more, look = Path(folder), dict[str, Path](), look or explanation.usual
    with files.together(folder) as work:
        if with_video:
            overlay_video.write(explanation, work / "overlay.mp4", look=look, progress=lambda f, text: progress(0.8 * f, text))
        progress(0.82, "drawing the figure")
        _draw(strip.strip(explanation, look), work, "strip")
        first = overlay.settled(look, explanation.heat, explanation.heats)
        for name, draw in sheets(explanation, first).items():
            progress(0.86, f"drawing the figure {name}")
            _draw(draw(), work, name)
            more.update({name: folder / f"{name}.png", f"{name}_svg": folder / f"{name}.svg"})
        for name, document in PAGES.items():
            if text := document(explanation, first):
                (work / f"{name}.html").write_bytes(files.encoded(text))
                more[f"{name}_html"] = folder / f"{name}.html"
        progress(0.95, "writing the numbers")
        with (work / "evidence.npz").open("wb") as file:
            np.savez_compressed(file, **arrays(explanation))
        (work / "curves.csv").write_bytes(files.encoded(curves(explanation)))
        _write_json(work / "provenance.json", provenance(explanation, look) | {"files": _hashes(work)})
    progress(1.0, "written")
    film_at = folder / "overlay.mp4" if with_video else None
    arrays_at, curves_at, provenance_at = (folder / name for name in ("evidence.npz", "curves.csv", "provenance.json"))
    return Files(film_at, folder / "strip.png", folder / "strip.svg", arrays_at, curves_at, provenance_at, more)


def sheets(explanation: Explanation, look: Look | None = None) -> dict[str, Callable[[], Sheet]]:
    """The figures that an explanation has beside its strip, each by its name, to be drawn."""
    drawn = {name: draw(explanation, look or Look()) for name, draw in SHEETS.items()}
    return {name + ending(number): sheet for name, some in drawn.items() for number, sheet in enumerate(some, 1)}


def _draw(sheet: Sheet, folder: Path, name: str) -> None:
    (folder / f"{name}.png").write_bytes(sheet.png())
    (folder / f"{name}.svg").write_bytes(sheet.svg())


def _tokens(explanation: Explanation, look: Look) -> Drawings:
    return [] if explanation.points is None else [partial(attention.tokens, explanation, look)]


def _joints(explanation: Explanation, look: Look) -> Drawings:
    return [] if explanation.skeleton is None else [partial(attention.joints, explanation, look)]


def _flow(explanation: Explanation, look: Look) -> Drawings:
    return [] if explanation.flow is None else [partial(flow.flowing, explanation, look)]


def _terms(explanation: Explanation, look: Look) -> Drawings:
    return [] if explanation.terms is None else [partial(terms.adding_up, explanation, look)]


def _matrices(explanation: Explanation, look: Look) -> Drawings:
    return [partial(attention.matrix, explanation, matrix, look) for matrix in explanation.matrices]


def _turning(explanation: Explanation, look: Look) -> str:
    """The tokens in space and time as a page that needs no network; "" where there are none."""
    points, video = explanation.points, explanation.clip.video
    if points is None:
        return ""
    figure = charts.tokens_3d(points, threshold=look.threshold, ink=style.INK, size=(video.width, video.height), palette=look.palette)
    title = f"{points.title} · {strip.about(explanation)}, p = {explanation.probability:.3f} · {explanation.model} · {strip.window(explanation.clip)}"
    return charts.document(figure, title, "tokens")


SHEETS: Mapping[str, Callable[[Explanation, Look], Drawings]] = {
    "tokens": _tokens,
    "joints": _joints,
    "flow": _flow,
    "terms": _terms,
    "matrix": _matrices,
}
"""For each kind of evidence with a figure of its own, by the figure's name: what draws it, once for each that an explanation holds."""

PAGES: Mapping[str, Callable[[Explanation, Look], str]] = {"tokens": _turning}
"""The same for what is turned by hand in a browser: a whole page as text."""


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
    comparison, strip = several.comparison(rows, agreements, look), several.segment_strip(rows, segments, look)
    made = {
        "figure": ("comparison.png", comparison.png()),
        "figure_svg": ("comparison.svg", comparison.svg()),
        "segments": ("segments.png", strip.png()),
        "segments_svg": ("segments.svg", strip.svg()),
    }
    with files.together(Path(folder)) as work:
        for name, data in made.values():
            (work / name).write_bytes(data)
        sources = [provenance(explanation) | {"name": name} for name, explanation in rows]
        told = {"answers": sources, "agreements": agreement.to_json(agreements), "look": (look or TOGETHER).to_json()}
        _write_json(work / "comparison.json", told | {"files": _hashes(work)})
    return {key: Path(folder) / name for key, (name, _) in made.items()} | {"provenance": Path(folder) / "comparison.json"}


def names(explanations: Sequence[Explanation]) -> list[str]:
    """A short name for each of several answers: the model, the map, or both, whichever tells them apart."""
    models, maps = [e.model for e in explanations], [e.heat.title for e in explanations]
    if len(set(models)) == len(models):
        return models
    return maps if len(set(models)) == 1 else [f"{model}, {title}" for model, title in zip(models, maps, strict=True)]


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: files.digest(path) for path in sorted(folder.iterdir())}


def _write_json(path: Path, value: object) -> None:
    path.write_bytes(files.encoded(json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"))
