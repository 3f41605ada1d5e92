"""The operators of expressions on plain values: what each computes, its kind and its size.

In: an operator and values, or what is known of them. Out: a value, within LARGEST; the type that
the result has; a bound of how large it gets. Nothing here knows what an expression is.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

Value = int | float | bool | str

LARGEST = 10**15
"""No number of a space is larger: it keeps every float exact and every hostile product short."""


class TooLargeError(ValueError):
    """A number beyond LARGEST, or not finite."""


def divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """Round ``value`` to a multiple of ``divisor``, at least ``least``, never below 0.9 of it."""
    least = divisor if least is None else least
    rounded = max(least, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _select(condition: Value, then: Value, orelse: Value) -> Value:
    return then if condition else orelse


OPERATIONS: dict[str, Callable[..., Value]] = {
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
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": operator.not_,
    "neg": operator.neg,
    "if": _select,
    "round": round,
    "floor": math.floor,
    "min": min,
    "max": max,
    "divisible": divisible,
}
"""What each operator computes, functions and ``a if c else b`` among them."""

FUNCTIONS = ("round", "floor", "min", "max", "divisible")
"""The functions that a user can call in an expression."""

LOGIC = frozenset(("==", "!=", "<", "<=", ">", ">=", "and", "or", "not"))
"""The operators that give a truth value."""


def checked(value: Value) -> Value:
    """Return ``value``; raise TooLargeError for a number that no space may hold."""
    if isinstance(value, str) or (math.isfinite(value) and abs(value) <= LARGEST):
        return value
    raise TooLargeError(f"this goes beyond {LARGEST:.0e}")


def magnitude(value: Value) -> float:
    """Return how far a value is from 0; a word is nowhere else."""
    return 0 if isinstance(value, str) else abs(value)


def common(kinds: set[type]) -> type:
    """Return the one type, or ``float`` for numbers of both types."""
    return kinds.pop() if len(kinds) == 1 else float


def resulting_kind(op: str, kinds: Sequence[type]) -> type:
    """Return the type of what ``op`` gives, from those of its operands."""
    if op in LOGIC:
        return bool
    if op in ("round", "floor", "divisible"):
        return int
    if op == "/":
        return float
    return common(set(kinds[1:] if op == "if" else kinds))


def resulting_size(op: str, sizes: Sequence[float], last: Sequence[Value]) -> float:
    """Return a bound of what ``op`` gives, which only has to be finite for sizes of a network.

    ``last`` holds the values of the last operand, where they are known: it may divide.
    """
    if op in LOGIC:
        return 1
    match op:
        case "*":
            return sizes[0] * sizes[1]
        case "/" | "//":
            known = [abs(v) for v in last if v and not isinstance(v, str)]
            return sizes[0] / min(known, default=1) + 1
        case "%":
            return sizes[1]
        case "min" | "max" | "if":
            return max(sizes)
        case _:
            return sum(sizes) + 1
