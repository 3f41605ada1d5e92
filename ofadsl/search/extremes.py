"""The least and the greatest that any subnet costs: so a bound that none meets is proven to be one.

A cost is a sum, or the largest, of tables over a few dimensions each. The dimensions are minimised,
or maximised, out one by one, those first that leave the smallest tables. In: a space and its graph.
Out: for each analytic cost two numbers between which all subnets lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np

from ofadsl.cost import blocks
from ofadsl.cost.blocks import Block
from ofadsl.cost.micro import FIXED_FILE, FIXED_KEPT, covers, fused
from ofadsl.cost.runtime import Table
from ofadsl.cost.table import Order, table_of
from ofadsl.cost.terms import multiplied
from ofadsl.expr import TRUE, const, select
from ofadsl.graph import Graph
from ofadsl.space import Space

Ends = tuple[int, int]
LARGEST = 1 << 20
"""Entries of a table; a cost whose dimensions hang together more than that has no known ends."""
_IMPOSSIBLE = 1 << 52  # a thousand of them still fit; no cost of a network comes near


def extreme_costs(space: Space, graph: Graph, bytes_per_element: int) -> dict[str, Ends]:
    """Return the least and the greatest of each analytic cost, where they are known.

    They are exact, but for ``arena_bytes``: no subnet needs less, or more, than these two.
    """
    order = {dim.var.name: i for i, dim in enumerate(space.dims)}
    params = _of_sum(space, order, blocks.params(graph, order))
    peak = _of_largest(space, order, blocks.peaks(graph, order))
    found = {
        "macs": _of_sum(space, order, blocks.macs(graph, order)),
        "params": params,
        "weight_bytes": _scaled(params, bytes_per_element),
        "peak_memory": _scaled(peak, bytes_per_element),
    }
    if covers(graph):
        kept = _of_sum(space, order, blocks.kept_bytes(graph, order))
        arena = _of_largest(space, order, blocks.peaks(graph, order, fused))
        found["arena_bytes"] = _added(_added(kept, arena), (FIXED_KEPT, FIXED_KEPT))
        file = _of_sum(space, order, blocks.file_bytes(graph, order))
        found["flash_bytes"] = _added(file, (FIXED_FILE, FIXED_FILE))
    return {name: ends for name, ends in found.items() if ends is not None}


def _scaled(ends: Ends | None, factor: int) -> Ends | None:
    return None if ends is None else (ends[0] * factor, ends[1] * factor)


def _added(ends: Ends | None, more: Ends | None) -> Ends | None:
    return None if ends is None or more is None else (ends[0] + more[0], ends[1] + more[1])


def _of_sum(space: Space, order: Order, costs: Sequence[Block]) -> Ends | None:
    """Return the ends of the sum of all blocks; None where a part of one has no table."""
    if any(block.cost.rest for block in costs):
        return None
    tables = [multiplied(term, order) for block in costs for term in block.cost.terms]
    return _ends(_least(space, order, tables, np.add), _greatest(space, order, tables))


def _of_largest(space: Space, order: Order, costs: Sequence[Block]) -> Ends | None:
    """Return the ends of the largest step."""
    tables = []
    for block in costs:
        if block.cost.rest:
            return None
        terms = [multiplied(term, order) for term in block.cost.terms]
        tables.append(reduce(lambda a, b: a.join(b, np.add), terms))
    highest: int | None = 0
    for table in sorted(tables, key=lambda one: -int(one.values.max())):
        if highest is None or int(table.values.max()) <= highest:
            break
        own = _greatest(space, order, [table])
        highest = None if own is None else max(highest, own)
    return _ends(_least(space, order, tables, np.maximum), highest)


def _ends(least: int | None, greatest: int | None) -> Ends | None:
    return None if least is None or greatest is None else (least, greatest)


def _greatest(space: Space, order: Order, tables: Sequence[Table]) -> int | None:
    """Return the greatest sum: less than nothing is the least of what is lost."""
    turned = [Table(dims=table.dims, values=-table.values) for table in tables]
    found = _least(space, order, turned, np.add)
    return None if found is None else -found


def _least(space: Space, order: Order, tables: Sequence[Table], how: np.ufunc) -> int | None:
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
    return int(reduce(how, [int(table.values) for table in factors], 0 if how is np.add else -1))


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
