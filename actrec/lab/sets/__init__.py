"""Sets of labelled clips: readers for the layouts people have on disk, and model windows of them, decoded in worker processes."""

from __future__ import annotations

from actrec.lab.sets.index import layouts, read_index, read_set
from actrec.lab.sets.items import FPS, ClipSet, DataError, Item, Media, mannequin_set
from actrec.lab.sets.windows import Batch, Windows, batches, open_windows

__all__ = [
    "FPS", "Batch", "ClipSet", "DataError", "Item", "Media", "Windows",
    "batches", "layouts", "mannequin_set", "open_set", "open_windows", "read_index",
]  # fmt: skip


def open_set(spec: str, *, train: int = 100, test: int = 20) -> ClipSet:
    """The set a command line names: `mannequin`, or the path of a set in any layout (`layouts`), perhaps with choices behind a #, as in
    `ucf101#split=2` or `ntu#protocol=xview` (see `index`). train, test: mannequin clips per action.

    Raises:
        DataError: what is missing, where it was expected and where to get it.
    """
    return mannequin_set(train, test) if spec == "mannequin" else read_set(spec)
