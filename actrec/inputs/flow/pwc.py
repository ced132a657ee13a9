"""PWC-Net (Sun et al., 2018) with weights of the reader's: the published ones are for non-commercial use and have no address with a known checksum.

The file is the one that ACTREC_PWC names. Its tensors have the names of the public PyTorch layout, "netExtractor.netOne.0.weight" …, or those of
older files, "moduleExtractor.moduleOne.0.weight" …
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from actrec.core import files
from actrec.core.errors import Progress, WeightsError
from actrec.inputs.flow.backend import Backend, Pair

if TYPE_CHECKING:
    from torch import Tensor, nn

MULTIPLE = 64
"""The pyramid halves a side six times."""

SCALE = 20
"""The network was trained on displacements divided by this."""


def estimate(network: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """Flow (1, 2, H, W) between pictures (1, 3, H, W) RGB in 0 … 1, which the network takes as BGR with sides that are multiples of 64."""
    import torch.nn.functional as F

    size = first.shape[-2:]
    larger = [-(-side // MULTIPLE) * MULTIPLE for side in size]
    pictures = [F.interpolate(picture.flip(1), larger, mode="bilinear") for picture in (first, second)]
    found = F.interpolate(network(*pictures), size, mode="bilinear") * SCALE
    ratio = found.new_tensor([size[1] / larger[1], size[0] / larger[0]])
    return found * ratio[:, None, None]


def renamed(name: str) -> str:
    """A tensor's name in the newer spelling."""
    return re.sub(r"\bmodule(?=[A-Z])", "net", name)


def _opened(progress: Progress) -> Pair:
    from actrec.inputs.flow import network  # late: torch
    from actrec.inputs.flow.pwc_net import PWCNet  # late: torch
    from actrec.models import weights  # late: torch

    progress(0.0, "PWC-Net: reading the weights")
    state, _ = weights.read(_file())
    return network.ready(PWCNet(), {renamed(name): tensor for name, tensor in state.items()}, estimate, "PWC-Net")


def _file() -> Path:
    name = os.environ.get("ACTREC_PWC", "").strip()
    if not name:
        get = "get network-default.pytorch of github.com/sniklaus/pytorch-pwc and set ACTREC_PWC to that file"
        raise WeightsError(f"PWC-Net comes without weights; {get}, or choose another optical flow")
    file = Path(os.path.expanduser(name))
    if not file.is_file():
        raise WeightsError(f"ACTREC_PWC={name!r} is not a file; set it to PWC-Net's weights, or choose another optical flow")
    return file


def _made_by() -> str:
    file = _file()
    try:
        facts = file.stat()
        return f"sha256 {_digest(file, facts.st_size, facts.st_mtime_ns)}"
    except OSError as error:
        raise WeightsError(f"cannot read PWC-Net's weights: {files.reason(error)}") from None


@functools.lru_cache(4)
def _digest(file: Path, _size: int, _time: int) -> str:
    return files.digest(file)


PWC = Backend("pwc", "PWC-Net", "with weights of yours, named by ACTREC_PWC; about a second a pair without a GPU", _opened, _made_by)
