"""How many axes the values of a graph have, as far as that can be told.

In: a graph. Out: the rank of each node that has one in every call; a pass that would need more
leaves the node as it is. An image has 4 axes, a vector for each sample 2.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Graph, Node

F = torch.nn.functional


def ranks(graph: Graph) -> dict[Node, int]:
    """Return the known ranks."""
    known: dict[Node, int] = {}
    for node in graph.nodes:
        rank = _rank(node, known)
        if rank is not None:
            known[node] = rank
    return known


def _rank(node: Node, known: dict[Node, int]) -> int | None:
    if node.target in _CONVOLUTIONS:
        return _CONVOLUTIONS[node.target]
    if node.target == "flatten" and node.args[1:] == (1,) and not node.kwargs:
        return 2
    keeps = node.target in _KEEP or (node.target == "mean" and node.kwargs.get("keepdim") is True)
    if keeps and node.args and isinstance(node.args[0], Node):
        others = [known.get(a) for a in node.args[1:] if isinstance(a, Node) and a.op != "get_attr"]
        first = known.get(node.args[0])
        return first if all(rank == first for rank in others) else None
    return None


_CONVOLUTIONS: dict[Any, int] = {torch.conv1d: 3, torch.conv2d: 4, torch.conv3d: 5}
_KEEP: set[Any] = {
    F.linear,
    F.batch_norm,
    F.relu,
    F.relu6,
    F.hardswish,
    F.hardsigmoid,
    F.silu,
    F.gelu,
    F.sigmoid,
    torch.sigmoid,
    F.tanh,
    torch.tanh,
    operator.add,
    operator.mul,
}
