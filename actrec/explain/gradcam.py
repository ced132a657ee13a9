"""Grad-CAM and its relatives, at any layer of features: convolutions, windows or tokens.

The formulas are the grad-cam library's: its classes get our features A and gradients g = ∂score/∂A of the very pass that made the prediction, and
give back the sum over channels. Everything the library does around the formulas is ours, because on clips it goes wrong there: it records through
hooks (an in-place ReLU rewrites what they noted), calls backward() into every parameter, reads a channels-last grid as channels-first, stretches the
map to the frames with a corner-aligned cubic, and scales every clip to full heat. Here the numbers stay raw and on the grid where they were born.

*Unit.* A gradient shrinks with the number of cells N over which the head averages. Maps that are linear in it are multiplied by N, so that they read
like CAM: the mean over cells is the part of the score which the map ascribes to this layer, whatever the grid. Before a GAP head Grad-CAM, HiResCAM
and XGrad-CAM then *are* CAM, number by number. Eigen-CAM and FEM know no score; theirs are units of the features.

*One weight for the clip or per frame.* Tools disagree on what Grad-CAM of a clip is: the mean gradient over space and time weights a channel once
for the clip; the mean over space alone weights it anew at every step of the features. These are two maps; the setting "weights" names them.

*Two departures in numerics.* Grad-CAM++ adds 1e-6 to a denominator of the size of g², and a clip's g is so small that this would decide the map; it
is computed in units in which the largest gradient is 1000 (gA, and with it the formula, stays the same). Eigen-CAM's decomposition asks for an N × N
matrix (2.5 GB for 8×56×56 cells) to use one direction of it; the thin decomposition gives the same direction. Its sign is arbitrary in either, so
it is set: positive where the features are strong, or where gradient × features is positive.

Sources: selvaraju2017 (Grad-CAM), chattopadhay2018 (++), draelos2020 (HiResCAM), fu2020 (XGrad-CAM), jiang2021 (LayerCAM), muhammad2020 (Eigen-CAM),
fuad2020 (FEM), gildenblat2021 (the library; element-wise and EigenGrad-CAM are its own).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from actrec.core.evidence import Heat
from actrec.explain import Ask, Knob, Method
from actrec.explain._evidence import POSITIVE_FIRST, SIGNED_FIRST, feature_layers, heat, score, setting

if TYPE_CHECKING:
    from actrec.core.trace import Trace

WEIGHTS = Knob("weights", "Channel weights", ("clip", "frame"), "one for the whole clip, or new ones at every step of the features")

_PATTERNS = ("EigenCAM", "EigenGradCAM")
"""Classes whose map is one direction in the features; for these the knob's "weights" are that direction."""

LEFT_OUT: Mapping[str, str] = {
    "AblationCAM": "runs the network once per channel, fails on clips and leaves the model changed",
    "ScoreCAM": "runs the network once per channel and fails on clips",
    "FullGrad": "knows the biases of 2-D convolutions only",
    "ShapleyCAM": "needs second derivatives of the network, not features and gradients alone",
    "FinerCAM": "is Grad-CAM of a logit difference: choose a second class instead",
    "RefineCAM": "multiplies maps of several layers that were scaled and stretched first",
    "KPCA_CAM": "needs a number for every pair of cells, and its random start changes the last digits from run to run",
    "SegEigenCAM": "is made for segmentation",
    "RandomCAM": "is not an explanation",
}
"""Classes of the grad-cam library 1.5.7 that are not offered, and why."""


@dataclass(frozen=True)
class _Way:
    """A formula of the library and how its numbers are read.

    formula: its class there.  scale: "cells" (linear in the gradient: times N), "steps" (sums over an image's cells: times the images per clip), or
    "features" (no gradient in it).  per_image: the formula joins cells, so clip and frame differ.  signed: its paper keeps negative values.
    """

    title: str
    formula: str
    scale: Literal["cells", "steps", "features"]
    per_image: bool = True
    signed: bool = False
    one_sign: bool = False

    @property
    def knobs(self) -> tuple[Knob, ...]:
        sign = () if self.one_sign else (SIGNED_FIRST if self.signed else POSITIVE_FIRST,)
        return ((WEIGHTS,) if self.per_image else ()) + sign


def explain(way: _Way, trace: Trace, ask: Ask) -> tuple[Heat, ...]:
    """The map of one way at the asked layer, raw, in float32 whatever the model's precision."""
    per_frame = way.per_image and setting(ask, WEIGHTS) == "frame"
    signed = not way.one_sign and setting(ask, SIGNED_FIRST if way.signed else POSITIVE_FIRST) == "signed"
    seen = trace.seen[ask.layer]
    features = _images(seen.grid(), per_frame)
    gradient = None if way.scale == "features" else _images(seen.grid(trace.gradient(score(trace, ask), ask.layer)), per_frame)
    values = weigh(way, features, gradient)
    what = "logit" if ask.versus is None else "logit difference"
    unit = "feature units" if way.scale == "features" else f"{what} per cell"
    return (heat(trace, ask.layer, _title(way, per_frame), values, unit if signed else f"{unit}, positive part", signed=signed),)


def _title(way: _Way, per_frame: bool) -> str:
    """The way and, where there are two maps, which of them."""
    if not way.per_image:
        return way.title
    noun = "pattern" if way.formula in _PATTERNS else "weight per channel"
    return f"{way.title}, one {noun} for {'every step' if per_frame else 'the clip'}"


