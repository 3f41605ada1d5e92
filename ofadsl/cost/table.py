"""Expressions as exact tables over the dimensions that they depend on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ofadsl.cost.runtime import Table
from ofadsl.expr import Expr, Value, Var, assignments, const, evaluate, tabulate

Order = Mapping[str, int]
"""The column of each dimension in an array of archs, by its name."""


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
