"""What being elastic costs: the supernet with an arch, against the same subnet of plain modules.

The plain subnet is a written `subnet.py` that computes the same bits: nothing is folded, and its
layout is the supernet's. Freed memory is kept, because who gets which pages decides more otherwise.
A forward of the supernet holds in addition the slices of weights, copies of those that are not
contiguous, the kernel transforms, and the calls of modules that only pass on what they are given.
A step is forward, backward and SGD with momentum, on images of 128 pixels. In the backward the
gradients of slices are put into tensors of the full size, and SGD then steps those: with archs much
smaller than the supernet this is what the ratio shows.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import replace

import torch
from measure import in_turns, keep_memory, show, start, written

from generated.mbv3 import Arch, Supernet
from ofadsl import nn
from ofadsl.specialize.pipeline import specialize

FORWARD, STEP = 224, 128


def main() -> None:
    options = start(__doc__)
    keep_memory()
    supernet = Supernet()
    rng = random.Random(1)
    archs = {"largest": Arch.largest(), "smallest": Arch.smallest()}
    archs |= {f"random {i}": Arch.sample(rng) for i in (1, 2, 3)}
    print(f"forward, {FORWARD} pixels: supernet : plain modules")
    for batch, target, more in ((16, 1.05, 1), (1, 0, 4)):
        ratios = []
        for name, arch in archs.items():
            ratios.append(forward(supernet, arch, batch, options.turns * more))
            show(f"batch {batch}, {name} arch", ratios[-1])
        show(f"batch {batch}, median", statistics.median(ratios), at_most=target)
    print(
        "  a forward of one image is short, and of the supernet's additional work much is the same"
    )
    print("  for every batch: 50 to 100 microseconds a block")
    print(f"training step, {STEP} pixels: supernet : plain modules")
    ratios = []
    for name, arch in archs.items():
        ratios.append(step(supernet, arch, 16, options.turns))
        show(f"batch 16, {name} arch", ratios[-1])
    show("batch 16, median", statistics.median(ratios), at_most=1.1)


def forward(supernet: Supernet, arch: Arch, batch: int, turns: int) -> float:
    supernet.eval()
    bound = nn.bind(supernet, replace(arch, resolution=FORWARD))
    plain = written(specialize(supernet, bound.arch, fold_bn=False), bound.arch)()
    x = torch.randn(batch, 3, FORWARD, FORWARD)
    with torch.no_grad():
        times = in_turns({"supernet": lambda: bound(x), "plain": lambda: plain(x)}, turns)
    return times.ratio("supernet", "plain")


def step(supernet: Supernet, arch: Arch, batch: int, turns: int) -> float:
    bound = nn.bind(supernet, replace(arch, resolution=STEP)).eval()
    plain = written(specialize(supernet, bound.arch, fold_bn=False), bound.arch)()
    x, y = torch.randn(batch, 3, STEP, STEP), torch.randint(0, 1000, (batch,))
    runs = {"supernet": _step(bound, x, y), "plain": _step(plain, x, y)}
    return in_turns(runs, turns).ratio("supernet", "plain")


def _step(
    network: torch.nn.Module, x: torch.Tensor, y: torch.Tensor
) -> Callable[[], torch.Tensor | float | None]:
    network.train()
    sgd = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)

    def run() -> torch.Tensor | float | None:
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        return sgd.step()

    return run


if __name__ == "__main__":
    main()
