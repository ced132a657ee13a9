"""What is known of a clip from its making, in a file beside it: joints, and the pixels of actor, object and limbs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actrec.clips.mannequin.rendering import Mannequin
from actrec.core import files
from actrec.core.errors import QuestionError, quoted

MASKS = ("actor", "object", "limbs")


@dataclass(frozen=True, eq=False)
class Truth:
    """What `write_truth` saved: joints float32 (T, 17, 3) in the clip's pixels; actor, object, limbs: bool (T, h, w), `every` pixels apart."""

    joints: NDArray[np.float32]
    layout: tuple[str, ...]
    label: str
    actor: NDArray[np.bool_]
    object: NDArray[np.bool_]
    limbs: NDArray[np.bool_]
    every: int


def truth_beside(clip: Path) -> Path:
    """Where the truth about a clip lies, if it is known: `walk.truth.npz` beside `walk.mp4`."""
    return clip.with_suffix(".truth.npz")


def write_truth(path: Path, clip: Mannequin, *, every: int = 2) -> None:
    """Save joints (T, 17, 3) and the masks of actor, object and limbs at every second pixel, eight pixels to a byte."""
    actor, thing, limbs = (np.packbits(mask[:, ::every, ::every], axis=-1) for mask in (clip.actor, clip.object, clip.limbs))
    facts = {"layout": np.array(clip.layout), "label": np.array(clip.label), "columns": -(-clip.frames.shape[2] // every), "every": every}
    with files.whole(path) as part, part.open("wb") as file:
        np.savez_compressed(file, joints=clip.joints, actor=actor, object=thing, limbs=limbs, **facts)  # type: ignore[arg-type]


def read_truth(path: Path) -> Truth:
    """The truth beside a sample clip.

    Raises:
        QuestionError: a file that is missing or was not written by `write_truth`.
    """
    try:
        with np.load(path) as kept:
            masks = {name: np.unpackbits(kept[name], axis=-1, count=int(kept["columns"])).astype(bool) for name in MASKS}
            return Truth(kept["joints"], tuple(map(str, kept["layout"])), str(kept["label"]), **masks, every=int(kept["every"]))
    except (OSError, KeyError, ValueError) as error:
        raise QuestionError(f"{path} holds no truth about a clip ({quoted(error)}); make it again with mannequin.write_samples") from None
