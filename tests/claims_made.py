"""A claim read back: its numbers and words taken out of the sentence and held against the map, which is gone through cell by cell."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import product

import numpy as np
from answers_made import HEIGHT, WIDTH, film
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actrec.core.clip import Clip
from actrec.core.evidence import Heat
from actrec.measure import strongest

CLIP = Clip(film(), np.zeros((16, 1, 1, 3), np.uint8), np.arange(0, 32, 2), np.arange(0, 32, 2) / 25)
MOMENT = r"(?:between ([\d.]+) and ([\d.]+) s|at ([\d.]+) s|in a step that only repeats the frame at ([\d.]+) s)"
PLACE = r"((?:on the left|in the middle|on the right), (?:at the top|half-way up|at the bottom)|in the middle of the picture)"
TIMELESS = (
    "one map stands for the whole window",
    "only one step has values",
    "the map is the same at all times",
    "the map is the same at all steps that have values",
)
Cell = tuple[int, int, int]

# ------------------------------------------------------------------------------------------------------------------------------------ maps

CLOSE = st.floats(-1, 1, width=32) | st.floats(-(2.0**-15), 2.0**-15, width=32) | st.just(0.0)


@st.composite
def maps(draw: st.DrawFn) -> Heat:
    """Signed, one-sided, empty, constant maps and maps with holes, of one step or several, some of which own no frame."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)))
    values = draw(arrays(np.float32, shape, elements=CLOSE))
    kind = draw(st.sampled_from(["signed", "signed", "positive", "negative", "constant", "tiny", "level"]))
    if kind == "level":
        values = np.full(shape, draw(CLOSE), np.float32)
    values = {"positive": np.abs(values), "negative": -np.abs(values), "constant": np.repeat(values[:1], shape[0], 0), "tiny": values * 1e-5}.get(
        kind, values
    )
    holes = draw(st.sampled_from(["none", "none", "cells", "steps", "all but one step", "all"]))
    if holes == "cells":
        values = np.where(draw(arrays(np.bool_, shape)), values, np.nan)
    elif holes == "steps":
        values = np.where(draw(arrays(np.bool_, (shape[0], 1, 1))), values, np.nan)
    elif holes == "all but one step":
        values = np.where(np.arange(shape[0])[:, None, None] == draw(st.integers(0, shape[0] - 1)), values, np.nan)
    elif holes == "all":
        values = np.full(shape, np.nan)
    edges = sorted(draw(st.lists(st.integers(1, 32), min_size=shape[0], max_size=shape[0])))
    bands = np.array(list(zip([0, *edges[:-1]], edges, strict=True)), np.int64)
    fields = np.array([[0, last] for _, last in bands]) if draw(st.booleans()) else None
    everywhere = (0.0, 0.0, float(WIDTH), float(HEIGHT))
    return Heat("A map", values.astype(np.float32), "cosine (of two)", everywhere, everywhere, bands, kind != "positive", fields)


# --------------------------------------------------------------------------------------------------------------------------------- reading back


def known(heat: Heat) -> dict[Cell, float]:
    return {cell: float(heat.values[cell]) for cell in product(*map(range, heat.values.shape)) if math.isfinite(heat.values[cell])}


def amount(text: str) -> float:
    return float(text.replace("−", "-"))


def rounded(text: str, value: float) -> bool:
    """Whether a number of three significant digits can be this value."""
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 1e-9
    return abs(amount(text) - value) <= 0.5 * unit * (1 + 1e-6) + 1e-12


def as_percent(text: str, share: float, digits: int = 0) -> bool:
    if text.startswith("<"):
        return 0 < share < 10.0**-digits / 100
    return abs(float(text) - 100 * share) <= 0.5 * 10.0**-digits + 1e-4


def spot(heat: Heat, cell: Cell) -> str:
    """Where a cell's middle lies, by thirds."""
    _, r, c = cell
    (x0, y0, x1, y1), (left, top, right, bottom), (_, rows, columns) = heat.box, heat.seen, heat.values.shape
    x, y = x0 + (c + 0.5) * (x1 - x0) / columns, y0 + (r + 0.5) * (y1 - y0) / rows
    across = ("on the left", "in the middle", "on the right")[min(max(int(3 * (x - left) / (right - left)), 0), 2)]
    down = ("at the top", "half-way up", "at the bottom")[min(max(int(3 * (y - top) / (bottom - top)), 0), 2)]
    return "in the middle of the picture" if (across, down) == ("in the middle", "half-way up") else f"{across}, {down}"


