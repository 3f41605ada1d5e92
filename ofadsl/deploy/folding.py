"""Batch norm folded while a subnet runs, so that its weights may stay shared.

A convolution and the batch norm after it become one module. Where the weights belong to several
subnets they stay as they are: the scale of the norm is laid on the weights at each call, or on the
features, whichever are fewer. Depthwise kernels are so few that each subnet has its own, scaled.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node, symbolic_trace

from ofadsl.deploy.folded import FoldedConv, Pointwise, is_pointwise


def fold_at_run_time(subnet: nn.Module, shared: Collection[str]) -> GraphModule:
    """Return ``subnet`` with each pair of convolution and batch norm as one module.

    ``shared`` names the tensors that other subnets use too: weights that stay where they are.
    """
    traced = symbolic_trace(subnet)
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        conv = _convolution_before(node, modules)
        if conv is None:
            continue
        name, source, norm = str(conv.target), modules[str(conv.target)], modules[str(node.target)]
        assert isinstance(source, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        kept = source.groups == 1 and f"{name}.weight" in shared
        traced.set_submodule(name, _folded(source, norm, shared=kept))
        node.replace_all_uses_with(conv)
        traced.graph.erase_node(node)
    for name, module in modules.items():
        plain = traced.get_submodule(name) is module and f"{name}.weight" in shared
        if plain and isinstance(module, nn.Conv2d) and is_pointwise(module):
            traced.set_submodule(name, Pointwise(module.weight.detach(), None, _bias(module)))
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced.eval()


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d, *, shared: bool) -> nn.Module:
    """Return a convolution and its batch norm as one module."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias.detach() - norm.running_mean * scale
    if (bias := _bias(conv)) is not None:
        shift = shift + bias * scale
    weight = conv.weight.detach()
    if not shared:
        weight = weight * scale.view(-1, 1, 1, 1)
        weight = weight.contiguous(memory_format=torch.channels_last)
        return FoldedConv(conv, weight, None, shift)
    if is_pointwise(conv):
        return Pointwise(weight, scale, shift)
    return FoldedConv(conv, weight, scale, shift)


def _bias(conv: nn.Conv2d) -> Tensor | None:
    return None if conv.bias is None else conv.bias.detach()


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
