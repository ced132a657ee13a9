"""A file of joints and how to lay it on the clip, as one name: `pushup.json#offset=3,sides=swapped`.

Such a name stands in questions, links and commands alike. offset: added to every frame number of the file.  layout: for files that do not say theirs,
or say it wrongly.  sides=swapped: what the file calls left is right.  person: which of the file's people comes first, from 1 on; the model is given
people from there on.  units: what places are measured in (see `units`), for files that do not say it, or say it wrongly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from actrec.inputs.pose.joints import JointsError
from actrec.inputs.pose.layouts import layout
from actrec.inputs.pose.units import told, unit

CHOICES = ("offset", "layout", "sides", "person", "units")


@dataclass(frozen=True)
class Named:
    """A file's name and the choices behind its last #.

    A # of the name's own is told by having no = behind it; where it has one, another # ends the name: "a#b=1.npz#".
    """

    file: str
    offset: int = 0
    layout: str = ""
    swapped: bool = False
    person: int = 1
    units: str = ""

    @classmethod
    def of(cls, text: str) -> Named:
        """What a name says; `str` says it again.

        Raises:
            JointsError: a choice that there is none of, or a value that it cannot have.  LayoutError: no such layout.
        """
        file, there, tail = text.rpartition("#")
        if not there or (tail and "=" not in tail):
            return cls(text)
        given: dict[str, str] = {}
        for part in tail.split(",") if tail else ():
            name, _, value = (word.strip() for word in part.partition("="))
            if name not in CHOICES or not value or name in given:
                what = (
                    f"{name}= twice" if name in given else f"the unknown choice {part.strip()!r}" if name not in CHOICES else f"nothing after {name}="
                )
                raise JointsError(f"{text!r} has {what}; after the # write {', '.join(CHOICES)}, each once at most, such as #offset=3,sides=swapped")
            given[name] = value
        if given.get("sides", "swapped") != "swapped":
            raise JointsError(f"{text!r}: sides={given['sides']}; write sides=swapped, or leave it out")
        offset, person = _number(text, "offset", given.get("offset", "0")), _number(text, "person", given.get("person", "1"), 1)
        measured = unit(given["units"]) if "units" in given else ""
        return cls(file, offset, layout(given["layout"]).name if "layout" in given else "", "sides" in given, person, measured)

    @property
    def title(self) -> str:
        """The same without the folders, which are nobody's business: a session's own files lie in a folder that goes with it."""
        path = Path(self.file)
        within = next((parent for parent in path.parents if parent.suffix.lower() in (".pkl", ".pickle")), path)
        return str(replace(self, file=path.relative_to(within.parent).as_posix()))

    @property
    def told(self) -> tuple[str, ...]:
        """The choices that a report on the fit does not speak of, in words."""
        said = [f"taken as {self.layout}"] * bool(self.layout) + ["left and right swapped"] * self.swapped
        said += [f"places taken as {told(self.units)}"] * bool(self.units)
        return (*said, *[f"people counted from person {self.person} of the file"] * (self.person > 1))

    def __str__(self) -> str:
        said = [f"offset={self.offset}"] * bool(self.offset) + [f"layout={self.layout}"] * bool(self.layout)
        said += ["sides=swapped"] * self.swapped + [f"person={self.person}"] * (self.person != 1) + [f"units={self.units}"] * bool(self.units)
        _, there, tail = self.file.rpartition("#")
        own = bool(there) and (not tail or "=" in tail)
        return self.file + "#" * (bool(said) or own) + ",".join(said)


def _number(text: str, name: str, said: str, least: int | None = None) -> int:
    number = int(said) if re.fullmatch(r"[+-]?[0-9]{1,9}", said) else None
    if number is None or (least is not None and number < least):
        raise JointsError(
            f"{text!r}: {name}={said} is not a whole number{f' of {least} or more' if least is not None else ''}; write for instance {name}=2"
        )
    return number
