"""Two evaluations of the same clips: which clips the second rescued, which it lost, and between which classes they moved.

After hu2022pyramid, fig. 5 and §5.4, where the matrices of two networks are subtracted and arrows drawn by hand point from the class that samples
were taken for to the class where they belong. We depart: rows are the true classes (there, columns); the arrows are counted clip by clip, because a
difference of two counts cannot tell whether it was the same clips; and what was lost is shown beside what was gained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actrec.lab.results.evaluation import Evaluation, ResultError
from actrec.measure import accuracy, chance


@dataclass(frozen=True, eq=False)
class Difference:
    """b against a, b brought into a's order of clips and classes.

    change int64 (K, K): b's confusion matrix − a's.  arrows int64 (K, K): clips of true class i that a took for j and b for i (the corrected ones);
    lost_arrows: the way back, a right and b wrong.  rescued, lost int64 (r, 3): the same clip by clip: (clip, true class, the wrong class).
    """

    a: Evaluation
    b: Evaluation
    change: NDArray[np.int64]
    arrows: NDArray[np.int64]
    lost_arrows: NDArray[np.int64]
    rescued: NDArray[np.int64]
    lost: NDArray[np.int64]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.a.labels

    @property
    def p_value(self) -> float | None:
        """How often two equally good models would split rescued and lost as unevenly (`chance.mcnemar`); None for several labels a clip, as
        its classes are no independent trials."""
        return None if self.a.multilabel else chance.mcnemar(len(self.rescued), len(self.lost))

    def behind(self, row: int, column: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Clips of a cell: those that only b counts there (entered), only a (left), and both (stayed)."""
        a, b = self.a.behind(row, column), self.b.behind(row, column)
        return b[~np.isin(b, a)], a[~np.isin(a, b)], b[np.isin(b, a)]

    def strongest(self, most: int = 40) -> list[tuple[int, int, int, bool]]:
        """The heaviest arrows: (true class, wrong class, clips, whether corrected), at most `most`, in order of weight."""
        found = [(int(i), int(j), int(m[i, j]), good) for m, good in ((self.arrows, True), (self.lost_arrows, False)) for i, j in np.argwhere(m)]
        return sorted(found, key=lambda arrow: -arrow[2])[:most]


def compare(a: Evaluation, b: Evaluation) -> Difference:
    """What b does otherwise than a.

    Raises:
        ResultError: not the same set, split, classes, clips or truth.
    """
    for what in ("set", "split"):
        if a.about.get(what) != b.about.get(what):
            raise ResultError(
                f"{a.name} is of {what} {a.about.get(what)!r} and {b.name} of {b.about.get(what)!r}; compare evaluations of the same {what}"
            )
    b = _in_order(a, b)
    if not np.array_equal(a.truth, b.truth):
        clip = a.names[int(np.flatnonzero((a.truth != b.truth).reshape(len(a), -1).any(1))[0])]
        raise ResultError(f"{a.name} and {b.name} do not agree on what {clip} shows; evaluate both on the same labels")
    before, after = a.counted, b.counted  # rows of equal (clip, true class), because the truth is equal
    row, was, now = before[:, 1], before[:, 2], after[:, 2]
    rescued = before[(was != row) & (now == row)]
    lost = after[(was == row) & (now != row)]
    classes = len(a.labels)
    change = accuracy.confusion(after, classes) - accuracy.confusion(before, classes)
    return Difference(a, b, change, accuracy.confusion(rescued, classes), accuracy.confusion(lost, classes), rescued, lost)


def _in_order(a: Evaluation, b: Evaluation) -> Evaluation:
    """b with its clips and classes in a's order."""
    if sorted(a.labels) != sorted(b.labels):
        other = sorted(set(a.labels) ^ set(b.labels))
        raise ResultError(f"{a.name} and {b.name} do not name the same classes ({', '.join(other[:4])} …); compare models of the same classes")
    if sorted(a.names) != sorted(b.names):
        other = sorted(set(a.names) ^ set(b.names))
        word = other[0] if other else "a clip that is listed twice"
        raise ResultError(
            f"{a.name} has {len(a)} clips and {b.name} {len(b)}, and they are not the same ({word}, …); repair the broken clips and evaluate again"
        )
    place = {name: number for number, name in enumerate(b.names)}
    clips = np.array([place[name] for name in a.names], np.int64)
    classes = [b.labels.index(label) for label in a.labels]
    truth = b.truth[clips]
    new = np.argsort(classes)  # b's class number → a's
    return replace(
        b,
        about={**b.about, "labels": list(a.labels)},
        keys=tuple(b.keys[n] for n in clips),
        paths=tuple(b.paths[n] for n in clips),
        kinds=tuple(b.kinds[n] for n in clips),
        fps=b.fps[clips],
        starts=b.starts[clips],
        ends=b.ends[clips],
        scores=b.scores[clips][:, classes],
        ways={name: scores[clips][:, classes] for name, scores in b.ways.items()},
        truth=truth[:, classes] if b.multilabel else new[truth],
    )
