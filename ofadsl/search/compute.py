"""From checked expressions to columns of numbers, and to how far each arch is from a condition.

A violation is 0 exactly where the condition holds, else positive: the distance to the bound by the
bound's own size, so that violations of different constraints can be added up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from ofadsl.cost.table import Order, table_of
from ofadsl.expr import TRUE, Expr, Value, const, select
from ofadsl.search.front import Archs, Floats
from ofadsl.search.kinds import Kind
from ofadsl.search.problem import Batch
from ofadsl.search.terms import (
    Choice,
    Compare,
    Compute,
    Condition,
    Constant,
    Cost,
    Every,
    Select,
    Some,
    Term,
    mentioned,
)
from ofadsl.space import Space

_LEAST = 1e-12  # of a violation: never 0 where a condition does not hold
_OPERATORS: dict[str, Callable[..., Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "//": np.floor_divide,
    "%": np.remainder,
    "neg": np.negative,
    "min": np.minimum,
    "max": np.maximum,
    "round": np.rint,
}
_HOLDS: dict[str, Callable[..., NDArray[np.bool_]]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dimensions:
    """The values of each dimension, words as numbers, and where each matters."""

    tables: tuple[Floats, ...]
    live: tuple[Callable[[Archs], NDArray[np.bool_]] | None, ...]


def dimensions_of(space: Space) -> Dimensions:
    """Return what expressions need of the dimensions of a space."""
    order: Order = {dim.var.name: i for i, dim in enumerate(space.dims)}
    known: dict[Expr, Callable[[Archs], NDArray[np.bool_]] | None] = {TRUE: None}
    for dim in space.dims:
        if dim.live not in known:  # those of one block live together, and share what is computed
            table = table_of(select(dim.live, const(1), const(0)), order)
            known[dim.live] = _lookup(table.dims, table.values != 0)
    words = [[word_number(value) for value in dim.var.values] for dim in space.dims]
    return Dimensions(
        tables=tuple(map(np.array, words)), live=tuple(known[dim.live] for dim in space.dims)
    )


def word_number(value: Value) -> float:
    """Return a number that stands for a value: itself, or one of its own for a word."""
    if isinstance(value, str):
        return float(int.from_bytes(value.encode()[:80]) % ((1 << 53) - 111))
    return float(value)


def _lookup(
    dims: tuple[int, ...], values: NDArray[np.bool_]
) -> Callable[[Archs], NDArray[np.bool_]]:
    def holds(x: Archs) -> NDArray[np.bool_]:
        return np.asarray(values[tuple(x[:, d] for d in dims)])

    return holds


def column(term: Term, batch: Batch, dimensions: Dimensions) -> Floats:
    """Return the value of a term for each arch; NaN or infinite where it has none."""
    with np.errstate(all="ignore"):
        found = _value(term, batch, dimensions)
    return np.broadcast_to(found, len(batch.x))


def violation(condition: Condition, batch: Batch, dimensions: Dimensions) -> Floats:
    """Return how far each arch is from meeting a condition."""
    with np.errstate(all="ignore"):
        return _violation(condition, batch, dimensions)


def _value(term: Term, batch: Batch, dimensions: Dimensions) -> Floats:
    match term:
        case Constant(value=value):
            return np.asarray(word_number(value))
        case Cost(name=name):
            return batch.column(name)
        case Choice(column=at):
            return dimensions.tables[at][batch.x[:, at]]
        case Compute(op=op, terms=terms):
            values = [_value(inner, batch, dimensions) for inner in terms]
            if len(values) == 1:
                return np.asarray(_OPERATORS[op](values[0]))
            return reduce(_OPERATORS[op], values)
        case Select(condition=condition, then=then, orelse=orelse):
            holds = _violation(condition, batch, dimensions) == 0
            found = [_value(way, batch, dimensions) for way in (then, orelse)]
            return np.where(holds, *found)
        case _:
            assert_never(term)


def _violation(condition: Condition, batch: Batch, dimensions: Dimensions) -> Floats:
    count = len(batch.x)
    match condition:
        case Compare():
            return _distance(condition, batch, dimensions)
        case Every(parts=parts):
            found = [_violation(part, batch, dimensions) for part in parts]
            return np.sum(found, axis=0) if found else np.zeros(count)
        case Some(parts=parts):
            found = [_violation(part, batch, dimensions) for part in parts]
            return np.min(found, axis=0) if found else np.ones(count)
        case _:
            assert_never(condition)


def _distance(compare: Compare, batch: Batch, dimensions: Dimensions) -> Floats:
    left = _value(compare.left, batch, dimensions)
    right = _value(compare.right, batch, dimensions)
    holds = np.broadcast_to(_HOLDS[compare.op](left, right), len(batch.x)).copy()
    bound = np.abs(right) if _constant(compare.right) else np.abs(left)
    if not _constant(compare.right) and not _constant(compare.left):
        bound = np.maximum(np.abs(left), np.abs(right))
    far = np.abs(left - right) / np.where(bound > 0, bound, 1)
    if compare.left.kind is Kind.WORD:
        far = np.ones(1)
    far = np.where(np.isnan(far), np.inf, np.maximum(far, _LEAST))
    for at in mentioned(compare)[0]:
        live = dimensions.live[at]
        if live is not None:
            holds |= ~live(batch.x)
    return np.where(holds, 0.0, far)


def _constant(term: Term) -> bool:
    return not any(mentioned(term))
