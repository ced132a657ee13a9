"""Every layout there is, and the set that a command line names.

A set is named by its path, and after a # what to choose: `ucf101#split=2`, `ntu#protocol=xview`, `frames#layout=folders,holdout=20,fps=30`.
Every set takes `layout` (read it as this one) and `fps` (the rate of pictures that come without times). A path that has a # in it and exists is taken
as it is.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path

import actrec.lab.sets.readers
from actrec.lab.sets.disk import here
from actrec.lab.sets.disk_layout import DiskLayout
from actrec.lab.sets.items import ClipSet, DataError


@functools.cache
def layouts() -> dict[str, DiskLayout]:
    """The layouts in the readers folder, by name."""
    names = sorted(m.name for m in pkgutil.iter_modules(actrec.lab.sets.readers.__path__) if not m.name.startswith("_"))
    found = [importlib.import_module(f"actrec.lab.sets.readers.{name}").LAYOUT for name in names]
    return {layout.name: layout for layout in found}


def read_index(folder: Path) -> ClipSet:
    """The clips that `folder/index.csv` lists.

    Raises:
        DataError: as the reader of that layout.
    """
    return layouts()["index.csv"].read(folder, {})


def read_set(spec: str) -> ClipSet:
    """The set at a path, in whatever layout; see above for how it is written.

    Raises:
        DataError: no such path, no layout or more than one that fits, an illegal choice, or what the layout's reader finds missing.
    """
    path, given = split_spec(spec)
    wanted, fps = given.pop("layout", ""), given.pop("fps", "")
    layout = layout_of(path, wanted)
    if path.name == "index.csv" and layout.name == "index.csv":
        path = path.parent
    found = layout.read(path, layout.chosen(given))
    return _at(found, fps) if fps else found


def split_spec(spec: str) -> tuple[Path, dict[str, str]]:
    """A path and what was chosen behind its #.

    Raises:
        DataError: a choice that is not name=value.
    """
    path = Path(spec).expanduser()
    if path.exists() or "#" not in spec:
        return path, {}
    place, _, tail = spec.rpartition("#")
    given = dict(part.partition("=")[::2] for part in tail.split(","))
    if not all(name and value for name, value in given.items()):
        raise DataError(f"{spec!r}: after the # write name=value, several separated by commas, such as #split=2 or #protocol=xview,fps=30")
    return Path(place).expanduser(), given


def layout_of(path: Path, wanted: str = "") -> DiskLayout:
    """The layout of a set by what lies in its folder, or the wanted one.

    Raises:
        DataError: no such layout or path, or not exactly one that fits; the message lists what was looked for.
    """
    known = layouts()
    if wanted:
        if wanted not in known:
            raise DataError(f"no layout {wanted!r}; write #layout= and one of {', '.join(known)}")
        return known[wanted]
    if path.name == "index.csv" and path.is_file():
        return known["index.csv"]
    if path.suffix not in (".pkl", ".pickle"):
        here(path)
    if known["index.csv"].finds(path):  # somebody wrote it for this very purpose
        return known["index.csv"]
    fits = [layout for layout in known.values() if not layout.general and layout.finds(path)]
    if len(fits) > 1:  # a skeleton file among videos belongs to them
        fits = [layout for layout in fits if layout.name != "pyskl"]
    if not fits or (fits == [known["pyskl"]] and path.is_dir()):  # what a .pkl beside plain folders is, cannot be seen from outside
        fits += [layout for layout in known.values() if layout.general and layout.finds(path)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise DataError(f"{path} looks like {' and like '.join(layout.name for layout in fits)}; say which: {path}#layout={fits[0].name}")
    marks = "; ".join(f"{layout.name}: {layout.mark}" for layout in known.values())
    raise DataError(f"{path} has none of the known layouts; this was looked for: {marks}")


def _at(found: ClipSet, fps: str) -> ClipSet:
    try:
        rate = float(fps)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise DataError(f"fps={fps} is not a frame rate; give frames per second, such as #fps=30")
    items = (replace(item, media=replace(item.media, fps=rate)) if item.media.kind in ("pictures", "skeleton") else item for item in found.items)
    return replace(found, items=tuple(items))
