"""How fast a written subnet is, against the supernet with the same arch and against inductor.

The subnet is what `load()` of its `subnet.py` returns: batch norm folded, channels last. The
supernet keeps its default layout. Inductor is given the same file.

Much of what is gained is memory that is not asked for anew: with --keep-memory, or where another
process uses the caches, the ratios of the largest arch come near to those of the convolutions
alone. Where inductor is no faster either, there is nothing left to gain but in the convolutions.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import replace

import torch
from measure import in_turns, show, start, written

from generated.mbv3 import Arch, Supernet
from ofadsl import nn
from ofadsl.specialize.pipeline import specialize

SIZE = 224


def main() -> None:
    options = start(__doc__)
    supernet = Supernet().eval()
    archs = {"smallest": Arch.smallest(), "random": Arch.sample(random.Random(1))}
    archs["largest"] = Arch.largest()
    with torch.no_grad():
        for name, arch in archs.items():
            print(f"{name} arch, {SIZE} pixels")
            against_supernet(supernet, replace(arch, resolution=SIZE), options.turns)
        print(f"random arch, {SIZE} pixels, against inductor")
        if shutil.which("g++") or shutil.which("clang++"):
            against_inductor(supernet, replace(archs["random"], resolution=SIZE), options.turns)
        else:
            print("  not measured: inductor needs a C++ compiler, and none is on the PATH")


def against_supernet(supernet: Supernet, arch: Arch, turns: int) -> None:
    bound, subnet = nn.bind(supernet, arch), written(specialize(supernet, arch), arch)()
    unfolded = specialize(supernet, arch, fold_bn=False)
    for batch, target, more in ((16, 2.5, 1), (1, 1.3, 4)):
        x = torch.randn(batch, 3, SIZE, SIZE)
        y = x.contiguous(memory_format=torch.channels_last)
        runs = {
            "supernet": lambda x=x: bound(x),
            "unfolded": lambda x=x: unfolded(x),
            "subnet": lambda y=y: subnet(y),
            "as it comes": lambda x=x: subnet(x),
        }
        times = in_turns(runs, more * turns)
        print(f"  batch {batch}: {times.ms('supernet'):.1f} and {times.ms('subnet'):.1f} ms")
        show("supernet : subnet", times.ratio("supernet", "subnet"), at_least=target)
        show(
            "supernet : subnet, images in the default layout",
            times.ratio("supernet", "as it comes"),
        )
        show("supernet : subnet, nothing folded", times.ratio("supernet", "unfolded"))


def against_inductor(supernet: Supernet, arch: Arch, turns: int) -> None:
    load = written(specialize(supernet, arch), arch)
    subnet, compiled = load(), torch.compile(load())
    for batch, more in ((16, 1), (1, 4)):
        x = torch.randn(batch, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
        runs = {"subnet": lambda x=x: subnet(x), "inductor": lambda x=x: compiled(x)}
        times = in_turns(runs, more * turns)
        what = f"batch {batch}: subnet : the same, compiled"
        show(what, times.ratio("subnet", "inductor"), at_most=1.15)


if __name__ == "__main__":
    main()
