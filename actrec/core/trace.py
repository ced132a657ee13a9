"""Watch one forward pass without touching the model.

A `Tap` is a parameter-free identity standing where a tensor is born. Unwatched it returns its input; while a recorder is open in the current
context it notes the tensor. Recorders live in a `ContextVar`, so eight threads that share one model each see their own pass — forward
hooks that store on the model mix them. A tap returns a *copy* to the rest of the network, so a later in-place ReLU cannot rewrite what was noted.

>>> with record(model, ["layer4.tap"]) as seen:
...     logits = model(clip)
>>> seen["layer4.tap"].grid().shape        # (B, C, T, H, W)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from actrec.core.clip import Clip, Geometry

Axes = Literal["b c t h w", "b t h w c", "b (t h w) c", "b (1 t h w) c"]
Triple = tuple[float, float, float]


class Tap(nn.Module):
    """A named identity: a place where a tensor may be seen.

    axes: how the tensor is laid out.  kind: what it is ("features", or "query"/"key" of an attention).
    stride: input frames and pixels per cell (t, y, x).  first: the input frame and pixel *index* at the centre of cell 0 — 0 for odd 'same'-padded
    convolutions, (stride − 1) / 2 for patches.  about: facts for whoever reads the tap (relation, axis …).
    """

    def __init__(
        self,
        axes: Axes = "b c t h w",
        *,
        stride: Triple,
        first: Triple = (0.0, 0.0, 0.0),
        kind: Literal["features", "query", "key"] = "features",
        about: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.axes, self.stride, self.first, self.kind, self.about = axes, stride, first, kind, dict(about or {})

    def forward(self, x: Tensor, grid: tuple[int, int, int] | None = None) -> Tensor:
        """x itself. grid: (t, h, w) of the tokens, where the axes fold them."""
        recorder = _open.get()
        return x if recorder is None else recorder.pass_by(self, x, grid)

    def extra_repr(self) -> str:
        return f"{self.axes}, {self.kind}, stride={self.stride}"


@dataclass(frozen=True)
class Seen:
    """A tensor that passed a tap, as it was, with the tap's facts."""

    name: str
    tensor: Tensor
    tap: Tap
    tokens: tuple[int, int, int] | None = None

    def grid(self, other: Tensor | None = None) -> Tensor:
        """(B, C, T, H, W) view of the tensor, or of `other` (its gradient) laid out like it; a class token is left out."""
        x = self.tensor if other is None else other
        if self.tap.axes == "b c t h w":
            return x
        if self.tap.axes == "b t h w c":
            return x.movedim(-1, 1)
        if self.tokens is None:
            raise ValueError(f"tap {self.name!r} holds tokens but its model gave no (t, h, w) grid")
        if self.tap.axes == "b (1 t h w) c":
            x = x[:, 1:]
        return x.unflatten(1, self.tokens).movedim(-1, 1)


@dataclass
class _Recorder:
    names: dict[int, str]
    watch: frozenset[str]
    grad: bool
    edits: Mapping[str, Callable[[Tensor], Tensor]]
    seen: dict[str, Seen] = field(default_factory=dict)

    def pass_by(self, tap: Tap, x: Tensor, grid: tuple[int, int, int] | None) -> Tensor:
        name = self.names.get(id(tap))
        if name is None or not (name in self.watch or name in self.edits):
            return x
        if name in self.seen:
            raise RuntimeError(f"tap {name!r} was passed twice in one forward pass: give each use of the module its own tap")
        if name in self.edits:
            x = self.edits[name](x)
        if self.grad and not x.requires_grad:
            x = x.detach().requires_grad_()  # gradients end here: nothing below this tap is kept
        self.seen[name] = Seen(name, x, tap, grid)
        return x.clone()  # what follows may work in place


_open: ContextVar[_Recorder | None] = ContextVar("actrec_recorder", default=None)


