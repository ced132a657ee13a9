"""Links as somebody may write them: a question's and a look's names with values of all sorts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import torch

from actrec import study
from actrec.core.look import Look
from actrec.core.question import Question

GOOD = {"clip": "sit_down", "model": "c2d-mannequin", "method": "cam", "label": "wave", "versus": "kick", "start": "0.5", "at": "1.0,100,80"}
MORE = {"joints": "none", "hide": "left arm", "knob.layer": "res4.tap", "look.palette": "turbo", "look.opacity": "0.4", "look.scale": "clip"}
ODD = ("", "-", "nan", "inf", "-1", "1e309", "0x10", "../../etc/passwd", "/etc/passwd", "\0", "\ud800".encode("utf-8", "replace").decode(), "行動")
ODDER = (
    "a" * 100_000,
    "@" * 50,
    "dam-12@",
    "dam-12@/dev/zero",
    "%s%n",
    "<script>",
    "1,2",
    "1,2,3,4",
    "nan,nan,nan",
    "9" * 400,
    "\n\r\t",
    "#offset=x",
)


def cases(seed: int) -> Iterator[tuple[str, bytes]]:
    draw = random.Random(f"links {seed}")
    while True:
        query = dict(GOOD) | {name: value for name, value in MORE.items() if draw.random() < 0.3}
        for name in draw.sample(sorted(query), draw.choice((0, 1, 1, 1, 2, 3))):
            how = draw.random()
            if how < 0.15:
                del query[name]
            elif how < 0.8:
                query[name] = draw.choice(ODD + ODDER)
            else:
                text = list(query[name] or "x")
                text[draw.randrange(len(text))] = chr(draw.randrange(1, 0xD800))
                query[name] = "".join(text)
        if draw.random() < 0.1:
            query |= {draw.choice(("knob.", "look.", "")) + draw.choice(ODD): draw.choice(ODD) for _ in range(draw.choice((1, 3, 2000)))}
        yield "link.txt", urlencode(query).encode()


def use(path: Path) -> None:
    query = dict(parse_qsl(path.read_text(), keep_blank_values=True))
    Look.from_query(query)
    asked = study.asked(Question.from_query(query))
    asked.target(torch.zeros(1, len(asked.card.labels)))
