"""The cost model of a checked space: what `cost.py` will hold, and the same in process.

In: a checked space and its graph. Out: its quantities block by block, how its archs are drawn, and
``Costs``, which computes what the generated module computes, without any text.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ofadsl.compiler.tree import Checked
from ofadsl.cost import blocks
from ofadsl.cost.blocks import Block
from ofadsl.cost.columns import column
from ofadsl.cost.liveness import Part
from ofadsl.cost.micro import FIXED_FILE, FIXED_KEPT, covers, fused
from ofadsl.cost.runtime import (
    Condition,
    CostModel,
    Dim,
    Dims,
    Draw,
    Lookup,
    Table,
    Values,
    each,
    sums,
)
from ofadsl.cost.table import Order, table_of
from ofadsl.cost.terms import LARGEST_FACTOR, bound, multiplied
from ofadsl.diagnostics import fault
from ofadsl.expr import TRUE, Expr, TooLargeError, apply, combinations, const, evaluate, select
from ofadsl.graph import Graph
from ofadsl.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A cost, block by block, and how those of the blocks are put together."""

    blocks: tuple[Block, ...]
    how: Literal["sum", "largest"]


def quantities(graph: Graph, order: Order) -> dict[str, Quantity]:
    """Return every cost by its name; those of microcontrollers where every op has a footprint."""
    found = {
        "macs": Quantity(blocks=blocks.macs(graph, order), how="sum"),
        "params": Quantity(blocks=blocks.params(graph, order), how="sum"),
        "peak": Quantity(blocks=blocks.peaks(graph, order), how="largest"),
    }
    if covers(graph):
        found["kept"] = Quantity(blocks=blocks.kept_bytes(graph, order), how="sum")
        found["file"] = Quantity(blocks=blocks.file_bytes(graph, order), how="sum")
        found["arena"] = Quantity(blocks=blocks.peaks(graph, order, fused), how="largest")
    return found


_LARGEST_COST = 1 << 62


