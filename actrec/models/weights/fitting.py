"""Tensors by name, put into a model whole or not at all.

Names are matched after prefixes are taken off, and a `Report` says what fits. `load` writes to the model only when everything has been checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from actrec.core.errors import WeightsError
from actrec.core.words import few
from actrec.models.weights import families

PREFIXES = frozenset({"module", "model", "base_model", "backbone", "net", "network", "cls_head"})
"""First words of names that come from a wrapper around the model (DataParallel, Lightning, MMAction2 …)."""

WRAPPED = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Words that a wrapper around a part of the model leaves anywhere in a name (DataParallel, torch.compile, FSDP, activation checkpointing)."""

BESIDE = re.compile(
    r"(criterion|criteria|loss|metric|accuracy|acc|f1|auroc|confmat)[a-z0-9_]*|[a-z0-9_]+_(loss|criterion|metrics?|ema)|(train|val|valid|validation|test)_[a-z0-9_]+"
    r"|ema|ema_model"
)
"""First words of names that belong to no model: weights and counts of losses and metrics, and moving averages of a model that is there as well."""

SCALED = "save them in float16, or with the scales that make them weights"

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
    ignored: counters that the file lacks and prediction does not need.  renamed: which prefixes were taken off, and by which program's rules tensors
    were renamed; "" if none.
    left_out: names in the file that belong to a loss, a metric or a moving average.  integers: (name, kind of number in the file) where the model has
    fractions and the file gives no scale.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    renamed: str = ""
    ignored: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    integers: tuple[tuple[str, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Every tensor the model needs is there in its shape, and nothing is left over."""
        return bool(self.matched) and not (self.missing or self.unexpected or self.wrong_shape or self.integers)

    def __str__(self) -> str:
        total = len(self.matched) + len(self.missing) + len(self.wrong_shape) + len(self.integers)
        shapes = [f"{name} (file {_shape(file)}, model {_shape(model)})" for name, file, model in self.wrong_shape]
        listed = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "of the wrong shape": shapes,
            "in whole numbers without their scale": [f"{name} ({kind})" for name, kind in self.integers],
            "left out, of a loss, a metric or a moving average": self.left_out,
        }
        parts = [f"{len(self.matched)} of {total} tensors match"]
        parts += [f"{len(names)} {title}: {few(names)}" for title, names in listed.items() if names]
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
        known = families.recognise(state)
        way = f"they are of {known}" if known else "choose the model they were trained for"
        raise Misfit(f"these weights do not fit this model: {report}; {SCALED if report.integers else way}", report)
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
    taken, stripped, over = _pair(own, state)
    given = {name: (own[name], state[taken[name]]) for name in own if name in taken}
    fitting = {name: pair for name, pair in given.items() if pair[0].shape == pair[1].shape}
    whole = {name for name, (ours, theirs) in fitting.items() if ours.is_floating_point() and not (theirs.is_floating_point() or theirs.is_complex())}
    absent = [name for name in own if name not in taken]
    removed = few([f"{prefix[:120]!r} from {count} names" for prefix, count in stripped.items()])
    theirs = state.theirs if isinstance(state, families.Renamed) else {}
    report = Report(
        matched=tuple(name for name in fitting if name not in whole),
        missing=tuple(name for name in absent if not name.endswith(COUNTER)),
        unexpected=tuple(theirs.get(name, name) for name in over if not _beside(name)),
        wrong_shape=tuple((name, tuple(theirs.shape), tuple(ours.shape)) for name, (ours, theirs) in given.items() if name not in fitting),
        renamed="; ".join(([str(state)] if theirs else []) + ([f"took {removed}"] if removed else [])),
        ignored=tuple(name for name in absent if name.endswith(COUNTER)),
        left_out=tuple(name for name in over if _beside(name)),
        integers=tuple((name, str(fitting[name][1].dtype).removeprefix("torch.")) for name in fitting if name in whole),
    )
    return report, {name: fitting[name] for name in report.matched}


def _pair(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> tuple[dict[str, str], Counter[str], list[str]]:
    """The file's name for each of the model's; what was taken off and how often; the file's names that are left over."""
    depth = max((name.count(".") + 1 for name in own), default=0)
    taken = {name: name for name in state if name in own}  # a name as it stands goes before one that has to be peeled
    stripped: Counter[str] = Counter()
    over = []
    for name in state:
        if name in own:
            continue
        target = next((rest for rest in _peel(name, depth) if rest in own), None)
        if target is None or target in taken:
            over.append(name)
            continue
        taken[target] = name
        stripped[_removed(name, target)] += 1
    return taken, stripped, over


def _peel(name: str, depth: int) -> Iterator[str]:
    """What a name may be without the words of wrappers, of at most `depth` words: without the first, the first two … with those within it or not."""
    words = name.split(".")
    for kept in (words, [word for word in words if word not in WRAPPED]):
        front = next((i for i, word in enumerate(kept) if word not in PREFIXES), len(kept))
        for first in range(max(len(kept) - depth, 0), min(front, len(kept) - 1) + 1):
            yield ".".join(kept[first:])


def plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under their names without any words of wrappers."""
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        words = [word for word in name.split(".") if word not in WRAPPED]
        first = next((i for i, word in enumerate(words) if word not in PREFIXES), max(len(words) - 1, 0))
        found.setdefault(".".join(words[first:]), tensor)
    return found


def _removed(name: str, target: str) -> str:
    """The words of wrappers that `name` has before and within `target`."""
    return name.removesuffix(target) if name.endswith(target) else "".join(f"{word}." for word in name.split(".") if word in WRAPPED)


def _beside(name: str) -> bool:
    """Whether a tensor that the model has not belongs to a loss, a metric or a moving average."""
    first = next((word for word in name.split(".") if word not in PREFIXES | WRAPPED), "")
    return BESIDE.fullmatch(first.lower()) is not None


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"
