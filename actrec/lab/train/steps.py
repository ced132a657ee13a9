"""What moves the weights: optimisers, gradient centralisation, the plateau, what stays frozen, in which precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actrec.core import devices
from actrec.lab.recipes import Recipe, RecipeError


def optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD with momentum, or AdamW, over what is trained. AdamW does not shrink biases and normalisations (tensors of one dimension; our choice)."""
    trained = [p for p in model.parameters() if p.requires_grad]
    if recipe.optimizer != "adamw":
        return torch.optim.SGD(trained, recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay)
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], recipe.lr)


@torch.no_grad()
def centralise(parameters: Iterable[Tensor]) -> None:
    """Take from every weight's gradient its mean over all dimensions but the output's (Yong et al. 2020, eq. 1); vectors keep theirs."""
    for parameter in parameters:
        if parameter.grad is not None and parameter.ndim > 1:
            parameter.grad -= parameter.grad.mean(tuple(range(1, parameter.ndim)), keepdim=True)


@torch.no_grad()
def sparsify(model: nn.Module, sparsity: float) -> None:
    """Add the gradient of sparsity · Σ|γ| over the scales of all batch normalisations that are trained (qian2024, eq. 2; at 0 it is 0)."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.weight is not None and module.weight.grad is not None:
            module.weight.grad += sparsity * module.weight.sign()


def move(model: nn.Module, taken: torch.optim.Optimizer, scaler: torch.amp.GradScaler, recipe: Recipe, rate: float, share: float) -> None:
    """One step with the gradients that are there, times `share`: unscaled, centralised, limited, applied, gone."""
    trained = [p for p in model.parameters() if p.grad is not None]
    for group in taken.param_groups:
        group["lr"] = rate
    scaler.unscale_(taken)
    if share != 1.0:
        for parameter in trained:
            assert parameter.grad is not None
            parameter.grad *= share
    if recipe.sparsity:
        sparsify(model, recipe.sparsity)
    if recipe.optimizer == "gc-sgd":
        centralise(trained)
    if recipe.clip_norm:
        nn.utils.clip_grad_norm_(trained, recipe.clip_norm)
    scaler.step(taken)
    scaler.update()
    taken.zero_grad(set_to_none=True)


def losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Each clip's loss (B): cross-entropy for class numbers int64 (B); for zeros and ones (B, K) the mean binary cross-entropy of its K classes."""
    if targets.ndim == 1:
        return F.cross_entropy(logits, targets, reduction="none")
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1)


def hits(logits: Tensor, targets: Tensor) -> int:
    """How many clips have their strongest class right; where a clip may have several, how many have it among them."""
    first = logits.argmax(1)
    return int((first == targets).sum()) if targets.ndim == 1 else int(targets.gather(1, first[:, None]).sum())


@dataclass
class Plateau:
    """Multiplies the learning rate by `factor` when the watched figure has not fallen by 1 in 10 000 for more than `patience` epochs."""

    factor: float
    patience: int
    scale: float = 1.0
    least: float = float("inf")
    waited: int = 0

    def note(self, figure: float) -> None:
        if self.least == float("inf") or figure < self.least - 1e-4 * abs(self.least):
            self.least, self.waited = figure, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.scale, self.waited = self.scale * self.factor, 0


def freeze(model: nn.Module, how: str, taken: Iterable[str]) -> list[nn.Module]:
    """The batch normalisations that shall stay as they are, their weights no longer trained. taken: names of tensors that come from a checkpoint."""
    given = set(taken)
    found = [m for name, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and f"{name}.running_mean" in given]
    chosen = [] if how == "train" else found[1:] if how == "partial" else found
    for module in chosen:
        module.requires_grad_(False)
    return list(chosen)


def precision(recipe: Recipe, device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    """What to compute a forward pass in.

    Raises:
        RecipeError: fp16 without a CUDA GPU.
    """
    if recipe.precision == "fp16" and device.type != "cuda":
        raise RecipeError(f"--precision fp16 needs a CUDA GPU, and this runs on {device}; use auto, bf16 or fp32")
    if recipe.precision == "auto":
        return lambda: devices.autocast(device)
    if recipe.precision == "fp32":
        return nullcontext
    kind = torch.bfloat16 if recipe.precision == "bf16" else torch.float16
    return lambda: torch.autocast(device.type, kind)


LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By a tensor's dimensions, the layout in which convolutions are fastest."""


def laid_out(model: nn.Module) -> nn.Module:
    """The model, its convolutions' weights laid out channels last."""
    for parameter in model.parameters():
        if parameter.ndim in LAYOUTS:
            parameter.data = parameter.data.contiguous(memory_format=LAYOUTS[parameter.ndim])
    return model


def keep_layout(model: nn.Module) -> None:
    """Have batch normalisations get gradients laid out like their outputs: else their backward pass on a CPU takes ten times as long."""

    def same(_: nn.Module, __: tuple[object, ...], out: Tensor) -> None:
        if out.requires_grad:
            out.register_hook(lambda gradient: gradient.contiguous(memory_format=LAYOUTS[gradient.ndim]))

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.register_forward_hook(same)
