"""Conditions that no subnet can meet, proven without trying any: by the ends of what they compare.

In: a condition, and between which two numbers each cost and dimension lies. Out: whether it holds
nowhere. An end that is not known is infinite, so what is said is always true.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import assert_never

from ofadsl.search.kinds import Kind
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

Range = tuple[float, float]
Known = Mapping[str | int, Range]
"""By the name of a cost, or the column of a dimension that matters to every arch."""

_ANY: Range = (-math.inf, math.inf)
_NEVER: Mapping[str, Callable[[Range, Range], bool]] = {
    "<": lambda a, b: a[0] >= b[1],
    "<=": lambda a, b: a[0] > b[1],
    ">": lambda a, b: a[1] <= b[0],
    ">=": lambda a, b: a[1] < b[0],
    "==": lambda a, b: a[0] > b[1] or a[1] < b[0],
    "!=": lambda a, b: a[0] == a[1] == b[0] == b[1],
}


def never(condition: Condition, known: Known) -> bool:
    """Return whether it is certain that no arch meets a condition."""
    match condition:
        case Compare(op=op, left=left, right=right):
            if any(column not in known for column in mentioned(condition)[0]):
                return False  # it holds where such a dimension does not matter
            return _NEVER[op](range_of(left, known), range_of(right, known))
        case Every(parts=parts):
            return any(never(part, known) for part in parts)
        case Some(parts=parts):
            return all(never(part, known) for part in parts)
        case _:
            assert_never(condition)


def range_of(term: Term, known: Known) -> Range:
    """Return two numbers that the value of a term lies between, for every arch."""
    match term:
        case Constant(value=value):
            return _ANY if isinstance(value, str) else (value, value)
        case Cost(name=name):
            return known.get(name, _ANY)
        case Choice(column=column, kind=kind):
            return _ANY if kind is Kind.WORD else known.get(column, _ANY)
        case Compute(op=op, terms=terms):
            return _computed(op, [range_of(inner, known) for inner in terms])
        case Select(then=then, orelse=orelse):
            return _hull([*range_of(then, known), *range_of(orelse, known)])
        case _:
            assert_never(term)


def _computed(op: str, ranges: list[Range]) -> Range:
    found = _bare(op, ranges)
    return _ANY if any(map(math.isnan, found)) else found


def _bare(op: str, ranges: list[Range]) -> Range:
    lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
    match op:
        case "neg":
            return -highs[0], -lows[0]
        case "min":
            return min(lows), min(highs)
        case "max":
            return max(lows), max(highs)
        case "round":
            return _rounded(ranges[0])
        case "+":
            return lows[0] + lows[1], highs[0] + highs[1]
        case "-":
            return lows[0] - highs[1], highs[0] - lows[1]
        case "*":
            return _corners(ranges, lambda a, b: a * b)
        case "/" if lows[1] > 0 or highs[1] < 0:
            return _corners(ranges, lambda a, b: a / b)
        case _:  # a remainder, a quotient in whole numbers, or one that is nowhere near bounded
            return _ANY


def _corners(ranges: list[Range], how: Callable[[float, float], float]) -> Range:
    if not all(map(math.isfinite, itertools.chain(*ranges))):
        return _ANY
    return _hull([how(a, b) for a, b in itertools.product(*ranges)])


def _hull(values: list[float]) -> Range:
    return min(values), max(values)


def _rounded(ends: Range) -> Range:
    low, high = ends
    return (round(low), round(high)) if math.isfinite(low) and math.isfinite(high) else _ANY
