"""Limits and folders. Every one has a sane default and an environment variable that overrules it.

Variables: ACTREC_MAX_MB, ACTREC_MAX_SECONDS, ACTREC_MAX_PIXELS, ACTREC_MAX_FRAMES, ACTREC_MAX_WORK, ACTREC_MAX_WAIT (what a video may be and cost),
ACTREC_CHECKPOINTS (the reader's own checkpoints), ACTREC_CACHE (what can be made or fetched again), ACTREC_RESULTS (evaluations), ACTREC_CLIPS (more
clip folders, separated as in PATH).
ACTREC_DEVICE (what to run on: cpu, cuda, cuda:1, mps) is read in `devices`, ACTREC_PWC (the reader's own weights of PWC-Net, a file) in
`inputs.flow.pwc`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from actrec.core.errors import ActrecError


@dataclass(frozen=True)
class Limits:
    """What a video file may be, checked before anything is decoded, and what it may cost to list."""

    max_mb: float = 500  # million bytes
    max_seconds: float = 900
    max_pixels: int = 4096 * 2304  # of one frame
    max_frames: int = 40_000
    max_work: float = 2e9  # pixels of all frames together, beyond what a file of its size may hold
    max_wait: float = 10  # seconds, where every frame has to be decoded to be listed


def limits() -> Limits:
    """The limits in force.

    Raises:
        ActrecError: an ACTREC_MAX_… variable that is no positive number.
    """
    default = Limits()
    return Limits(
        max_mb=_positive("ACTREC_MAX_MB", default.max_mb),
        max_seconds=_positive("ACTREC_MAX_SECONDS", default.max_seconds),
        max_pixels=int(_positive("ACTREC_MAX_PIXELS", default.max_pixels)),
        max_frames=int(_positive("ACTREC_MAX_FRAMES", default.max_frames)),
        max_work=_positive("ACTREC_MAX_WORK", default.max_work),
        max_wait=_positive("ACTREC_MAX_WAIT", default.max_wait),
    )


def assets() -> Path:
    """What ships with the project: sample clips, demo checkpoints, label lists."""
    return Path(__file__).resolve().parents[2] / "assets"


def cache() -> Path:
    """Where fetched weights and browser copies go; safe to delete.

    Raises:
        ActrecError: no variable and no home directory.
    """
    return _folder("ACTREC_CACHE") or _expanded("~", "ACTREC_CACHE") / ".cache" / "actrec"


def checkpoints() -> Path:
    """Where the reader puts checkpoints of their own; without a home directory in the cache.

    Raises:
        ActrecError: as `cache`.
    """
    named = _folder("ACTREC_CHECKPOINTS")
    if named is not None:
        return named
    try:
        return _expanded("~", "ACTREC_CHECKPOINTS") / ".cache" / "actrec" / "checkpoints"
    except ActrecError:
        return cache() / "checkpoints"


def results() -> Path:
    """Where evaluations are kept, one folder each.

    Raises:
        ActrecError: as `cache`.
    """
    return _folder("ACTREC_RESULTS") or cache() / "results"


def clip_folders() -> tuple[Path, ...]:
    """Folders whose videos are offered by name: the samples first, then those of ACTREC_CLIPS."""
    more = os.environ.get("ACTREC_CLIPS", "").split(os.pathsep)
    return (assets() / "clips", *(_expanded(folder, "ACTREC_CLIPS") for folder in more if folder.strip()))


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable, "").strip()
    return _expanded(value, variable) if value else None


def _expanded(folder: str, variable: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:  # a user without an entry in the system's list, and no HOME
        raise ActrecError(f"there is no home directory for {folder!r} here; set {variable} to the full path of a folder you may write to") from None


def _positive(variable: str, default: float) -> float:
    text = os.environ.get(variable, "").strip()
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise ActrecError(f"{variable}={text!r} is not a positive number; give one, or unset it for {default:g}")
    return value
