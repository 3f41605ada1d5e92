"""The pass that takes the mean of rows and columns at once.

Supernets take one after the other, because the published ones do and are matched to the bit.
"""

from __future__ import annotations

from torch.fx import GraphModule, Node


def join_means(subnet: GraphModule) -> GraphModule:
    """Return ``subnet``, changed, with ``x.mean((2, 3))`` for ``x.mean(3).mean(2)``."""
    graph = subnet.graph
    for node in list(graph.nodes):
        before = node.args[0] if _is_mean(node, 2) else None
        if isinstance(before, Node) and _is_mean(before, 3) and len(before.users) == 1:
            node.args = (before.args[0], (2, 3))
            graph.erase_node(before)
    return subnet


def _is_mean(node: Node, axis: int) -> bool:
    called = node.op == "call_method" and node.target == "mean"
    return called and node.args[1:] == (axis,) and node.kwargs == {"keepdim": True}
