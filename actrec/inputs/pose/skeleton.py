"""People's joints as evidence: by name and limb, with bones, and a score for each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import Skeleton
from actrec.inputs.pose.layouts import Layout


def skeleton(
    joints: NDArray[np.float32], layout: Layout, bands: NDArray[np.int64], scores: NDArray[np.float32] | None = None, title: str = "", unit: str = ""
) -> Skeleton:
    """Joints (T, people · R, 3) side by side as the pose tokens take them, in source pixels, with scores (T, people · R); none: all NaN."""
    size = len(layout)
    people = joints.shape[1] // size
    limb = {i: group for group, members in layout.groups.items() for i in members}

    def of_all(names: list[str]) -> tuple[str, ...]:
        return tuple(f"{person + 1}: {name}" if people > 1 else name for person in range(people) for name in names)

    bones = tuple((a + person * size, b + person * size) for person in range(people) for a, b in layout.limbs)
    found = np.full(joints.shape[:2], np.nan, np.float32) if scores is None else scores
    return Skeleton(title, unit, joints, found, of_all(list(layout.joints)), of_all([limb[i] for i in range(size)]), bones, bands)
