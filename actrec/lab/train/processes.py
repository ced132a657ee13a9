"""Several processes that train one model, as `torchrun` starts them: on the GPUs of a machine, on several machines, or on the cores of one.

    torchrun --nproc-per-node 4 -m actrec train …

Every process holds the whole model and takes its share of each step's clips; gradients are averaged, so all hold the same numbers after it. A step's
clips, their order and their windows do not depend on how many processes there are. Only the first one writes, prints and scores.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from actrec.core import devices
from actrec.core.errors import ActrecError
from actrec.lab.recipes import Recipe

T = TypeVar("T")

PATIENCE = datetime.timedelta(hours=24)
"""How long a process waits for the others: the first one scores while they wait, and decodes whole sets."""


@dataclass(frozen=True)
class Processes:
    """rank: which of the `world` processes this is.  local: which on its machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @classmethod
    def joined(cls) -> Processes:
        """The processes that torchrun started, connected; one alone without it.

        Raises:
            ActrecError: on Apple GPUs, which cannot be joined.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        self = cls(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
        device = self.device()
        if device.type not in ("cpu", "cuda"):
            raise ActrecError(f"several processes cannot share the device {device}; set ACTREC_DEVICE=cpu, or start without torchrun")
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        return self

    @property
    def main(self) -> bool:
        return self.rank == 0

    def device(self) -> torch.device:
        """The process's own GPU, or what there is."""
        best = devices.best()
        return torch.device("cuda", self.local) if best.type == "cuda" and self.world > 1 else best

    def sums(self, *numbers: float) -> list[float]:
        """Each number, added up over all processes."""
        if self.world == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64, device=self.device())
        dist.all_reduce(total)
        return total.tolist()

    def lines(self, own: Sequence[str]) -> list[str]:
        """The lines of all processes, in order of rank."""
        if self.world == 1:
            return list(own)
        found: list[list[str]] = [[] for _ in range(self.world)]
        dist.all_gather_object(found, list(own))
        return [line for lines in found for line in lines]

    def same(self, value: T | None) -> T:
        """The first process's value, in every process; the others need not have one."""
        box: list[Any] = [value]
        if self.world > 1:
            dist.broadcast_object_list(box)
        return box[0]

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        """The first process of each machine goes first, so that it fills the cache and the others find it full; those keep silent."""
        silent = contextlib.redirect_stderr(io.StringIO()) if not self.main else contextlib.nullcontext()
        if self.local and self.world > 1:
            dist.barrier()
        with silent:
            yield
        if not self.local and self.world > 1:
            dist.barrier()

    def leave(self) -> None:
        """Part from the others."""
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()


@dataclass(frozen=True)
class Shares:
    """How an epoch's clips are dealt out. order: this process's numbers, step by step.  steps: of the optimiser.  clips: in each, over all processes.

    part: clips that a process has in memory at once.  parts: how many such make its share of a step.
    """

    order: list[int]
    steps: int
    clips: int
    part: int

    @property
    def parts(self) -> int:
        return -(-len(self.order) // (self.steps * self.part))


def shares(order: NDArray[np.int64], recipe: Recipe, processes: Processes) -> Shares:
    """Deal the clips (n), in this order, into steps of recipe.batch; a last incomplete step is left out, unless it is the only one.

    Raises:
        ActrecError: a batch that cannot be divided among the processes and their parts.
    """
    if recipe.batch % (processes.world * recipe.accumulate):
        raise ActrecError(
            f"a batch of {recipe.batch} clips cannot be divided among {processes.world} processes × {recipe.accumulate} parts; "
            f"use a --batch that is a multiple of {processes.world * recipe.accumulate}"
        )
    if len(order) < processes.world:
        raise ActrecError(f"there are {len(order)} training clips for {processes.world} processes; start fewer processes")
    clips = min(recipe.batch, len(order))
    steps = len(order) // clips
    dealt = [np.array_split(order[step * clips : (step + 1) * clips], processes.world)[processes.rank] for step in range(steps)]
    own = np.concatenate(dealt)
    return Shares(own.tolist(), steps, clips, -(-len(dealt[0]) // recipe.accumulate))
