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
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from actrec.core.clip import Clip, Geometry
from actrec.core.reach import Hop, Slide

Axes = Literal["b c t h w", "b t h w c", "b (t h w) c", "b (1 t h w) c"]
Triple = tuple[float, float, float]
Part = TypeVar("Part")


class Tap(nn.Module):
    """A named identity: a place where a tensor may be seen.

    axes: how the tensor is laid out.  kind: what it is ("features", "query"/"key" of an attention, what a block has "added" to its input,
    or the "wiring" of a shift, see `models/shift.py`).
    stride: input frames and pixels per cell (t, y, x).  first: the input frame and pixel *index* at the centre of cell 0 — 0 for odd 'same'-padded
    convolutions, (stride − 1) / 2 for patches.  about: facts for whoever reads the tap (relation, axis …).
    past: the hops through time that lie before it, see `follow`; None where nobody has told.
    """

    past: tuple[Hop, ...] | None = None

    def __init__(
        self,
        axes: Axes = "b c t h w",
        *,
        stride: Triple,
        first: Triple = (0.0, 0.0, 0.0),
        kind: Literal["features", "query", "key", "added", "wiring"] = "features",
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

    @property
    def extent(self) -> tuple[int, int, int]:
        """The grid's steps, rows and columns."""
        t, h, w = self.grid().shape[2:]
        return t, h, w

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


def follow(module: nn.Module, past: tuple[Hop, ...] = ()) -> tuple[Hop, ...]:
    """Tell every tap of a model what lies before it in time; comes back with what lies before the model's end.

    The parts are gone through in the order in which they were registered, and a shortcut called `downsample` is passed over, since it reads no more
    than what it goes past. Convolutions and poolings are known. Any other part that joins steps has to say how, by an attribute `hops`: then the taps
    inside stand before it, but those behind: of what it added, and the one that was attached to it.
    """
    if isinstance(module, Tap):
        module.past = past
        return past
    if (own := _hops(module)) is not None:
        for name, tap in taps(module).items():
            tap.past = (*past, *own) if name == "tap" or tap.kind == "added" else past
        return (*past, *own)
    for name, part in module.named_children():
        if name != "downsample":
            past = follow(part, past)
    return past


_SLIDING = (nn.Conv3d, nn.MaxPool3d, nn.AvgPool3d)


def _hops(module: nn.Module) -> tuple[Hop, ...] | None:
    """How a part joins steps, as a whole; None for one that is made of parts."""
    if isinstance(module, _SLIDING):
        kernel, stride, padding = (n if isinstance(n, int) else int(n[0]) for n in (module.kernel_size, module.stride, module.padding))
        return () if kernel == stride == 1 else (Slide(kernel, stride, padding),)
    return getattr(module, "hops", None)


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


Inputs = Mapping[str, Tensor | None]
"""What a model is given, by the streams' names, in the order of its `forward`; None for an optional stream that has nothing."""


@dataclass
class Trace:
    """One forward pass of one clip, alive only while it is explained: never stored, never cached.

    inputs: by the streams' names, one clip each (frames (1, 3, T, H, W)).  logits (1, classes).  seen: what passed the watched taps.
    """

    model: nn.Module
    clip: Clip
    geometry: Geometry
    inputs: Inputs
    logits: Tensor
    seen: dict[str, Seen]

    @property
    def frames(self) -> int:
        """How many frames the model was given."""
        return len(self.clip.index)

    def gradient(self, score: Tensor, name: str) -> Tensor:
        """d score / d tensor under the tap, in the tensor's own layout; the model is not written to."""
        return torch.autograd.grad(score, self.seen[name].tensor, retain_graph=True)[0]

    def part(self, name: str, kind: type[Part]) -> Part:
        """The model's part at a path ("" for the model itself), as something that can do what the method needs.

        Raises:
            TypeError: there is a part, and it cannot.
        """
        found = self.model.get_submodule(name)
        if not isinstance(found, kind):
            raise TypeError(f"{name or 'the model'} is a {type(found).__name__}, which is not a {kind.__name__}")
        return found

    def rerun(self, inputs: Inputs | None = None, edits: Mapping[str, Callable[[Tensor], Tensor]] | None = None) -> Tensor:
        """Logits of the same model for other inputs or with tensors replaced under taps; (B, classes), no gradients.

        inputs: those that change, by name; the others stay.
        """
        return self.again(inputs, edits=edits)[0]

    def again(
        self,
        inputs: Inputs | None = None,
        *,
        watch: Collection[str] = (),
        edits: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    ) -> tuple[Tensor, dict[str, Seen]]:
        """As `rerun`, with what then passed the watched taps (behind the edits)."""
        changed = inputs or {}
        if unknown := set(changed) - set(self.inputs):
            raise KeyError(f"no input named {sorted(unknown)}; the model has {', '.join(self.inputs)}")
        given = {name: changed.get(name, tensor) for name, tensor in self.inputs.items()}
        with torch.no_grad(), record(self.model, watch, edits=edits) as seen:
            return self.model(*given.values()), seen


def run(model: nn.Module, inputs: Inputs, clip: Clip, geometry: Geometry, *, watch: Collection[str] = (), grad: bool = False) -> Trace:
    """One watched forward pass. grad: keep what is needed for gradients from the first watched tap on."""
    with torch.set_grad_enabled(grad), record(model, watch, grad=grad) as seen:
        logits = model(*inputs.values())
    return Trace(model, clip, geometry, inputs, logits, seen)
