"""What processes that train together do together: average gradients, add up, wait.

Every rank holds the whole supernet, draws the same archs and takes its part of each batch.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.train.processes import Processes


def check_device(device: str | None) -> None:
    """Raise Diagnostics (OFA205) where a GPU is asked for that is not there."""
    local = int(os.environ.get("LOCAL_RANK", "0"))
    count = torch.cuda.device_count()
    wanted = device == "cuda" or (device is None and torch.cuda.is_available())
    if wanted and local >= count:
        message = f"there is no GPU number {local}: torch finds {count}"
        help = "start no more processes than there are GPUs, or add --device cpu"
        raise fault("OFA205", message, help=help)


def wrapped(supernet: torch.nn.Module, group: Processes) -> torch.nn.Module:
    """Return the supernet under DDP, where there are others to average gradients with.

    A subnet leaves parameters unused, and another one each time. Running statistics are not
    exchanged: training does not read them, and they are recomputed where they count.
    """
    if group.world == 1:
        return supernet
    known = inspect.signature(DistributedDataParallel.__init__).parameters
    buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    options: dict[str, Any] = {buffers: False}
    return DistributedDataParallel(
        supernet, find_unused_parameters=True, gradient_as_bucket_view=True, **options
    )


def total(group: Processes, *values: float) -> tuple[float, ...]:
    """Return the sums of values over all processes."""
    if group.world == 1:
        return values
    sums = torch.tensor(values, dtype=torch.float64, device=group.device)
    distributed.all_reduce(sums)
    return tuple(sums.tolist())


def wait(group: Processes) -> None:
    """Wait for all processes."""
    if group.world > 1:
        distributed.barrier()


@contextlib.contextmanager
def leading(group: Processes) -> Iterator[bool]:
    """Yield whether this process is to do what one does for all; the others wait for it.

    Where it fails they end as well, without a word of their own.
    """
    done = [False]
    try:
        yield group.first
        done = [True]
    finally:
        if group.world > 1:
            distributed.broadcast_object_list(done)
    if not done[0]:
        raise SystemExit(1)


@contextlib.contextmanager
def one_voice(group: Processes) -> Iterator[None]:
    """Let one process speak of mistakes that all of them find; the others end without a word."""
    try:
        yield
    except Diagnostics:
        if group.first:
            raise
        raise SystemExit(1) from None