def _images(grid: Tensor, per_frame: bool) -> Tensor:
    """(1, C, T, h, w) as the pictures that share a weight: the clip itself, or its T steps (T, C, h, w); on the CPU, where the library works."""
    grid = grid.detach().float().cpu()
    return grid[0].movedim(1, 0) if per_frame else grid


def weigh(way: _Way, features: Tensor, gradient: Tensor | None) -> Tensor:
    """The formula: features and gradient (1, C, T, h, w) or (T, C, h, w) to (T, h, w), before any cut at zero."""
    images, cells = len(features), features[0, 0].numel() * len(features)
    if way.formula in _PATTERNS:
        parts = features if gradient is None else gradient * features
        values = first_component(parts, features.norm(dim=1) if gradient is None else parts.sum(1))
    else:
        size = float(gradient.abs().max()) / 1e3 if gradient is not None and way.scale == "steps" else 0.0
        if gradient is not None and size > 0:  # gA stays what it is; see "departures" above
            features, gradient = features * size, gradient / size
        values = _by_library(way.formula, features, gradient)
    values = values.reshape(-1, *values.shape[-2:])
    return values * {"cells": cells, "steps": images, "features": 1}[way.scale]


def _by_library(name: str, features: Tensor, gradient: Tensor | None) -> Tensor:
    """Sum over channels by the named class of the grad-cam library, made without a model and so without hooks."""
    import pytorch_grad_cam  # late: 4 s

    cam = object.__new__(getattr(pytorch_grad_cam, name))
    cam.k = 2  # FEM's rule: cells more than two deviations above a channel's mean
    cam.activations_and_grads = SimpleNamespace(release=lambda: None)  # what its __del__ calls
    return torch.from_numpy(cam.get_cam_image(None, None, None, features.numpy(), None if gradient is None else gradient.numpy(), False))


def first_component(parts: Tensor, towards: Tensor) -> Tensor:
    """Each image's cells projected on the direction in which they vary most: (images, C, …) to (images, …), centred.

    towards (images, …): the projection is turned so that it does not run against this.
    """
    cells = parts.flatten(2).transpose(1, 2)  # (images, N, C)
    cells = cells - cells.mean(1, keepdim=True)
    left, strength, _ = torch.linalg.svd(cells, full_matrices=False)
    projection = left[:, :, 0] * strength[:, :1]
    against = (projection * towards.flatten(1)).sum(1, keepdim=True) < 0
    return torch.where(against, -projection, projection).reshape(towards.shape)


_ANYWHERE = "A cell's features have already seen far around the cell, so the evidence need not come from the pixels under it. "


def _method(id: str, way: _Way, line: str, caution: str) -> Method:
    grad = way.scale != "features"
    by_class = grad
    return Method(id, way.title, line, _ANYWHERE + caution, feature_layers, partial(explain, way), way.knobs, grad=grad, by_class=by_class)


METHODS: tuple[Method, ...] = (
    _method(
        "gradcam",
        _Way("Grad-CAM", "GradCAM", "cells"),
        "Channels weighted by how much the class's score rises with them, on average.",
        "One weight cannot say that a channel helps in one place and harms in another: at earlier layers the map may point to the wrong place.",
    ),
    _method(
        "hirescam",
        _Way("HiResCAM", "HiResCAM", "cells", per_image=False, signed=True),
        "Gradient times features in every cell, nothing averaged.",
        "True to first order only. Right before a layer normalisation, as near a transformer's end, it cancels out in every cell, evidence or not.",
    ),
    _method(
        "gradcam-plusplus",
        _Way("Grad-CAM++", "GradCAMPlusPlus", "steps"),
        "Grad-CAM with weights from the rising gradients alone, so that several places can share the evidence.",
        "Made for features that are never negative: elsewhere, as among tokens, its weights may become very large. "
        "Its values are not parts of the logit.",
    ),
    _method(
        "xgradcam",
        _Way("XGrad-CAM", "XGradCAM", "cells"),
        "Grad-CAM with the mean gradient taken where the channel is active.",
        "Made for features that are never negative: where a channel's features cancel out, as tokens' may, its weight becomes very large.",
    ),
    _method(
        "layercam",
        _Way("LayerCAM", "LayerCAM", "cells", per_image=False),
        "Features kept wherever raising them would raise the score; made for early layers too.",
        "Evidence against the class is dropped before the sum, so the map can be bright where the sum of all evidence is zero.",
    ),
    _method(
        "elementwise",
        _Way("Element-wise Grad-CAM", "GradCAMElementWise", "cells", per_image=False, one_sign=True),
        "Only the channels that speak for the class in a cell, added up cell by cell.",
        "Evidence against the class is dropped before the sum, so the map can be bright where the sum of all evidence is zero.",
    ),
    _method(
        "eigengradcam",
        _Way("EigenGrad-CAM", "EigenGradCAM", "cells"),
        "The main pattern in gradient times features.",
        "It shows the pattern that varies most, which need not be the one that decides; half of it is always cut away, since it is centred.",
    ),
    _method(
        "eigencam",
        _Way("Eigen-CAM", "EigenCAM", "features"),
        "The main pattern in the features, whatever the class.",
        "It is the same for every class: it shows what stands out to the network, not why it chose.",
    ),
    _method(
        "fem",
        _Way("FEM", "FEM", "features", one_sign=True),
        "Features weighted by how often a channel is far above its own mean, whatever the class.",
        "It is the same for every class: it shows what stands out to the network, not why it chose.",
    ),
)
