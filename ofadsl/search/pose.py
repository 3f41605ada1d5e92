"""From what was asked for to a problem: checked expressions, a narrowed domain, columns.

A constraint on one dimension alone narrows the domain: no arch is drawn that does not meet it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, Span, fault
from ofadsl.elimination import CoupledError
from ofadsl.expr import Value
from ofadsl.search.check import Constraint, check_constraints, check_objective
from ofadsl.search.compute import Dimensions, column, dimensions_of, violation
from ofadsl.search.domain import domain_of
from ofadsl.search.front import Floats, Limit, Objective
from ofadsl.search.kinds import Kind
from ofadsl.search.problem import Batch, Cost, Problem
from ofadsl.search.terms import Compare, Condition, Term, mentioned
from ofadsl.search.terms import Cost as CostTerm
from ofadsl.search.vocabulary import Vocabulary
from ofadsl.space import Space

Kept = Mapping[str, Collection[Value]]
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is wanted: expressions as they were written, and dimensions that are narrowed."""

    maximize: Sequence[str]
    minimize: Sequence[str]
    where: Sequence[str]
    fixed: Kept


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """What is wanted, in terms that are known to make sense."""

    goals: tuple[tuple[Objective, Term], ...]
    constraints: tuple[Constraint, ...]
    fixed: Kept

    @property
    def costs(self) -> frozenset[str]:
        """The names of the costs that are needed."""
        parts = [term for _, term in self.goals]
        names = [mentioned(part)[1] for part in (*parts, *(c.condition for c in self.constraints))]
        return frozenset().union(*names)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Posed:
    """A problem, and what it says of itself."""

    problem: Problem
    kept: Kept
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    limits: tuple[Limit, ...]
    """One for each constraint."""
    dimensions: Dimensions


def check_asked(asked: Asked, vocabulary: Vocabulary) -> Checked:
    """Return what makes sense; raise Diagnostics with the mistakes of all texts."""
    mistakes: list[Diagnostic] = []
    goals: list[tuple[Objective, Term]] = []
    constraints: list[Constraint] = []
    for option, texts in (("--maximize", asked.maximize), ("--minimize", asked.minimize)):
        for text in texts:
            try:
                term = check_objective(Source(path=option, text=text), vocabulary)
            except Diagnostics as report:
                mistakes += report.items
                continue
            maximize = option == "--maximize"
            mistakes += _useless(option, text, term, [known for _, known in goals])
            goals.append((Objective(text=text, unit=term.kind.unit, maximize=maximize), term))
    for text in asked.where:
        try:
            constraints += check_constraints(Source(path="--where", text=text), vocabulary)
        except Diagnostics as report:
            mistakes += report.items
    if mistakes:
        raise Diagnostics(mistakes)
    if not goals:
        help = "say --minimize macs, --minimize 'latency[DEVICE]', or give --accuracy"
        raise fault("OFA226", "a search needs something to minimize or to maximize", help=help)
    return Checked(goals=tuple(goals), constraints=tuple(constraints), fixed=asked.fixed)


def _useless(option: str, text: str, term: Term, before: Sequence[Term]) -> Iterator[Diagnostic]:
    """Yield what makes an objective say nothing: no arch changes it, or it stands there already."""
    span = Span(source=Source(path=option, text=text), start=0, end=len(text))
    if not any(mentioned(term)):
        rule, label = "an objective differs from arch to arch", "this is one number for all"
        help = "name a cost or a dimension, such as macs"
        yield Diagnostic(code="OFA226", message=rule, span=span, label=label, help=help)
    if term in before:
        rule, label = "an objective is said once", "this is one already"
        help = "no arch is better than another in both directions; bound it with --where"
        yield Diagnostic(code="OFA226", message=rule, span=span, label=label, help=help)


def pose(checked: Checked, space: Space, costs: Mapping[str, Cost]) -> Posed:
    """Return the problem; OFA228 where the dimensions that are left give no subnet."""
    dimensions = dimensions_of(space)
    kept = _narrowed(checked, space, dimensions)
    try:
        domain = domain_of(space, kept)
    except CoupledError as error:
        raise fault("OFA227", f"these dimensions cannot be narrowed together: {error}") from error
    if not domain.size:
        listed = ", ".join(f"{name} in {tuple(values)}" for name, values in kept.items())
        message = f"no subnet of {space.name} has {listed}: its requirements exclude that"
        raise fault("OFA228", message, help="leave a dimension free")
    problem = Problem(
        domain=domain,
        costs=costs,
        objectives=tuple(_objective(goal, term, dimensions) for goal, term in checked.goals),
        constraints=tuple(_constraint(c.condition, dimensions) for c in checked.constraints),
    )
    return Posed(
        problem=problem,
        kept=kept,
        objectives=tuple(goal for goal, _ in checked.goals),
        constraints=checked.constraints,
        limits=tuple(map(_limit, checked.constraints)),
        dimensions=dimensions,
    )


def _narrowed(checked: Checked, space: Space, dimensions: Dimensions) -> Kept:
    """Return the values that are left of each dimension."""
    kept = {name: tuple(values) for name, values in checked.fixed.items()}
    always = replace(dimensions, live=(None,) * len(space.dims))
    for constraint in checked.constraints:
        columns, names = mentioned(constraint.condition)
        if names or len(columns) != 1:
            continue
        (at,) = columns
        var = space.dims[at].var
        x = np.zeros((len(var.values), len(space.dims)), np.uint8)
        x[:, at] = np.arange(len(var.values))
        holds = violation(constraint.condition, Batch(x=x, costs={}), always) == 0
        before = kept.get(var.name, var.values)
        left = tuple(v for v, ok in zip(var.values, holds, strict=True) if ok and v in before)
        if left:  # else only archs that the dimension is no part of: the constraint says so
            kept[var.name] = left
    return kept


def _objective(goal: Objective, term: Term, dimensions: Dimensions) -> Callable[[Batch], Floats]:
    sign = -1.0 if goal.maximize else 1.0

    def value(batch: Batch) -> Floats:
        return sign * column(term, batch, dimensions)

    return value


def _constraint(condition: Condition, dimensions: Dimensions) -> Callable[[Batch], Floats]:
    def far(batch: Batch) -> Floats:
        return violation(condition, batch, dimensions)

    return far


def sided(compare: Compare) -> tuple[Term, str, float] | None:
    """Return what is compared with a number, how, and that number; None where there is none."""
    sides = (compare.left, compare.right)
    for term, other, op in ((*sides, compare.op), (*sides[::-1], _FLIPPED[compare.op])):
        if any(mentioned(term)) and not any(mentioned(other)) and other.kind is not Kind.WORD:
            nothing = Dimensions(tables=(), live=())
            one = Batch(x=np.zeros((1, 0), np.uint8), costs={})
            return term, op, float(column(other, one, nothing)[0])
    return None


def _limit(constraint: Constraint) -> Limit:
    """Return a constraint as a bound of one cost, where it is one."""
    text, condition = constraint.span.text, constraint.condition
    said = sided(condition) if isinstance(condition, Compare) else None
    match said:
        case (CostTerm(name=name), op, bound) if np.isfinite(bound):
            return Limit(text=text, cost=name, op=op, bound=bound)
        case _:
            return Limit(text=text)