def moments(heat: Heat, said: Sequence[str | None], clip: Clip = CLIP) -> list[int]:
    """The steps that a moment can mean: those whose first and last frame come on screen then."""
    begin, until, at, repeats = said
    found = []
    for k, (first, last) in enumerate(heat.bands.tolist()):
        frames = range(first, min(last, clip.video.frames))
        if not frames:
            found += [k] if repeats == f"{clip.video.seconds[max(first - 1, 0)]:.2f}" else []
            continue
        ends = f"{clip.video.seconds[frames[0]]:.2f}", f"{clip.video.seconds[frames[-1]]:.2f}"
        found += [k] if (begin, until) == ends or (at == ends[0] == ends[1]) else []
    return found


def why_timeless(heat: Heat) -> str:
    cells = known(heat)
    steps = sorted({k for k, _, _ in cells})
    if len(heat.values) == 1:
        return TIMELESS[0]
    if len(steps) == 1:
        return TIMELESS[1]
    top = max(map(abs, cells.values()))
    places = [{cell[1:]: value for cell, value in cells.items() if cell[0] == k} for k in steps]
    alike = all(p.keys() == places[0].keys() for p in places) and all(
        max(p[place] for p in places) - min(p[place] for p in places) <= 1e-3 * top for place in places[0]
    )
    return "" if not alike else TIMELESS[2] if len(steps) == len(heat.values) else TIMELESS[3]


def nothing_there(heat: Heat, sentence: str) -> bool:
    """Whether a sentence says that a map shows nothing; it has to where there is nothing."""
    cells = known(heat)
    top = max(map(abs, cells.values()), default=0.0)
    if not cells:
        assert sentence.endswith(": it has no values.")
    elif top < 1e-5:
        assert re.search(r"This map shows no .*: its largest magnitude is (\S+) .*, which is drawn as nothing\.$", sentence)
        assert f"{top:.1e} " in sentence
    else:
        assert "shows no" not in sentence
        return False
    return True


def opens_there(heat: Heat, sentence: str, sign: int, even: Sequence[float] | None = None, clip: Clip = CLIP) -> None:
    """The end of a sentence that tells where and when a map is strongest: of one step, its largest share, and the clip opens in it."""
    cells = {cell: max(sign * value, 0.0) for cell, value in known(heat).items()}
    total = sum(cells.values())
    share = [sum(value for cell, value in cells.items() if cell[0] == k) / total for k in range(len(heat.values))]
    frame = strongest.amid(heat)
    if why := why_timeless(heat):
        (place,) = re.findall(rf" {PLACE}; {why}, so it says nothing about when\.$", sentence)
        steps = range(len(heat.values))
    else:
        assert not any(words in sentence for words in TIMELESS)
        told = re.search(
            rf" {MOMENT}, {PLACE}: the step drawn there has (<? ?[\d.]+) % of it \(an even spread would give (<? ?[\d.]+) %\)"
            rf"(?: and has read the frames from ([\d.]+) to ([\d.]+) s)?\.$",
            sentence,
        )
        assert told, sentence
        steps, place = moments(heat, told.groups()[:4], clip), told.group(5)
        expected = even or [sum(cell[0] == k for cell in cells) / len(cells) for k in range(len(heat.values))]
        steps = [k for k in steps if as_percent(told.group(6), share[k]) and as_percent(told.group(7), expected[k])]
        if heat.fields is None:
            assert told.group(8) is None
        else:
            read = told.group(8), told.group(9)
            steps = [k for k in steps if read == tuple(f"{clip.video.seconds[f]:.2f}" for f in (heat.fields[k][0], heat.fields[k][1] - 1))]
    tops = [k for k in steps if share[k] >= max(share) - 1e-9]
    assert tops, sentence
    places = {spot(heat, cell) for cell, value in cells.items() if cell[0] in tops and value == max(v for c, v in cells.items() if c[0] == cell[0])}
    assert place in places, sentence
    assert any(first <= frame < last or first == last == frame for first, last in (heat.bands[k] for k in tops)), "the clip opens elsewhere"
