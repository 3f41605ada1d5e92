"""From a supernet and an arch to a static network, in memory.

The result has no slices, no kernel transforms, no arch and, where asked, no batch norm; it shares
no memory with the supernet, which is left as it was.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import GraphModule

from ofadsl.choices import Arch
from ofadsl.specialize.fold_batch_norm import fold_batch_norm
from ofadsl.specialize.passes import PASSES, run
from ofadsl.specialize.trace import trace
from ofadsl.specialize.verify import verify


def specialize(
    supernet: torch.nn.Module, arch: Arch, *, example: Tensor | None = None, fold_bn: bool = True
) -> GraphModule:
    """Return the subnet ``arch`` in eval mode; verified on ``example`` where one is given."""
    passes = PASSES if fold_bn else tuple(p for p in PASSES if p is not fold_batch_norm)
    with torch.inference_mode(False):  # a tensor made in it could never be trained
        subnet = run(trace(supernet, arch), passes)
    if example is not None:
        verify(subnet, supernet, arch, example, exact=not fold_bn)
    return subnet
