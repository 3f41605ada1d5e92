"""Expressions made of others: conditions joined, choices between values, bounds held."""

from __future__ import annotations

from collections.abc import Iterable

from ofadsl.expr.arithmetic import LARGEST, TooLargeError, magnitude
from ofadsl.expr.nodes import TRUE, Expr, apply

DEEPEST = 100
"""Levels of operators in an expression of a space; generated code nests as deeply."""
_HUGE = 1e40  # sizes are rough bounds: beyond this nothing is the size of a network
_FLAT = 16  # so many conditions are joined in a row; more of them in a tree


def bounded(expr: Expr) -> Expr:
    """Return ``expr``; raise TooLargeError where it nests too deeply or grows without bounds."""
    if expr.depth > DEEPEST:
        raise TooLargeError(f"this is made in more than {DEEPEST} steps")
    if expr.size <= LARGEST:
        return expr
    values = expr.table or ()
    if expr.size > _HUGE or any(magnitude(value) > LARGEST for value in values):
        raise TooLargeError(f"this goes beyond {LARGEST:.0e}")
    return expr


def negate(condition: Expr) -> Expr:
    """Return ``not condition``."""
    return apply("not", condition)


def conjunction(conditions: Iterable[Expr]) -> Expr:
    """Return ``a and b and ...``; true of none. Of many, the nesting stays shallow."""
    parts = list(conditions)
    while len(parts) > _FLAT:
        parts = [conjunction(parts[i : i + _FLAT]) for i in range(0, len(parts), _FLAT)]
    result: Expr = TRUE
    for condition in parts:
        result = apply("and", result, condition)
    return result


def select(condition: Expr, then: Expr, orelse: Expr) -> Expr:
    """Return ``then if condition else orelse``."""
    return apply("if", condition, then, orelse)
