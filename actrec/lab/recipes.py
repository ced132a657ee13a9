"""How to train, as data: the recipe of each of the five papers, as far as it says one, and ours where it is silent.

What a model reads (frames, span, segments) is its card's business; a recipe says how its weights are moved. Every field can be overruled on the
command line. Numbers without a source here are our choice, because the paper gives none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from actrec.core.errors import ActrecError

Optimizer = Literal["sgd", "adamw", "gc-sgd"]
Schedule = Literal["exponential", "cosine", "plateau", "step"]
Crops = Literal["corner", "near", "random", "none"]
Flip = Literal["off", "on", "unless-sided"]
Norm = Literal["train", "frozen", "partial"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

CHOICES = {"optimizer": Optimizer, "schedule": Schedule, "crops": Crops, "flip": Flip, "norm": Norm, "precision": Precision}


class RecipeError(ActrecError):
    """A recipe that cannot be followed."""


@dataclass(frozen=True)
class Recipe:
    """How to train. Times are in epochs, fractions allowed where the rate is asked for.

    batch: clips per step of the optimiser, over all processes; accumulate: in how many parts a process takes its share, one after the other.
    optimizer: gc-sgd is SGD on centralised gradients (Yong et al. 2020): every weight's gradient less its mean over all but the output dimension.
    schedule: exponential: down to lr · lr_end at the end.  cosine: the same ends, along half a cosine.  step: times `factor` at each of `steps`.
    plateau: times `factor` after `patience` epochs without progress, which is the val split's score, or the training loss of a set that has none.
    warmup: epochs in which the rate rises to its place from near 0.  clip_norm: the gradient's greatest length; 0 for no limit.
    sparsity: ζ of the loss L + ζ Σ|γ| over the scales of all batch normalisations, which makes a network ready for pruning (qian2024, eq. 2).
    crops: as `sets.Windows`.  flip: mirror every second clip; "unless-sided" leaves it where a class has left or right in its name.
    dropout: for families that take it as an argument; None: as the architecture has it.
    norm: frozen: batch normalisations that start from a checkpoint stay as they are (statistics, weight and bias); partial: all but the first such
    (Wang et al. 2016, the temporal segment networks). Those that start anew, a new block's or a whole model's from nothing, are always trained:
    frozen they would normalise nothing.
    precision: auto is bf16 where the processor has matrix units for it, else fp32; fp16, scaled against underflow, needs a CUDA GPU.

    Raises:
        RecipeError: a name that is none, or a number out of range.
    """

    name: str = "dam"
    epochs: int = 100
    batch: int = 16
    accumulate: int = 1
    optimizer: Optimizer = "sgd"
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Schedule = "exponential"
    lr_end: float = 0.01
    warmup: int = 0
    steps: tuple[int, ...] = ()
    factor: float = 0.1
    patience: int = 10
    clip_norm: float = 20.0
    sparsity: float = 0.0
    crops: Crops = "corner"
    flip: Flip = "off"
    dropout: float | None = None
    norm: Norm = "train"
    precision: Precision = "auto"
    seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        for field, choices in CHOICES.items():
            if getattr(self, field) not in get_args(choices):
                raise RecipeError(f"there is no {field} {getattr(self, field)!r}; use {', '.join(get_args(choices))}")
        least = {"epochs": 1, "batch": 1, "accumulate": 1, "warmup": 0, "patience": 0, "workers": 0, "clip_norm": 0, "weight_decay": 0, "sparsity": 0}
        for field, low in least.items():
            if not getattr(self, field) >= low:
                raise RecipeError(f"{field} is {getattr(self, field)}; it must be {low} or more")
        if not 0 < self.lr < math.inf:
            raise RecipeError(f"lr is {self.lr}; it must be more than 0")
        if not 0 <= self.lr_end <= 1 or (self.schedule == "exponential" and not self.lr_end):
            raise RecipeError(f"lr_end is {self.lr_end}; it is a share of lr up to 1, and an exponential schedule never reaches 0")

    def rate(self, epoch: float) -> float:
        """The learning rate at an epoch (fractions allowed), before what a plateau takes from it."""
        rise = min((epoch + 1e-3) / self.warmup, 1.0) if self.warmup else 1.0
        return self.lr * rise * self._fall(epoch)

    def _fall(self, epoch: float) -> float:
        if self.schedule == "exponential":
            return float(self.lr_end ** (epoch / max(self.epochs, 1)))
        if self.schedule == "cosine":
            share = min(max(epoch - self.warmup, 0.0) / max(self.epochs - self.warmup, 1), 1.0)
            return self.lr_end + (1 - self.lr_end) * (1 + math.cos(math.pi * share)) / 2
        return float(self.factor ** sum(epoch >= step for step in self.steps)) if self.schedule == "step" else 1.0


RECIPES: dict[str, Recipe] = {
    "dam": Recipe("dam", dropout=0.5),
    "deform": Recipe(
        "deform",
        epochs=90,
        optimizer="adamw",
        lr=1e-4,
        weight_decay=0.01,
        schedule="cosine",
        lr_end=0.0,
        warmup=5,
        clip_norm=1.0,
        crops="random",
    ),
    "shift": Recipe("shift", epochs=50, lr=0.01, weight_decay=1e-4, schedule="step", steps=(20, 40), dropout=0.5, norm="frozen"),
    "tpnlst": Recipe("tpnlst", epochs=600, batch=10, optimizer="gc-sgd", lr=1e-4, schedule="plateau", crops="random", flip="unless-sided"),
    "tpnlst-sparse": Recipe(
        "tpnlst-sparse", epochs=600, batch=10, optimizer="gc-sgd", lr=1e-4, schedule="plateau", sparsity=1e-4, crops="random", flip="unless-sided"
    ),
    "pyramid": Recipe(
        "pyramid",
        batch=64,
        lr=0.01,
        weight_decay=8e-5,
        schedule="step",
        steps=(40, 80),
        crops="random",
        flip="unless-sided",
        dropout=0.5,
    ),
}
"""By name. All but deform's paper start from a pretrained model (`--init`), and their rates are for that.

