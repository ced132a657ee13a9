"""Small evaluations in the form in which `actrec evaluate` leaves them on disk, with scores that are drawn, not measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def evaluation(
    folder: Path,
    labels: Sequence[str],
    clips: Sequence[tuple[str, str, int]],
    *,
    model: str,
    right: float,
    seed: int,
    set_name: str = "made",
    multilabel: bool = False,
    **about: object,
) -> Path:
    """Write an evaluation of `clips` (kind, path, class number), of which about the share `right` is recognised."""
    draw = np.random.default_rng(seed)
    n, k = len(clips), len(labels)
    truth = np.array([number for _, _, number in clips])
    logits = draw.normal(0, 0.7, (n, k))
    answer = np.where(draw.random(n) < right, truth, (truth + draw.integers(1, k, n)) % k)
    logits[np.arange(n), answer] += 3
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    several = np.eye(k, dtype=np.uint8)[truth]
    if multilabel:
        scores = 1 / (1 + np.exp(1.5 - logits))
        several[np.arange(n), (truth + 1) % k] |= np.arange(n) % 2 == 0
    folder.mkdir(parents=True)
    np.savez(
        folder / "result.npz",
        keys=np.array([f"{Path(path).stem}-{i}" for i, (_, path, _) in enumerate(clips)]),
        paths=np.array([path for _, path, _ in clips]),
        kinds=np.array([kind for kind, _, _ in clips]),
        fps=np.full(n, 25.0),
        starts=np.zeros(n),
        ends=np.full(n, np.inf),
        scores=scores.astype(np.float32),
        truth=several if multilabel else truth.astype(np.int64),
    )
    told = {
        "name": folder.name,
        "model": model,
        "title": f"{model}, of no use",
        "weights_sha256": "",
        "data": set_name,
        "set": set_name,
        "split": "test",
        "views": [1, 1],
        "labels": list(labels),
        "pairs": [list(labels[:2])],
        "multilabel": multilabel,
        "clips": n,
        "broken": [],
        "command": f"python -m actrec evaluate --model {model} --data {set_name}",
        "versions": {},
    }
    (folder / "about.json").write_text(json.dumps(told | about), encoding="utf-8")
    return folder
