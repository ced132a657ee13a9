"""The clip and the model that a question names, and what the model is given of the clip. The last few are kept."""

from __future__ import annotations

import difflib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from actrec import catalogue
from actrec.clips import library, video
from actrec.core import devices, files
from actrec.core.card import Card
from actrec.core.clip import Video
from actrec.core.errors import ClipError, Progress, WeightsError, no_progress
from actrec.core.kept import Kept
from actrec.models import weights


@dataclass(frozen=True, eq=False)
class Loaded:
    """A card with its network on a device: evaluation mode, no parameter asks for gradients, shared by all sessions and never written to."""

    card: Card
    model: nn.Module
    device: torch.device
    sha256: str
    doubt: str = ""  # a sentence if it looks untrained


_videos: Kept[Video] = Kept(64)


_models: Kept[Loaded] = Kept(4)


_loading = threading.Lock()


def open_clip(name: str) -> Video:
    """The frame table of a sample clip (by name) or of a file (by path).

    Raises:
        ClipError: no such clip, or a file that cannot be used.
    """
    path = find_clip(name)
    facts = path.stat()
    return _videos.get_or((path, facts.st_mtime_ns, facts.st_size), lambda: video.probe(path))


def find_clip(name: str) -> Path:
    """The file behind a clip's name: a path as it is, or a sample's name."""
    if os.path.isfile(name):  # unlike `Path.is_file` it bears any text
        return Path(name)
    found = library.samples()
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, 3) or list(found)[:3]
    raise ClipError(f"no clip {name!r}: neither a file nor a sample; samples are {', '.join(near)} …")


def load(name: str, progress: Progress = no_progress) -> Loaded:
    """The model of that name, ready to run; the last four are kept.

    Raises:
        QuestionError: no such model.  WeightsError: no weights, or weights that do not fit; the message carries the report.
    """
    card = catalogue.card(name)
    if card.weights is None:
        raise WeightsError(f"{card.title} cannot answer: {catalogue.ready(card)}")
    file = weights.fetch(card.weights, progress)
    key = (name, file, file.stat().st_mtime_ns)
    with _loading:  # two sessions that ask at once load it once
        return _models.get_or(key, lambda: _load(card, file))


def _load(card: Card, file: Path) -> Loaded:
    model, _ = catalogue.filled(card, file)
    device, doubt = devices.best(), catalogue.untrained(model)
    return Loaded(card, model.to(device).eval().requires_grad_(False), device, files.digest(file), doubt)
