"""Conditions over many dimensions, solved exactly: counted, sampled, or one assignment found.

In: variables and conditions on them. Out: the number of assignments that meet all conditions, and
in which order and with which weights to draw one uniformly. This is variable elimination: a table
for each condition, and the variables summed out one by one, least connected first.

A condition that depends on too many variables for a table is taken apart. A width has few values
however it came about, so a part of a condition becomes a variable of its own: a *derived* variable,
with a table that ties it to what it is computed from. No assignment is lost or added by it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ofadsl.expr import (
    Apply,
    Expr,
    Value,
    Var,
    apply,
    combinations,
    tabulate,
)

LARGEST_TABLE = 1 << 18
"""No table has more entries than this."""

LARGEST_WORK = 1 << 20
"""Nor have all tables together."""

LARGEST_PART = 1 << 12
"""What is taken apart is taken apart until no table has more entries than this."""

MANY = 1 << 10
"""A part with more values than this is no variable of its own."""

Table = dict[tuple[int, ...], int]


class CoupledError(ValueError):
    """Conditions couple too many variables; ``variables`` are those of one table."""

    def __init__(self, variables: tuple[Var, ...]) -> None:
        super().__init__(", ".join(var.name for var in variables))
        self.variables = variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How one variable is drawn: the number of assignments for each choice, given its parents.

    ``dim`` and ``parents`` are positions among the variables, the derived ones behind the others.
    """

    dim: int
    parents: tuple[int, ...]
    weights: Mapping[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Eliminated:
    """What elimination found: the count, the draws in their order, the derived variables.

    Each derived variable stands with the expression, over those before it, that it is equal to.
    """

    total: int
    draws: tuple[Draw, ...]
    derived: tuple[tuple[Var, Expr], ...] = ()


@dataclass(slots=True)
class Parts:
    """Takes expressions apart; equal parts share one derived variable."""

    definitions: dict[str, tuple[Var, Expr]] = field(default_factory=dict)
    """Each derived variable with the expression, over others, that it is equal to."""
    reduced: dict[Expr, Expr] = field(default_factory=dict)
    named: dict[Expr, Expr] = field(default_factory=dict)

    def reduce(self, expr: Expr) -> Expr:
        """Return an equal expression over dimensions and derived variables, few in number.

        Raises CoupledError where no part has few enough values.
        """
        if not isinstance(expr, Apply) or combinations(expr.support) <= LARGEST_PART:
            return expr
        if expr not in self.reduced:
            self.reduced[expr] = self._reduce(expr)
        return self.reduced[expr]

    def _reduce(self, expr: Apply) -> Expr:
        args = [self.reduce(arg) for arg in expr.args]
        whole = apply(expr.op, *args)
        while combinations(whole.support) > LARGEST_PART:
            large = [i for i, arg in enumerate(args) if isinstance(arg, Apply)]
            if not large:
                raise CoupledError(expr.support)
            largest = max(large, key=lambda i: combinations(args[i].support))
            args[largest] = self._name(args[largest])
            whole = apply(expr.op, *args)
        return whole

    def _name(self, part: Expr) -> Expr:
        """Return a derived variable that stands for ``part``."""
        if part not in self.named:
            values = dict.fromkeys(tabulate(part, part.support))
            if len(values) > MANY:
                raise CoupledError(part.support)
            words = any(isinstance(value, str) for value in values)
            var = Var(f"~{len(self.definitions)}", sorted(values, key=str if words else None))
            self.definitions[var.name] = var, part
            self.named[part] = var
        return self.named[part]


def eliminate(
    variables: Sequence[Var], conditions: Iterable[Expr], deciding: Iterable[str] = ()
) -> Eliminated:
    """Count the assignments that meet all conditions, and say how to draw one of them.

    Of variables that are tied to equally many others, those named in ``deciding`` are drawn first.
    Raises CoupledError where tables would be too large.
    """
    conditions = tuple(conditions)
    try:
        return _eliminated(tuple(variables), conditions, frozenset(deciding), Parts())
    except CoupledError as error:
        parts = Parts()
        try:
            smaller = [parts.reduce(part) for whole in conditions for part in conjuncts(whole)]
            if parts.definitions:
                return _eliminated(tuple(variables), tuple(smaller), frozenset(deciding), parts)
        except CoupledError:
            pass  # the dimensions say more than the parts of conditions
        raise error


def solve(conditions: Iterable[Expr]) -> dict[str, Value] | None:
    """Return an assignment that meets all conditions, of all that they depend on, or None.

    Raises CoupledError where tables would be too large.
    """
    conditions = tuple(conditions)
    variables = {var.name: var for condition in conditions for var in condition.support}
    found = eliminate(tuple(variables.values()), conditions)
    if not found.total:
        return None
    every = (*variables.values(), *(var for var, _ in found.derived))
    choices = [0] * len(every)
    for draw in found.draws:
        weights = draw.weights[tuple(choices[p] for p in draw.parents)]
        choices[draw.dim] = next(i for i, weight in enumerate(weights) if weight)
    return {var.name: var.values[choices[i]] for i, var in enumerate(variables.values())}


def conjuncts(condition: Expr) -> Iterator[Expr]:
    """Yield the parts of ``a and b and ...``."""
    waiting = [condition]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Apply) and part.op == "and":
            waiting += reversed(part.args)
        else:
            yield part


