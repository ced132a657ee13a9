"""Which joints there are, in which order, how they hang together, and what one layout can say in another's words.

A joint has the same name in every layout that has it ("left_wrist"); left is the person's own left. What belongs to which limb, which joints are each
other's mirror image and which bones join them follows from the names, so a layout is little more than its list of joints, and a list of joints that
nobody has heard of becomes a layout too (`named`).

Sources of the orders: COCO's person keypoints; PennAction's readme (Zhang et al. 2013); Kinect v2's joint enumeration, as NTU RGB+D counts it
(Shahroudy et al. 2016); MediaPipe's PoseLandmark; sub-JHMDB as MMPose lists it (Jhuang et al. 2013); OpenPose's BODY_25 and its older COCO model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from actrec.core.errors import ActrecError
from actrec.inputs.pose.body import GROUPS, group, mirror

_CHAINS = "shoulder-elbow-wrist-hand-tip wrist-pinky-index-wrist wrist-thumb hip-knee-ankle-foot ankle-heel-toe-ankle toe-small_toe"
"""How limbs hang together, whatever the layout; a joint that a layout lacks breaks the chain there."""

MIDDLES: Mapping[str, tuple[str, str]] = {
    "neck": ("left_shoulder", "right_shoulder"),
    "spine_shoulder": ("left_shoulder", "right_shoulder"),
    "pelvis": ("left_hip", "right_hip"),
    "head": ("left_ear", "right_ear"),
}
"""Joints that lie half way between two others, near enough: OpenPose's neck is so by definition, the rest to within a few centimetres."""


MOST_JOINTS, MOST_LETTERS = 1000, 100
"""Joints of a layout, and letters of a joint's name; the largest layouts, with every knuckle and the outline of the face, have 543."""


class LayoutError(ActrecError):
    """A layout that is not known, or joints that cannot be converted to it."""


