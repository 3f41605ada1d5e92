"""The supernet under DistributedDataParallel: two processes, one step, equal parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from packages import compiled
from torch.nn.parallel import DistributedDataParallel

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(),
    reason="this torch has no gloo",
)


def test_two_processes_take_a_step_and_stay_equal(tmp_path: Path) -> None:
    compiled("small")  # an error of the compiler is shown here, not by a process
    torch.multiprocessing.spawn(_train, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    before, first, second = (torch.load(tmp_path / f"{n}.pt") for n in ("before", 0, 1))
    assert all(torch.equal(first[key], second[key]) for key in first)
    moved = {key for key in first if not torch.equal(first[key], before[key])}
    assert "head.weight" in moved
    assert "s2.1.project.weight" in first.keys() - moved  # the arch is not as deep


def _train(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    space = compiled("small")
    torch.manual_seed(0)
    supernet = space.module.Supernet()
    if rank == 0:
        torch.save(_weights(supernet), f"{folder}/before.pt")
    net = DistributedDataParallel(supernet, find_unused_parameters=True)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    torch.manual_seed(rank)  # each process has its own images
    image = torch.randn(4, 3, 32, 32)
    net(image, space.module.Arch.smallest()).square().mean().backward()
    sgd.step()
    torch.save(_weights(supernet), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def _weights(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: p.detach().clone() for key, p in net.named_parameters()}
