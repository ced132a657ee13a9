"""Plain folders by class: class/clip.mp4, or train/class/clip.mp4 with test/ or val/ beside it. A clip may be a folder of frames."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from actrec.clips.library import SUFFIXES
from actrec.lab.sets.disk import clips_under, here, is_folder, is_frames
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item, Media

SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "testing": "test"}


def read(folder: Path, choices: Choices) -> ClipSet:
    """The clips below each class's folder. Without folders for the splits all are for training, unless holdout= keeps some out.

    holdout=20: a fifth of the clips, chosen by their names alone, is the test split. Parts of one video may then be on both sides.

    Raises:
        DataError: no class folder, or none with a clip.
    """
    folder = here(folder)
    parts = {place: SPLITS[place.name.lower()] for place in _inside(folder) if place.name.lower() in SPLITS} or {folder: ""}
    items, problems = list[Item](), list[str]()
    for place, split in parts.items():
        loose = [entry for entry in sorted(place.iterdir()) if entry.suffix.lower() in SUFFIXES]
        problems += [f"{file} is not in the folder of a class" for file in loose]
        for label in _inside(place):
            found = list(clips_under(label)) if not is_frames(label) else []
            problems += [] if found else [f"{label} holds no clip: neither a video nor a folder of frames"]
            items += [Item(media, (label.name,), split or _held(media, label, choices)) for media in found]
    if not items and not problems:
        raise DataError(f"{folder} has no folders; expected class/clip.mp4 or train/class/clip.mp4 in it")
    return clip_set(folder, LAYOUT.name, items, sorted({item.label for item in items}), problems)


def _inside(folder: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in os.scandir(folder) if is_folder(entry) and not entry.name.startswith("."))


def _held(media: Media, label: Path, choices: Choices) -> str:
    number = int(hashlib.sha256(media.path.relative_to(label.parent).as_posix().encode()).hexdigest()[:8], 16)
    return "test" if number % 100 < int(choices["holdout"]) else "train"


def _finds(folder: Path) -> bool:
    """Whether there is a folder with a clip in it, one or two steps down."""
    if not folder.is_dir():
        return False
    for place in _inside(folder):
        steps = [place, *_inside(place)[:20]]
        if any(_has_clip(step) for step in steps):
            return True
    return False


def _has_clip(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        for _, entry in zip(range(50), entries, strict=False):
            if os.path.splitext(entry.name)[1].lower() in SUFFIXES or (is_folder(entry) and is_frames(Path(entry.path))):
                return True
    return False


LAYOUT = DiskLayout(
    name="folders",
    line="plain folders: class/clip.mp4 or train/class/clip.mp4, videos or folders of frames",
    mark="folders with videos or with folders of frames in them",
    finds=_finds,
    read=read,
    choices={"holdout": ("0", "10", "20", "30", "50")},
    general=True,
)
