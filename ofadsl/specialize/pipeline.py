"""From a supernet and an arch to a static network, in memory.

The result has no slices, no kernel transforms, no arch and, where asked, no batch norm; it shares
no memory with the supernet, which is left as it was.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import GraphModule

from ofadsl.choices import Arch
from ofadsl.specialize.passes import EXACT, PASSES, SHARING, run
from ofadsl.specialize.trace import trace
from ofadsl.specialize.verify import verify


def specialize(
    supernet: torch.nn.Module, arch: Arch, *, example: Tensor | None = None, fold_bn: bool = True
) -> GraphModule:
    """Return the subnet ``arch`` in eval mode; verified on ``example`` where one is given."""
    with torch.inference_mode(False):  # a tensor made in it could never be trained
        subnet = run(trace(supernet, arch), PASSES if fold_bn else EXACT)
    if example is not None:
        verify(subnet, supernet, arch, example, exact=not fold_bn)
    return subnet


def sharable(supernet: torch.nn.Module, arch: Arch) -> GraphModule:
    """Return the subnet ``arch`` as it is deployed, but with its batch norm and plain slices."""
    with torch.inference_mode(False):
        return run(trace(supernet, arch), SHARING)
