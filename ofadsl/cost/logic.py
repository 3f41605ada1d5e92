"""What one condition says of another: always, never, or it depends."""

from __future__ import annotations

import functools

from ofadsl.expr import FALSE, TRUE, Apply, Expr, apply, combinations, negate, tabulate

_LIMIT = 1 << 12
"""Conditions on more combinations than this are left as they are: correct, only less simple."""


@functools.lru_cache(maxsize=1 << 16)
def under(condition: Expr, given: Expr) -> Expr:
    """Return ``condition`` where ``given`` holds: true, false, or itself."""
    if TRUE in (condition, given) or FALSE in (condition, given) or condition == given:
        return TRUE if condition == given else condition
    merged = {var.name: var for var in (*condition.support, *given.support)}
    if combinations(merged.values()) > _LIMIT:
        return _by_parts(condition, given)
    variables = tuple(merged[name] for name in sorted(merged))
    both = zip(tabulate(condition, variables), tabulate(given, variables), strict=True)
    found = {bool(holds) for holds, met in both if met}
    return _by_parts(condition, given) if len(found) == 2 else TRUE if found == {True} else FALSE


def _by_parts(condition: Expr, given: Expr) -> Expr:
    """Return ``condition`` without those of its parts that ``given`` decides."""
    if not isinstance(condition, Apply) or condition.op not in ("and", "or", "not"):
        return condition
    return apply(condition.op, *(under(part, given) for part in condition.args))


def simplest(condition: Expr) -> Expr:
    """Return the shortest way to say a condition on one number: `d == 3`, `d > 3`, or itself."""
    if len(condition.support) != 1 or not isinstance(condition, Apply):
        return condition
    (var,) = condition.support
    numbers = [value for value in var.values if not isinstance(value, str)]
    if len(numbers) < len(var.values):
        return condition
    holds = tabulate(condition, (var,))
    met = [value for value, held in zip(numbers, holds, strict=True) if held]
    others = [value for value, held in zip(numbers, holds, strict=True) if not held]
    if len(met) == 1:
        return apply("==", var, met[0])
    if met and others and min(met) > max(others):
        return apply(">", var, max(others))
    return condition


def exclusive(a: Expr, b: Expr) -> bool:
    """Return whether two conditions are known never to hold together."""
    return under(a, b) == FALSE


def firsts(conditions: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Return for each condition when it is the first that holds."""
    result = []
    for i, condition in enumerate(conditions):
        first = condition
        for earlier in conditions[:i]:
            if not exclusive(first, earlier):
                first = apply("and", first, negate(earlier))
        result.append(first)
    return tuple(result)
