"""Tensors by name, put into a model whole or not at all.

Names are matched after prefixes are taken off, and a `Report` says what fits. `load` writes to the model only when everything has been checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from actrec.core.errors import WeightsError
from actrec.core.words import few

PREFIXES = frozenset({"module", "model", "base_model", "backbone", "net", "network", "_orig_mod"})
"""First words of names that come from a wrapper around the model (DataParallel, Lightning, MMAction2, torch.compile …)."""

COUNTER = ".num_batches_tracked"
"""Batch normalisation's step counter: files older than torch 0.4.1 have none, and prediction does not read it."""


class Misfit(WeightsError):
    """Weights that do not fit the model; the report says where."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True)
class Report:
    """How a checkpoint's tensors meet a model's, by the model's names.

    wrong_shape: (name, shape in the file, shape in the model).  unexpected: names in the file that the model has not, as they are in the file.
    ignored: counters that the file lacks and prediction does not need.  renamed: which prefixes were taken off, "" if none.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    renamed: str = ""
    ignored: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Every tensor the model needs is there in its shape, and nothing is left over."""
        return bool(self.matched) and not (self.missing or self.unexpected or self.wrong_shape)

    def __str__(self) -> str:
        total = len(self.matched) + len(self.missing) + len(self.wrong_shape)
        shapes = [f"{name} (file {_shape(file)}, model {_shape(model)})" for name, file, model in self.wrong_shape]
        parts = [f"{len(self.matched)} of {total} tensors match"]
        parts += [
            f"{len(names)} {title}: {few(names)}"
            for title, names in (("missing", self.missing), ("unexpected", self.unexpected), ("of the wrong shape", shapes))
            if names
        ]
        parts += [f"{len(self.ignored)} counters not in the file, not needed"] if self.ignored else []
        return "; ".join([*parts, self.renamed] if self.renamed else parts)


def fit(model: nn.Module, state: Mapping[str, Tensor]) -> Report:
    """How the tensors would meet the model; nothing is written."""
    return _match(model, state)[0]


def load(model: nn.Module, state: Mapping[str, Tensor], *, strict: bool = True) -> Report:
    """Copy the tensors into the model, in the model's own number format, and say what fitted.

    strict: everything must fit, else nothing is written. Otherwise what fits is written and the report, which is the caller's to show, says the rest.

    Raises:
        Misfit: the weights do not fit; the report is in the message and under `.report`.  WeightsError: a tensor holds NaN or infinity.
    """
    report, fitting = _match(model, state)
    if not report.matched or (strict and not report.complete):
        raise Misfit(f"these weights do not fit this model: {report}; choose the model they were trained for", report)
    for name, (_, tensor) in fitting.items():
        if tensor.is_complex() or (tensor.is_floating_point() and not bool(tensor.float().isfinite().all())):
            raise WeightsError(f"the tensor {name} holds NaN, infinity or complex numbers; the file is damaged; use another one")
    with torch.no_grad():
        for target, tensor in fitting.values():
            target.copy_(tensor)
    return report


def _match(model: nn.Module, state: Mapping[str, Tensor]) -> tuple[Report, dict[str, tuple[Tensor, Tensor]]]:
    """The report, and by name the model's tensor and the file's for all that fit."""
    own = {name: tensor for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor)}
    taken = {name: name for name in state if name in own}  # a name as it stands goes before one that has to be peeled
    stripped: Counter[str] = Counter()
    unexpected = []
    for name in state:
        if name in own:
            continue
        target = next((rest for rest in _peel(name) if rest in own), None)
        if target is None or target in taken:
            unexpected.append(name)
            continue
        taken[target] = name
        stripped[name.removesuffix(target)] += 1
    fitting = {name: (own[name], state[taken[name]]) for name in own if name in taken and own[name].shape == state[taken[name]].shape}
    absent = [name for name in own if name not in taken]
    renamed = ", ".join(f"{prefix!r} from {count} names" for prefix, count in stripped.items())
    report = Report(
        matched=tuple(fitting),
        missing=tuple(name for name in absent if not name.endswith(COUNTER)),
        unexpected=tuple(unexpected),
        wrong_shape=tuple((n, tuple(state[taken[n]].shape), tuple(own[n].shape)) for n in own if n in taken and n not in fitting),
        renamed=f"took {renamed}" if renamed else "",
        ignored=tuple(name for name in absent if name.endswith(COUNTER)),
    )
    return report, fitting


def _peel(name: str) -> Iterator[str]:
    """The name without its first known prefix, without its first two …"""
    word, _, rest = name.partition(".")
    while rest and word in PREFIXES:
        yield rest
        word, _, rest = rest.partition(".")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"
