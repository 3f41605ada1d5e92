"""Which of several processes this one is, under torchrun or alone."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """This process, number ``rank`` of ``world``, and the device that it computes on."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0


@contextlib.contextmanager
def processes(device: str | None = None) -> Iterator[Processes]:
    """Join the other processes that torchrun started, and leave them at the end.

    ``device`` is as torch names it; by default each process has a GPU of its own where there are
    any. GPUs talk by NCCL, CPUs by gloo.
    """
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if "WORLD_SIZE" not in os.environ or torch.distributed.is_initialized():
        yield _described(kind)
        return
    if kind == "cuda":
        kind = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(kind)
    backend = "nccl" if kind.startswith("cuda") else "gloo"
    torch.distributed.init_process_group(backend)
    try:
        yield _described(kind)
    finally:
        gc.collect()  # DDP, in a cycle, keeps threads of the group that must end before Python does
        torch.distributed.destroy_process_group()


def _described(kind: str) -> Processes:
    device = torch.device(kind)
    if not torch.distributed.is_initialized():
        return Processes(device=device)
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return Processes(device=device, rank=rank, world=world)
