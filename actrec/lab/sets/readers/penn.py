"""PennAction: frames/0001/*.jpg and labels/0001.mat with action, split and 13 joints (Zhang et al. 2013)."""

from __future__ import annotations

from pathlib import Path

from actrec.inputs.pose.files import read_mat, read_penn_labels
from actrec.lab.sets.disk import here, is_frames, seen
from actrec.lab.sets.disk_layout import Choices, DiskLayout, clip_set
from actrec.lab.sets.items import ClipSet, DataError, Item, Media, naming

_SOURCE = "get Penn_Action.tar.gz from the Penn Action page and unpack it whole"


def read(folder: Path, choices: Choices) -> ClipSet:
    """The clips, with their joints. The rate of the frames is nowhere told: they count as 25 a second unless fps= says another.

    Raises:
        DataError: frames or labels are missing, or none fits the other.
    """
    folder = here(folder)
    for name, holds in (("frames", "0001/000001.jpg …"), ("labels", "0001.mat …")):
        if not (folder / name).is_dir():
            raise DataError(f"{folder} lacks the folder {name}/ with {holds}; {_SOURCE}")
    files = sorted((folder / "labels").glob("*.mat"))
    if not files:
        raise DataError(f"{folder / 'labels'} holds no .mat file; {_SOURCE}")
    items, problems = list[Item](), list[str]()
    for file in files:
        place = folder / "frames" / file.stem
        if not place.is_dir() or not is_frames(place):
            problems.append(f"labels/{file.name} is there, but there are no frames in {place}")
            continue
        try:
            with naming(file):
                read_mat(file)
                action, trains = read_penn_labels(file)
        except DataError as error:
            problems.append(str(error))
            continue
        items.append(Item(Media(place, "pictures"), (action,), "train" if trains else "test", joints=file, layout="penn"))
    named = {file.stem for file in files}
    problems += [f"frames/{p.name} is there, but no labels/{p.name}.mat" for p in sorted((folder / "frames").iterdir()) if p.name not in named]
    return clip_set(folder, LAYOUT.name, items, sorted({item.label for item in items}), problems)


LAYOUT = DiskLayout(
    name="penn",
    line="PennAction: frames in folders, labels and joints in .mat files",
    mark="frames/0001/000001.jpg and labels/0001.mat",
    finds=lambda folder: (
        ((folder / "labels").is_dir() and any((folder / "labels").glob("*.mat"))) or seen(folder, r"^frames/\d{4}(/\d{6}\.jpg)?$|^labels/\d{4}\.mat$")
    ),
    read=read,
)
