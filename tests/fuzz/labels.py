"""Names of classes: every form, in every encoding, damaged, and values of other kinds in their places."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from test_labels import ENCODINGS, TEXTS, VALUES

from actrec.core import labels
from actrec.lab.sets import disk

WORDS = (
    "walk",
    "sit_down",
    "坐下 椅子",
    "boîte",
    "جلس",
    "ходьба",
    "बैठना",
    "0",
    "1 run",
    "16",
    "",
    " ",
    "\u200b",
    "a" * 600,
    "a,b",
    'say "hi"',
    "-",
    "#",
)
ODD = (None, 16, -1, 1.5, 1e308, [], {}, [[]], "x" * 10_000, True, "\0", ["a", 1], {"0": {}}, [[0, "a", 2]], {"labels": {"labels": {"labels": []}}})
TAILS = ("", "\n", "\0", "\ufeff", ",", "]", "}", "\n0 walk", "[" * 10_000, "\r\r\n" * 1_000, '{"a":' * 3_000, "0," * 1_000_000, "a\n" * 1_500_000)


def written(draw: random.Random) -> bytes:
    names = [draw.choice(WORDS) + (f" {i}" if draw.random() < 0.5 else draw.choice("abcdefgh")) for i in range(draw.choice((1, 2, 16, 400)))]
    if draw.random() < 0.25:
        text = json.dumps(draw.choice((*ODD, VALUES[draw.choice(sorted(VALUES))](draw.choice((names, list(WORDS))))))) + draw.choice(TAILS)
    else:
        text = TEXTS[draw.choice(sorted(TEXTS))](names) + (draw.choice(TAILS) if draw.random() < 0.3 else "")
    return text.encode(draw.choice(ENCODINGS), draw.choice(("replace", "ignore", "xmlcharrefreplace")))


def cases(seed: int) -> Iterator[tuple[str, Callable[[Path], None]]]:
    number = 0
    while True:
        draw = random.Random(f"labels {seed} {number}")
        yield f"case{draw.choice(('.txt', '.json', '.csv'))}", lambda path, draw=draw: write(path, draw)  # type: ignore[misc]
        number += 1


def write(path: Path, draw: random.Random) -> None:
    content = bytearray(written(draw))
    for _ in range(draw.choice((0, 0, 0, 1, 5, 30))):
        if content:
            content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(content)


def use(path: Path) -> None:
    """As beside a checkpoint of 16 classes, and as a data set's list of classes."""
    names, said = labels.of_checkpoint(path.with_suffix(".pth"), {}, 16)
    assert names is None or len(names) == len(set(names)) == 16, names
    assert not said or "numbered instead" in said
    disk.classes_of(path)