@dataclass(frozen=True)
class Layout:
    """The joints of a file or model, in its order.

    trunk: the bones that do not follow from the limbs' chains, as pairs of names.  note: what to doubt about it.
    """

    name: str
    title: str
    joints: tuple[str, ...]
    trunk: tuple[tuple[str, str], ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.joints) > MOST_JOINTS or max(map(len, self.joints), default=0) > MOST_LETTERS:
            most = f"{MOST_JOINTS} joints, each of {MOST_LETTERS} letters at most"
            raise LayoutError(f"a layout has {most}, and this one has more; name the joints of one person only")
        twice = sorted(name for name, times in Counter(self.joints).items() if times > 1)
        if not self.joints or twice:
            raise LayoutError(f"the layout {self.name!r} names {', '.join(twice) or 'no joint'}{' twice' * bool(twice)}; name every joint once")

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """The number of a joint.

        Raises:
            LayoutError: it has no such joint.
        """
        if joint not in self.joints:
            raise LayoutError(f"{self.name} has no joint {joint!r}; it has {', '.join(self.joints)}")
        return self.joints.index(joint)

    @cached_property
    def groups(self) -> Mapping[str, tuple[int, ...]]:
        """Joint numbers by group, only groups that have some, in the order of `GROUPS`."""
        of = [group(name) for name in self.joints]
        return {name: tuple(i for i, g in enumerate(of) if g == name) for name in (*GROUPS, "other") if name in of}

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) joint numbers of every pair."""
        return tuple((i, self.joints.index(mirror(name))) for i, name in enumerate(self.joints) if "left" in name and mirror(name) in self.joints)

    @cached_property
    def mirrored(self) -> tuple[int, ...]:
        """For every joint the number of its mirror image; its own for those on the middle line."""
        other = {i: j for pair in self.pairs for i, j in (pair, pair[::-1])}
        return tuple(other.get(i, i) for i in range(len(self)))

    @cached_property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """The bones, as pairs of joint numbers."""
        found = [(self.joints.index(a), self.joints.index(b)) for a, b in self.trunk]
        for side in ("left", "right"):
            for chain in _CHAINS.split():
                names = [f"{side}_{part}" for part in chain.split("-")]
                found += [(self.joints.index(a), self.joints.index(b)) for a, b in pairwise(names) if {a, b} <= set(self.joints)]
        return tuple(dict.fromkeys(found))


def _sides(order: str, *names: str) -> tuple[str, ...]:
    """Every name for both sides, each pair together, in the given order of sides."""
    return tuple(f"{side}_{name}" for name in names for side in order.split())


def _bones(text: str) -> tuple[tuple[str, str], ...]:
    """Bones from words such as "nose-neck"; L and R stand for left_ and right_, and S for both, one bone each."""
    words = [word.replace("S", side) for word in text.split() for side in ("LR" if "S" in word else "L")]
    pairs = [re.sub("L", "left_", re.sub("R", "right_", word)).split("-") for word in words]
    return tuple((a, b) for a, b in pairs)


_FACE = "nose-Seye Seye-Sear "
_BOX = "Lshoulder-Rshoulder Lhip-Rhip Sshoulder-Ship "
_ARM, _LEG, _LIMBS = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


def _one(side: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{side}_{name}" for name in names)


_OPENPOSE_ARMS = ("nose", "neck", *_one("right", *_ARM), *_one("left", *_ARM))
_OPENPOSE_FACE = ("right_eye", "left_eye", "right_ear", "left_ear")

LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("coco17", "COCO, 17 joints", ("nose", *_sides("left right", "eye", "ear", *_LIMBS)), _bones(_FACE + _BOX + "Sear-Sshoulder")),
        Layout(
            "penn13",
            "PennAction, 13 joints",
            ("head", *_sides("left right", *_LIMBS)),
            _bones("head-Sshoulder " + _BOX),
            "which of each pair comes first is contested: look at the overlay, and swap the sides if left is right",
        ),
        Layout(
            "ntu25",
            "NTU RGB+D (Kinect v2), 25 joints",
            (
                *("pelvis", "spine_mid", "neck", "head", *_one("left", *_ARM, "hand"), *_one("right", *_ARM, "hand")),
                *(*_one("left", *_LEG, "foot"), *_one("right", *_LEG, "foot"), "spine_shoulder"),
                *("left_tip", "left_thumb", "right_tip", "right_thumb"),
            ),
            _bones("pelvis-spine_mid spine_mid-spine_shoulder spine_shoulder-neck neck-head spine_shoulder-Sshoulder pelvis-Ship"),
        ),
        Layout(
            "mediapipe33",
            "MediaPipe, 33 joints",
            (
                *("nose", *_one("left", "eye_inner", "eye", "eye_outer"), *_one("right", "eye_inner", "eye", "eye_outer")),
                *_sides("left right", "ear", "mouth", *_ARM, "pinky", "index", "thumb", *_LEG, "heel", "toe"),
            ),
            _bones("nose-Seye_inner Seye_inner-Seye Seye-Seye_outer Seye_outer-Sear Lmouth-Rmouth " + _BOX),
        ),
        Layout(
            "jhmdb15",
            "JHMDB, 15 joints",
            ("neck", "belly", "head", *_sides("right left", "shoulder", "hip", "elbow", "knee", "wrist", "ankle")),
            _bones("neck-head neck-belly neck-Sshoulder belly-Ship"),
        ),
        Layout(
            "openpose25",
            "OpenPose BODY_25, 25 joints",
            (
                *(*_OPENPOSE_ARMS, "pelvis", *_one("right", *_LEG), *_one("left", *_LEG), *_OPENPOSE_FACE),
                *(*_one("left", "toe", "small_toe", "heel"), *_one("right", "toe", "small_toe", "heel")),
            ),
            _bones(_FACE + "nose-neck neck-Sshoulder neck-pelvis pelvis-Ship"),
        ),
        Layout(
            "openpose18",
            "OpenPose COCO, 18 joints",
            (*_OPENPOSE_ARMS, *_one("right", *_LEG), *_one("left", *_LEG), *_OPENPOSE_FACE),
            _bones(_FACE + "nose-neck neck-Sshoulder neck-Ship"),
        ),
    )
}
"""The layouts that have a name."""

ALIASES: Mapping[str, str] = {
    "coco": "coco17",
    "cocodataset": "coco17",
    "penn": "penn13",
    "pennaction": "penn13",
    "pennaction13": "penn13",
    "ntu": "ntu25",
    "nturgbd": "ntu25",
    "kinect25": "ntu25",
    "mediapipe": "mediapipe33",
    "blazepose33": "mediapipe33",
    "jhmdb": "jhmdb15",
    "openpose": "openpose18",  # MMAction2's name for the eighteen joints
    "body25": "openpose25",
    "mannequin": "coco17",
}
"""Other names people use, without signs and in small letters."""


def layout(name: str) -> Layout:
    """The layout of that name, however it is spelt ("COCO-17").

    Raises:
        LayoutError: no such layout; the message lists those there are.
    """
    key = re.sub(r"[^a-z0-9]", "", name.lower())
    found = LAYOUTS.get(ALIASES.get(key, key))
    if found is None:
        raise LayoutError(f"no joint layout is called {name!r}; choose one of {', '.join(LAYOUTS)}")
    return found


def named(joints: Sequence[str], name: str = "") -> Layout:
    """The layout with these joints in this order: a known one if it fits, else a new one, with the bones of the limbs.

    Raises:
        LayoutError: no joints, or one twice.
    """
    plain = tuple(_plain(str(joint)[: MOST_LETTERS + 1]) for joint in joints[: MOST_JOINTS + 1])
    found = next((known for known in LAYOUTS.values() if known.joints == plain), None)
    if found is not None:
        return found
    trunk = [pair for pair in _bones(_FACE + _BOX + "neck-head neck-Sshoulder neck-pelvis pelvis-Ship") if set(pair) <= set(plain)]
    return Layout(name[:MOST_LETTERS] or f"joints{len(plain)}", f"{len(plain)} joints", plain, tuple(trunk))


def _plain(joint: str) -> str:
    """A joint's name as this module writes it: the side first, small letters, and one word for what goes by several."""
    text = re.sub(r"([a-z])([A-Z])", r"\1_\2", joint.strip())
    text = re.sub(r"[\s\-]+", "_", text).lower()
    text = re.sub(r"^(l|r)_", lambda found: {"l": "left_", "r": "right_"}[found.group(1)], text)
    text = re.sub(r"^(.+)_(left|right)$", r"\2_\1", text)
    for told, ours in (("foot_index", "toe"), ("big_toe", "toe"), ("bigtoe", "toe"), ("smalltoe", "small_toe"), ("hand_tip", "tip")):
        text = text.replace(told, ours)
    return {"mid_hip": "pelvis", "hip_center": "pelvis", "root": "pelvis"}.get(text, text)