def quantities_of(checked: Checked, graph: Graph) -> dict[str, Quantity]:
    """Return every cost of a space; raise Diagnostics where one does not fit into 64 bits."""
    order = {dim.var.name: i for i, dim in enumerate(checked.space.dims)}
    try:
        found = quantities(graph, order)
        for quantity in found.values():
            if sum(bound(block.cost, order) for block in quantity.blocks) > _LARGEST_COST:
                raise OverflowError
    except (TooLargeError, OverflowError) as error:
        raise fault(
            "OFA045",
            "a number is too large",
            span=checked.declaration.name.span,
            label="what a subnet costs does not fit into 64 bits",
            help="use smaller images, or fewer channels",
        ) from error
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How archs are drawn, as ``CostModel`` takes it."""

    draws: tuple[Draw, ...]
    beside: Mapping[str, int]
    weights: Mapping[str, tuple[float, ...]]


def drawing(space: Space) -> Drawing:
    """Return what must be said of how archs are drawn: what is drawn evenly says itself."""
    found = space.draws()
    variables = [*(dim.var for dim in space.dims), *(var for var, _ in found.derived)]
    plain = {
        draw.dim: weights
        for draw in found.draws
        if draw.dim < len(space.dims) and (weights := _plain(draw, space)) is not None
    }
    listed = {draw.dim for draw in found.draws} - plain.keys()
    position = {var.name: i for i, var in enumerate(variables)}
    waiting = sorted(listed)
    while waiting:  # what is drawn first depends on nothing that is drawn later
        parents = next(draw.parents for draw in found.draws if draw.dim == waiting[0])
        waiting = [*waiting[1:], *(p for p in parents if p not in listed)]
        listed.update(parents)
    for d, dim in enumerate(space.dims):
        before = (position[var.name] for var in dim.live.support)
        if d not in listed and any(p > d and p not in listed for p in before):
            raise AssertionError(f"{dim.var.name} depends on what comes after it")
    draws: list[Draw] = []
    for draw in found.draws:
        if draw.dim not in listed:
            continue
        lengths = [range(len(variables[p].values)) for p in draw.parents]
        impossible = (1,) * len(variables[draw.dim].values)
        rows = [
            _small(draw.weights.get(index, impossible)) for index in itertools.product(*lengths)
        ]
        names = tuple(variables[p].name for p in draw.parents)
        draws.append((variables[draw.dim].name, names, rows))
    uneven = {d: w for d, w in plain.items() if d not in listed and len({*w}) > 1}
    return Drawing(
        draws=tuple(draws),
        beside={var.name: len(var.values) for var, _ in found.derived},
        weights={space.dims[d].var.name: tuple(_small(uneven[d])) for d in sorted(uneven)},
    )


def _plain(draw: Any, space: Space) -> tuple[int, ...] | None:
    """Return the weights of a dimension wherever it matters, if they are the same everywhere."""
    dim = space.dims[draw.dim]
    parents = [space.dims[p].var for p in draw.parents if p < len(space.dims)]
    if len(parents) != len(draw.parents) or not {*dim.live.support} <= {*parents}:
        return None
    names = [var.name for var in parents]
    common: tuple[int, ...] | None = None
    idle = (1, *(0 for _ in dim.var.values[1:]))
    for index, row in draw.weights.items():
        divisor = math.gcd(*row)
        small = tuple(weight // divisor for weight in row)
        env = {n: var.values[i] for n, var, i in zip(names, parents, index, strict=True)}
        if not evaluate(dim.live, env):
            if small != idle:
                return None
        elif common is None:
            common = small
        elif small != common:
            return None
    return common or idle


def _small(weights: Sequence[int]) -> list[float]:
    """Return weights in the same proportions that a float holds."""
    divisor = math.gcd(*weights)
    small = [weight // divisor for weight in weights]
    if sum(small) < 1 << 53:
        return list(small)
    return [weight / sum(small) for weight in small]


def dims_of(space: Space) -> Dims:
    """Return the dimensions of a space as a cost model has them."""
    return Dims(Dim(dim.stage, dim.block, dim.key, dim.var.values) for dim in space.dims)


def own_conditions(space: Space) -> dict[str, Expr]:
    """Return when a dimension matters, of those whose place in the arch does not say it."""
    depths = {stage.name: stage.depth for stage in space.stages}
    found = {}
    for dim in space.dims:
        place: Expr = TRUE
        if dim.stage is not None and dim.block is not None:
            place = apply(">", depths[dim.stage], dim.block)
        if dim.live != place:
            found[dim.var.name] = dim.live
    return found


class Costs(CostModel):
    """The cost model of a space in process: what its generated module computes."""

    def __init__(self, checked: Checked, graph: Graph) -> None:
        space = checked.space
        self.order = {dim.var.name: i for i, dim in enumerate(space.dims)}
        self.quantities = quantities_of(checked, graph)
        self.micro = "arena" in self.quantities
        found = drawing(space)
        super().__init__(
            space=space.name,
            stages={stage.name: stage.blocks for stage in space.stages},
            dims=dims_of(space),
            live={name: self._condition(when) for name, when in own_conditions(space).items()},
            requirements=[(r.text, self._condition(r.condition)) for r in space.requirements],
            draws=found.draws,
            beside=found.beside,
            weights=found.weights,
            widths={},
        )

    def macs(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Return the multiply-adds of each arch for one image."""
        return self._lookups["macs"](x)

    def params(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Return the number of parameters of each arch."""
        return self._lookups["params"](x)

    def weight_bytes(self, x: NDArray[Any], bytes_per_element: int = 4) -> NDArray[np.int64]:
        """Return the bytes that the parameters of each arch take."""
        return self.params(x) * bytes_per_element

    def peak_memory(self, x: NDArray[Any], bytes_per_element: int = 4) -> NDArray[np.int64]:
        """Return the most bytes that activations take at one time, for one image."""
        return self._lookups["peak"](x) * bytes_per_element

    def arena_bytes(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Return the bytes of memory that each arch takes in tflite-micro, in int8."""
        return self._lookups["arena"](x) + self._lookups["kept"](x) + FIXED_KEPT

    def flash_bytes(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Return the bytes of each arch as a .tflite of int8."""
        return self._lookups["file"](x) + FIXED_FILE

    @functools.cached_property
    def _lookups(self) -> Mapping[str, Lookup]:
        return {name: self._lookup(quantity) for name, quantity in self.quantities.items()}

    def _lookup(self, quantity: Quantity) -> Lookup:
        tables = {
            str(i): [multiplied(term, self.order) for term in block.cost.terms]
            for i, block in enumerate(quantity.blocks)
            if block.cost.terms
        }
        rest = [block.cost.rest for block in quantity.blocks if block.cost.rest]
        if quantity.how == "sum":
            return Lookup(self.dims, each(tables), np.add, _total(rest, np.add))
        return Lookup(self.dims, sums(tables), np.maximum, _total(rest, np.maximum))

    def _condition(self, condition: Expr) -> Condition:
        if combinations(condition.support) <= LARGEST_FACTOR:
            return as_table(condition, self.order)
        return lambda values: column(condition, values)


def as_table(condition: Expr, order: Order) -> Table:
    """Return 1 where a condition holds, else 0."""
    return table_of(select(condition, const(1), const(0)), order)


def _total(rest: Iterable[Sequence[Part]], how: np.ufunc) -> Callable[[Values], Any] | None:
    """Return what adds up the parts of each block, and puts the blocks together."""
    groups = [tuple(_amounts(parts)) for parts in rest]
    if not groups:
        return None

    def total(values: Values) -> Any:
        found = [functools.reduce(np.add, (column(e, values) for e in group)) for group in groups]
        return functools.reduce(how, found)

    return total


def _amounts(parts: Iterable[Part]) -> Iterator[Expr]:
    for part in parts:
        yield select(part.when, part.amount, const(0))
