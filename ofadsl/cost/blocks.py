"""The cost of a space block by block: multiply-adds, parameters, and the steps that set the peak.

In: the graph. Out: for every block the sum of its ops. Of the steps only those are kept that are
the largest for some arch, as far as pairs of them tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ofadsl.cost.liveness import InPlace, Part, in_place, steps
from ofadsl.cost.micro import footprint
from ofadsl.cost.runtime import Table
from ofadsl.cost.table import Order
from ofadsl.cost.terms import LARGEST_TERM, Sum, multiplied, sum_of
from ofadsl.expr import Expr, apply, combinations, const
from ofadsl.graph import Graph, Input, Node, Operation, Select


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of the network by its path, such as ``s1.0`` or ``stem``, and what it costs."""

    name: str
    stage: str | None
    cost: Sum


def macs(graph: Graph, order: Order) -> tuple[Block, ...]:
    """Return the multiply-adds of each block for one image."""

    def amount(node: Node, op: Operation) -> Expr:
        return const(op.macs(graph.nodes[node.inputs[0]].shape, node.shape))

    return _blocks(graph, order, amount)


def params(graph: Graph, order: Order) -> tuple[Block, ...]:
    """Return the number of parameters of each block."""

    def amount(node: Node, op: Operation) -> Expr:
        return reduce(lambda total, size: apply("+", total, size), op.weights().values(), const(0))

    return _blocks(graph, order, amount)


def kept_bytes(graph: Graph, order: Order) -> tuple[Block, ...]:
    """Return the bytes that tflite-micro keeps for each block, beside activations."""
    return _blocks(graph, order, lambda _, op: const(footprint(op).kept))


def file_bytes(graph: Graph, order: Order) -> tuple[Block, ...]:
    """Return the bytes of each block in a `.tflite` of int8."""
    return _blocks(graph, order, lambda _, op: const(footprint(op).file))


def peaks(graph: Graph, order: Order, replaces: InPlace = in_place) -> tuple[Block, ...]:
    """Return the ops during which most elements can be in memory, and how many."""
    kept: dict[int, Block] = {}
    alike: dict[object, dict[int, Table]] = {}
    for step in steps(graph, replaces):
        node = graph.nodes[step.index]
        cost = sum_of(step.parts, order)
        table = _joint(cost, step.parts, order)
        if table is None:
            kept[step.index] = Block(name=node.name, stage=node.stage, cost=Sum(rest=step.parts))
            continue
        # Of equal blocks the first tells: if it is not enough, the later ones are not.
        if any(_covers(next(iter(same.values())), table) for same in alike.values() if same):
            continue
        for same in alike.values():
            if same and _covers(table, next(iter(same.values()))):
                for index in [index for index, other in same.items() if _covers(table, other)]:
                    del same[index], kept[index]
        kept[step.index] = Block(name=node.name, stage=node.stage, cost=cost)
        alike.setdefault(_shared(cost), {})[step.index] = table
    return tuple(kept.values())


def _covers(table: Table, other: Table) -> bool:
    """Return whether no entry of ``other`` is larger, whatever the other choices are."""
    shared = {*table.dims} & {*other.dims}
    least = _reduced(table, shared, np.minimum)
    most = _reduced(other, shared, np.maximum)
    return bool((least >= most).all())


def _reduced(table: Table, kept: set[int], how: np.ufunc) -> NDArray[np.int64]:
    axes = tuple(i for i, dim in enumerate(table.dims) if dim not in kept)
    return np.asarray(how.reduce(table.values, axis=axes))


def _shared(cost: Sum) -> object:
    """Return what equal blocks have in common: all but the dimensions and when they exist."""
    return tuple((t.pixels, t.table.values.shape, t.table.values.tobytes()) for t in cost.terms)


def _joint(cost: Sum, parts: Iterable[Part], order: Order) -> Table | None:
    """Return the sum as one table, or None where it would be too large."""
    found = [var for p in parts for var in (*p.when.support, *p.amount.support)]
    if cost.rest or combinations({var.name: var for var in found}.values()) > LARGEST_TERM:
        return None
    nothing = Table(dims=(), values=np.zeros((), np.int64))
    with np.errstate(over="ignore"):  # costs that do not fit are refused where they are written
        tables = [multiplied(term, order) for term in cost.terms]
        return reduce(lambda a, b: a.join(b, np.add), tables, nothing)


def _blocks(
    graph: Graph, order: Order, amount: Callable[[Node, Operation], Expr]
) -> tuple[Block, ...]:
    parts: dict[tuple[str, str | None], list[Part]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Input | Select):
            continue
        name = f"{node.stage}.{node.block}" if node.stage else node.name.partition(".")[0]
        part = Part(when=node.when, amount=amount(node, node.op))
        parts.setdefault((name, node.stage), []).append(part)
    blocks = [
        Block(name=name, stage=stage, cost=sum_of(own, order))
        for (name, stage), own in parts.items()
    ]
    return tuple(block for block in blocks if block.cost.terms or block.cost.rest)
