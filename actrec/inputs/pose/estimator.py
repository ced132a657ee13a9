"""What a way to find joints in pictures is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actrec.core.errors import Progress
from actrec.inputs.pose.joints import Values

Frame = NDArray[np.uint8]
Detect = Callable[[Frame, float], list[Values]]
"""From a frame (H, W, 3) RGB and its second to the people in it: joints (R, 3) in its pixels, the surest first."""


@dataclass(frozen=True)
class Estimator:
    """A way to find joints.

    opened: a context that gives a `Detect`; it takes the model file (or None) and a progress.  lacks: why it cannot run here with that model file, in
    a sentence that says how to mend it, or "".  model: the file it would use.
    """

    name: str
    title: str
    layout: str
    opened: Callable[[Path | None, Progress], AbstractContextManager[Detect]] = field(repr=False)
    lacks: Callable[[Path | None], str] = field(repr=False)
    model: Callable[[Path | None], Path | None] = field(repr=False)
    note: str = ""
