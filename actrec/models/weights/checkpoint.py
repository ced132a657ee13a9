"""Checkpoint files: read as data, never as code, and written.

Safetensors, or torch files through torch's weights-only reader; what a pickle wants beyond tensors is refused by name.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from actrec.core import files
from actrec.core.errors import WeightsError, quoted
from actrec.core.outside import Budget, TooMuch, parsed
from actrec.core.words import few
from actrec.models.weights import families, pickled

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module")
"""Keys under which people keep the tensors of a training checkpoint."""

MOST_TENSORS, LONGEST_NAME = 20_000, 1_000
"""Tensors of a checkpoint and characters of a name: the largest network here has 1 000 tensors, whose names have 50."""

SCALES = ("_scale", "_zero_point")
"""Ends of the names under which the scales of quantised tensors stand beside them."""

SAFE_WAY = "where you trust the file, load it yourself and save its state_dict() with safetensors.torch.save_file"


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A checkpoint's tensors by name, as they are in the file, and what else it says.

    Those of another program's network that is known here come under our names (`families.Renamed`). The tensors may be views into the file: read
    them, do not write to them. Quantised ones come as the numbers they stand for. The second part is what `save` was given, or the plain values that
    stand beside the tensors, with the wrapper's name under "wrapper".

    Raises:
        WeightsError: no file, no checkpoint, a damaged one, one without numbers, one that wants to run code or would cost too much to read.
    """
    path = Path(path)
    head = _head(path)
    spend = Budget(path.name)
    try:
        if head[4:9] == b"\0\0\0\0{":  # the header's length in eight bytes, then its JSON
            state, about = _read_safetensors(path, spend)
        elif head.startswith((b"PK", b"\x80")):
            state, about = _unwrap(_read_torch(path, head.startswith(b"PK"), spend), spend)
        else:
            raise WeightsError(f"{path.name} is not a checkpoint (it begins with {head[:8]!r}); give a safetensors or a torch file")
        return families.renamed(_usable(state, spend)), about
    except TooMuch as error:
        raise WeightsError(str(error)) from None


def _head(path: Path) -> bytes:
    """The first bytes of a file that is there and is not empty."""
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
    return head


def _read_safetensors(path: Path, spend: Budget) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        look_at_header(path, spend)
        with safe_open(path, framework="pt") as file:
            written = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
        about = parsed(written["actrec"].encode(), spend) if "actrec" in written else dict(written)
    except (SafetensorError, OSError, ValueError, KeyError, RecursionError) as error:
        raise WeightsError(f"{path.name} is damaged or not a safetensors file ({quoted(error)}); copy or download it again") from None
    if not state or not isinstance(about, dict):
        raise WeightsError(f"{path.name} holds {'no tensors' if not state else 'metadata that is not an object'}; give the checkpoint of a model")
    return state, about


