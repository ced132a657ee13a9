"""Write docs/models.md, and the end of every shipped checkpoint's card, from the models' own lists of what they do not take from their papers.

python docs/models.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from actrec import catalogue  # noqa: E402
from actrec.core import files  # noqa: E402
from actrec.lab.train import report  # noqa: E402

PAGE = ROOT / "docs" / "models.md"
CHECKPOINTS = ROOT / "assets" / "checkpoints"

FAMILIES = {
    "dam": "DAM, its backbones and its baselines",
    "deform": "The cross-modal 3D deformable transformer",
    "rescnn": "ST-ResCNN, one stream",
    "twostream": "TST-ResCNN, two streams",
    "shift": "The shift module, one stream",
    "shiftdifference": "The shift module, pictures and RGB differences",
    "torchvision_video": "torchvision’s Kinetics-400 models",
}

OTHER: dict[str, list[dict[str, Any]]] = {
    "dam": [
        {"modules": [[3, 5, "da-nl-2"]]},
        {"modules": [[3, 5, "da-nl-2"]], "scale": "matrix"},
        {"modules": [[3, 5, "da-nl-2"]], "scale": 10},
        {"backbone": "c3d333"},
        {"dam": 12, "positions": True},
        {"last_stride": 1, "width": 0.25},
    ],
    "deform": [
        {"windows": "cross"},
        {"tokens": "single"},
        {"depthwise": True, "kernel": 5},
        {"pose_positions": True, "layout": 17},
        {"width": 0.25},
    ],
    "rescnn": [{"non_local": 2}, {"inputs": 2}, {"cut": True}, {"kept": [32] * 16 + [512]}, {"width": 0.25}],
    "shift": [{"width": 0.25, "last_stride": 1}, {"inputs": 15}, {"before": 0.25, "behind": 0.25}],
    "shiftdifference": [{"fusion": "max"}, {"fusion": "logits"}],
    "twostream": [{"fusion": "max"}, {"fusion": "logits"}],
}
"""Arguments of no architecture's card that change the list."""


def page() -> str:
    """docs/models.md."""
    lines = [
        "# Where our networks depart from their papers",
        "",
        "What we read in a paper in one of several ways, add to it or change. Made from `actrec/models/_departures.py` by `python docs/models.py`;",
        "the same sentences are on the page Home below the models, in `python -m actrec models --json`, and in the card of every trained checkpoint.",
    ]
    for family, title in FAMILIES.items():
        lines += ["", f"## {title}", "", *_family(family)]
    return "\n".join(lines) + "\n"


def _family(family: str) -> list[str]:
    cards = [card for card in catalogue.architectures().values() if card.family == family]
    held: dict[str, list[str]] = {}
    for card in cards:
        for line in catalogue.departures(family, card.arguments):
            held.setdefault(line, []).append(card.id)
    if not held:
        return ["Nothing: the networks are the library’s own."]
    some = {line: "" if len(ids) == len(cards) else f" *({', '.join(ids)})*" for line, ids in held.items()}
    lines = [f"- {line}{whose}" for line, whose in some.items()]
    for arguments in OTHER.get(family, ()):
        new = [line for line in catalogue.departures(family, arguments) if line not in held]
        lines += ["", f"With {_written(arguments)}:", "", *[f"- {line}" for line in new]]
    return lines


def _written(arguments: dict[str, Any]) -> str:
    return ", ".join(f"`{name}={json.dumps(value)}`" for name, value in arguments.items())


def card(file: Path) -> str:
    """A shipped checkpoint's card, its end made from the list of its network."""
    with safe_open(file, framework="numpy") as opened:
        metadata = json.loads(opened.metadata()["actrec"])
    kept = file.with_suffix(".md").read_text(encoding="utf-8").partition(report.DEPARTURES)[0]
    return "\n".join([kept.rstrip(), "", *report.departures(metadata)])


if __name__ == "__main__":
    files.write(PAGE, page())
    for file in sorted(CHECKPOINTS.glob("*.safetensors")):
        files.write(file.with_suffix(".md"), card(file))