dam (dam2024 §4.2): SGD, momentum 0.9, 1e-3 decaying exponentially, weight decay 5e-4, dropout 0.5, corner crops and scale jitter, batch 16, 100
    epochs. The decay's base is not stated; ours ends at a hundredth. From scratch a larger rate is needed.
deform (the cross-modal 3D deformable transformer, §4): AdamW, 90 epochs, cosine with 5 epochs of warm-up, random crops. Rate, decay, batch and
    gradient limit are not stated. The paper trains from scratch on every data set (§4.1: "despite not applying a pre-training step").
shift (shift module with RGB difference and NetVLAD, §3.1): SGD, 50 epochs, 0.01, weight decay 1e-4, batch 16, dropout 0.5, batch normalisation
    frozen. Momentum and schedule are not stated; ours falls to a tenth at epochs 20 and 40, as the shift module's first authors (Lin et al. 2019)
    have it for 50 epochs. Crops are not stated either.
tpnlst (the pruned two-stream R(2+1)D, §4.1): SGD on centralised gradients, momentum 0.9, weight decay 5e-4, 1e-4, on a plateau of the loss with
    patience 10; batch 10 for 8 frames (5 for 16: --batch 5); 600 epochs for UCF101, 800 for HMDB51; random crops of 112 from 171×128, mirrored by
    half. The factor is not stated. tpnlst-sparse is the same before pruning: ζ = 1e-4, and 1e-5 for HMDB51's flow (--sparsity 1e-5).
pyramid (interaction-aware spatio-temporal pyramid attention, §5, ResNet-50): SGD, momentum 0.9, 0.01, a tenth at epochs 40 and 80 of 100, batch 64,
    dropout 0.5 (0.7 for flow), random crops, mirrored. Eq. 12 adds λ Σ w² with λ = 4e-5: its gradient is 2λw, and torch's decay is what stands before
    w. The other two terms of eq. 12 are the model's, not the recipe's.
"""


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        RecipeError: there is none.
    """
    if name not in RECIPES:
        raise RecipeError(f"there is no recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def sided(labels: Iterable[str]) -> list[str]:
    """The labels that have left or right in their names: mirrored, such a clip would show another class."""
    return [label for label in labels if re.search(r"(?<![a-z])(left|right)(?![a-z])", re.sub(r"([a-z])([A-Z])", r"\1 \2", label).lower())]
