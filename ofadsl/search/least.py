"""The least that any subnet costs, exactly: so a bound that no subnet meets is proven to be one.

A cost is a sum, or the largest, of tables over a few dimensions each. The dimensions are minimised
out one by one, those first that leave the smallest tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np

from ofadsl.cost import blocks
from ofadsl.cost.blocks import Block
from ofadsl.cost.table import Order, Table, table_of
from ofadsl.cost.terms import multiplied
from ofadsl.expr import TRUE, const, select
from ofadsl.graph import Graph
from ofadsl.space import Space

LARGEST = 1 << 20
"""Entries of a table; a cost whose dimensions hang together more than that has no known least."""
_IMPOSSIBLE = 1 << 52  # a thousand of them still fit; no cost of a network comes near


def least_costs(space: Space, graph: Graph, bytes_per_element: int) -> dict[str, int]:
    """Return the least of each analytic cost among the subnets of a space, where it is known."""
    order = {dim.var.name: i for i, dim in enumerate(space.dims)}
    params = _least(space, order, _terms(blocks.params(graph, order), order), np.add)
    found = {
        "macs": _least(space, order, _terms(blocks.macs(graph, order), order), np.add),
        "params": params,
        "weight_bytes": None if params is None else params * bytes_per_element,
    }
    peak = _least(space, order, _steps(blocks.peaks(graph, order), order), np.maximum)
    found["peak_memory"] = None if peak is None else peak * bytes_per_element
    return {name: value for name, value in found.items() if value is not None}


def _terms(costs: Iterable[Block], order: Order) -> list[Table] | None:
    """Return tables that add up to a cost; None where a part of it has no table."""
    costs = tuple(costs)
    if any(block.cost.rest for block in costs):
        return None
    return [multiplied(term, order) for block in costs for term in block.cost.terms]


def _steps(costs: Iterable[Block], order: Order) -> list[Table] | None:
    """Return one table for each step; a peak is the largest of them."""
    found = []
    for block in costs:
        terms = _terms([block], order)
        if terms is None:
            return None
        found.append(reduce(lambda a, b: a.join(b, np.add), terms))
    return found


def _least(space: Space, order: Order, tables: Sequence[Table] | None, how: np.ufunc) -> int | None:
    if tables is None:
        return None
    lengths = {i: len(dim.var.values) for i, dim in enumerate(space.dims)}
    factors = [*tables, *_requirements(space, order)]
    while open_ := {d for table in factors for d in table.dims}:
        sizes = {d: _size(_scope(factors, d), lengths) for d in sorted(open_)}
        dim = min(sizes, key=lambda d: (sizes[d], d))
        if sizes[dim] > LARGEST:
            return None
        own = [table for table in factors if dim in table.dims]
        joined = reduce(lambda a, b: a.join(b, how), own)
        values = np.minimum(joined.values.min(axis=joined.dims.index(dim)), _IMPOSSIBLE)
        dims = tuple(d for d in joined.dims if d != dim)
        factors = [t for t in factors if dim not in t.dims] + [Table(dims=dims, values=values)]
    return int(how.reduce([int(table.values) for table in factors], initial=0))


def _requirements(space: Space, order: Order) -> Iterable[Table]:
    """Yield 0 where a requirement is met, else more than any cost."""
    for requirement in space.requirements:
        if requirement.condition != TRUE:
            yield table_of(select(requirement.condition, const(0), const(1)), order).join(
                Table(dims=(), values=np.array(_IMPOSSIBLE)), np.multiply
            )


def _scope(factors: Iterable[Table], dim: int) -> set[int]:
    return {d for table in factors if dim in table.dims for d in table.dims}


def _size(dims: set[int], lengths: dict[int, int]) -> float:
    return float(np.prod([float(lengths[d]) for d in dims]))
