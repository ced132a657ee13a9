"""Checkpoint files: read as data, never as code, and written.

Safetensors, or torch files through torch's weights-only reader; what a pickle wants beyond tensors is refused by name.
"""

from __future__ import annotations

import json
import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from actrec.core import files
from actrec.core.errors import WeightsError
from actrec.core.words import few

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module")
"""Keys under which people keep the tensors of a training checkpoint."""

SAFE_WAY = "where you trust the file, load it yourself and save its state_dict() with safetensors.torch.save_file"


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
        raise WeightsError(f"{path.name} is not a checkpoint (it begins with {head[:8]!r}); give a safetensors or a torch file")
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
        raise WeightsError(f"{path.name} is damaged or not a safetensors file ({_line(error)}); copy or download it again") from None
    if not state or not isinstance(about, dict):
        raise WeightsError(f"{path.name} holds {'no tensors' if not state else 'metadata that is not an object'}; give the checkpoint of a model")
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
        raise WeightsError(f"{path.name} is damaged or not a torch file ({_line(error)}); copy or download it again") from None


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
            listed = few(archive.namelist()) or "empty"
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
        keys = few([repr(key) for key in payload]) if isinstance(payload, Mapping) and payload else "nothing"
        raise WeightsError(f"{name} holds no tensors (found {keys}); give the checkpoint of a model")
    return state, about | ({"wrapper": ".".join(path)} if path else {})


def _plain(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


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


def _line(error: BaseException) -> str:
    """An error's first line that says something, without colours and not too long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160]
