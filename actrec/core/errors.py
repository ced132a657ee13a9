"""What can go wrong in a way that the reader can mend, and how long work says how far it is."""

from __future__ import annotations

import re
from collections.abc import Callable

MOST_WORDS = 1500
"""Characters of a message; of a longer one the middle is left out, so that the value, the reason and the way out stay."""


class ActrecError(Exception):
    """Something the reader can mend. The message names the value, the reason and the way out, in one line.

    A value in it may come from outside: whatever that is, the line stays one line, and not too long.
    """

    def __str__(self) -> str:
        line = " ".join(re.sub(r"[^\s;]{200,}", lambda word: f"{word[0][:80]}…", super().__str__()).split())
        return line if len(line) <= MOST_WORDS else f"{line[: MOST_WORDS * 2 // 3]} … {line[-MOST_WORDS // 3 + 3 :]}"


MOST_QUOTED = 160
"""Characters of another library's own words: it may quote the file."""


def quoted(error: BaseException, kind: bool = False) -> str:
    """What another library says went wrong, as a part of a sentence: the beginning of its first line. kind: with the error's name before it."""
    lines, name = str(error).strip().splitlines(), type(error).__name__
    text = f"{name}: {lines[0].strip()}" if lines and kind else lines[0].strip() if lines else name
    return text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]}…"


class ClipError(ActrecError):
    """A video file that cannot be used."""


class WeightsError(ActrecError):
    """A checkpoint that cannot be used, or weights that cannot be had."""


class QuestionError(ActrecError):
    """A question that cannot be answered: an unknown name, or a method that does not fit the model."""


class Cancelled(ActrecError):
    """The reader stopped the work."""


Progress = Callable[[float, str], None]
"""Called with a fraction in [0, 1] and a short text; it raises `Cancelled` to stop the work."""


def no_progress(fraction: float, text: str) -> None:
    """Take a progress report and do nothing."""
