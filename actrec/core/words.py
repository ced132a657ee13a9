"""Numbers and units for reading."""

from __future__ import annotations

import math
from collections.abc import Sequence

from actrec.core.evidence import Heat

STREAMS = {"rgb": "pictures", "flow": "flow", "difference": "differences"}
"""What a model reads, by its streams' names, for reading behind “the”."""


def percent(share: float, digits: int = 1) -> str:
    """A share or a probability for reading: 83.1 %, 0.4 %, < 0.1 %; "–" where there is none. digits: behind the point."""
    if math.isnan(share):
        return "–"
    text = f"{100 * share:.{digits}f}"
    return f"< {10**-digits:g} %" if share > 0 and float(text) == 0 else f"{text} %"


def number(value: float) -> str:
    """Three significant digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−", 1) if value < 0 else f"{abs(value):.3g}"


def fixed(value: float, sign: str = "", digits: int = 3) -> str:
    """A number with so many digits behind the point and a true minus sign; sign "+": a plus sign too."""
    text = f"{value:{sign}.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("+-")


def apart(share: float, other: float) -> str:
    """How far a share is above or below another, as both are written elsewhere: with one digit behind the point."""
    change = round(100 * share, 1) - round(100 * other, 1)
    size = fixed(abs(change), digits=1)
    return f"{size} percentage points {'more' if change > 0 else 'less'}" if float(size) else "the same, to a tenth of a percentage point"


def short_unit(heat: Heat) -> str:
    """The unit without what it adds in brackets, for the colour bar."""
    return heat.unit.split(" (")[0]


def data_set(name: str) -> str:
    """A data set's name within a sentence. `mannequin` is a word of the command line; what it stands for are painted clips."""
    return "painted mannequins" if name == "mannequin" else name


def few(names: Sequence[str], most: int = 4) -> str:
    """The first names of many, and how many more there are; long ones cut short, and what cannot be printed written out."""
    shown = ", ".join(name[:120] if name.isprintable() else repr(name[:120]) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
