"""Prove that a condition holds for every choice, or find choices for which it does not.

In: a condition, what is known to hold where it stands, the requirements of the space. The proof
is by trying all combinations of the dimensions that the condition depends on, or all values that
its parts can have: nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ofadsl.elimination import CoupledError, conjuncts, solve
from ofadsl.expr import (
    FALSE,
    TRUE,
    UNKNOWN,
    Apply,
    Expr,
    Value,
    Var,
    apply,
    assignments,
    bounds,
    combinations,
    evaluate,
    negate,
    source,
    tabulate,
)

LIMIT = 1 << 17
"""A condition on more combinations than this is not tried."""

WORK = 1 << 21
"""So many combinations are tried for one space."""

POSSIBLE = 1 << 12
"""So many values of a part are followed."""


_SHORT = 12
"""The text of an expression of fewer levels is short, however often a part of it stands there."""


class UnprovableError(ValueError):
    """A condition depends on too many dimensions together."""


@dataclass(slots=True)
class Prover:
    """Proves conditions of one space, given its requirements."""

    given: tuple[Expr, ...] = ()
    work: int = 0
    tried: dict[object, int | None] = field(default_factory=dict)
    values: dict[Expr, frozenset[Value] | None] = field(default_factory=dict)
    known: frozenset[Expr] = field(init=False)
    related: dict[str, list[Expr]] = field(init=False)

    def __post_init__(self) -> None:
        self.given = tuple(part for fact in self.given for part in conjuncts(fact))
        self.known = frozenset(self.given)
        self.related = {}
        for fact in self.given:
            for var in fact.support:
                self.related.setdefault(var.name, []).append(fact)

    def counterexample(self, condition: Expr, when: Expr = TRUE) -> Mapping[str, Value] | None:
        """Return choices that meet ``when`` and the requirements but not ``condition``, or None.

        Raises UnprovableError where there are too many combinations to try.
        """
        facts: set[Expr] | None = None
        for part in conjuncts(condition):
            if part == TRUE or part is UNKNOWN or when == FALSE:
                continue
            facts = set(conjuncts(when)) if facts is None else facts
            if any(p in facts or p in self.known for p in (part, _turned(part))):
                continue
            found = self._refute(part, when)
            if found is not None:
                return found
        return None

    def _refute(self, part: Expr, when: Expr) -> Mapping[str, Value] | None:
        if combinations(part.support) > LIMIT:
            if _apart(part) or self.possible(part) == frozenset((True,)):
                return None
            return self._solved(part, when)
        found = self._search(part.support, (), part)
        if found is None:
            return None
        variables, known, ignored = self._widened(part, when)
        exact = self._search(variables, known, part) if known else found
        return self._solved(part, when) if ignored and exact is not None else exact

    def _solved(self, part: Expr, when: Expr) -> Mapping[str, Value] | None:
        """Return what ``_search`` does, of conditions that are too large to try all of."""
        _, known, _ = self._widened(part, when, limit=None)
        try:
            return solve((negate(part), *known))
        except CoupledError as error:
            raise UnprovableError(_names(error.variables)) from error

    def possible(self, expr: Expr) -> frozenset[Value] | None:
        """Return values that hold every value of ``expr``, or None where they are too many.

        The parts of an expression are taken for independent, so there may be values too many.
        """
        if expr not in self.values:
            self.values[expr] = self._possible(expr)
        return self.values[expr]

    def _possible(self, expr: Expr) -> frozenset[Value] | None:
        if expr.table is not None:
            return frozenset(expr.table)
        if combinations(expr.support) <= POSSIBLE:
            return frozenset(tabulate(expr, expr.support))
        if not isinstance(expr, Apply):
            return None
        parts = [self.possible(arg) for arg in expr.args]
        if expr.op != "if":
            return _combined(expr.op, parts)
        _, then, orelse = parts
        return None if then is None or orelse is None else then | orelse

    def _widened(
        self, part: Expr, when: Expr, limit: int | None = LIMIT
    ) -> tuple[tuple[Var, ...], tuple[Expr, ...], bool]:
        """Return the facts that bear on ``part``, their dimensions, and whether some are left out.

        ``when`` bears on everything; a requirement does where it shares a dimension.
        """
        variables = {var.name: var for var in part.support}
        known: list[Expr] = []
        ignored = False
        queue = [fact for fact in conjuncts(when) if fact != TRUE and fact is not UNKNOWN]
        queue += [fact for name in variables for fact in self.related.get(name, ())]
        seen = set(queue)
        for fact in queue:  # grows while it is read
            wider = variables | {var.name: var for var in fact.support}
            if limit is not None and combinations(wider.values()) > limit:
                ignored = True
                continue
            known.append(fact)
            for name in wider.keys() - variables.keys():
                more = [other for other in self.related.get(name, ()) if other not in seen]
                seen.update(more)
                queue += more
            variables = wider
        return tuple(variables[name] for name in sorted(variables)), tuple(known), ignored

    def _search(
        self, variables: tuple[Var, ...], known: tuple[Expr, ...], part: Expr
    ) -> Mapping[str, Value] | None:
        """Return the first assignment that meets ``known`` but not ``part``."""
        number = combinations(variables)
        self.work += number
        if self.work > WORK:
            raise UnprovableError(_names(variables))
        if number <= 64:
            for env in assignments(variables):
                if not evaluate(part, env) and all(evaluate(fact, env) for fact in known):
                    return env
            return None
        key: object = (part, *known)
        if max(e.depth for e in (part, *known)) < _SHORT:  # what equal blocks ask is tried once
            names = {var.name: f"v{i}" for i, var in enumerate(variables)}
            text = tuple(source(e, lambda var: names[var.name]) for e in (part, *known))
            key = (text, tuple(var.values for var in variables))
        if key not in self.tried:
            columns = [tabulate(e, variables) for e in (part, *known)]
            rows = enumerate(zip(*columns, strict=True))
            self.tried[key] = next((i for i, (ok, *met) in rows if not ok and all(met)), None)
        else:
            self.work -= number
        index = self.tried[key]
        return None if index is None else _assignment(variables, index)


def counterexample(
    condition: Expr, when: Expr, given: Iterable[Expr]
) -> Mapping[str, Value] | None:
    """Return choices that meet ``when`` and ``given`` but not ``condition``, or None."""
    return Prover(given=tuple(given)).counterexample(condition, when)


def _combined(op: str, parts: list[frozenset[Value] | None]) -> frozenset[Value] | None:
    """Return what ``op`` gives for all combinations of the values of its operands."""
    number = 1
    values: list[Var] = []
    for part in parts:
        if part is None:
            return None
        number *= len(part)
        values.append(Var(f"v{len(values)}", sorted(part, key=str)))
    if number > POSSIBLE:
        return None
    try:
        result = frozenset(tabulate(Apply(op, tuple(values)), tuple(values)))
    except ArithmeticError:  # by a value that is one too many
        return None
    return result if len(result) <= POSSIBLE else None


def _apart(part: Expr) -> bool:
    """Return whether a comparison holds because its sides are never near each other."""
    if not isinstance(part, Apply) or part.op not in ("<", "<=", ">", ">="):
        return False
    if part.args[0].kind is str:
        return False
    (low, high), (least, most) = map(bounds, part.args)
    match part.op:
        case "<":
            return high < least
        case "<=":
            return high <= least
        case ">":
            return low > most
        case _:
            return low >= most


def _turned(part: Expr) -> Expr:
    """Return ``b == a`` for ``a == b``."""
    if isinstance(part, Apply) and part.op in ("==", "!="):
        return apply(part.op, *reversed(part.args))
    return part


def _assignment(variables: tuple[Var, ...], index: int) -> dict[str, Value]:
    """Return the assignment at a place in the order of ``assignments``."""
    env: dict[str, Value] = {}
    for var in reversed(variables):
        index, choice = divmod(index, len(var.values))
        env[var.name] = var.values[choice]
    return {var.name: env[var.name] for var in variables}


def _names(variables: Iterable[Var]) -> str:
    names = [f"`{var.name}`" for var in variables]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