def _eliminated(
    variables: tuple[Var, ...], conditions: tuple[Expr, ...], deciding: frozenset[str], parts: Parts
) -> Eliminated:
    derived = tuple(parts.definitions.values())
    ties = (apply("==", var, part) for var, part in derived)
    every = (*variables, *(var for var, _ in derived))
    position = {var.name: i for i, var in enumerate(every)}
    domains = {var.name: var for var in every}
    factors: dict[int, tuple[tuple[str, ...], Table]] = {}
    of: dict[str, set[int]] = {name: set() for name in position}
    neighbours: dict[str, set[str]] = {name: set() for name in position}

    def add(names: tuple[str, ...], table: Table) -> None:
        key = next(fresh)
        factors[key] = names, table
        for name in names:
            of[name].add(key)
            neighbours[name].update(names)
            neighbours[name].discard(name)

    fresh = itertools.count()
    total, work = 1, 0
    for condition in (*conditions, *ties):
        work = _afford(condition.support, work)
        table = _table(condition)
        if condition.support:
            add(tuple(var.name for var in condition.support), table)
        else:
            total *= table.get((), 0)
    draws = []
    places = {name: (name in deciding, i) for name, i in position.items()}
    for name in _least_connected(neighbours, places):
        scope = tuple(sorted(neighbours[name], key=position.__getitem__))
        work = _afford(tuple(domains[n] for n in (*scope, name)), work)
        weights = _join(name, scope, [factors.pop(key) for key in sorted(of[name])], domains)
        parents = tuple(position[n] for n in scope)
        draws.append(Draw(dim=position[name], parents=parents, weights=weights))
        for other in scope:
            of[other] = {key for key in of[other] if key in factors}
            neighbours[other].discard(name)
            neighbours[other].update(n for n in scope if n != other)
        message = {index: sum(row) for index, row in weights.items()}
        if scope:
            add(scope, message)
        else:
            total *= message.get((), 0)
    return Eliminated(total=total, draws=tuple(reversed(draws)), derived=derived)


def _table(condition: Expr) -> Table:
    """Return 1 for the choices of the support that meet a condition."""
    variables = condition.support
    holds = tabulate(condition, variables)
    indices = itertools.product(*(range(len(var.values)) for var in variables))
    return {index: 1 for index, met in zip(indices, holds, strict=True) if met}


def _afford(variables: tuple[Var, ...], work: int) -> int:
    """Return the work done with a table over the variables; raise CoupledError beyond bounds."""
    number = combinations(variables)
    if number > LARGEST_TABLE or work + number > LARGEST_WORK:
        raise CoupledError(variables)
    return work + number


def _least_connected(
    neighbours: Mapping[str, set[str]], places: Mapping[str, tuple[bool, int]]
) -> Iterator[str]:
    """Yield each variable when it has the fewest neighbours, which change on the way."""
    queue = [(len(neighbours[name]), places[name], name) for name in places]
    heapq.heapify(queue)
    done: set[str] = set()
    while queue:
        degree, _, name = heapq.heappop(queue)
        if name in done:
            continue
        if degree != len(neighbours[name]):
            heapq.heappush(queue, (len(neighbours[name]), places[name], name))
            continue
        done.add(name)
        yield name


def _join(
    name: str,
    scope: tuple[str, ...],
    factors: list[tuple[tuple[str, ...], Table]],
    domains: Mapping[str, Var],
) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Return, for each assignment of ``scope``, the product of the factors for each choice."""
    ranges = [range(len(domains[n].values)) for n in scope]
    choices = range(len(domains[name].values))
    if not factors:
        return {index: tuple(1 for _ in choices) for index in itertools.product(*ranges)}
    names = (*scope, name)
    places = [[names.index(n) for n in own] for own, _ in factors]
    rows = {}
    for index in itertools.product(*ranges):
        row = []
        for choice in choices:
            full = (*index, choice)
            weight = 1
            for place, (_, table) in zip(places, factors, strict=True):
                weight *= table.get(tuple(full[i] for i in place), 0)
                if not weight:
                    break
            row.append(weight)
        if any(row):
            rows[index] = tuple(row)
    return rows
