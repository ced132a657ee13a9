"""Networks that read joints, small ones, and joints of people who walk through the clips of `demo_made`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import demo_made
import numpy as np
import torch

from actrec import catalogue, study
from actrec.core.card import Card
from actrec.core.clip import Sampling
from actrec.core.question import Question
from actrec.inputs import pose
from actrec.models import weights

LEFT, RIGHT = "left_wrist", "right_wrist"
COCO = pose.layout("coco17")
TINY: dict[str, Any] = {"width": 0.125, "heads": 4, "kernel": 3, "frames": 4, "size": 32, "blocks": 1, "joint_window": 4}
LABELS = ("sit_down", "stand_up", "walk")


def card() -> Card:
    base = catalogue.architectures()["deform-mc3"]
    return replace(base, sampling=Sampling("uniform", 4), preprocess=replace(base.preprocess, resize=36, crop=(32, 32)))


def checkpoint(folder: Path, name: str = "tinydeform", **changes: Any) -> Path:
    """A small network, `demo_made.taught`."""
    torch.manual_seed(0)
    model = demo_made.taught(catalogue.build(replace(card(), arguments=TINY), len(LABELS)), len(LABELS))
    about = {"family": "deform", "architecture": "deform-mc3", "arguments": TINY, "labels": list(LABELS), "title": "Tiny, of no use"}
    about |= {"sampling": asdict(card().sampling), "preprocess": asdict(card().preprocess), "trained_on": "nothing"}
    weights.save(folder / f"{name}.safetensors", model, about | {"layout": list(COCO.joints), "people": 1} | changes)
    return folder / f"{name}.safetensors"


def person(path: Path, frames: int, size: tuple[int, int], people: int = 1, layout: pose.Layout = COCO) -> pose.Joints:
    """Somebody who goes from the left to the right, as an npz."""
    drawn = np.random.default_rng(5).random((people, 1, len(layout), 2)) * [size[0] / 2, size[1]]
    places = drawn + np.linspace(0, size[0] / 2, frames)[None, :, None, None] * [1, 0]
    joints = pose.Joints(np.concatenate([places, np.ones_like(places[..., :1])], -1), layout, np.arange(frames), path.name)
    pose.write(path, joints)
    return joints


def ask(**changes: object) -> Question:
    """What Grad-CAM says of the first clip, by the small model that reads joints."""
    return Question("short", "tinydeform", "gradcam").with_(**changes)


def posed(name: str, **changes: Any) -> pose.Given:
    """The joints of that name as they are laid on the first clip."""
    return pose.given(name, study.open_clip("short"), replace(study.load("tinydeform").card, **changes))


def ask_tokens(home: Path, **changes: object) -> Question:
    """Where the same model took its tokens from, told of the joints beside the clip."""
    return Question("short", "tinydeform", "tokens", joints=str(home / "short.npz")).with_(**changes)
