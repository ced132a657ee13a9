"""Do the tokens go to where the action is, and do the acting limb's joints light up? Measured over the mannequins' test clips, whose truth is known.

For every clip: how much of the tokens' attention lies on the acting limbs and what they handle, and on the whole figure, against the regular grid
that 3DTS starts from; and whether the joint with the most attention belongs to an acting limb, against the share of joints that do: among the joints
of arms and legs, and among all of them. Clips whose action has no acting arm or leg are left out of the second. In what the block averages, a joint
that stands in several windows counts in each; so that is held against an even spread too, which names the joints that stand in most.

    python benchmarks/attention_on_limbs.py [--model MODEL --test-clips 20 --out FILE.csv]
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec import catalogue, study
from actrec.clips import mannequin
from actrec.core import trace
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.evidence import Evidence
from actrec.core.trace import Inputs
from actrec.explain import Ask, joint_stride
from actrec.inputs import pixels, pose, sampling, streams
from actrec.inputs.streams import Given
from actrec.lab import sets
from actrec.lab.sets.windows import painted
from actrec.measure import chance, regions

SCOPES = ("arms and legs", "all joints")
"""Which joints are asked about."""

SCORES = (("cls", "averaged"), ("received", "averaged"), ("cls", "each"), ("received", "each"), ("even", "averaged"))
"""By which attention: whose, and whether as the block averages its windows or in each. "even": what an even spread would give."""


@dataclass(frozen=True)
class Seen:
    """What was measured in one clip and block.

    blind, even: whether it is recognised without any joints, and with all tokens on the regular grid.  top, chances: by score, windows and which
    joints are asked about, the share of the joints with the most attention that act, and of all joints.
    """

    action: str
    right: bool
    blind: bool
    even: bool
    block: int
    limbs: regions.Shares
    person: regions.Shares
    top: dict[tuple[str, str, str], float]
    chances: dict[str, float]


def main() -> int:
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--model", default="deform-mannequin")
    read.add_argument("--test-clips", type=int, default=5, help="test clips per action; 20 are all")
    read.add_argument("--out", type=Path, help="write every clip's numbers as CSV")
    asked = read.parse_args()
    loaded = study.load(asked.model)
    items = sets.open_set("mannequin", train=1, test=asked.test_clips).split("test")
    found = [one for item in items for one in measured(loaded, *item.media.path.parts)]
    blocks = sorted({one.block for one in found})
    right, blind, even = (np.mean([getattr(one, name) for one in found]) for name in ("right", "blind", "even"))
    print(f"{loaded.card.title}: {len(items)} test clips, query CLS, mean of all heads")
    print(f"recognised {right:.3f}; without joints {blind:.3f}; with all tokens on the regular grid {even:.3f}")
    for block in blocks:
        report(block, [one for one in found if one.block == block])
    if asked.out:
        write(asked.out, found)
    return 0


def measured(loaded: study.Loaded, action: str, seed: str) -> Iterator[Seen]:
    """The two views of every block on one clip, painted at the size the model reads."""
    clip, geometry, inputs, made = opened(loaded, action, int(seed))
    methods = catalogue.methods()
    layers = {name: catalogue.layers(loaded.card, methods[name]) for name in ("tokens", "joint-stride")}
    masks = [regions.Region(name, mask[clip.index], 1, "") for name, mask in (("limbs", made.limbs), ("person", made.actor))]
    acting = [name for part in made.carriers for name in pose.layout("mannequin").joints if name in members(part)]
    grids = [name for name in trace.taps(loaded.model) if name.endswith("search.reference")]
    blind = loaded.card.labels[int(loaded.model(inputs["rgb"])[0].argmax())] == action
    for tokens, joints in zip(layers["tokens"], layers["joint-stride"], strict=True):
        watch = {*methods["tokens"].watch(tokens), *methods["joint-stride"].watch(joints)}
        seen = trace.run(loaded.model, inputs, clip, geometry, watch={*watch, *grids})
        ask = Ask(0, None, tokens, None, {"query": "cls"}, layout=pose.layout("mannequin").joints)
        chosen = evidence(methods["tokens"].explain(seen, ask))
        assert chosen.points is not None
        limbs, person = (regions.shares(chosen.points, region) for region in masks)
        top, chances = {}, {}
        for score, windows in SCORES if acting else ():
            knobs = {"score": "cls" if score == "even" else score, "windows": windows}
            shares, even_shares = joint_stride.scored(joint_stride.windows(seen, replace(ask, layer=joints, knobs=knobs)))
            scored = even_shares if score == "even" else np.nansum(shares, 0)
            for scope in SCOPES:
                names = ask.layout
                there = [i for i, name in enumerate(names) if np.isfinite(shares[:, i]).any() and (scope == "all joints" or group_of(name))]
                best = [i for i in there if scored[i] >= max(scored[there]) * (1 - 1e-9)]  # an even spread has several
                top[score, windows, scope] = float(np.mean([names[i] in acting for i in best]))
                chances[scope] = float(np.mean([names[i] in acting for i in there]))
        right = loaded.card.labels[int(seen.logits[0].argmax())] == action
        edits = {name.replace("reference", "points"): partial(on_grid, seen.seen[name].tensor) for name in grids}
        even = loaded.card.labels[int(seen.rerun(edits=edits)[0].argmax())] == action
        yield Seen(action, right, blind, even, int(tokens.split(".")[1]) + 1, limbs, person, top, chances)


def on_grid(reference: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The regular grid in place of the points."""
    return reference.to(points.dtype).expand_as(points)


