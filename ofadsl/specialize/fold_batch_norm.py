"""The pass that folds each batch norm into the convolution or linear layer before it.

A batch norm stays where the layer's output has another use, or where their axes may differ.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from ofadsl.specialize.layers import BatchNorm, Convolution, Linear, constant, layer, tensors
from ofadsl.specialize.names import numbered
from ofadsl.specialize.ranks import ranks


def fold_batch_norm(subnet: GraphModule) -> GraphModule:
    """Return ``subnet``, changed, with scale and shift inside the weights."""
    graph = subnet.graph
    known = ranks(graph)
    for node in list(graph.nodes):
        norm = layer(node)
        if not isinstance(norm, BatchNorm) or norm.running_mean is None or norm.training:
            continue
        before = _foldable(norm.input, known)
        if before is None:
            continue
        weight, bias = _folded(subnet, before, norm)
        setattr(subnet, str(before.weight.target), weight)
        _set_bias(subnet, norm.input, before, bias)
        node.replace_all_uses_with(norm.input)
        graph.erase_node(node)
        for tensor in tensors(norm).values():
            if not tensor.users:
                graph.erase_node(tensor)
    return subnet


def _foldable(node: Node, known: dict[Node, int]) -> Convolution | Linear | None:
    """Return the layer at ``node`` where it and its weights serve the batch norm alone."""
    before = layer(node)
    fits = isinstance(before, Convolution) or (
        # on tokens a batch norm scales the tokens, not the channels
        isinstance(before, Linear) and known.get(node) == 2
    )
    if not fits or len(node.users) != 1 or any(len(t.users) != 1 for t in node.all_input_nodes[1:]):
        return None
    assert isinstance(before, Convolution | Linear)
    return before


def _folded(
    subnet: GraphModule, before: Convolution | Linear, norm: BatchNorm
) -> tuple[Tensor, Tensor]:
    """Return the weight and bias of the layer and the batch norm together.

    In float64, so that the result is the float32 nearest to the exact one.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight = constant(subnet, before.weight)
    scale = (constant(subnet, norm.running_var).double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * constant(subnet, norm.weight).double()
    shift = -constant(subnet, norm.running_mean).double()
    if before.bias is not None:
        shift = shift + constant(subnet, before.bias).double()
    shift = shift * scale
    if norm.bias is not None:
        shift = shift + constant(subnet, norm.bias).double()
    scaled = weight.double() * scale.reshape(-1, *[1] * (weight.ndim - 1))
    # new memory, so it is laid out at once as `channels_last` will want it
    layout = torch.channels_last if weight.ndim == 4 else torch.preserve_format
    return scaled.to(weight.dtype, memory_format=layout), shift.to(weight.dtype)


def _set_bias(subnet: GraphModule, node: Node, before: Convolution | Linear, bias: Tensor) -> None:
    if before.bias is not None:
        setattr(subnet, str(before.bias.target), bias)
        return
    stem = str(before.weight.target).removesuffix("weight")
    name = next(n for n in numbered(f"{stem}bias") if not hasattr(subnet, n))
    subnet.register_buffer(name, bias)
    with subnet.graph.inserting_before(node):
        added = subnet.graph.get_attr(name)
    node.args = (before.input, before.weight, added, *node.args[3:])
    node.kwargs = {name: arg for name, arg in node.kwargs.items() if name not in _FIRST}


_FIRST = ("input", "weight", "bias")
