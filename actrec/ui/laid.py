"""Joints laid on the film as the model is given them, read once for the panel, the player and the figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actrec.core.answer import Explanation
from actrec.core.card import Card
from actrec.core.clip import Video
from actrec.core.evidence import Skeleton
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.inputs.streams.pose import reads as reads_joints


@dataclass(frozen=True, eq=False)
class Laid:
    """Joints as the model is given them, on every frame of the film.

    people: how many the file has.  whole: the file's joints laid on the film, in its own layout.  fit: in words.
    """

    given: pose.Joints
    whole: pose.Joints
    people: int
    fit: pose.Fit

    @property
    def every(self) -> NDArray[np.float32]:
        """(frames, people · R, 3) in source pixels, as the player draws them."""
        return pose.flat_on(self.given, np.arange(self.given.values.shape[1]))


_laid: Kept[Laid] = Kept(16)


def laid(asked_for: Question, card: Card, film: Video) -> Laid | None:
    """What the model is given of the joints that a question (with real paths) names; None where there are none, or it reads none.

    Raises:
        ActrecError: a file that cannot be used, or does not fit the clip or the model.
    """
    chosen = pose.source(asked_for.joints, film)
    if not reads_joints(card) or chosen is None:
        return None
    key = (asked_for.joints, asked_for.hide, film.sha256, card.id, pose.stamp(asked_for.joints, film))

    def read() -> Laid:
        found = pose.opened(chosen, film)
        given = pose.given(asked_for.joints, film, card, asked_for.hide).joints
        assert given is not None
        whole = pose.fit(found, film, chosen.offset)
        return Laid(given, whole.joints, found.people, whole)

    return _laid.get_or(key, read)


def plain_skeleton(joints: Laid, found: Explanation) -> Skeleton:
    """The joints on the frames that the model was given, without scores: for views that have none."""
    index, heat = found.clip.index, found.heat
    steps = np.stack([index, index + 1], -1) if len(heat.bands) != len(index) else heat.bands
    return pose.skeleton(joints.every[index], joints.given.layout, steps)