def known(number: int) -> Layout | None:
    """The layout with that many joints, if there is only one; 25 may be Kinect's or OpenPose's."""
    found = [layout for layout in LAYOUTS.values() if len(layout) == number]
    return found[0] if len(found) == 1 else None


def conversion(source: Layout, target: Layout) -> tuple[tuple[int, ...], ...]:
    """For every joint of the target the joints of the source it is the mean of: one, two (see `MIDDLES`), or none.

    Raises:
        LayoutError: less than half of the target's joints have a counterpart, or one of its arms or legs has none.
    """
    made: list[tuple[int, ...]] = []
    for joint in target.joints:
        pair = MIDDLES.get(joint, ())
        if joint in source.joints:
            made.append((source.joints.index(joint),))
        else:
            made.append(tuple(map(source.joints.index, pair)) if pair and set(pair) <= set(source.joints) else ())
    had = sum(map(bool, made))
    bare = [name for name in GROUPS[2:] if name in target.groups and not any(made[i] for i in target.groups[name])]
    if 2 * had < len(target) or bare:
        why = f"knows only {had} of its {len(target)} joints" if 2 * had < len(target) else f"has no {' and no '.join(bare)}"
        others = [name for name, other in LAYOUTS.items() if other not in (source, target) and 2 * _shared(source, other) >= len(other)]
        raise LayoutError(f"{source.name} cannot be converted to {target.name}: it {why}; {_way(others)}")
    return tuple(made)


def _shared(source: Layout, target: Layout) -> int:
    return len(set(source.joints) & set(target.joints))


def _way(others: Sequence[str]) -> str:
    return f"keep it, or convert it to {' or '.join(others)}" if others else "estimate the joints again in that layout"
