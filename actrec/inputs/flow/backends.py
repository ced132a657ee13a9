"""The ways to find optical flow there are."""

from __future__ import annotations

from collections.abc import Mapping

from actrec.core.errors import Progress, QuestionError, no_progress
from actrec.inputs.flow.backend import Backend, Flow, Frames
from actrec.inputs.flow.dis import DIS
from actrec.inputs.flow.pwc import PWC
from actrec.inputs.flow.raft import RAFT_LARGE, RAFT_SMALL

BACKENDS: Mapping[str, Backend] = {way.id: way for way in (DIS, RAFT_SMALL, RAFT_LARGE, PWC)}
"""By id; the first is the default."""


def named(name: str) -> Backend:
    """The back end of that id.

    Raises:
        QuestionError: there is none.
    """
    if name not in BACKENDS:
        raise QuestionError(f"no optical flow is called {name!r}; choose one of {', '.join(BACKENDS)}")
    return BACKENDS[name]


def between(frames: Frames, backend: str = "dis", progress: Progress = no_progress) -> Flow:
    """The flow (T − 1, H, W, 2) from every frame of (T, H, W, 3) RGB to the next, in their pixels.

    Raises:
        QuestionError: an unknown back end, and as `Backend.between`, like the rest.
    """
    return named(backend).between(frames, progress)
