"""The least and the greatest of what differs from subnet to subnet: costs, sizes, over all of them.

A cost is a sum, or the largest, of tables over a few dimensions each. The dimensions are minimised,
or maximised, out one by one, those first that leave the smallest tables. So the two ends are exact,
and each is that of some subnet. In: a space, and costs of its graph. Out: pairs of numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ofadsl.cost import blocks
from ofadsl.cost.blocks import Block
from ofadsl.cost.micro import FIXED_FILE, FIXED_KEPT, covers, fused
from ofadsl.cost.runtime import Table
from ofadsl.cost.table import Order, table_of
from ofadsl.cost.terms import bound, multiplied
from ofadsl.expr import Expr, combinations, const, select
from ofadsl.graph import Graph
from ofadsl.space import Space

Ends = tuple[int, int]
LARGEST = 1 << 20
"""Entries of a table; a cost whose dimensions hang together more than that has no known ends."""
_IMPOSSIBLE = 1 << 52  # a thousand of them still fit; no cost of a network comes near


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """The ends over all subnets of a space; None where they cannot be known exactly."""

    order: Order
    lengths: tuple[int, ...]
    given: tuple[Table, ...] | None
    """0 for each choice that is one of a subnet's, else more than any cost; None: too many."""

    def of_sum(self, costs: Iterable[Block]) -> Ends | None:
        """Return the ends of the sum of blocks."""
        costs = tuple(costs)
        if any(block.cost.rest for block in costs) or self._too_large(costs):
            return None
        terms = [term for block in costs for term in block.cost.terms]
        return self._both([multiplied(term, self.order) for term in terms])

    def of_largest(self, costs: Iterable[Block]) -> Ends | None:
        """Return the ends of the largest of blocks."""
        costs = tuple(costs)
        if any(block.cost.rest for block in costs) or self._too_large(costs):
            return None
        tables = []
        for block in costs:
            terms = [multiplied(term, self.order) for term in block.cost.terms]
            tables.append(reduce(lambda a, b: a.join(b, np.add), terms))
        highest: int | None = 0
        for table in sorted(tables, key=lambda one: -int(one.values.max())):
            if highest is None or int(table.values.max()) <= highest:
                break
            own = self._greatest([table])
            highest = None if own is None else max(highest, own)
        return _pair(self._least(tables, np.maximum), highest)

    def of_size(self, size: Expr | int) -> Ends | None:
        """Return the ends of the extent of a feature map."""
        size = const(size)
        if combinations(size.support) > LARGEST or size.size > _IMPOSSIBLE:
            return None
        return self._both([table_of(size, self.order)])

    def _both(self, tables: Sequence[Table]) -> Ends | None:
        return _pair(self._least(tables, np.add), self._greatest(tables))

    def _too_large(self, costs: Iterable[Block]) -> bool:
        return sum(bound(block.cost, self.order) for block in costs) >= _IMPOSSIBLE

    def _greatest(self, tables: Sequence[Table]) -> int | None:
        """Return the greatest sum: less than nothing is the least of what is lost."""
        turned = [Table(dims=table.dims, values=-table.values) for table in tables]
        found = self._least(turned, np.add)
        return None if found is None else -found

    def _least(self, tables: Sequence[Table], how: np.ufunc) -> int | None:
        if self.given is None:
            return None
        factors = [*tables, *_that_touch(tables, self.given)]
        while open_ := {d for table in factors for d in table.dims}:
            sizes = {d: self._size(_scope(factors, d)) for d in sorted(open_)}
            dim = min(sizes, key=lambda d: (sizes[d], d))
            if sizes[dim] > LARGEST:
                return None
            own = [table for table in factors if dim in table.dims]
            joined = reduce(lambda a, b: a.join(b, how), own)
            values = np.minimum(joined.values.min(axis=joined.dims.index(dim)), _IMPOSSIBLE)
            dims = tuple(d for d in joined.dims if d != dim)
            factors = [t for t in factors if dim not in t.dims] + [Table(dims=dims, values=values)]
        lowest = 0 if how is np.add else -1
        return int(reduce(how, [int(table.values) for table in factors], lowest))

    def _size(self, dims: set[int]) -> float:
        return float(np.prod([float(self.lengths[d]) for d in dims]))


def extremes_of(space: Space) -> Extremes:
    """Return what gives the ends over all subnets of a space."""
    order = {dim.var.name: i for i, dim in enumerate(space.dims)}
    conditions = tuple(space.conditions())
    given: tuple[Table, ...] | None = None
    if all(combinations(condition.support) <= LARGEST for condition in conditions):
        worst = Table(dims=(), values=np.array(_IMPOSSIBLE))
        given = tuple(
            table_of(select(condition, const(0), const(1)), order).join(worst, np.multiply)
            for condition in conditions
        )
    return Extremes(
        order=order, lengths=tuple(len(dim.var.values) for dim in space.dims), given=given
    )


def extreme_costs(space: Space, graph: Graph, bytes_per_element: int) -> dict[str, Ends]:
    """Return the least and the greatest of each analytic cost, where they are known.

    They are exact, but for ``arena_bytes``: no subnet needs less, or more, than these two.
    """
    ends = extremes_of(space)
    params = ends.of_sum(blocks.params(graph, ends.order))
    peak = ends.of_largest(blocks.peaks(graph, ends.order))
    found = {
        "macs": ends.of_sum(blocks.macs(graph, ends.order)),
        "params": params,
        "weight_bytes": _scaled(params, bytes_per_element),
        "peak_memory": _scaled(peak, bytes_per_element),
    }
    if covers(graph):
        kept = ends.of_sum(blocks.kept_bytes(graph, ends.order))
        arena = ends.of_largest(blocks.peaks(graph, ends.order, fused))
        found["arena_bytes"] = _added(_added(kept, arena), (FIXED_KEPT, FIXED_KEPT))
        file = ends.of_sum(blocks.file_bytes(graph, ends.order))
        found["flash_bytes"] = _added(file, (FIXED_FILE, FIXED_FILE))
    return {name: pair for name, pair in found.items() if pair is not None}


def _pair(least: int | None, greatest: int | None) -> Ends | None:
    return None if least is None or greatest is None else (least, greatest)


def _scaled(ends: Ends | None, factor: int) -> Ends | None:
    return None if ends is None else (ends[0] * factor, ends[1] * factor)


def _added(ends: Ends | None, more: Ends | None) -> Ends | None:
    return None if ends is None or more is None else (ends[0] + more[0], ends[1] + more[1])


def _that_touch(tables: Sequence[Table], given: Iterable[Table]) -> list[Table]:
    """Return those of ``given`` that hang together with the tables, directly or through others."""
    dims = {d for table in tables for d in table.dims}
    left = list(given)
    found: list[Table] = []
    while any(dims.intersection(table.dims) for table in left):
        near = [bool(dims.intersection(table.dims)) for table in left]
        found += itertools.compress(left, near)
        left = [table for table, touches in zip(left, near, strict=True) if not touches]
        dims = {d for table in (*tables, *found) for d in table.dims}
    return found


def _scope(factors: Iterable[Table], dim: int) -> set[int]:
    return {d for table in factors if dim in table.dims for d in table.dims}
