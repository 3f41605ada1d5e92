"""Expressions as exact tables over the dimensions that they depend on."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ofadsl.cost.runtime import Table
from ofadsl.expr import Expr, Value, Var, assignments, const, evaluate, tabulate

Order = Mapping[str, int]
"""The column of each dimension in an array of archs, by its name."""


def table_of(expr: Expr, order: Order) -> Table:
    """Return the values of ``expr``, with 0 where it has none: no arch is there."""
    variables = tuple(sorted(const(expr).support, key=lambda var: order[var.name]))
    return Table(tuple(order[var.name] for var in variables), _values(expr, variables))


@functools.lru_cache(maxsize=1 << 12)
def _values(expr: Expr, variables: tuple[Var, ...]) -> NDArray[np.int64]:
    try:
        found = tabulate(expr, variables)
    except ArithmeticError:  # a choice that a requirement excludes divides by zero
        found = [_defined(expr, env) for env in assignments(variables)]
    values = np.array(found)
    assert values.dtype.kind in "bi", expr
    return values.astype(np.int64).reshape([len(var.values) for var in variables])


def _defined(expr: Expr, env: Mapping[str, Value]) -> Value:
    try:
        return evaluate(expr, env)
    except ArithmeticError:
        return 0
