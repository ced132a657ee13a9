"""How much attention every joint gets, frame by frame, in joint stride attention.

Theory (kim2023deform alg. A1, figs. 6 and A2). The joints' tokens of all frames stand in windows of `wnd` joints, the modal tokens with each of
them, and attend to each other inside their window, or, where windows are crossed, to the window after it. A joint's score at a frame is what its
token gets there, by two definitions:

* "cls": the mean row of the CLS tokens (one for every frame), which is what goes on to the answer ("pose": of M_pose);
* "received": the mean row of all tokens.

A CLS token stands in every window, and the block takes the mean of what it gets in each; a joint's token stands in one window or two, and the block
takes the mean over those. "averaged" is a score as the block adds it up: every window's row divided by the windows that the asking token stands in,
summed over all windows, so that joints and modal tokens together get 1. The score times the joint's value is what the joint adds to what CLS is
handed. "each" tells how much a joint gets among those that a window reads, the mean over the windows that read it; these do not add up to anything.

On the map a score lies where its token was read: under the Gaussian ℋ around the joint (eq. 1), scaled to a sum of 1, on the grid of F_a.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actrec.core.abilities import Attends, Spreads
from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Finding, Heat, Matrix, Skeleton, Track
from actrec.core.words import percent
from actrec.explain import Ask, Knob, Method
from actrec.explain._attention import MODAL, asking, asking_mask, block_name, blocks_with, exact, head_knob, keys_mask, modal, received, watched
from actrec.explain._evidence import heat, setting
from actrec.inputs import pose
from actrec.inputs.streams.pose import NAME as POSE
from actrec.inputs.streams.pose import joints_on
from actrec.measure import strongest
from actrec.measure.agreement import rank_correlation

if TYPE_CHECKING:
    from actrec.core.trace import Tap, Trace

FEATURES = "layer1.tap"
"""Where F_a passes, the features that pose tokens are read from."""

Scores = NDArray[np.float32]


WINDOWS = Knob(
    "windows",
    "Joints’ windows",
    ("averaged", "each"),
    "a joint’s share of all that the block averages over its windows, or its share in the windows that hold it",
)


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """Blocks with joint stride attention, deepest first; or why there is none."""
    return blocks_with(card, taps, "joint", "joints", "{title} has no joint stride attention")


def knobs(taps: Mapping[str, Tap]) -> tuple[Knob, ...]:
    """Whose attention, and which head."""
    queries = asking(taps, "joint")
    asked = (*sorted(modal(queries)), "received")
    line = "what a modal token gives the joint, or what all tokens of its windows give it on average"
    return Knob("score", "Score", asked, line), WINDOWS, head_knob(queries)


def watch(layer: str) -> tuple[str, ...]:
    return FEATURES, "joints", "seen", f"{layer}.joints", *watched(layer)


@dataclass(frozen=True, eq=False)
class JointWindows:
    """An attention in windows, taken apart. index int64 (W, L): the joints each window reads, −1 for none.  gets (W, T, L): what they get.

    even (W): what an even spread would give each.  modal (W): what the modal tokens get together.  seen bool (T, R): joints that are there.
    averaged: gets and modal of all windows together sum to 1; else those of each window do.
    """

    index: NDArray[np.int64]
    gets: Scores
    even: NDArray[np.float64]
    modal: NDArray[np.float64]
    seen: NDArray[np.bool_]
    averaged: bool

    @property
    def on_joints(self) -> float:
        """The share of the attention that goes to joints."""
        return float(1 - (self.modal.sum() if self.averaged else self.modal.mean()))


def explain(trace: Trace, ask: Ask) -> Evidence:
    """Scores of all joints at all frames: on the skeleton, as curves by limb, as a map, and window by window.

    Raises:
        QuestionError: the model was given no joints, or none that it can use.
    """
    if trace.inputs.get(POSE) is None or f"{ask.layer}.joints" not in trace.seen or "joints" not in trace.seen:
        raise QuestionError("joint stride attention needs joints, and the model was given none: give a file of joints, or choose another view")
    found = windows(trace, ask)
    if not found.seen.any():
        raise QuestionError("none of the joints can be used: all are missing or too uncertain in these frames; give a better file of joints")
    scores, even = scored(found)
    joints = joints_on(trace.clip)
    assert joints is not None
    who = MODAL.get(ask.knobs.get("score", "received"), "the mean token")
    head = ask.knobs.get("head", "mean")
    of_head = "" if head == "mean" else f", head {head}"
    title = f"Attention of {who} on the joints{'' if found.averaged else ' of a window'}, {block_name(ask.layer)}{of_head}"
    first = _map(trace, title, scores)
    skeleton = pose.skeleton(joints, pose.named(ask.layout), first.bands, scores, title, "attention")
    findings = (*_with_speed(trace, skeleton), _on_joints(found, who), _covered(found, skeleton))
    tracks = tuple(
        Track(name, "attention", trace.clip.seconds, trace.clip.index, scores[:, i].astype(np.float64), group)
        for i, (name, group) in enumerate(zip(skeleton.names, skeleton.groups, strict=True))
        if np.isfinite(scores[:, i]).any()
    )
    claim = _strongest(trace, f"{who} of {block_name(ask.layer)}", first, skeleton, even)
    return Evidence((first,), tracks, skeleton=skeleton, matrices=(_by_window(found, skeleton),), findings=findings, claim=claim)


def windows(trace: Trace, ask: Ask) -> JointWindows:
    """The attention of the asking tokens in every window, and whom it reads."""
    index = trace.seen[f"{ask.layer}.keys"].tensor[0]
    q, k = (exact(trace.seen[f"{ask.layer}.attend.{name}"].tensor) for name in "qk")
    every = torch.ones(q.shape[0], q.shape[2], dtype=torch.bool, device=q.device)
    mask, asks = (every if found is None else found for found in (keys_mask(trace.seen, ask.layer), asking_mask(trace.seen, ask.layer)))
    frames, length = trace.frames, index.shape[1]
    wide = q.shape[2] // frames  # joints of the window and modal tokens
    weights = _weights(trace, ask, asks.unflatten(1, (frames, wide)))
    attend, rows = trace.part(f"{ask.layer}.attend", Attends), []
    for window, weight in enumerate(weights.flatten(1)):
        at, one = weight.nonzero()[:, 0], slice(window, window + 1)
        rows.append(received(attend, q[one], k[one], mask[one], at, ask, weight[at])[0])
    given = torch.stack(rows).unflatten(1, (frames, wide))
    return JointWindows(
        index.cpu().numpy(),
        given[..., :length].cpu().numpy().astype(np.float32),
        (weights.sum((1, 2)) / mask.sum(1)).cpu().double().numpy(),
        given[..., length:].sum((1, 2)).cpu().double().numpy(),
        _seen(trace),
        setting(ask, WINDOWS) == "averaged",
    )


def _weights(trace: Trace, ask: Ask, there: Tensor) -> Tensor:
    """How much the row of every token counts: float64 (W, T, joints of the window and modal tokens), 0 for those that do not ask.

    there bool, of that shape: which tokens take part.
    """
    index = trace.seen[f"{ask.layer}.joints"].tensor[0]  # who stands in every window; it may read another
    length, names = index.shape[1], modal(trace.seen[f"{ask.layer}.attend.q"].tap)
    who = ask.knobs.get("score", "received")
    if who not in (*names, "received"):
        raise QuestionError(f"score={who!r}: this attention has the modal tokens {', '.join(names) or '(none)'}; choose one of them, or received")
    asks = torch.zeros_like(there)
    chosen = slice(None) if who == "received" else slice(length + names.index(who), length + names.index(who) + 1)
    asks[..., chosen] = there[..., chosen]
    if setting(ask, WINDOWS) == "each":
        return asks.double() / asks.sum((1, 2), keepdim=True)
    stands = torch.bincount(index.flatten())[index]  # in how many windows each joint stands; a modal token stands in all
    stands = torch.cat([stands, stands.new_full((len(index), there.shape[2] - length), len(index))], 1)
    weight = asks.double() / stands[:, None]
    return weight / weight.sum()


def _joints(trace: Trace) -> Tensor:
    """The joints that the model was given, (1, T, R, 3) in input pixels."""
    joints = trace.inputs[POSE]
    assert joints is not None
    return joints


def _seen(trace: Trace) -> NDArray[np.bool_]:
    """Which joints have a token, by the numbers they came in with: (T, R)."""
    order = trace.seen["joints"].tensor[0]
    seen = torch.zeros(trace.frames, _joints(trace).shape[2], dtype=torch.bool)
    there = torch.ones(len(seen), len(order), dtype=torch.bool) if "seen" not in trace.seen else trace.seen["seen"].tensor[0].cpu()
    seen[:, order[order >= 0].cpu()] = there[:, (order >= 0).cpu()]
    return seen.numpy()


def scored(found: JointWindows) -> tuple[Scores, NDArray[np.float64]]:
    """Every joint's score (T, R), NaN where it has no token; and what an even spread would give it over all frames together (R)."""
    scores = np.zeros(found.seen.shape)
    even, count = (np.zeros(found.seen.shape[1]) for _ in range(2))
    for window, gets, share in zip(found.index, found.gets, found.even, strict=True):
        here = window >= 0
        scores[:, window[here]] += gets[:, here]
        even[window[here]] += share
        count[window[here]] += 1
    over = 1 if found.averaged else np.maximum(count, 1)
    return np.where(found.seen, scores / over, np.nan).astype(np.float32), even / over * found.seen.sum(0)


