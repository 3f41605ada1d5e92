"""Sets and ranges of the language: the values that a dimension chooses from."""

from __future__ import annotations

import math
from collections.abc import Callable

from ofadsl.compiler import syntax
from ofadsl.compiler.report import Report
from ofadsl.compiler.scope import Choices
from ofadsl.diagnostics import Span
from ofadsl.expr import UNKNOWN, Expr

MOST_CHOICES = 256
"""A choice index is one byte in the cost model."""

Number = int | float
ReadNumber = Callable[[syntax.Expression], Number | None]


def read_set(expr: syntax.SetLit, read: ReadNumber, report: Report) -> Choices | Expr:
    """Return the values of ``{...}``, in increasing order."""
    if len(expr.items) > MOST_CHOICES:
        return _too_many(expr.span, len(expr.items), report)
    if not expr.items:
        report.add("OFA043", "a set has at least one value", expr.span, "empty")
        return UNKNOWN
    values: list[Number] = []
    for item in expr.items:
        value = read(item)
        if value is None:
            return UNKNOWN
        if value in values:
            label = f"{value} is there already"
            report.add("OFA043", "a set names each value once", item.span, label)
        else:
            values.append(value)
    return Choices(values=tuple(sorted(values)))


def read_range(expr: syntax.RangeLit, read: ReadNumber, report: Report) -> Choices | Expr:
    """Return the values of ``low..high step s``, both ends included where the step meets them."""
    low, high = read(expr.low), read(expr.high)
    step = read(expr.step) if expr.step else 1
    if low is None or high is None or step is None:
        return UNKNOWN
    if low > high:
        label = f"{low} is above {high}"
        report.add("OFA044", "a range runs upwards", expr.span, label, f"write `{high}..{low}`")
        return UNKNOWN
    if step <= 0:
        span = expr.step.span if expr.step else expr.span
        report.add("OFA044", "the step of a range is positive", span, f"{step} here")
        return UNKNOWN
    steps = (high - low) / step
    if steps >= MOST_CHOICES:
        return _too_many(expr.span, steps + 1, report)
    count = math.floor(steps + 1e-9) + 1
    if not math.isclose(low + (count - 1) * step, high):
        report.add(
            "OFA044",
            "a range reaches its end in whole steps",
            expr.span,
            f"the last value would be {_tidy(low + (count - 1) * step)}",
            f"end it at {_tidy(low + (count - 1) * step)} or {_tidy(low + count * step)}",
        )
        return UNKNOWN
    return Choices(values=tuple(_tidy(low + i * step) for i in range(count)))


def _tidy(value: Number) -> Number:
    """Return 0.3 for 0.30000000000000004."""
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _too_many(span: Span, count: float, report: Report) -> Expr:
    report.add(
        "OFA042",
        f"a dimension has at most {MOST_CHOICES} choices",
        span,
        f"{count:.0f} choices" if count < 1e15 else "these are more",
        "use a larger step, or fewer values",
    )
    return UNKNOWN
