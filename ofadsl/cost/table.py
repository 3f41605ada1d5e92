"""Exact tables over a few dimensions, with one axis for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofadsl.expr import Expr, Value, Var, assignments, const, evaluate, tabulate

Order = Mapping[str, int]
"""The column of each dimension in an array of archs, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A whole number for every choice of the dimensions ``dims``, which are columns in order."""

    dims: tuple[int, ...]
    values: NDArray[np.int64]

    def spread(self, dims: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the values with an axis of length 1 for each of ``dims`` that is new."""
        lengths = dict(zip(self.dims, self.values.shape, strict=True))
        return self.values.reshape([lengths.get(dim, 1) for dim in dims])

    def join(self, other: Table, how: np.ufunc) -> Table:
        """Return ``how`` of both, over the dimensions of either."""
        dims = tuple(sorted({*self.dims, *other.dims}))
        return Table(dims=dims, values=how(self.spread(dims), other.spread(dims)))

    def covers(self, other: Table) -> bool:
        """Return whether no entry of ``other`` is larger, whatever the other choices are."""
        shared = tuple(dim for dim in self.dims if dim in other.dims)
        least = self._reduced(shared, np.minimum)
        most = other._reduced(shared, np.maximum)
        return bool((least >= most).all())

    def _reduced(self, dims: tuple[int, ...], how: np.ufunc) -> NDArray[np.int64]:
        axes = tuple(i for i, dim in enumerate(self.dims) if dim not in dims)
        return np.asarray(how.reduce(self.values, axis=axes))


def table_of(expr: Expr, order: Order) -> Table:
    """Return the values of ``expr``, with 0 where it has none: no arch is there."""
    variables = sorted(const(expr).support, key=lambda var: order[var.name])
    shape = [len(var.values) for var in variables]
    values = np.array(_values(expr, tuple(variables)), dtype=np.int64).reshape(shape)
    return Table(dims=tuple(order[var.name] for var in variables), values=values)


def _values(expr: Expr, variables: tuple[Var, ...]) -> list[int]:
    try:
        return [_whole(value) for value in tabulate(expr, variables)]
    except ArithmeticError:  # a choice that a requirement excludes divides by zero
        return [_defined(expr, env) for env in assignments(variables)]


def _defined(expr: Expr, env: Mapping[str, Value]) -> int:
    try:
        return _whole(evaluate(expr, env))
    except ArithmeticError:
        return 0


def _whole(value: Value) -> int:
    assert isinstance(value, int), value
    return int(value)
