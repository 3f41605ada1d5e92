"""What one condition says of another: always, never, or it depends."""

from __future__ import annotations

import functools

from ofadsl.expr import FALSE, TRUE, Expr, apply, combinations, negate, tabulate

_LIMIT = 1 << 12
"""Conditions on more combinations than this are left as they are: correct, only less simple."""


@functools.lru_cache(maxsize=1 << 16)
def under(condition: Expr, given: Expr) -> Expr:
    """Return ``condition`` where ``given`` holds: true, false, or itself."""
    if TRUE in (condition, given) or FALSE in (condition, given) or condition == given:
        return TRUE if condition == given else condition
    merged = {var.name: var for var in (*condition.support, *given.support)}
    if combinations(merged.values()) > _LIMIT:
        return condition
    variables = tuple(merged[name] for name in sorted(merged))
    both = zip(tabulate(condition, variables), tabulate(given, variables), strict=True)
    found = {bool(holds) for holds, met in both if met}
    return condition if len(found) == 2 else TRUE if found == {True} else FALSE


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
