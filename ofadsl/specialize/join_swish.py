"""The pass that writes `x * sigmoid(x)` as one operation.

Supernets write swish out, because the published ones do and are matched to the bit; `silu` rounds
otherwise, but passes over its input once.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import GraphModule, Node

F = torch.nn.functional


def join_swish(subnet: GraphModule) -> GraphModule:
    """Return ``subnet``, changed, with each swish a call of `silu`."""
    graph = subnet.graph
    for node in list(graph.nodes):
        gate = _gate(node)
        if gate is None:
            continue
        node.op, node.target = "call_function", F.silu
        node.args, node.kwargs = (gate.args[0],), {"inplace": False}
        graph.erase_node(gate)
    return subnet


def _gate(node: Node) -> Node | None:
    """Return the sigmoid where ``node`` is the product of it and its input."""
    if node.target is not operator.mul and node.target is not torch.mul:
        return None
    for value, gate in (node.args, node.args[::-1]) if len(node.args) == 2 else ():
        if isinstance(gate, Node) and gate.target in _SIGMOIDS and gate.args == (value,):
            return gate if len(gate.users) == 1 and not gate.kwargs else None
    return None


_SIGMOIDS: set[Any] = {"sigmoid", torch.sigmoid, F.sigmoid}
