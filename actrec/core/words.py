"""Numbers and units for reading."""

from __future__ import annotations

from collections.abc import Sequence

from actrec.core.evidence import Heat


def percent(share: float) -> str:
    """A probability for reading: 83.1 %, 0.4 %, < 0.1 %."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def number(value: float) -> str:
    """Three significant digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−", 1) if value < 0 else f"{value:.3g}"


def short_unit(heat: Heat) -> str:
    """The unit without what it adds in brackets, for the colour bar."""
    return heat.unit.split(" (")[0]


def few(names: Sequence[str], most: int = 4) -> str:
    """The first names of many, and how many more there are; long ones cut short, and what cannot be printed written out."""
    shown = ", ".join(name[:120] if name.isprintable() else repr(name[:120]) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