def _map(trace: Trace, title: str, scores: Scores) -> Heat:
    """The scores where their tokens were read, each under its Gaussian scaled to a sum of 1."""
    h, w = trace.seen[FEATURES].grid().shape[3:]
    part = trace.part(trace.seen["joints"].tap.about["spread"], Spreads)
    spread = part.maps(_joints(trace)[0].detach().float(), (h, w))
    spread = spread / spread.sum((2, 3), keepdim=True).clamp(min=1e-6)
    values = torch.einsum("tr,trhw->thw", torch.from_numpy(np.nan_to_num(scores)).to(spread.device), spread)
    return heat(trace, FEATURES, title, values, "attention", signed=False)


def _by_window(found: JointWindows, skeleton: Skeleton) -> Matrix:
    """Windows × joints: what a joint gets from each window, all frames together, NaN where the window does not read it."""
    values = np.full((len(found.index), len(skeleton.names)), np.nan, np.float32)
    for row, (window, gets) in enumerate(zip(found.index, found.gets, strict=True)):
        here = window >= 0
        values[row, window[here]] = gets[:, here].sum(0)
    rows = tuple(f"window {n + 1}" for n in range(len(values)))
    what = "What each window adds to a joint's share" if found.averaged else "What a joint gets from each window"
    line = f"{what}, all frames together. Blank: that window does not read it."
    return Matrix("Which windows read a joint", "attention", values, rows, skeleton.names, line=line)