def opened(loaded: study.Loaded, action: str, seed: int) -> tuple[Clip, Geometry, Inputs, mannequin.Mannequin]:
    """The clip as training and evaluation see it, with its truth."""
    table: Video = painted(sets.Media(Path(action, str(seed)), "mannequin"), loaded.card.preprocess)
    made = mannequin.render(action, seed, height=table.height, width=table.width)
    index = sampling.sample(table, loaded.card.sampling, 0.0)[0]
    geometry = pixels.geometry(table, loaded.card.preprocess)
    spots = mannequin.render_joints(action, seed, frames=table.frames, height=table.height, width=table.width)
    joints = pose.Joints(spots[None], pose.layout("mannequin"), np.arange(len(spots)))
    read, given = streams.of(loaded.card), {"rgb": Given(), "pose": Given(joints)}
    clip = Clip(table, made.frames[index], index, table.seconds[index], beside={"pose": pose.flat_on(joints, index)})
    return clip, geometry, {s.name: s.tensor(given[s.name], clip, geometry, loaded.device) for s in read}, made


def evidence(found: object) -> Evidence:
    assert isinstance(found, Evidence)
    return found


def group_of(joint: str) -> str:
    """The arm or leg that a joint belongs to, "" for head and trunk."""
    layout = pose.layout("mannequin")
    return next((g for g, numbers in layout.groups.items() if g.endswith(("arm", "leg")) and layout.index(joint) in numbers), "")


def members(part: str) -> set[str]:
    """The joints of one of the figure's parts, "left_arm"; none for those that are no limb."""
    return {name for name in pose.layout("mannequin").joints if group_of(name) == part.replace("_", " ")}


def report(block: int, found: list[Seen]) -> None:
    for name in ("limbs", "person"):
        told: list[regions.Shares] = [getattr(one, name) for one in found]
        attention, places, on_grid, grid = (
            np.array([getattr(s, field) for s in told]) for field in ("attention", "places", "attention_on_grid", "grid")
        )
        more = int((attention > grid).sum())
        low, high = chance.wilson(more, len(told))
        print(
            f"block {block}, {name:6}: attention {attention.mean():.3f} ± {error(attention):.3f}; chosen places {places.mean():.3f};"
            f" the same attention on the grid {on_grid.mean():.3f}; regular grid {grid.mean():.3f};"
            f" attention above the grid in {more} of {len(told)} clips ({low:.2f}–{high:.2f})"
        )
    for score, windows, scope in [(*by, scope) for by in SCORES for scope in SCOPES]:
        some = [one for one in found if (score, windows, scope) in one.top]
        hits = sum(one.top[score, windows, scope] for one in some)
        low, high = chance.wilson(round(hits), len(some))
        expected = np.mean([one.chances[scope] for one in some])
        print(
            f"block {block}, joints by {score:8} {windows:8}: the first of {scope:14} acts in {hits:.0f} of {len(some)} clips"
            f" ({hits / max(len(some), 1):.3f}, {low:.3f}–{high:.3f}); by chance {expected:.3f}"
        )


def error(values: NDArray[np.floating]) -> float:
    """Standard error of the mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def write(file: Path, found: list[Seen]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(
            ["action", "right", "block", "limbs_attention", "limbs_grid", "person_attention", "person_grid", "top_cls", "top_received", "chance"]
        )
        for one in found:
            tops = [one.top.get((score, "averaged", SCOPES[0]), "") for score in ("cls", "received")]
            table.writerow([one.action, one.right, one.block, one.limbs.attention, one.limbs.grid, one.person.attention, one.person.grid, *tops])


if __name__ == "__main__":
    raise SystemExit(main())