def taps(model: nn.Module) -> dict[str, Tap]:
    """All taps of a model by module path, in the order the modules were registered."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Tap)}


@contextmanager
def record(
    model: nn.Module, watch: Collection[str], *, grad: bool = False, edits: Mapping[str, Callable[[Tensor], Tensor]] | None = None
) -> Iterator[dict[str, Seen]]:
    """Note the tensors under the named taps of every forward pass of `model` made in this context (one pass).

    grad: the first watched tap becomes the leaf of the graph, so `torch.autograd.grad` reaches down to it and no further; run the forward pass
    with gradients enabled and parameters that do not require them.

    Raises:
        KeyError: a name that is no tap of this model.
    """
    known = taps(model)
    unknown = (set(watch) | set(edits or ())) - set(known)
    if unknown:
        raise KeyError(f"no tap named {sorted(unknown)}; the model has {sorted(known)}")
    recorder = _Recorder({id(tap): name for name, tap in known.items()}, frozenset(watch), grad, edits or {})
    token = _open.set(recorder)
    try:
        yield recorder.seen
    finally:
        _open.reset(token)


def attach(module: nn.Module, tap: Tap, pick: Callable[[object], tuple[Tensor, tuple[int, int, int] | None]] | None = None) -> None:
    """Put a tap behind a module we did not write (torchvision's). Checkpoint keys stay as they are: a tap has no parameters.

    pick: takes the module's output apart into the tensor and its token grid, for modules that return (tokens, (t, h, w)).
    """
    module.add_module("tap", tap)
    if type(module).forward is nn.Sequential.forward:
        return  # it runs its new last child by itself

    def through(_: nn.Module, __: tuple[object, ...], output: object) -> object:
        if pick is None:
            return tap(output)
        x, grid = pick(output)
        rest = output[1:] if isinstance(output, tuple) else ()
        return (tap(x, grid), *rest)

    module.register_forward_hook(through)


@dataclass
class Trace:
    """One forward pass of one clip, alive only while it is explained: never stored, never cached.

    inputs (1, 3, T, H, W); logits (1, classes); seen: what passed the watched taps.  more: what the model is given beside the frames, time on axis 1:
    joints (1, T, R, 3).
    """

    model: nn.Module
    clip: Clip
    geometry: Geometry
    inputs: Tensor
    logits: Tensor
    seen: dict[str, Seen]
    more: tuple[Tensor, ...] = ()

    def gradient(self, score: Tensor, name: str) -> Tensor:
        """d score / d tensor under the tap, in the tensor's own layout; the model is not written to."""
        return torch.autograd.grad(score, self.seen[name].tensor, retain_graph=True)[0]

    def rerun(self, inputs: Tensor | tuple[Tensor, ...] | None = None, edits: Mapping[str, Callable[[Tensor], Tensor]] | None = None) -> Tensor:
        """Logits of the same model for other inputs or with tensors replaced under taps; (B, classes), no gradients.

        inputs: frames alone, given with the `more` of this pass; or all that the model shall be given.
        """
        return self.again(inputs, edits=edits)[0]

    def again(
        self,
        inputs: Tensor | tuple[Tensor, ...] | None = None,
        *,
        watch: Collection[str] = (),
        edits: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    ) -> tuple[Tensor, dict[str, Seen]]:
        """As `rerun`, with what then passed the watched taps (behind the edits)."""
        frames = self.inputs if inputs is None else inputs
        given = (frames, *self.more) if isinstance(frames, Tensor) else frames
        with torch.no_grad(), record(self.model, watch, edits=edits) as seen:
            return self.model(*given), seen


def run(
    model: nn.Module,
    inputs: Tensor | tuple[Tensor, ...],
    clip: Clip,
    geometry: Geometry,
    *,
    watch: Collection[str] = (),
    grad: bool = False,
) -> Trace:
    """One watched forward pass. inputs: the frames, or all that the model is given, the frames first.  grad: keep what is needed for gradients from
    the first watched tap on."""
    frames, *more = (inputs,) if isinstance(inputs, Tensor) else inputs
    with torch.set_grad_enabled(grad), record(model, watch, grad=grad) as seen:
        logits = model(frames, *more)
    return Trace(model, clip, geometry, frames, logits, seen, tuple(more))
