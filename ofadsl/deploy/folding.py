"""Batch norm folded while a subnet runs, so that its weights may stay shared.

A convolution and the batch norm after it become one call with scaled weights. Where the weights
belong to several subnets, they are scaled at each call: a pass over the weights costs less than
the pass over the features that batch norm would be, and no copy is kept.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import GraphModule, Node, symbolic_trace


class FoldedConv(nn.Module):
    """A convolution and its batch norm; ``weight`` may be a part of a larger tensor."""

    weight: Tensor
    scale: Tensor | None
    """None where the weights are scaled already."""
    shift: Tensor

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, *, shared: bool) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
        shift = norm.bias.detach() - norm.running_mean * scale
        if conv.bias is not None:
            shift = shift + conv.bias.detach() * scale
        weight = conv.weight.detach()
        scale = scale.view(-1, 1, 1, 1)
        self.register_buffer("weight", weight if shared else _laid_out(weight * scale))
        self.register_buffer("scale", scale if shared else None)
        self.register_buffer("shift", shift)
        self.stride, self.padding = conv.stride, conv.padding
        self.dilation, self.groups = conv.dilation, conv.groups

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised convolution of ``x``."""
        weight = self.weight if self.scale is None else self.weight * self.scale
        return F.conv2d(
            x, weight, self.shift, self.stride, self.padding, self.dilation, self.groups
        )


def fold_at_run_time(subnet: nn.Module, shared: Collection[str]) -> GraphModule:
    """Return ``subnet`` with each pair of convolution and batch norm as one ``FoldedConv``.

    ``shared`` names the tensors that other subnets use too; they are left where they are.
    """
    traced = symbolic_trace(subnet)
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        conv = _convolution_before(node, modules)
        if conv is None:
            continue
        source, norm = modules[str(conv.target)], modules[str(node.target)]
        assert isinstance(source, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        folded = FoldedConv(source, norm, shared=f"{conv.target}.weight" in shared)
        traced.set_submodule(str(conv.target), folded)
        node.replace_all_uses_with(conv)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced.eval()


def _convolution_before(node: Node, modules: dict[str, nn.Module]) -> Node | None:
    """Return the convolution that alone feeds a batch norm, if ``node`` is one."""
    if node.op != "call_module" or not isinstance(modules[str(node.target)], nn.BatchNorm2d):
        return None
    before = node.args[0]
    if not isinstance(before, Node) or before.op != "call_module" or len(before.users) != 1:
        return None
    source = modules[str(before.target)]
    called = [one for one in before.graph.nodes if one.target == before.target]
    return before if len(called) == 1 and _foldable(source, modules[str(node.target)]) else None


def _foldable(source: nn.Module, norm: nn.Module) -> bool:
    """Return whether both are one convolution with other weights; a person may have edited them."""
    if not isinstance(source, nn.Conv2d) or source.padding_mode != "zeros":
        return False
    return isinstance(norm, nn.BatchNorm2d) and norm.affine and norm.running_mean is not None


def _laid_out(weight: Tensor) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last)
