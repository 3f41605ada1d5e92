"""What a step of the sandwich rule costs, against its four subnets trained as plain modules.

A plain subnet is a written `subnet.py` in training mode, nothing folded; its step is forward,
cross-entropy with labels, backward and SGD with momentum. The sandwich's step is that of
`ofadsl train`: the images resized for each subnet, the largest taught by labels, three by its soft
labels, gradients added up, one SGD step on the whole supernet. Plain subnets get images of their
size, whose resizing is not counted. All lie with channels last. Freed memory is kept, as in
bench_supernet.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from measure import in_turns, keep_memory, show, start, written

from generated.mbv3 import Arch, Supernet
from ofadsl.compiler.schedule.plan import Distil
from ofadsl.specialize.pipeline import specialize
from ofadsl.train.layout import brought, placed
from ofadsl.train.optimiser import make_optimiser, set_learning_rate
from ofadsl.train.resolution import resized
from ofadsl.train.settings import DEFAULT
from ofadsl.train.step import Lesson, backward

BATCH = 16
CPU = torch.device("cpu")
LESSON = Lesson(distil=Distil(teacher="in_place"), label_smoothing=0.1, amp=False)
ALONE = Lesson(distil=None, label_smoothing=0.1, amp=False)


def main() -> None:
    options = start(__doc__)
    keep_memory()
    supernet, rng = placed(Supernet(), CPU), random.Random(1)
    archs = (Arch.largest(), Arch.smallest(), Arch.sample(rng), Arch.sample(rng))
    images = brought(torch.randn(BATCH, 3, 224, 224), CPU)
    labels = torch.randint(1000, (BATCH,))
    runs = {"sandwich": stepping(supernet.train(), archs, images, labels, LESSON)}
    for i, arch in enumerate(archs):
        subnet = written(specialize(supernet.eval(), arch, fold_bn=False), arch)().train()
        subnet = placed(subnet, CPU)
        runs[f"{i}"] = stepping(plain(subnet), (arch,), images, labels, ALONE)
    supernet.train()
    times = in_turns(runs, options.turns, warm_up=1)
    alone = [times.ms(f"{i}") for i in range(len(archs))]
    shown = " + ".join(f"{ms:.0f}" for ms in alone)
    print(f"mbv3, batch {BATCH}: {times.ms('sandwich'):.0f} ms; alone {shown} ms")
    turns = zip(*(times.taken[f"{i}"] for i in range(len(archs))), strict=True)
    sums = {"sandwich": times.taken["sandwich"], "sum": [sum(turn) for turn in turns]}
    ratio = type(times)(sums).ratio("sandwich", "sum")
    show("a step of four subnets : the sum of their own", ratio, at_most=1.1)


def plain(subnet: torch.nn.Module) -> torch.nn.Module:
    """Return the subnet as what takes an arch too, and is given its own."""

    class Given(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.subnet = subnet.requires_grad_()

        def forward(self, x: torch.Tensor, arch: Any) -> torch.Tensor:
            out: torch.Tensor = self.subnet(x)
            return out

    return Given()


def stepping(
    net: torch.nn.Module,
    archs: tuple[Any, ...],
    images: torch.Tensor,
    labels: torch.Tensor,
    lesson: Lesson,
) -> Callable[[], object]:
    optimiser = make_optimiser(net, DEFAULT)
    set_learning_rate(optimiser, 1e-4)
    if len(archs) == 1:
        images = resized(images, archs[0].resolution)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        backward(net, archs, images, labels, lesson)
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
