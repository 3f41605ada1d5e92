"""The pass that lets activations overwrite what nothing else reads.

A new tensor for each activation costs more than the activation: memory is asked for, given back
and asked for again.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import GraphModule, Node

F = torch.nn.functional


def in_place(subnet: GraphModule) -> GraphModule:
    """Return ``subnet``, changed, with activations in place; it can still be trained."""
    for node in subnet.graph.nodes:
        if node.op == "call_function" and node.target in _ACTIVATIONS and _may_overwrite(node):
            node.kwargs = {**node.kwargs, "inplace": True}
    return subnet


def _may_overwrite(node: Node) -> bool:
    """Return whether the input is new memory that neither the graph nor a gradient reads again."""
    (value, *others) = node.args
    if others or not isinstance(value, Node) or len(value.users) != 1:
        return False
    return value.op == "call_function" and value.target in _NEW


_ACTIVATIONS: set[Any] = {F.relu, F.relu6, F.hardswish, F.hardsigmoid, F.silu}
_NEW: set[Any] = {
    torch.conv1d,
    torch.conv2d,
    torch.conv3d,
    F.linear,
    F.batch_norm,
    operator.add,
    operator.sub,
    torch.cat,
}
"""Calls whose result is never a view of an input, nor kept for the gradient of one."""
