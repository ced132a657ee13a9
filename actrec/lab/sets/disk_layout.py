"""What a reader of one layout says about itself, and what all of them share: choices, checks, and labels that are each other's reverse in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actrec.clips import mannequin
from actrec.lab.sets.items import ClipSet, DataError, Item

Choices = Mapping[str, str]
"""What the reader of a set may choose, by name: {"split": "2"}; every choice of the layout is there, by default its first legal value."""


@dataclass(frozen=True)
class DiskLayout:
    """A way in which a set of clips lies on disk.

    mark: what the layout is known by, for the error when nothing is found.  subject: what a clip's subject is, "" where nothing is known.
    choices: legal values by name, the default first; an empty tuple takes any text, "" by default.
    finds(folder): whether this looks like it, even if a part is missing (`read` then says which).  read(folder, choices): the clips.
    general: it would find many folders, so it is asked when no other layout finds anything.
    """

    name: str
    line: str
    mark: str
    finds: Callable[[Path], bool]
    read: Callable[[Path, Choices], ClipSet]
    subject: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    general: bool = False

    def chosen(self, given: Mapping[str, str]) -> dict[str, str]:
        """All choices, the given ones in place of the defaults.

        Raises:
            DataError: a choice or a value that this layout has not; the message names the legal ones.
        """
        for name, value in given.items():
            if name not in self.choices:
                has = ", ".join(self.choices) or "none of its own"
                raise DataError(f"{self.name} has no choice {name!r}; it has {has}; every data set takes layout and fps")
            if self.choices[name] and value not in self.choices[name]:
                raise DataError(f"{self.name} has no {name}={value}; write #{name}= and one of {', '.join(self.choices[name])}")
        return {name: next(iter(legal), "") for name, legal in self.choices.items()} | dict(given)


REVERSES = (
    ("bend_down", "straighten_up"),
    *mannequin.PAIRS,
    # NTU RGB+D: the same movement forwards and backwards, as far as its names say.
    ("sitting down", "standing up (from sitting position)"),
    ("wear jacket", "take off jacket"),
    ("wear a shoe", "take off a shoe"),
    ("wear on glasses", "take off glasses"),
    ("put on a hat/cap", "take off a hat/cap"),
    ("walking towards each other", "walking apart from each other"),
    ("put on headphone", "take off headphone"),
    ("put on bag", "take off bag"),
    ("put something into a bag", "take something out of a bag"),
    # Something-Something, versions 1 and 2.
    ("Approaching something with your camera", "Moving away from something with your camera"),
    ("Closing something", "Opening something"),
    ("Covering something with something", "Uncovering something"),
    ("Folding something", "Unfolding something"),
    ("Moving something up", "Moving something down"),
    ("Moving something closer to something", "Moving something away from something"),
    ("Moving something and something closer to each other", "Moving something and something away from each other"),
    ("Moving something towards the camera", "Moving something away from the camera"),
    ("Pulling something from left to right", "Pulling something from right to left"),
    ("Pushing something from left to right", "Pushing something from right to left"),
    ("Turning the camera left while filming something", "Turning the camera right while filming something"),
    ("Turning the camera downwards while filming something", "Turning the camera upwards while filming something"),
)
"""Labels that show the same movement with time turned round, our reading of their names; evaluation counts such pairs apart and as one.

Left to right and right to left are also each other's mirror image: that such a pair is told apart does not yet say that order is used.
"""


def pairs_of(labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of labels that are each other's reverse in time."""
    return tuple(pair for pair in REVERSES if set(pair) <= set(labels))


def clip_set(
    folder: Path,
    layout: str,
    items: Sequence[Item],
    labels: Sequence[str],
    problems: Sequence[str],
    *,
    multilabel: bool = False,
    name: str = "",
) -> ClipSet:
    """The set that a reader found.

    Raises:
        DataError: no clip at all; the message counts the problems and shows the first.
    """
    if not items:
        why = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}, the first: {problems[0]}" if problems else "the lists are empty"
        raise DataError(f"{folder} holds no clip of the layout {layout}: {why}; name the folder that holds both lists and clips")
    double = {label for label in labels if list(labels).count(label) > 1} if len(set(labels)) < len(labels) else set()
    if double:
        raise DataError(f"{folder} has two classes with the name {sorted(double)[0]!r}; correct its list of classes")
    return ClipSet(name or folder.name, layout, tuple(items), tuple(labels), pairs_of(labels), multilabel, tuple(problems))
