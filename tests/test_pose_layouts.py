"""Layouts of joints: their names, sides and bones are the published ones, and one becomes another only where that is sound."""

from __future__ import annotations

import numpy as np
import pytest
from pose_made import some

from actrec.clips import mannequin
from actrec.inputs import pose
from actrec.inputs.pose import layouts
from actrec.inputs.pose.body import group, limb
from actrec.inputs.pose.joints import Joints

NAMES = list(layouts.LAYOUTS)


# ---- layouts


@pytest.mark.parametrize("name", NAMES)
def test_sides_pairs_groups_and_bones_agree(name: str) -> None:
    layout = layouts.LAYOUTS[name]
    left = {joint for joint in layout.joints if "left" in joint}
    assert len(layout.pairs) == len(left) == sum("right" in joint for joint in layout.joints)
    for a, b in layout.pairs:
        assert layout.joints[a].replace("left", "right") == layout.joints[b]
        assert group(layout.joints[a]).replace("left", "right") == group(layout.joints[b])
    assert [layout.mirrored[i] for i in layout.mirrored] == list(range(len(layout)))
    assert sorted(i for numbers in layout.groups.values() for i in numbers) == list(range(len(layout)))
    assert "other" not in layout.groups
    bones = {frozenset(bone) for bone in layout.limbs}
    assert {frozenset(layout.mirrored[i] for i in bone) for bone in bones} == bones, "a bone has no mirror image"
    assert len(bones) == len(layout.limbs)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mediapipe33"])
def test_the_bones_join_every_joint_of_a_body(name: str) -> None:
    layout = layouts.LAYOUTS[name]
    reached = {0}
    for _ in layout.joints:
        reached |= {j for bone in layout.limbs if reached & set(bone) for j in bone}
    assert reached == set(range(len(layout)))


def test_the_layouts_have_the_sizes_in_their_names() -> None:
    for name, layout in layouts.LAYOUTS.items():
        assert name.endswith(str(len(layout)))


def test_orders_that_are_easily_confused_are_the_published_ones() -> None:
    at = {name: layouts.LAYOUTS[name].joints for name in NAMES}
    assert at["coco17"][5:7] == ("left_shoulder", "right_shoulder")
    assert at["coco17"][15:] == ("left_ankle", "right_ankle")
    assert [at["ntu25"].index(n) + 1 for n in ("pelvis", "head", "left_wrist", "right_shoulder", "left_hip", "right_foot", "spine_shoulder")] == [
        1, 4, 7, 9, 13, 20, 21,
    ]  # fmt: skip
    assert [at["mediapipe33"].index(n) for n in ("nose", "right_eye_outer", "left_ear", "right_mouth", "left_wrist", "right_hip", "left_heel")] == [
        0, 6, 7, 10, 15, 24, 29,
    ]  # fmt: skip
    assert [at["openpose25"].index(n) for n in ("neck", "right_wrist", "left_shoulder", "pelvis", "left_ear", "left_toe", "right_heel")] == [
        1, 4, 5, 8, 18, 19, 24,
    ]  # fmt: skip
    assert [at["openpose18"].index(n) for n in ("right_hip", "left_ankle", "right_eye", "left_ear")] == [8, 13, 14, 17]
    assert [at["jhmdb15"].index(n) for n in ("belly", "right_shoulder", "left_hip", "right_elbow", "left_ankle")] == [1, 3, 6, 7, 14]


def test_the_mannequins_joints_are_a_layout_known_by_its_names() -> None:
    assert layouts.named(mannequin.Mannequin.layout) == layouts.layout("mannequin")


def test_a_list_of_unknown_names_becomes_a_layout_with_limbs() -> None:
    layout = layouts.named(["Right Shoulder", "RightElbow", "wrist_right", "tail"], "odd")
    assert layout.joints == ("right_shoulder", "right_elbow", "right_wrist", "tail")
    assert layout.limbs == ((0, 1), (1, 2))
    assert layout.groups == {"right arm": (0, 1, 2), "other": (3,)}


def test_layouts_are_found_however_they_are_spelt_and_unknown_ones_are_refused() -> None:
    assert layouts.layout("PennAction-13") == layouts.layout("penn13")
    assert layouts.layout("COCO_17").name == "coco17"
    with pytest.raises(layouts.LayoutError, match=r"h36m.*coco17"):
        layouts.layout("h36m")
    with pytest.raises(layouts.LayoutError, match="nose twice"):
        layouts.named(["nose", "nose"])


def test_the_colours_of_the_limbs_tell_the_sides_apart() -> None:
    coco = pose.layout("coco17")
    drawn = {limb(group(coco.joints[a]), group(coco.joints[b])) for a, b in coco.limbs}
    assert drawn == {"head", "torso", "left arm", "right arm", "left leg", "right leg"}
    assert len({pose.COLOURS[group] for group in drawn}) == 6


# ---- conversions


@pytest.mark.parametrize(("small", "large"), [("penn13", "coco17"), ("coco17", "mediapipe33"), ("openpose18", "openpose25"), ("jhmdb15", "ntu25")])
def test_a_conversion_keeps_every_joint_both_layouts_have(small: str, large: str) -> None:
    joints = some(small, people=2)
    there = joints.convert(layouts.layout(large))
    back = there.convert(joints.layout)
    shared = [i for i, name in enumerate(joints.layout.joints) if name in there.layout.joints]
    assert len(shared) >= 12
    np.testing.assert_array_equal(back.values[:, :, shared], joints.values[:, :, shared])


def test_half_way_points_are_made_only_where_both_ends_are_known() -> None:
    joints = some("coco17")
    values = joints.values.copy()
    values[0, 3, joints.layout.index("left_shoulder")] = np.nan
    made_ = Joints(values, joints.layout, joints.frames).convert(layouts.layout("openpose18"))
    neck = made_.values[0, :, made_.layout.index("neck")]
    both = values[0][:, [joints.layout.index("left_shoulder"), joints.layout.index("right_shoulder")]]
    assert np.isnan(neck[3]).all()
    np.testing.assert_allclose(neck[:3, :2], both[:3, :, :2].mean(1), rtol=1e-6)
    np.testing.assert_array_equal(neck[:3, 2], both[:3, :, 2].min(1))
    toes = joints.convert(layouts.layout("openpose25")).values[0, :, layouts.layout("openpose25").index("left_toe")]
    assert np.isnan(toes).all(), "COCO has no toes"


def test_a_conversion_that_is_not_sound_is_refused_in_one_sentence() -> None:
    with pytest.raises(layouts.LayoutError, match=r"penn13 cannot be converted to mediapipe33: it knows only 12 of its 33 joints; .*coco17"):
        some("penn13").convert(layouts.layout("mediapipe33"))
    armless = layouts.named([name for name in layouts.LAYOUTS["coco17"].joints if group(name) != "left arm"], "armless")
    with pytest.raises(layouts.LayoutError, match="has no left arm"):
        layouts.conversion(armless, layouts.layout("coco17"))
