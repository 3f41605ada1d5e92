"""Between which two numbers the subnets of a space lie: what tables and pictures say of it.

In: a space and its graph. Out: the ends of costs and of extents. They are exact, as a search knows
them, unless so many dimensions hang together that they can only be bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

from ofadsl.cost import blocks
from ofadsl.cost.blocks import Block
from ofadsl.cost.extremes import Extremes, extremes_of
from ofadsl.cost.table import Order
from ofadsl.expr import TRUE, Expr, apply, assignments, combinations, const, evaluate, upper
from ofadsl.graph import Graph, Input, Node, Operation, Select
from ofadsl.space import Space

Number = int | float
_FEW = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The least and the greatest of a number; ``exact`` where both are those of a subnet."""

    least: Number
    greatest: Number
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the subnets cost, by the parts of the network: its stages, and what is between."""

    ends: Extremes
    graph: Graph
    macs: tuple[Block, ...] | None
    """None where a cost does not fit into a table of whole numbers."""
    params: tuple[Block, ...] | None

    def macs_of(self, nodes: Iterable[Node]) -> Range:
        """Return the multiply-adds of the parts that the nodes are of."""
        return self._of(self.macs, nodes, lambda node, op: self._macs(node, op))

    def params_of(self, nodes: Iterable[Node]) -> Range:
        """Return the parameters of the parts that the nodes are of."""
        return self._of(self.params, nodes, lambda _, op: _weights(op))

    def _macs(self, node: Node, op: Operation) -> Expr:
        return const(op.macs(self.graph.nodes[node.inputs[0]].shape, node.shape))

    def _of(
        self,
        costs: tuple[Block, ...] | None,
        nodes: Iterable[Node],
        amount: Callable[[Node, Operation], Expr],
    ) -> Range:
        nodes = tuple(nodes)
        if costs is not None:
            parts = {part_of(node) for node in nodes}
            found = self.ends.of_sum(c for c in costs if (c.stage or c.name) in parts)
            if found is not None:
                return Range(least=found[0], greatest=found[1])
        least: Number = 0
        greatest: Number = 0
        for node in nodes:
            if not isinstance(node.op, Input | Select):
                low, high = _bounds(amount(node, node.op))
                least += low if node.when == TRUE else 0
                greatest += high
        return Range(least=least, greatest=greatest, exact=False)


def costs_of(space: Space, graph: Graph) -> Costs:
    """Return what the subnets of a space cost."""
    ends = extremes_of(space)
    return Costs(
        ends=ends,
        graph=graph,
        macs=_fitting(blocks.macs, graph, ends.order),
        params=_fitting(blocks.params, graph, ends.order),
    )


def size_of(ends: Extremes, size: Expr | int) -> Range:
    """Return between which numbers an extent of a feature map lies."""
    found = ends.of_size(size)
    if found is None:
        least, greatest = _bounds(const(size))
        return Range(least=least, greatest=greatest, exact=False)
    return Range(least=found[0], greatest=found[1])


def _weights(op: Operation) -> Expr:
    return reduce(lambda total, size: apply("+", total, size), op.weights().values(), const(0))


def part_of(node: Node) -> str:
    """Return the part of the network that a node is of: its stage, or the first of its names."""
    return node.stage or node.name.partition(".")[0]


def _fitting(
    costs: Callable[[Graph, Order], tuple[Block, ...]], graph: Graph, order: Order
) -> tuple[Block, ...] | None:
    try:
        return costs(graph, order)
    except OverflowError:
        return None


def _bounds(size: Expr) -> tuple[Number, Number]:
    """Return numbers that no value is beyond, its ends where they are few."""
    if combinations(size.support) > _FEW:
        return -upper(apply("neg", size)), upper(size)
    values = [evaluate(size, env) for env in assignments(size.support)]
    numbers = [value for value in values if isinstance(value, int | float)]
    return min(numbers), max(numbers)
