"""How long specialising in memory takes, against torch's own tracing and folding, and a copy.

`torch.fx` gets the same subnet as plain modules and folds its batch norm: the ratio compares the
step from a network to a static one, of which ours also cuts the weights out of the supernet.
The copy is of the whole supernet: what a subnet cut out by hand starts with.
"""

from __future__ import annotations

import copy
import random

import torch
from measure import in_turns, show, start
from torch.fx.experimental.optimization import fuse

from generated.mbv3 import Arch, Supernet
from ofadsl.specialize.pipeline import specialize


def main() -> None:
    options = start(__doc__)
    supernet = Supernet().eval()
    archs = {"smallest": Arch.smallest(), "random": Arch.sample(random.Random(1))}
    archs["largest"] = Arch.largest()
    for name, arch in archs.items():
        plain = specialize(supernet, arch, fold_bn=False)
        runs = {
            "specialize": lambda arch=arch: specialize(supernet, arch),
            "fx": lambda plain=plain: fuse(torch.fx.symbolic_trace(plain)),
            "copy": lambda: copy.deepcopy(supernet),
        }
        times = in_turns(runs, 2 * options.turns)
        print(f"{name} arch: specialised in {times.ms('specialize'):.1f} ms")
        show("specialise : fx trace and fuse", times.ratio("specialize", "fx"), at_most=1.0)
        show("specialise : deepcopy of the supernet", times.ratio("specialize", "copy"))


if __name__ == "__main__":
    main()
