"""Sets of labelled clips: readers for the layouts people have on disk, and model windows of them, decoded in worker processes."""

from __future__ import annotations

from pathlib import Path

from actrec.data.index import read_index
from actrec.data.items import FPS, ClipSet, DataError, Item, Media, mannequin_set
from actrec.data.windows import Batch, Windows, batches, open_windows, to_input

__all__ = [
    "FPS", "Batch", "ClipSet", "DataError", "Item", "Media", "Windows",
    "batches", "mannequin_set", "open_set", "open_windows", "read_index", "to_input",
]  # fmt: skip


def open_set(spec: str, *, train: int = 100, test: int = 20) -> ClipSet:
    """The set a command line names: `mannequin`, or a folder with an index.csv. train, test: mannequin clips per action."""
    return mannequin_set(train, test) if spec == "mannequin" else read_index(Path(spec))
