"""The parts of a body: which of them a joint belongs to, by its name; what is whose mirror image; and their colours."""

from __future__ import annotations

import re
from collections.abc import Mapping

GROUPS: tuple[str, ...] = ("head", "torso", "left arm", "right arm", "left leg", "right leg")
"""The parts of a body that joints and bones belong to; "other" where a name does not say."""

COLOURS: Mapping[str, str] = {
    "head": "#F0E442",
    "torso": "#D9D9D9",
    "left arm": "#56B4E9",
    "right arm": "#E69F00",
    "left leg": "#0072B2",
    "right leg": "#D55E00",
    "other": "#CC79A7",
}
"""A colour for each group that colour-blind readers can tell apart too (Okabe and Ito 2008): the left side is blue, the right side orange."""

_PARTS = {
    "head": "nose eye ear mouth head face jaw chin",
    "torso": "neck pelvis spine belly chest thorax torso root waist",
    "arm": "shoulder elbow wrist hand thumb pinky index tip finger",
    "leg": "hip knee ankle heel foot toe",
}
_PART_OF = {word: part for part, words in _PARTS.items() for word in words.split()}


def group(joint: str) -> str:
    """The part of the body a joint belongs to, by its name: one of `GROUPS`, or "other"."""
    words = re.split(r"[_ \-]", joint.lower())
    part = next((_PART_OF[word] for word in words if word in _PART_OF), "other")
    part = next((name for word, name in (("heel", "leg"), ("foot", "leg"), ("toe", "leg"), ("spine", "torso")) if word in words), part)
    side = next((word for word in words if word in ("left", "right")), "")
    if part in ("arm", "leg"):
        return f"{side} {part}" if side else "torso"
    return part


def limb(a: str, b: str) -> str:
    """The part of the body a bone belongs to, by its two joints' parts, whoever's they are ("2: left arm"): theirs where they agree; the head for
    what joins it to the torso; else the torso.
    """
    a, b = (name.partition(": ")[2] or name for name in (a, b))
    if a == b:
        return a
    return "head" if {a, b} == {"head", "torso"} else "torso"


def mirror(joint: str) -> str:
    """The name of the joint on the other side."""
    return re.sub("left|right", lambda word: "right" if word.group() == "left" else "left", joint)
