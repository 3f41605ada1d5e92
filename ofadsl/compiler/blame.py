"""From a rule that does not hold to the place in the user's text that breaks it.

A value may come a long way: out of a set, through a `let`, into a block of the prelude. The
message points at where the user wrote it, and notes where it hurts.
"""

from __future__ import annotations

from collections.abc import Mapping

from ofadsl.compiler import syntax
from ofadsl.compiler.scope import Scope, Written
from ofadsl.diagnostics import Span
from ofadsl.expr import UNKNOWN, Const, Expr, Value, Var, evaluate
from ofadsl.ops import Demand


def origin(written: Written, choices: Mapping[str, Value]) -> Span:
    """Return the span that a value comes from; of a set, the member that ``choices`` took."""
    expr, scope = written
    value = scope.values.get(id(expr))
    while isinstance(expr, syntax.Name):
        binding = scope.find(expr.text)
        if binding is None or binding.origin is None or binding.scope is None:
            break
        expr, scope = binding.origin, binding.scope
    if isinstance(expr, syntax.SetLit) and isinstance(value, Var):
        for item in expr.items:
            if isinstance(item, syntax.Number) and item.value == choices.get(value.name):
                return item.span
    return expr.span


def given(written: Written) -> Written:
    """Return what a call gave, where a name in a block or function stands for it."""
    while (outer := _outer(written)) is not None:
        written = outer[1]
    return written


def poison(written: Written) -> None:
    """Forget the value of a parameter that a mistake was reported of."""
    while (outer := _outer(written)) is not None:
        holder, after = outer
        assert isinstance(written[0], syntax.Name)
        holder.bind(written[0].text, UNKNOWN, *after)
        written = after


def _outer(written: Written) -> tuple[Scope, Written] | None:
    """Return the scope that holds a parameter and what a call gave it; None for other things."""
    expr, scope = written
    if not isinstance(expr, syntax.Name):
        return None
    holder: Scope | None = scope
    while holder is not None and expr.text not in holder.names:
        holder = holder.parent
    if holder is None:
        return None
    binding = holder.names[expr.text]
    if binding.origin is None or binding.scope is None or binding.scope is holder:
        return None
    return holder, (binding.origin, binding.scope)


def shown(value: Expr, choices: Mapping[str, Value]) -> str:
    """Return a value found, and the choices that lead to it; none where it was not decided."""
    if value.support and not choices:
        return f"`{value}` depends on too many choices to try them all"
    if any(var.name not in choices for var in value.support):
        return f"`{value}` here"
    text = str(evaluate(value, choices))
    if isinstance(value, Var) or not value.support:
        return f"{text} here"
    return f"{text}, where {whereabouts({v.name: choices[v.name] for v in value.support})}"


def whereabouts(choices: Mapping[str, Value]) -> str:
    """Return the first few choices as a phrase: `a is 3 and b is 5`."""
    return " and ".join([f"{name} is {value}" for name, value in choices.items()][:3])


def found(demand: Demand, choices: Mapping[str, Value]) -> str:
    """Return the values that break a demand, and the choices that lead to them."""
    shown = {name: _value(value, choices) for name, value in demand.values.items()}
    text = demand.found.format(**shown)
    depends = {var.name for value in demand.values.values() for var in _support(value)}
    where = {name: value for name, value in choices.items() if name in depends}
    obvious = len(where) == 1 and str(*where.values()) in text.split()
    return f"{text}, where {whereabouts(where)}" if where and not obvious else text


def _support(value: Expr | int) -> tuple[Var, ...]:
    return value.support if isinstance(value, Expr) else ()


def _value(value: Expr | int, choices: Mapping[str, Value]) -> Value:
    if not isinstance(value, Expr):
        return value
    if value is UNKNOWN:
        return "?"
    if isinstance(value, Const):
        return value.value
    others = {var.name: var.values[0] for var in value.support}
    return evaluate(value, {**others, **choices})