def _strongest(trace: Trace, who: str, heat: Heat, skeleton: Skeleton, even: NDArray[np.float64]) -> str:
    """The joints that get most over all frames; the moment with the largest share of what lies on joints, and the joint that gets most then."""
    total = np.nan_to_num(skeleton.scores).sum(0, dtype=np.float64)
    names = [name.replace("_", " ") for name in skeleton.names]
    first, *others = (int(i) for i in np.argsort(-total, kind="stable")[: min(2, int((total > 0).sum()) or 1)])
    then = f", then to the {names[others[0]]} ({percent(total[others[0]])})" if others else ""
    said = f"{who[0].upper()}{who[1:]} gives most attention to the {names[first]}: {percent(total[first])} over all frames"
    said = f"{said} (an even spread would give {percent(even[first])}){then}."
    top = strongest.step(heat)
    if heat.empty or not np.isfinite(skeleton.scores[top]).any():
        return said
    share, even_share = percent(float(strongest.shares(heat)[top]), 0), percent(1 / len(heat.values), 0)
    when = f"Of what lies on joints in the picture, most falls {strongest.moment(heat, top, trace.clip)}: {share}"
    most = names[int(np.nanargmax(skeleton.scores[top]))]
    return f"{said} {when} (an even spread over time would give {even_share}); of all joints the {most} gets most then."