def look_at_header(path: Path, spend: Budget) -> None:
    """Refuse a safetensors header that is too long, or names too many tensors, before anybody reads it whole; a damaged one is let through.

    Raises:
        TooMuch.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size - 8:
            return
        spend.bytes(pickled.BYTES * length)
        try:
            found = parsed(file.read(length), spend)
        except ValueError:
            return
    _few(found.keys() - {"__metadata__"} if isinstance(found, dict) else (), spend)


def _few(names: Collection[str], spend: Budget) -> None:
    if len(names) > MOST_TENSORS:
        raise TooMuch(f"{spend.name} holds {len(names)} tensors, more than {MOST_TENSORS}; give the checkpoint of one model")
    longest = max(map(len, names), default=0)
    if longest > LONGEST_NAME:
        raise TooMuch(f"{spend.name} has a tensor whose name is {longest} characters long, more than {LONGEST_NAME}; save it under the model's names")


def _read_torch(path: Path, zipped: bool, spend: Budget) -> object:
    """What a torch file holds, through the weights-only reader. zipped: torch's form since 1.6, which can stay on disk (mmap)."""
    refused = "wants to run code ({}) and is refused: a checkpoint may hold tensors only"
    seen = _look(path, zipped, spend)
    if seen.foreign:
        raise WeightsError(f"{path.name} {refused.format(seen.foreign)}; {SAFE_WAY}")
    if seen.protocol > 2:
        raise WeightsError(f"{path.name} is a pickle of protocol {seen.protocol}, and torch's safe reader knows 2 only; {SAFE_WAY}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # what a damaged file makes torch raise is written nowhere
        named = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
        if named:
            raise WeightsError(f"{path.name} {refused.format(named.group(1)[:120])}; {SAFE_WAY}") from None
        raise WeightsError(f"{path.name} is damaged or not a torch file ({quoted(error)}); copy or download it again") from None


def _look(path: Path, zipped: bool, spend: Budget) -> pickled.Seen:
    """What the pickle in a torch file wants; before torch 1.6 a file was five pickles in a row, with the tensors' numbers behind them."""
    found = pickled.Seen(0, "")
    try:
        with io.BytesIO(_zipped_pickle(path, spend)) if zipped else path.open("rb") as stream:
            for _ in range(1 if zipped else 5):
                seen = pickled.look(stream, spend)
                found = pickled.Seen(max(found.protocol, seen.protocol), found.foreign or seen.foreign)
                if not stream.read(1):
                    break
                stream.seek(-1, io.SEEK_CUR)
    except (OSError, ValueError, OverflowError, MemoryError, zipfile.BadZipFile) as error:
        if not found.foreign:
            raise WeightsError(f"{path.name} is damaged or not a torch file ({quoted(error)}); copy or download it again") from None
    return found


class _Metered(io.FileIO):
    """A file whose reads are paid for before they are made: zipfile believes what an archive says about the length of its list."""

    def __init__(self, path: Path, spend: Budget) -> None:
        super().__init__(path)
        self._spend, self._size = spend, path.stat().st_size

    def read(self, size: int | None = -1) -> bytes:
        left = max(self._size - self.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        self._spend.bytes(pickled.BYTES * wanted)
        return super().read(wanted) or b""


def _zipped_pickle(path: Path, spend: Budget) -> bytes:
    """The pickle in an archive that torch.save wrote: its members are stored, never packed."""
    try:
        with zipfile.ZipFile(_Metered(path, spend)) as archive:
            members = {member.filename.partition("/")[2]: member for member in archive.infolist()}
            if "constants.pkl" in members:
                raise WeightsError(f"{path.name} is a TorchScript archive, which is a program; {SAFE_WAY}")
            if "data.pkl" in members and all(member.compress_type == zipfile.ZIP_STORED for member in members.values()):
                return archive.read(members["data.pkl"])
            listed = few(archive.namelist()) or "empty"
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        raise WeightsError(f"{path.name} is cut off or damaged: its zip archive cannot be read; copy or download it again") from None
    raise WeightsError(f"{path.name} is a zip archive of something else ({listed}); give a file written by torch.save or safetensors")


def _unwrap(payload: object, spend: Budget) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors under known wrapper keys, and the plain values beside them."""
    about: dict[str, Any] = {}
    path: list[str] = []
    for _ in range(4):
        if not isinstance(payload, Mapping):
            raise WeightsError(f"{spend.name} holds {type(payload).__name__}, not tensors by name; {SAFE_WAY}")
        about |= {key: value for key, value in payload.items() if isinstance(key, str) and _plain(value, spend)}
        inner = [key for key in WRAPPERS if isinstance(payload.get(key), Mapping)]
        if not inner:
            break
        path.append(inner[0])
        payload = payload[inner[0]]
    state = (
        {key: value.detach() for key, value in payload.items() if isinstance(key, str) and isinstance(value, Tensor)}
        if isinstance(payload, Mapping)
        else {}
    )
    if not state:
        keys = few([short(key) for key in payload]) if isinstance(payload, Mapping) and payload else "nothing"
        raise WeightsError(f"{spend.name} holds no tensors (found {keys}); give the checkpoint of a model")
    return state, about | ({"wrapper": ".".join(path)} if path else {})


def _plain(value: object, spend: Budget) -> bool:
    """Whether something is made of texts, numbers, lists and tables alone."""
    spend.items()
    if value is None or isinstance(value, (str, bool, int, float)):
        return True
    if not isinstance(value, (list, tuple, dict)):
        return False
    with spend.deeper():
        return all(_plain(one, spend) for one in ([*value, *value.values()] if isinstance(value, dict) else value))


def _usable(state: dict[str, Tensor], spend: Budget) -> dict[str, Tensor]:
    """The tensors with numbers that a network can take: quantised ones as what they stand for."""
    _few(state, spend)
    empty = [name for name, tensor in state.items() if tensor.is_meta]
    if empty:
        raise WeightsError(
            f"{spend.name} holds shapes without numbers ({few(empty)} {'is' if len(empty) == 1 else 'are'} on the meta device): "
            f"it was saved before the weights were loaded; save state_dict() of the loaded model"
        )
    scaled = {name: state[name + SCALES[0]] for name, t in state.items() if t.itemsize == 1 and t.dtype != torch.bool and name + SCALES[0] in state}
    beside = {name + end for name in scaled for end in SCALES}
    found = {
        name: _dequantised(name, tensor, scaled.get(name), state.get(name + SCALES[1]), spend) for name, tensor in state.items() if name not in beside
    }
    odd = [name for name, tensor in found.items() if tensor.layout != torch.strided]
    if odd:
        raise WeightsError(f"{spend.name}: the tensor{'s are' if len(odd) > 1 else f' {few(odd)} is'} sparse; save plain ones (tensor.to_dense())")
    return found


def _dequantised(name: str, tensor: Tensor, scale: Tensor | None, zero: Tensor | None, spend: Budget) -> Tensor:
    """A quantised tensor's numbers, (q − zero point) · scale, where the file gives the scale: one for all or one for each output."""
    if not tensor.is_quantized and scale is None:
        return tensor
    spend.bytes(4 * tensor.numel())
    if scale is None:
        return tensor.dequantize()
    parts = [scale, torch.zeros(()) if zero is None else zero]
    if not scale.is_floating_point() or not tensor.ndim or any(part.numel() not in (1, len(tensor)) for part in parts):
        way = "not one for all or one for each output; save it in float16"
        raise WeightsError(f"{spend.name}: {few([name])} has scales of the shape {short(tuple(scale.shape))}, {way}")
    factor, start = (part.float().reshape(-1, *[1] * (tensor.ndim - 1)) for part in parts)
    return (tensor.float() - start) * factor


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
