"""What the operators of expressions are in numpy: computed on columns, and as text.

In: an expression, and the values of dimensions in many archs. Out: its value in each of them.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ofadsl.cost.runtime import Values, divisible
from ofadsl.expr import Apply, Const, Expr, Var, ordered

FUNCTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "if": (np.where, "np.where"),
    "and": (np.logical_and, "np.logical_and"),
    "or": (np.logical_or, "np.logical_or"),
    "not": (np.logical_not, "np.logical_not"),
    "neg": (np.negative, "np.negative"),
    "round": (np.rint, "np.rint"),
    "floor": (np.floor, "np.floor"),
    "min": (np.minimum, "np.minimum"),
    "max": (np.maximum, "np.maximum"),
    "divisible": (divisible, "divisible"),
}
"""What is a function in numpy, and its name in generated text."""

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""What is written as an operator in numpy, too."""


def column(expr: Expr, values: Values) -> Any:
    """Return ``expr`` in each arch; what was computed for the same archs is kept."""
    for part in ordered(expr):
        if part not in values.found:
            values.found[part] = _computed(part, values)
    return values.found[expr]


def _computed(expr: Expr, values: Values) -> Any:
    if isinstance(expr, Const):
        return np.asarray(expr.value)
    if isinstance(expr, Var):
        return values[expr.name]
    assert isinstance(expr, Apply), expr
    args = [values.found[arg] for arg in expr.args]
    if expr.op in OPERATORS:
        return OPERATORS[expr.op](*args)
    function = FUNCTIONS[expr.op][0]
    return functools.reduce(function, args) if expr.op in ("min", "max") else function(*args)
