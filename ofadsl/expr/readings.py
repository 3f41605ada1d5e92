"""Expressions read: ``upper`` allocates, ``evaluate`` slices, ``source`` writes generated code.

In: an expression. Out: the largest value that it has, its value under given choices or under all
of them, or its Python text.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

from ofadsl.expr.arithmetic import LOGIC, OPERATIONS, Value
from ofadsl.expr.nodes import SMALL, Apply, Const, Expr, Var, combinations, const
from ofadsl.expr.spelling import Code


def assignments(variables: Iterable[Var], *, allocated: bool = False) -> Iterator[dict[str, Value]]:
    """Yield every assignment of the variables, the last one changing fastest."""
    variables = tuple(variables)
    names = [var.name for var in variables]
    domains = [
        (*var.values, var.allocate) if allocated and var.allocate is not None else var.values
        for var in variables
    ]
    for values in itertools.product(*domains):
        yield dict(zip(names, values, strict=True))


_SHALLOW = 5
"""Up to so many levels parts that stand twice are read twice; beyond it they could be many."""


def evaluate(expr: Expr | Value, env: Mapping[str, Value]) -> Value:
    """Return the value of ``expr`` where each variable has the value that ``env`` gives it."""
    if isinstance(expr, Apply):
        if expr.depth > _SHALLOW:
            return _evaluated_once(expr, env, {})
        args = expr.args
        if expr.op == "if":
            return evaluate(args[1 if evaluate(args[0], env) else 2], env)
        if len(args) == 2:  # no comprehension: an expression may be as deep as the stack allows
            return OPERATIONS[expr.op](evaluate(args[0], env), evaluate(args[1], env))
        values = []
        for arg in args:
            values.append(evaluate(arg, env))
        return OPERATIONS[expr.op](*values)
    if isinstance(expr, Var):
        return env[expr.name]
    return expr.value if isinstance(expr, Const) else expr  # type: ignore[return-value]


def _evaluated_once(expr: Expr, env: Mapping[str, Value], known: dict[Expr, Value]) -> Value:
    """Return what ``evaluate`` does; each part is computed once, wherever it stands."""
    if not isinstance(expr, Apply) or expr.depth <= _SHALLOW:
        return evaluate(expr, env)
    if expr not in known:
        args = expr.args
        if expr.op == "if":
            taken = args[1 if _evaluated_once(args[0], env, known) else 2]
            known[expr] = _evaluated_once(taken, env, known)
        else:
            values = []
            for arg in args:
                values.append(_evaluated_once(arg, env, known))
            known[expr] = OPERATIONS[expr.op](*values)
    return known[expr]


def tabulate(expr: Expr | Value, variables: tuple[Var, ...]) -> list[Value]:
    """Return the values of ``expr`` over all assignments of ``variables``, in their order."""
    expr = const(expr)
    if expr.table is not None and expr.support == variables:
        return list(expr.table)
    at = len(variables)
    while at and combinations(variables[at - 1 :]) <= _BLOCK:
        at -= 1
    found: list[Value] = []
    for fixed in assignments(variables[:at]):
        try:
            found += _column(expr, fixed, variables[at:])
        except ArithmeticError:  # in a way that is not taken
            found += [evaluate(expr, fixed | env) for env in assignments(variables[at:])]
    return found


_BLOCK = 1 << 13
"""So many values of each part of an expression are held at a time."""


def _column(expr: Expr, fixed: Mapping[str, Value], variables: tuple[Var, ...]) -> list[Value]:
    """Return the values of ``expr`` over all assignments of ``variables``, part by part."""
    number = combinations(variables)
    columns: dict[str, list[Value]] = {name: [value] * number for name, value in fixed.items()}
    times, each = 1, number
    for var in variables:
        each //= len(var.values)
        columns[var.name] = [value for value in var.values for _ in range(each)] * times
        times *= len(var.values)
    found: dict[Expr, list[Value]] = {}
    for part in ordered(expr):
        if isinstance(part, Apply):
            function = OPERATIONS[part.op]
            found[part] = list(map(function, *(found[arg] for arg in part.args)))
        elif isinstance(part, Var):
            found[part] = columns[part.name]
        else:
            assert isinstance(part, Const), part
            found[part] = [part.value] * number
    return found[expr]


def upper(expr: Expr | Value, *, limit: int = 1 << 16) -> int | float:
    """Return the largest value of ``expr``: what to allocate.

    Exact up to ``limit`` assignments; beyond that a bound from the bounds of the parts.
    """
    if not isinstance(expr, Expr) or isinstance(expr, Const):
        return _number(expr.value if isinstance(expr, Const) else expr)
    number = combinations(expr.support)
    if number > SMALL:
        bound = _bounds(expr, {})[1]
        if number > limit or _number(evaluate(expr, _at_most(expr.support))) == bound:
            return bound
    return max(_number(evaluate(expr, e)) for e in assignments(expr.support, allocated=True))


def _at_most(variables: Iterable[Var]) -> dict[str, Value]:
    """Return each variable at its largest: what mostly makes an expression the largest."""
    found: dict[str, Value] = {}
    for var in variables:
        numbers = [value for value in (*var.values, var.allocate) if isinstance(value, int | float)]
        found[var.name] = max(numbers) if numbers else var.values[0]
    return found


def bounds(expr: Expr) -> tuple[int | float, int | float]:
    """Return numbers that no value of ``expr`` is below or above, from those of its parts."""
    return _bounds(expr, {})


def _number(value: object) -> int | float:
    assert isinstance(value, int | float), value
    return value


Bounds = tuple[int | float, int | float]


def _bounds(expr: Expr, known: dict[Expr, Bounds]) -> Bounds:
    """Return the least and the largest value, or numbers beyond them."""
    if expr not in known:
        known[expr] = _found_bounds(expr, known)
    return known[expr]


def _found_bounds(expr: Expr, known: dict[Expr, Bounds]) -> Bounds:
    if combinations(expr.support) <= SMALL or isinstance(expr, Var):
        found = [_number(evaluate(expr, e)) for e in assignments(expr.support, allocated=True)]
        return min(found), max(found)
    assert isinstance(expr, Apply), expr
    if expr.op in LOGIC:
        return 0, 1
    parts = []
    for arg in expr.args[1:] if expr.op == "if" else expr.args:
        parts.append(_bounds(arg, known))
    if expr.op == "if":
        then, orelse = parts
        return min(then[0], orelse[0]), max(then[1], orelse[1])
    if expr.op == "%":
        return min(0, parts[1][0]), max(0, parts[1][1])
    if expr.op == "divisible" and parts[1][0] != parts[1][1]:
        # rounding to another multiple is not monotone
        least = parts[2] if parts[2:] else parts[1]
        return min(least[0], parts[0][0]), max(least[1], parts[0][1] + parts[1][1])
    if expr.op in ("/", "//") and parts[1][0] <= 0 <= parts[1][1]:
        exact = [_number(evaluate(expr, e)) for e in assignments(expr.support, allocated=True)]
        return min(exact), max(exact)
    corners = [
        _number(OPERATIONS[expr.op](*corner)) for corner in itertools.product(*parts)
    ]  # every other operator is monotone in each of its operands
    return min(corners), max(corners)


def ordered(expr: Expr) -> Iterator[Expr]:
    """Yield the parts of ``expr`` before what they are part of, each once."""
    seen: set[Expr] = set()
    waiting = [(expr, False)]
    while waiting:
        part, ready = waiting.pop()
        if ready:
            yield part
        elif part not in seen:
            seen.add(part)
            waiting.append((part, True))
            if isinstance(part, Apply):
                waiting += [(arg, False) for arg in reversed(part.args)]


def code_of(expr: Expr | Value, name: Callable[[Var], str] = lambda var: var.name) -> Code:
    """Return Python text for ``expr`` with its precedence, to be joined with others."""
    return const(expr).spelling(name)


def source(expr: Expr | Value, name: Callable[[Var], str] = lambda var: var.name) -> str:
    """Return Python text for ``expr``, with each variable written as ``name`` says."""
    return code_of(expr, name).text
