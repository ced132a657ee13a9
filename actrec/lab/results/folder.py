"""Writing an evaluation: a small file per clip while it runs, then everything merged.

Several processes may write to one folder: each clip's file appears whole or not at all, and the same files merge to the same bytes, whoever does it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from actrec.core import files
from actrec.core.errors import quoted
from actrec.lab.results import ways
from actrec.lab.results.evaluation import ABOUT, OWN, RESULT, WAY, Evaluation, ResultError, load, measure
from actrec.measure.accuracy import chances, plain

if TYPE_CHECKING:
    from actrec.lab.sets import ClipSet, Item

MUST_AGREE = ("weights_sha256", "reads", "set", "split", "views", "batch", "labels", "multilabel")
"""What a folder's earlier clips must share with the run that goes on."""


Logits = Mapping[str, NDArray[np.float32]]
"""By name, of a clip's views: (V, K)."""


def start(folder: Path, about: Mapping[str, Any]) -> None:
    """Make the folder, or go on in one of the same model, set, split and views.

    Raises:
        ResultError: it holds something else; the message says what differs.
    """
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    other = differs(folder, about)
    if other:
        raise ResultError(f"{folder} holds another evaluation ({other}); give another --name or --out, or delete that folder")
    if not (folder / ABOUT).is_file():
        files.write(folder / ABOUT, text({"name": folder.name, **about}))


def differs(folder: Path, about: Mapping[str, Any]) -> str:
    """How an evaluation already in the folder differs from this one; "" if it does not, or if there is none."""
    if not (folder / ABOUT).is_file():
        return ""
    try:
        before = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except ValueError:
        return f"its {ABOUT} cannot be read"
    now = json.loads(text(about))
    return "; ".join(f"{name}: {_short(before.get(name))}, not {_short(now[name])}" for name in MUST_AGREE if before.get(name) != now[name])


def key(item: Item) -> str:
    """The name of a clip's file; of a clip that is gone, one that stays the same until it is back."""
    try:
        return item.media.key
    except OSError:
        return f"gone-{hashlib.sha256(str(item.media).encode(errors='surrogateescape')).hexdigest()[:16]}"


def keep_clip(folder: Path, item: Item, logits: Logits) -> None:
    """Keep a clip's logits."""
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **logits)
    files.write(folder / "clips" / f"{key(item)}.npz", stream.getvalue())
    forget(folder, item)


def keep_broken(folder: Path, item: Item, why: str) -> None:
    """Keep why a clip could not be read; the next run tries it again."""
    files.write(folder / "clips" / f"{key(item)}.broken", why)


def forget(folder: Path, item: Item) -> None:
    """Take back that a clip could not be read."""
    (folder / "clips" / f"{key(item)}.broken").unlink(missing_ok=True)


def done(folder: Path, item: Item) -> bool:
    """Whether the clip's logits are there."""
    return (folder / "clips" / f"{key(item)}.npz").is_file()


def missing(folder: Path, items: Sequence[Item]) -> list[Item]:
    """Clips that nobody has looked at yet."""
    return [item for item in items if not done(folder, item) and not (folder / "clips" / f"{key(item)}.broken").is_file()]


def merge(folder: Path, about: Mapping[str, Any], items: Sequence[Item], clips: ClipSet, report: Callable[[Evaluation], str]) -> Evaluation:
    """Everything in one: result.npz in the set's order, the measures, the tables and the report. clips: with the labels in the model's order.

    Raises:
        ResultError: clips that are still missing, or none that could be read.
    """
    left = missing(folder, items)
    if left:
        raise ResultError(f"{len(left)} of {len(items)} clips are not evaluated yet ({left[0].media.path}, …); run the command without --merge")
    read = [item for item in items if done(folder, item)]
    broken = [(folder / "clips" / f"{key(item)}.broken").read_text(encoding="utf-8") for item in items if not done(folder, item)]
    if not read:
        raise ResultError(f"none of the {len(items)} clips can be read ({broken[0]}); repair them and run the command again")
    found = [_scores(folder, item, clips) for item in read]
    scores = {name: np.stack([each[name] for each in found]) for name in found[0] if all(name in each for each in found)}
    rows = [[float(label in item.labels) for label in clips.labels] for item in read]
    truth = np.array(rows, np.uint8) if clips.multilabel else np.array([clips.labels.index(item.label) for item in read], np.int64)
    stream = io.BytesIO()
    media = [item.media for item in read]
    np.savez_compressed(
        stream,
        allow_pickle=False,
        keys=np.array([key(item) for item in read]),
        paths=np.array([str(m.path) for m in media]),
        kinds=np.array([m.kind for m in media]),
        fps=np.array([m.fps for m in media]),
        starts=np.array([m.start for m in media]),
        ends=np.array([m.end for m in media]),
        scores=scores.pop(OWN),
        truth=truth,
        **scores,
    )
    files.write(folder / RESULT, stream.getvalue())
    files.write(folder / ABOUT, text({"name": folder.name, **about, "clips": len(read), "broken": broken}))
    evaluation = load(folder)
    _tables(evaluation)
    files.write(folder / "report.html", report(evaluation))
    return evaluation


def _scores(folder: Path, item: Item, clips: ClipSet) -> dict[str, NDArray[np.float32]]:
    """A clip's scores (K), by name."""
    file = folder / "clips" / f"{key(item)}.npz"
    try:
        with np.load(file) as kept:
            return {OWN: chances(kept[OWN], clips.multilabel)} | {
                name: chances(kept[name], clips.multilabel) for name in kept.files if name.startswith(WAY)
            }
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ResultError(f"{file} cannot be read ({quoted(error)}); delete it and run the command again") from None


def _tables(evaluation: Evaluation) -> None:
    """summary.json, per_class.csv, clips.csv."""
    folder, measures = evaluation.folder, measure(evaluation)
    files.write(folder / "summary.json", text(measures.to_json() | ways.to_json(evaluation)))
    files.write(folder / "per_class.csv", _csv([vars(row) for row in measures.per_class]))
    hits = {int(clip) for clip, row, column in evaluation.counted if row == column}
    rows: list[dict[str, Any]] = []
    for clip, name in enumerate(evaluation.names):
        first, second, *_ = [*evaluation.top(clip, 2), ("", float("nan"))]
        row = {"clip": name, "path": evaluation.paths[clip], "true": " ".join(evaluation.true_labels(clip)), "answer": first[0]}
        rows.append({**row, "right": int(clip in hits), "probability": first[1], "second": second[0], "second_probability": second[1]})
    files.write(folder / "clips.csv", _csv(rows))


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as csv. A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"'{v}" if isinstance(v, str) and v[:1] in ("=", "+", "-", "@") else v for name, v in row.items()})
    return stream.getvalue()


def text(value: Any) -> str:
    """JSON for people and machines."""
    return json.dumps(plain(value), indent=1, ensure_ascii=False)


def _short(value: Any) -> str:
    said = str(value)
    return said if len(said) <= 40 else f"{said[:39]}…"
