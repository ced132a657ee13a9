"""Read weights, and put them into a model whole or not at all.

A checkpoint is data, never code: safetensors, or torch files through torch's weights-only reader. What a pickle wants beyond tensors is refused
by name. Names are matched after wrappers and prefixes are taken off, and a `Report` says what fits. `load` writes to the model only when everything
has been checked.
"""

from __future__ import annotations

import json
import pickle
import pickletools
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from actrec.core import files
from actrec.core.errors import WeightsError

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module")
"""Keys under which people keep the tensors of a training checkpoint."""

PREFIXES = frozenset({"module", "model", "base_model", "backbone", "net", "network", "_orig_mod"})
"""First words of names that come from a wrapper around the model (DataParallel, Lightning, MMAction2, torch.compile …)."""

COUNTER = ".num_batches_tracked"
"""Batch normalisation's step counter: files older than torch 0.4.1 have none, and prediction does not read it."""

FEW = 4
SAFE_WAY = "where you trust the file, load it yourself and save its state_dict() with safetensors.torch.save_file"


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
            f"{len(names)} {title}: {_first(names)}"
            for title, names in (("missing", self.missing), ("unexpected", self.unexpected), ("of the wrong shape", shapes))
            if names
        ]
        parts += [f"{len(self.ignored)} counters not in the file, not needed"] if self.ignored else []
        return "; ".join([*parts, self.renamed] if self.renamed else parts)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A checkpoint's tensors by name, as they are in the file, and what else it says.

    The tensors may be views into the file: read them, do not write to them. The second part is what `save` was given, or the plain values that
    stand beside the tensors, with the wrapper's name under "wrapper".

    Raises:
        WeightsError: no file, no checkpoint, a damaged one, or one that wants to run code.
    """
    path = Path(path)
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; give the checkpoint file in it")
    if not path.is_file():
        raise WeightsError(f"there is no file {path}; check the name")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise WeightsError(f"cannot read {path} ({error.strerror}); check its permissions") from None
    if not head:
        raise WeightsError(f"{path.name} is empty (0 bytes); copy or download it again")
    if head[4:9] == b"\0\0\0\0{":  # the header's length in eight bytes, then its JSON
        state, about = _read_safetensors(path)
    elif head.startswith((b"PK", b"\x80")):
        state, about = _unwrap(_read_torch(path, head.startswith(b"PK")), path.name)
    else:
        raise WeightsError(f"{path.name} is no checkpoint (it begins with {head[:8]!r}); give a safetensors or a torch file")
    for name, tensor in state.items():
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise WeightsError(f"{path.name}: the tensor {name} is sparse or quantised; save it as a plain one")
    return state, about


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            written = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
        about = json.loads(written["actrec"]) if "actrec" in written else dict(written)
    except (SafetensorError, OSError, ValueError, KeyError, RecursionError) as error:
        raise WeightsError(f"{path.name} is damaged or no safetensors file ({_line(error)}); copy or download it again") from None
    if not state or not isinstance(about, dict):
        raise WeightsError(f"{path.name} holds {'no tensors' if not state else 'metadata that is no object'}; give the checkpoint of a model")
    return state, about


def _read_torch(path: Path, zipped: bool) -> object:
    """What a torch file holds, through the weights-only reader. zipped: torch's form since 1.6, which can stay on disk (mmap)."""
    refused = "wants to run code ({}) and is refused: a checkpoint may hold tensors only"
    protocol = _check_zip(path) if zipped else _protocol(path.open("rb"))
    if protocol > 2:  # torch's safe reader speaks 2 only and would stop before it could say what is wanted
        wanted = next(_globals(path, zipped), "")
        reason = refused.format(wanted) if wanted else f"is a pickle of protocol {protocol}, and torch's safe reader knows 2 only"
        raise WeightsError(f"{path.name} {reason}; {SAFE_WAY}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # what a damaged file makes torch raise is written nowhere
        named = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
        if named:
            raise WeightsError(f"{path.name} {refused.format(named.group(1)[:120])}; {SAFE_WAY}") from None
        raise WeightsError(f"{path.name} is damaged or no torch file ({_line(error)}); copy or download it again") from None


def _protocol(pickled: IO[bytes]) -> int:
    with pickled:
        head = pickled.read(2)
    return head[1] if len(head) == 2 and head[0] == 0x80 else 0


def _check_zip(path: Path) -> int:
    """Refuse zip archives that torch.save did not write (its members are stored, never packed); the protocol of its pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.partition("/")[2]: member for member in archive.infolist()}
            if "constants.pkl" in members:
                raise WeightsError(f"{path.name} is a TorchScript archive, which is a program; {SAFE_WAY}")
            if "data.pkl" in members and all(member.compress_type == zipfile.ZIP_STORED for member in members.values()):
                return _protocol(archive.open(members["data.pkl"]))
            listed = _first(archive.namelist()) or "empty"
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        raise WeightsError(f"{path.name} is cut off or damaged: its zip archive cannot be read; copy or download it again") from None
    raise WeightsError(f"{path.name} is a zip archive of something else ({listed}); give a file written by torch.save or safetensors")


def _globals(path: Path, zipped: bool) -> Iterator[str]:
    """Names of the classes and functions that a pickle wants beside torch's, read without running it."""
    words: list[str] = []
    try:
        with zipfile.ZipFile(path) if zipped else path.open("rb") as outer:
            inner = outer.open(next(n for n in outer.namelist() if n.endswith("/data.pkl"))) if isinstance(outer, zipfile.ZipFile) else outer
            parts = (pickletools.genops(inner) for _ in range(4))  # type: ignore[arg-type]  # before 1.6 a file was four pickles in a row
            for opcode, argument, _ in chain.from_iterable(parts):
                if opcode.name not in ("GLOBAL", "STACK_GLOBAL"):
                    words += [argument] if isinstance(argument, str) else []
                    continue
                wanted = str(argument).replace(" ", ".") if opcode.name == "GLOBAL" else ".".join(words[-2:])
                if not wanted.startswith(("torch.", "collections.")):
                    yield wanted[:120]
    except (OSError, ValueError, StopIteration, zipfile.BadZipFile, IndexError, OverflowError, MemoryError):
        return


def _unwrap(payload: object, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors under known wrapper keys, and the plain values beside them."""
    about: dict[str, Any] = {}
    path: list[str] = []
    for _ in range(4):
        if not isinstance(payload, Mapping):
            raise WeightsError(f"{name} holds {type(payload).__name__}, not tensors by name; {SAFE_WAY}")
        about |= {str(key): value for key, value in payload.items() if _plain(value)}
        inner = [key for key in WRAPPERS if isinstance(payload.get(key), Mapping)]
        if not inner:
            break
        path.append(inner[0])
        payload = payload[inner[0]]
    state = {str(key): value.detach() for key, value in payload.items() if isinstance(value, Tensor)} if isinstance(payload, Mapping) else {}
    if not state:
        keys = _first([repr(key) for key in payload]) if isinstance(payload, Mapping) and payload else "nothing"
        raise WeightsError(f"{name} holds no tensors (found {keys}); give the checkpoint of a model")
    return state, about | ({"wrapper": ".".join(path)} if path else {})


def _plain(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


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
            raise WeightsError(f"the tensor {name} holds NaN, infinity or complex numbers; the file is spoilt, take another one")
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


def save(path: Path, model: nn.Module, metadata: Mapping[str, Any], *, half: bool = False) -> None:
    """Write the model's tensors as safetensors, with the metadata as JSON under the key "actrec"; the same numbers give the same bytes.

    half: keep floating-point tensors in 16 bits (`load` brings them back to 32), but for those with numbers that 16 bits cannot hold.
    """
    state = {name: t.detach().to("cpu", copy=True).contiguous() for name, t in model.state_dict().items() if isinstance(t, Tensor)}
    if half:
        state = {name: _halved(tensor) for name, tensor in state.items()}
    with files.whole(path) as part:
        save_file(state, part, {"actrec": json.dumps(metadata, sort_keys=True)})


def _halved(tensor: Tensor) -> Tensor:
    small = tensor.half() if tensor.is_floating_point() else tensor
    return small if bool(small.isfinite().all()) else tensor


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"


def _first(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(name[:120] if name.isprintable() else repr(name[:120]) for name in names[:FEW])
    return f"{shown} and {len(names) - FEW} more" if len(names) > FEW else shown


def _line(error: BaseException) -> str:
    """An error's first line that says something, without colours and not too long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160]
