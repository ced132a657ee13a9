"""A grey clip whose frames say their number, and answers about it."""

from __future__ import annotations

import numpy as np
from answers_made import attentive, explanation

from actrec.clips import video
from actrec.core.answer import Explanation
from actrec.core.clip import Video
from actrec.core.evidence import Heat


def grey(number: int, width: int, height: int) -> np.ndarray:
    """A frame whose grey says its number, without any colour."""
    return np.full((height, width, 3), 10 + 6 * number, np.uint8)


def about(source: Video, *heats: Heat, **changes: object) -> Explanation:
    index = np.arange(4, 32, 2)
    return explanation(*heats, video=source, index=list(index), frames=video.read(source, index), **changes)


def attending(source: Video, **changes: object) -> Explanation:
    """An answer with everything about frames 0, 2, … 30."""
    index = np.arange(0, 32, 2)
    return attentive(video=source, index=list(index), frames=video.read(source, index), **changes)


MORE = ("tokens", "tokens_svg", "joints", "joints_svg", "matrix", "matrix_svg", "matrix_2", "matrix_2_svg", "tokens_html")
