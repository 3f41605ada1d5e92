"""Which value of a dimension is the larger one: numbers as they are, words by their multiply-adds.

The largest subnet is what all others are cut from and learn from, so of several operations it has
the one that computes the most. A word has no size of its own; the graph knows what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping

from ofadsl.compiler.lower import lower
from ofadsl.compiler.tree import Checked
from ofadsl.expr import Value, evaluate
from ofadsl.graph import Graph, Input, Node, Select
from ofadsl.space import Dim

Order = Mapping[str, tuple[Value, ...]]
"""The values of each dimension by its name, from the smallest."""


def order_of(checked: Checked) -> Order:
    """Return the order of values of every dimension of a space."""
    order = {dim.var.name: _numbers(dim) for dim in checked.space.dims}
    worded = [dim for dim in checked.space.dims if not order[dim.var.name]]
    if worded:
        graph = lower(checked)
        largest = {name: values[-1] for name, values in order.items() if values}
        largest |= {dim.var.name: dim.var.values[0] for dim in worded}
        for dim in worded:
            order[dim.var.name] = _by_cost(dim, graph, largest)
            largest[dim.var.name] = order[dim.var.name][-1]
    return order


def _numbers(dim: Dim) -> tuple[Value, ...]:
    """Return the values in increasing order; nothing where they are words."""
    numbers = [value for value in dim.var.values if not isinstance(value, str)]
    return tuple(sorted(numbers)) if len(numbers) == len(dim.var.values) else ()


def _by_cost(dim: Dim, graph: Graph, values: Mapping[str, Value]) -> tuple[Value, ...]:
    """Return words from the cheapest on; where costs are equal, in the order of the text."""
    name = dim.var.name
    concerned = [node for node in graph.nodes if _mentions(node, graph, name)]
    costs = {
        word: sum(_macs(node, graph, {**values, name: word}) for node in concerned)
        for word in dim.var.values
    }
    return tuple(sorted(dim.var.values, key=costs.__getitem__))


def _mentions(node: Node, graph: Graph, name: str) -> bool:
    if isinstance(node.op, Input | Select):
        return False
    before = graph.nodes[node.inputs[0]].shape
    extents = (before.channels, *before.spatial, node.shape.channels, *node.shape.spatial)
    return any(var.name == name for expr in (node.when, *extents) for var in expr.support)


def _macs(node: Node, graph: Graph, values: Mapping[str, Value]) -> int:
    assert not isinstance(node.op, Input | Select)
    if not node.exists(values):
        return 0
    return int(evaluate(node.op.macs(graph.nodes[node.inputs[0]].shape, node.shape), values))
