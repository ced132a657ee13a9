"""How evidence is drawn: what the reader sets on the page, and what the link, the saved files and the command line say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from actrec.core.errors import QuestionError

PALETTES = ("inferno", "viridis", "cividis", "turbo")
"""Names of the palettes for unsigned evidence, the default first; their colours are in `draw.overlay`."""

DIVERGING = ("blue-red", "purple-green")
"""Names of the palettes for signed evidence, the default first."""

SCALES = ("frame", "clip", "shared")

MARK = "look."
"""What the names of a look begin with in a link, so that they are never taken for a question's."""


@dataclass(frozen=True)
class Look:
    """How evidence is drawn. It changes pixels only, never the numbers.

    scale "frame": every step has its own top; "clip": one top for the whole map; "shared": one top for all maps of a unit that are drawn together.
    top: the shared scale's end where it is known, else that of the maps themselves (`draw.overlay.settled`).
    opacity: how much of the frame the strongest evidence covers, 0 … 1.  threshold: a share of the top, 0 … 1.
    moment: seconds of the source that the reader stopped at. The player opens there, and a figure that leaves frames out does not leave out the
    one nearest to it; None: where the evidence is strongest, and frames evenly.

    Raises:
        QuestionError: an unknown palette or scale, or a number outside its range.
    """

    palette: str = PALETTES[0]
    diverging: str = DIVERGING[0]
    opacity: float = 0.8
    threshold: float = 0.0
    scale: Literal["frame", "clip", "shared"] = "clip"
    top: float | None = None
    moment: float | None = None

    def __post_init__(self) -> None:
        for name, legal in (("palette", PALETTES), ("diverging", DIVERGING), ("scale", SCALES)):
            if getattr(self, name) not in legal:
                raise QuestionError(f"{getattr(self, name)!r} is not one of {', '.join(legal)}; choose one of them as {name}")
        for name in ("opacity", "threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise QuestionError(f"{name} {getattr(self, name)!r} is not between 0 and 1; give a share")
        if self.top is not None and not 0 <= self.top < np.inf:
            raise QuestionError(f"the top of a shared scale must be a number, 0 or more, not {self.top!r}; leave it out to use the largest value")
        if self.moment is not None and not 0 <= self.moment < np.inf:
            raise QuestionError(f"the moment {self.moment!r} is not a second of the clip; give seconds from 0 on")

    def to_query(self, usual: Look | None = None) -> dict[str, str]:
        """Flat text pairs for a link, only of what differs from the usual look; `from_query` reads them back to an equal look."""
        return {MARK + name: value for name, value in self._unusual(usual)}

    @classmethod
    def from_query(cls, query: Mapping[str, str], usual: Look | None = None) -> Look:
        """The look a link asks for; what it does not say is as usual.

        Raises:
            QuestionError: a number that is none, or as above.
        """
        said = {name.removeprefix(MARK): value for name, value in query.items() if name.startswith(MARK)}
        return cls(**asdict(usual or cls()) | {name: _value(name, said[name]) for name in FIELDS if name in said})

    def to_words(self, usual: Look | None = None) -> list[str]:
        """The options that make a command draw like this. A shared scale's top follows from the maps and is not among them."""
        return [word for name, value in self._unusual(usual) if name != "top" for word in (f"--{name}", value)]

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS if name != "top"}

    def frame(self, seconds: NDArray[np.float64]) -> int | None:
        """Which of these moments is the nearest to the look's own; None if it has none."""
        return None if self.moment is None else int(np.argmin(np.abs(seconds - self.moment)))

    def _unusual(self, usual: Look | None) -> Sequence[tuple[str, str]]:
        pairs = ((name, getattr(self, name), getattr(usual or Look(), name)) for name in FIELDS)
        return [(name, value if isinstance(value, str) else repr(float(value))) for name, value, other in pairs if value not in (other, None)]


TOGETHER = Look(scale="shared")
"""The usual look of several answers about one clip: equal values have equal colours."""

FIELDS = tuple(Look.__dataclass_fields__)


def _value(name: str, text: str) -> str | float:
    if name in ("palette", "diverging", "scale"):
        return text
    try:
        return float(text)
    except ValueError:
        raise QuestionError(f"{MARK}{name}={text!r} is not a number; write it like 0.5, or leave it out") from None