def _with_speed(trace: Trace, skeleton: Skeleton) -> tuple[Finding, ...]:
    """Do the joints that move get the attention? Rank correlation with the speed, over all joints and frames, and of the joints' means."""
    speed = speeds(trace, skeleton)
    each, means = rank_correlation(skeleton.scores.ravel(), speed.ravel()), rank_correlation(_mean(skeleton.scores), _mean(speed))
    if np.isnan(means):
        return (Finding("rank correlation with speed", np.nan, "Whether joints that move get more attention cannot be told: too few of them move."),)
    how = "get more attention" if means > 0.3 else "get less attention" if means < -0.3 else "get neither more nor less attention"
    sentence = (
        f"Joints that move faster {how}: the rank correlation of attention and speed is {means:+.2f} over the joints"
        f" and {each:+.2f} over all joints and frames."
    )
    return (Finding("rank correlation with speed", means, sentence.replace("-", "−")),)


def speeds(trace: Trace, skeleton: Skeleton) -> Scores:
    """Source pixels per second of every joint between the frames the model was given: (T, n)."""
    index, first = np.unique(trace.clip.index, return_index=True)
    n = len(skeleton.names)
    joints = pose.Joints(skeleton.joints[first][None], pose.Layout("these", "these", tuple(f"j{i}" for i in range(n))), index)
    speed = joints.speed(trace.clip.seconds[first])[0]
    return speed[np.searchsorted(index, trace.clip.index)]


def _mean(values: Scores) -> NDArray[np.float64]:
    known = np.isfinite(values)
    return np.where(known.any(0), np.where(known, values, 0).sum(0) / np.maximum(known.sum(0), 1), np.nan)


def _on_joints(found: JointWindows, who: str) -> Finding:
    share = found.on_joints
    where = "" if found.averaged else "In a window, on average, "
    named = f"{who[0].upper()}{who[1:]}" if found.averaged else who
    sentence = f"{where}{named} gives {percent(share, 0)} of its attention to joints, the rest to modal tokens."
    return Finding("attention on joints", share, sentence)


def _covered(found: JointWindows, skeleton: Skeleton) -> Finding:
    """How the windows lie over the joints."""
    there = int(found.seen.any(0).sum())
    several = int((np.bincount(found.index[found.index >= 0], minlength=len(skeleton.names)) > 1).sum())
    count, length = found.index.shape
    windows = f"{count} windows of {length} joints" if count > 1 else f"one window of {length} joints"
    sentence = f"{there} joints are in {windows} over all {len(found.seen)} frames; {several} of the joints are in more than one window."
    return Finding("windows of joints", float(count), sentence)


METHODS: tuple[Method, ...] = (
    Method(
        "joint-stride",
        "Joint stride attention",
        "How much attention each joint gets, frame by frame: on the skeleton, as curves and as a map.",
        "A joint's token holds the picture's features around it, not its place alone; attention shows that they were read, not what for.",
        layers,
        explain,
        knobs=knobs,
        watch=watch,
        by_class=False,
        called=block_name,
    ),
)
